//! `check-symbols`: the C library exports exactly the names that its features promise.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::clib::features::{self, Names};
use crate::clib::symbols::Library;
use crate::clib::{Order, Processor, linking, name_table};
use crate::error::Error;
use crate::record;
use esp_heap::poisoning::Poisoning;
use esp_heap::say;

/// Build the C library with each feature alone and with all, compare its names with the lists in
/// crates/heap-caps-c/symbols, and look at what a program takes from it (for a host: by a link)
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For which processor
    #[arg(long, value_enum, default_value = "host")]
    target: Processor,

    /// Instead: write the table of all names, with declarations and checks, into this document
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    record: Option<PathBuf>,
}

/// The line in front of the table in a document.
const RECORDED_BY: &str = "cargo xtask check-symbols --record docs/idf-map.md";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if let Some(file) = &arguments.record {
        record::write_markdown(file, RECORDED_BY, &name_table::markdown()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let all = features::all()?;
    let mut combinations: Vec<_> = all.iter().map(|feature| vec![feature.clone()]).collect();
    combinations.push(all);
    let mut sound = true;
    for features in combinations {
        let faults = faults(arguments.target, &features)?;
        let verdict = if faults.is_empty() {
            "ok    "
        } else {
            "FAILED"
        };
        say!("{verdict}  {}", features.join(" + "))?;
        for fault in &faults {
            say!("        {fault}")?;
        }
        sound &= faults.is_empty();
    }
    for name in name_table::unchecked()? {
        say!("FAILED  {name} is called by no test and no check")?;
        sound = false;
    }
    Ok(ExitCode::from(u8::from(!sound)))
}

/// Returns what is wrong with the names of a library with these features.
fn faults(processor: Processor, features: &[String]) -> Result<Vec<String>, Error> {
    let order = Order {
        processor,
        features: features.to_vec(),
        poisoning: Poisoning::None,
    };
    let path = order.build()?;
    let library = Library::read(&path)?;
    let promised = features::exported(processor, features)?;
    let mut faults = compared(&library, &promised, &features::needed()?);
    if processor.is_hosted() {
        faults.extend(linking::faults(processor, &path)?);
    }
    Ok(faults)
}

fn compared(library: &Library, promised: &Names, allowed: &Names) -> Vec<String> {
    let leaks = library.exported.difference(promised);
    let missing = promised.difference(&library.exported);
    let wants = library.needed.difference(allowed);
    leaks
        .map(|name| format!("{name} is exported and on no list"))
        .chain(missing.map(|name| format!("{name} is on the list and not exported")))
        .chain(wants.map(|name| format!("{name} is wanted from the program and not on needs.txt")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Library, Names, compared};

    fn names(names: &[&str]) -> Names {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn leaks_gaps_and_wants_are_distinguished() {
        let library = Library {
            exported: names(&["free", "helper"]),
            needed: names(&["memcpy", "printf"]),
            ..Library::default()
        };
        let faults = compared(&library, &names(&["free", "malloc"]), &names(&["memcpy"]));
        assert_eq!(
            faults,
            [
                "helper is exported and on no list",
                "malloc is on the list and not exported",
                "printf is wanted from the program and not on needs.txt",
            ]
        );
    }

    #[test]
    fn a_library_with_its_promised_names_is_sound() {
        let library = Library {
            exported: names(&["free"]),
            needed: names(&["memset"]),
            ..Library::default()
        };
        assert!(compared(&library, &names(&["free"]), &names(&["memset", "memcpy"])).is_empty());
    }
}
