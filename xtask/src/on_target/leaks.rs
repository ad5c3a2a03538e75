//! Check that a report of what an emulated program printed names the lines that leak, and no other.

use std::path::Path;

use heap_report::read::{Input, read};
use heap_report::symbols::{Identities, Symbols};
use heap_report::{History, Replayed, Site};

use crate::error::Error;

/// Returns what is wrong with the report of `lines`, which `program` printed and whose ELF file is
/// `elf`; nothing if the program has no planted leaks.
pub(crate) fn not_named(
    program: &str,
    lines: &[String],
    elf: &Path,
) -> Result<Option<String>, Error> {
    let planted = planted(program);
    if planted.is_empty() {
        return Ok(None);
    }
    let text = lines.join("\n") + "\n";
    let Input::History(mut history) = read(program, text.as_bytes())? else {
        return Ok(Some(
            "what it printed is taken for a recorded trace".to_owned(),
        ));
    };
    let symbols = Symbols::read(elf, Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let named = history.name_callers(|caller| symbols.frames(caller));
    let found = suspects(&history);
    let is_right = named.found == named.asked && names(&found, &planted);
    if !is_right {
        return Ok(Some(format!(
            "the report should name {planted:?} and nothing else; it names {found:?} ({named:?})"
        )));
    }
    let wrong_build = match program {
        "events" => wrong_build(&history, elf)?,
        _ => None,
    };
    if wrong_build.is_some() {
        return Ok(wrong_build);
    }
    Ok((program == "events")
        .then(|| begins_elsewhere(&history, &symbols))
        .flatten())
}

/// Difference between the build that the program reports and its ELF file.
fn wrong_build(history: &History, elf: &Path) -> Result<Option<String>, Error> {
    let program = std::fs::read(elf).map_err(|cause| Error::file(elf, cause))?;
    let Some(sent) = &history.build else {
        return Ok(Some("it does not say which build it is".to_owned()));
    };
    Ok(Identities::of_program(&program).contradiction(sent))
}

/// Returns a call stack of `events` that does not begin in its source: the device leaves out the
/// heap's frames, so all of the depth is the program's.
fn begins_elsewhere(history: &History, symbols: &Symbols) -> Option<String> {
    let innermost = |site: &Site| {
        symbols
            .frames(*site.callers.first()?)
            .into_iter()
            .next_back()
    };
    let (site, frame) = history.sites.iter().find_map(|site| {
        let frame = innermost(site)?;
        (!frame.file.ends_with("src/bin/events.rs")).then_some((site, frame))
    })?;
    Some(format!(
        "a call stack should begin in events.rs, and begins in {frame}: {:?}",
        site.frames
    ))
}

/// Returns whether each place is there once, and nothing else.
fn names(found: &[String], planted: &[String]) -> bool {
    let once = |place: &String| {
        found
            .iter()
            .filter(|label| label.contains(place.as_str()))
            .count()
            == 1
    };
    found.len() == planted.len() && planted.iter().all(once)
}

fn suspects(history: &History) -> Vec<String> {
    let leaks = Replayed::of(history).leaks();
    let suspects = leaks.iter().filter(|leak| leak.is_suspect());
    suspects
        .filter_map(|leak| Some(history.site(leak.site)?.label()))
        .collect()
}

/// Returns where the source of the program has its leaks, with their functions:
/// `src/bin/leaks.rs:37 parse_telegram`.
fn planted(program: &str) -> Vec<String> {
    let (source, words) = match program {
        "leaks" => (
            include_str!("../../../crates/testing/on-target/src/bin/leaks.rs"),
            "every!(round,",
        ),
        "events" => (
            include_str!("../../../crates/testing/on-target/src/bin/events.rs"),
            "// leaks",
        ),
        _ => return Vec::new(),
    };
    let mut function = "";
    let mut planted = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        if let Some((name, _)) = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
        {
            function = name;
        }
        if line.contains(words) {
            planted.push(format!("src/bin/{program}.rs:{number} {function}"));
        }
    }
    planted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_have_the_leaks_that_they_speak_of() {
        let functions = |program: &str| {
            planted(program)
                .iter()
                .map(|place| place.rsplit(' ').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            functions("leaks"),
            ["parse_telegram", "answer_request", "rotate_log"]
        );
        assert_eq!(functions("events"), ["measure", "remember"]);
    }

    #[test]
    fn a_place_too_many_or_too_few_is_wrong() {
        let places = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let planted = places(&["a.rs:1 a", "b.rs:2 b"]);
        assert!(names(
            &places(&["crates/b.rs:2 b", "crates/a.rs:1 a"]),
            &planted
        ));
        for wrong in [
            &["a.rs:1 a"][..],
            &["a.rs:1 a", "b.rs:3 b"],
            &["a.rs:1 a", "b.rs:2 b", "c.rs:3 c"],
            &["a.rs:1 a", "a.rs:1 a"],
        ] {
            assert!(!names(&places(wrong), &planted), "{wrong:?}");
        }
    }
}
