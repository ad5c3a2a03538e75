//! Does everything exist that `docs/idf-map.md` names: tests as `file.rs::name`, items of our types as `Type::name`?

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file: where it lies below `crates/`, and its text.
struct Source {
    path: String,
    text: String,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<Source> {
    let crates = workspace().join("crates");
    let mut found = Vec::new();
    let mut folders = vec![crates.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().unwrap() != "target" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&crates).unwrap();
                found.push(Source {
                    path: format!("/{}", below.to_str().unwrap()),
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    found
}

/// What stands between backticks and has two parts with `::` in between.
fn pairs(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let inline = page
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    inline.filter_map(|code| code.split_once("::"))
}

/// The names of the functions of a file that stand behind `#[test]`.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let mut marked = false;
    text.lines().map(str::trim).filter_map(move |line| {
        marked |= line == "#[test]";
        let name = line.strip_prefix("fn ")?.split('(').next();
        name.filter(|_| std::mem::take(&mut marked))
    })
}

/// Whether a line of the file begins the definition of an item, or is a variant of that name.
fn defines(text: &str, kinds: &[&str], name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    text.lines().any(|line| {
        kinds.iter().any(|kind| {
            let start = format!("{kind}{name}");
            line.match_indices(&start).any(|(at, _)| {
                ends(&line[at + start.len()..]) && line[..at].trim().split(' ').all(is_modifier)
            })
        })
    })
}

fn is_modifier(word: &str) -> bool {
    matches!(word, "" | "pub" | "const" | "unsafe")
}

fn page() -> String {
    fs::read_to_string(workspace().join("docs/idf-map.md")).unwrap()
}

#[test]
fn every_test_that_the_map_names_exists_once() {
    let (page, sources) = (page(), sources());
    let named: Vec<_> = pairs(&page)
        .filter(|(file, name)| file.ends_with(".rs") && *name != "name")
        .collect();
    assert!(named.len() > 150, "only {} tests are named", named.len());
    for (file, name) in named {
        let end = format!("/{file}");
        let count = sources
            .iter()
            .filter(|source| {
                source.path.ends_with(&end) && tests(&source.text).any(|test| test == name)
            })
            .count();
        assert_eq!(count, 1, "{file}::{name} must name one test below crates/");
    }
}

#[test]
fn every_item_that_the_map_names_is_defined_beside_its_type() {
    let (page, sources) = (page(), sources());
    let named: Vec<_> = pairs(&page)
        .filter(|(kind, _)| kind.starts_with(char::is_uppercase))
        .collect();
    assert!(named.len() > 100, "only {} items are named", named.len());
    for (kind, item) in named {
        let home = |source: &&Source| defines(&source.text, &["struct ", "enum ", "trait "], kind);
        let homes: Vec<_> = sources
            .iter()
            .filter(home)
            .filter_map(|source| source.path.split('/').nth(1))
            .collect();
        let beside = sources
            .iter()
            .filter(|source| {
                homes
                    .iter()
                    .any(|home| source.path.starts_with(&format!("/{home}/src/")))
            })
            .any(|source| defines(&source.text, &["fn ", "const ", ""], item));
        assert!(beside, "{kind}::{item} is not in {homes:?}");
    }
}

#[test]
fn a_test_is_a_function_behind_its_mark() {
    let text = "fn helper() {}\n#[test]\n#[should_panic(\n    expected = \"x\"\n)]\nfn one() {}\nfn other() {}\n";
    assert!(tests(text).eq(["one"]));
}

#[test]
fn names_are_compared_whole_and_calls_are_no_definitions() {
    let text = "    pub const fn free_size(&self) {\n    let size = free(1);\n    TooLarge,\n";
    assert!(defines(text, &["fn "], "free_size") && !defines(text, &["fn "], "free"));
    assert!(defines(text, &[""], "TooLarge") && !defines(text, &["fn ", ""], "free"));
}
