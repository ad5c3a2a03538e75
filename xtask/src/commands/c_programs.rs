//! Real programs in C on the heap, beside the system's memory and Rust's allocators.

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table};

use crate::clib::Processor;
use crate::clib::programs::{self, Figures, Measured};
use crate::error::Error;
use esp_heap::{say, status, table};

/// Run SQLite, Lua and Mbed TLS on a heap of fixed size; compare results, time and memory with
/// those on the system's malloc
#[derive(clap::Args)]
#[command(after_help = "\
Each program runs on the system's malloc, on Rust's allocators (64-bit pointers only) and on the
heap at every poisoning level, with 64-bit and 32-bit pointers; a width that cannot be built here is
left out and named. Times are the processor's, the shortest of three runs.

The exit code is 1 when results differ, or a block or a damage is left.")]
pub(crate) struct Arguments {
    /// Only these programs: sqlite, lua, tls
    programs: Vec<String>,
    /// Look for the smallest heap that each runs on, too (to 1 KiB)
    #[arg(long)]
    smallest: bool,
    /// How often each is run; the shortest time counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// Only these of Rust's allocators
    #[arg(long, value_delimiter = ',')]
    #[arg(default_values = programs::PEERS, value_parser = programs::PEERS)]
    peers: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let wanted = |name: &str| {
        arguments.programs.is_empty() || arguments.programs.iter().any(|word| word == name)
    };
    let known = |word: &&String| !programs::ALL.iter().any(|program| program.name == **word);
    if let Some(word) = arguments.programs.iter().find(known) {
        return Err(Error::Usage(format!("no program is called {word}")));
    }
    let mut all = Vec::new();
    for program in programs::ALL.iter().filter(|program| wanted(program.name)) {
        for processor in [Processor::Host, Processor::Host32] {
            status!("{}, {}", program.name, processor.name());
            let measured = Measured {
                runs: arguments.runs,
                peers: &arguments.peers,
                smallest: arguments.smallest,
            };
            match programs::run(program, processor, &measured) {
                Err(missing @ Error::MissingTool { .. }) => status!("left out: {missing}"),
                figures => all.extend(figures?),
            }
        }
    }
    say!("{}", table(&all))?;
    let wrong = all
        .iter()
        .filter_map(|figures| Some((figures, figures.wrong.as_ref()?)));
    let mut passed = true;
    for (figures, why) in wrong {
        passed = false;
        say!("FAILED  {} on {}: {why}", figures.program, figures.memory)?;
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn table(all: &[Figures]) -> Table {
    let mut table = table::of_text([
        "program",
        "pointers",
        "memory",
        "ms",
        "most bytes in use",
        "smallest heap, KiB",
    ]);
    for figures in all {
        let bytes = figures.peak.map(|bytes| bytes.to_string());
        let smallest = figures.smallest.map(|bytes| (bytes / 1024).to_string());
        table.add_row([
            figures.program.to_owned(),
            match figures.processor {
                Processor::Host32 => "32 bits".to_owned(),
                _ => "this machine's".to_owned(),
            },
            figures.memory.clone(),
            milliseconds(figures.microseconds),
            bytes.unwrap_or_default(),
            smallest.unwrap_or_default(),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn milliseconds(microseconds: u64) -> String {
    format!("{}.{}", microseconds / 1000, microseconds / 100 % 10)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn times_have_one_digit_behind_the_point() {
        assert_eq!(milliseconds(12_349), "12.3");
        assert_eq!(milliseconds(90), "0.0");
    }
}
