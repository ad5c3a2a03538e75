//! `docs/defects.md`: every defect of `defects/numbers.txt` has a row there, and a test with its
//! number.
//!
//! ```text
//!   | `b7fc067` #1582, `9516fd0` | what broke | what is here | `sizes.rs::…` |
//!     └ two defects: one has two numbers                       either number of a defect stands before a test,
//!                                                              or the column says `none:` and why
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

mod named;
use std::collections::BTreeSet;

use named::{defects, page, pairs, refusals, sources, tests};

const NUMBERS: &str = include_str!("defects/numbers.txt");

/// A row of the page: its defects, each with its numbers, and the column that names tests.
struct Row<'a> {
    defects: Vec<Vec<&'a str>>,
    tests: &'a str,
}

/// A number is a commit, an issue behind `#`, or one of ours: `head_03`, `esp_alloc_04`. Other
/// words say whose it is.
fn numbers_of(defect: &str) -> Vec<&str> {
    let words = defect.split_whitespace();
    words
        .filter_map(|word| match word.strip_prefix('#') {
            Some(issue) => Some(issue),
            None => word.strip_prefix('`')?.strip_suffix('`'),
        })
        .collect()
}

fn rows(page: &str) -> Vec<Row<'_>> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("| "));
    lines.filter_map(row).collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<_> = line.split(" | ").collect();
    let defects: Vec<_> = cells.first()?.split(", ").map(numbers_of).collect();
    let tests = cells.last()?;
    let is_numbered = defects.iter().any(|numbers| !numbers.is_empty());
    is_numbered.then_some(Row { defects, tests })
}

#[test]
fn every_defect_has_a_row_and_every_row_is_of_known_defects() {
    let page = page("docs/defects.md");
    let listed: BTreeSet<&str> = rows(&page)
        .into_iter()
        .flat_map(|row| row.defects.concat())
        .collect();
    let known = NUMBERS.lines().filter(|line| !line.starts_with("//"));
    let known: BTreeSet<&str> = known.flat_map(str::split_whitespace).collect();
    assert!(known.len() > 190, "{} numbers", known.len());
    let missing: Vec<_> = known.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&known).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
    assert!(unknown.is_empty(), "in no list: {unknown:?}");
}

#[test]
fn every_defect_has_a_test_with_its_number_or_a_reason() {
    let (page, sources) = (page("docs/defects.md"), sources());
    let (mut with, mut without) = (0, 0);
    for Row {
        defects: row_defects,
        tests: column,
    } in rows(&page)
    {
        let named: Vec<_> = pairs(column)
            .filter(|(file, _)| file.ends_with(".rs"))
            .collect();
        for (file, name) in &named {
            let files = sources.iter().filter(|source| source.is(file));
            let found = files.filter(|source| {
                tests(&source.text).any(|test| test == *name)
                    || refusals(&source.text).contains(name)
            });
            assert_eq!(found.count(), 1, "{file}::{name} must name one test");
        }
        for numbers in row_defects {
            let carried = named.iter().any(|(file, name)| {
                let mut files = sources.iter().filter(|source| source.is(file));
                files.any(|source| {
                    let mut tests = defects(&source.text).filter(|(test, _)| test == name);
                    tests.any(|(_, listed)| listed.iter().any(|one| numbers.contains(one)))
                        || numbers.iter().any(|number| {
                            let example = format!("(defect {number}, `{name}`)");
                            source.text.contains(&example)
                        })
                })
            });
            let reason = column
                .strip_prefix("none: ")
                .is_some_and(|reason| reason.len() > 30);
            assert!(
                carried || reason,
                "{numbers:?}: no test bears one of its numbers"
            );
            with += u32::from(carried);
            without += u32::from(!carried);
        }
    }
    assert!(
        with > 120 && without < 15,
        "{with} with a test, {without} without"
    );
    println!("{with} defects with a test, {without} with a reason why there is none");
}

/// Defects: 899fa2d.
#[test]
fn work_inside_of_a_debug_assertion_does_not_pass_the_lints() {
    let manifest = page("Cargo.toml");
    let lints = manifest.split("[workspace.lints.clippy]").nth(1).unwrap();
    assert!(lints.contains("\ndebug_assert_with_mut_call = \"deny\"\n"));
}

#[test]
fn a_row_names_defects_their_numbers_and_their_tests() {
    let page =
        "| number | what |\n|---|---|\n| `b7fc067` PR #15, tlsf `head_03` | a | b | `x.rs::y` |\n";
    let rows = rows(page);
    assert_eq!(rows[0].defects, [vec!["b7fc067", "15"], vec!["head_03"]]);
    assert_eq!((rows.len(), rows[0].tests), (1, "`x.rs::y` |"));
}
