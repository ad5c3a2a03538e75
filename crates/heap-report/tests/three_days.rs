//! A device runs out of memory after three days: its log is enough to find the line.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

use std::process::Command;

use heap_report::read::{Input, read};
use heap_report::{History, Replayed};
use soc_regions::Caps;

/// The example as `cargo test` has built it beside the tests; a run of this file alone (`--test
/// three_days`) builds no examples, so cargo is asked for it then.
fn example() -> Command {
    let beside = std::env::current_exe().unwrap().with_file_name(format!(
        "../examples/three_days{}",
        std::env::consts::EXE_SUFFIX
    ));
    if beside.exists() {
        return Command::new(beside);
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--package", "heap-report"]);
    cargo.args(["--example", "three_days", "--"]);
    cargo
}

/// What the device's serial port says in a scenario.
fn log(scenario: &[&str]) -> Vec<u8> {
    let run = example().args(scenario).output().unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    run.stdout
}

fn history(log: &[u8]) -> History {
    match read("three_days.log", log).unwrap() {
        Input::History(history) => history,
        other => panic!("a log with a stream is a history: {other:?}"),
    }
}

/// Where the example says of itself that the culprit is.
fn line_with(words: &str) -> String {
    let source = include_str!("../examples/three_days/work.rs");
    let line = source
        .lines()
        .position(|line| line.contains(words))
        .unwrap()
        + 1;
    format!("examples/three_days/work.rs:{line}")
}

const DAY: f64 = 24.0 * 3600.0;

#[test]
fn the_report_of_a_leak_begins_with_the_line_that_leaks() {
    let log = log(&[]);
    let history = history(&log);
    let replayed = Replayed::of(&history);
    assert!(history.gaps.is_empty(), "{:?}", history.gaps);
    let end = history
        .seconds(history.events.last().unwrap().ticks)
        .unwrap();
    assert!((3.0..3.2).contains(&(end / DAY)), "{} days", end / DAY);

    let leaks = replayed.leaks();
    let worst = &history.sites[leaks[0].site];
    assert!(
        worst.label().contains(&line_with("this line leaks")),
        "{}",
        worst.label()
    );
    assert!(leaks[0].account.bytes > 290_000 && leaks[0].account.blocks > 340);
    let mqtt = history
        .owners
        .iter()
        .find(|(_, name)| *name == "mqtt")
        .unwrap()
        .0;
    assert_eq!(
        replayed.owners[mqtt].bytes, leaks[0].account.bytes,
        "all that it has"
    );
    assert_eq!((replayed.failures.len(), replayed.marks.len()), (1, 4));

    let text = String::from_utf8_lossy(&log);
    assert!(
        text.contains(
            "\nafter 3 days and 0 hours: 16.3 KiB with 8BIT: no heap has a hole that big"
        )
    );
    assert!(
        text.contains("\nfailure 1 of run 1: 16709 bytes with 8BIT for owner 3 at "),
        "after the reset"
    );
}

#[test]
fn the_report_of_fragmentation_shows_free_memory_in_pieces_and_the_line_between_them() {
    let history = history(&log(&["fragmentation"]));
    let replayed = Replayed::of(&history);
    let last = replayed.samples.last().unwrap();
    let for_bytes = history.heaps.iter().zip(&last.heaps);
    let for_bytes: Vec<_> = for_bytes
        .filter(|(heap, _)| heap.caps.contains(Caps::BIT8))
        .map(|(_, now)| now)
        .collect();
    let free: u32 = for_bytes.iter().map(|heap| heap.free).sum();
    let largest = for_bytes
        .iter()
        .map(|heap| heap.largest_free)
        .max()
        .unwrap();
    assert!(
        free > 28_000 && largest < 13_000,
        "{free} bytes free, largest {largest}"
    );
    let pinning = line_with("this line pins");
    let leaks = replayed.leaks();
    let site = leaks
        .iter()
        .find(|leak| history.sites[leak.site].label().contains(&pinning))
        .unwrap();
    assert!(
        site.account.bytes < 3000,
        "not much by itself: {}",
        site.account.bytes
    );
}

#[test]
fn the_page_about_it_names_the_lines_as_they_are_now() {
    let page = include_str!("../../../docs/debugging.md");
    for words in ["this line leaks", "this line pins"] {
        assert!(
            page.contains(&line_with(words)),
            "{words}: {}",
            line_with(words)
        );
    }
    let leaking = include_str!("../examples/three_days/work.rs")
        .lines()
        .find(|line| line.contains("this line leaks"));
    assert!(page.contains(leaking.unwrap()));
}
