//! The table of `docs/hardening.md` is the one that is printed, and the heap finds what it says.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn faults(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("faults").args(arguments).output().unwrap()
}

/// One row of the tables.
struct Row<'a> {
    figures: &'a [Value],
    level: &'a str,
    kind: &'a str,
}

impl Row<'_> {
    fn get(&self, metric: &str) -> u64 {
        let is_it = |figure: &&Value| {
            figure["subject"] == self.level
                && figure["workload"] == self.kind
                && figure["metric"] == metric
        };
        self.figures.iter().find(is_it).unwrap()["value"]
            .as_u64()
            .unwrap()
    }

    /// At least `percent` per cent of `part` in `whole`.
    fn keeps(&self, part: &str, percent: u64, whole: &str) {
        let (few, all) = (self.get(part), self.get(whole));
        let Row { level, kind, .. } = self;
        assert!(all > 0, "{level} {kind}: {whole} is 0");
        assert!(
            few * 100 >= all * percent,
            "{level} {kind}: {part} is {few} of {all}"
        );
    }

    fn has_no(&self, metric: &str) {
        assert_eq!(
            self.get(metric),
            0,
            "{} {}: {metric}",
            self.level,
            self.kind
        );
    }
}

const LEVELS: [&str; 3] = ["none", "light", "comprehensive"];
const WRITES: [&str; 4] = ["overrun", "underrun", "header-bits", "header-word"];

/// What holds for every kind at every level.
fn keeps_its_bounds_everywhere(row: &Row<'_>) {
    for never in ["outside", "panics", "false_alarms"] {
        row.has_no(never);
    }
    if row.kind != "control" {
        row.has_no("missed");
    }
    let (check, scrub) = (row.get("found_by_check"), row.get("found_by_scrub"));
    assert_eq!(
        check, scrub,
        "{} {}: a scrub finds what a check finds",
        row.level, row.kind
    );
    assert!(
        row.get("scrub_calls_max") <= 40,
        "{} {}",
        row.level,
        row.kind
    );
}

fn keep_their_bounds(figures: &[Value]) {
    for level in LEVELS {
        let row = |kind| Row {
            figures,
            level,
            kind,
        };
        for kind in ["double-free", "foreign-free"] {
            row(kind).keeps("refused_at_once", 100, "faults");
            row(kind).keeps("block_named", 100, "findings");
        }
        row("late-double-free").keeps("found_at_next_use", 100, "faults");
        for kind in WRITES {
            row(kind).keeps("found_by_check", 97, "faults");
            row(kind).keeps("found_at_next_use", 96, "found");
        }
        for kind in ["header-bits", "header-word"] {
            row(kind).keeps("block_named", 95, "findings");
            row(kind).keeps("owner_named", 94, "findings_about_live_blocks");
        }
        row("free-block").keeps("found_by_check", 95, "faults");
        row("free-block").keeps("block_named", 98, "findings");
        row("control").keeps("found_by_check", 90, "faults");
        row("overrun").keeps("owner_named", 99, "findings_about_live_blocks");
    }
    for level in ["light", "comprehensive"] {
        let row = Row {
            figures,
            level,
            kind: "overrun",
        };
        for found in [
            "found_by_check",
            "found_at_next_use",
            "block_named",
            "owner_named",
        ] {
            row.keeps(found, 100, "faults");
        }
        row.has_no("spread");
    }
    let freed = Row {
        figures,
        level: "comprehensive",
        kind: "write-after-free",
    };
    freed.keeps("found_by_check", 100, "faults");
    freed.keeps("block_named", 100, "faults");
}

#[test]
fn the_tables_of_the_documentation_are_what_is_printed_and_every_cell_keeps_its_bound() {
    let folder = TempDir::new().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hardening.md");
    let printed = folder.path().join("hardening.md");
    fs::copy(&kept, &printed).unwrap();
    let output = faults(&["--json", "--record", printed.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        fs::read_to_string(kept).unwrap() == fs::read_to_string(printed).unwrap(),
        "regenerate it: cargo xtask faults --record docs/hardening.md"
    );
    let figures: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    keep_their_bounds(&figures);
    for level in LEVELS {
        for kind in figures
            .iter()
            .filter(|figure| figure["metric"] == "faults" && figure["subject"] == level)
        {
            let kind = kind["workload"].as_str().unwrap();
            keeps_its_bounds_everywhere(&Row {
                figures: &figures,
                level,
                kind,
            });
        }
    }
}

#[test]
fn a_seed_repeats_its_run_and_another_one_differs() {
    let run = |seed| {
        faults(&[
            "--kind",
            "header-word",
            "--poison",
            "light",
            "--count",
            "60",
            "--seed",
            seed,
        ])
        .stdout
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
}

#[test]
fn a_kind_that_does_not_exist_is_answered_with_those_that_do() {
    let output = faults(&["--kind", "overflow"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("overrun")
    );
}
