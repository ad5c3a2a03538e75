//! Names in a page about the code: tests as `file.rs::name`, examples that must not compile, items
//! of our types as `Type::name`.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its part; a helper that fails fails its test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file: where it lies, from `/crates/` or `/xtask/` on without that, and its text.
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// Whether the page's `file.rs` or `folder/file.rs` is this one.
    pub fn is(&self, file: &str) -> bool {
        self.path.ends_with(&format!("/{file}"))
    }
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a page below the workspace's root.
pub fn page(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap()
}

/// Every Rust file of the crates and of the tests of `xtask`.
pub fn sources() -> Vec<Source> {
    let (crates, own) = (workspace().join("crates"), workspace().join("xtask/tests"));
    let mut found = below(&crates, &crates);
    found.extend(below(&own, &workspace()));
    found
}

fn below(folder: &Path, root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().unwrap() != "target" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(root).unwrap();
                found.push(Source {
                    path: format!("/{}", below.to_str().unwrap()),
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    found
}

/// The tests of a file with the numbers of defects that stand before each:
/// `/// Defects: 1582, head_03.`
pub fn defects(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let mut numbers: Vec<&str> = Vec::new();
    text.lines().map(str::trim).filter_map(move |line| {
        if let Some(listed) = line.strip_prefix("/// Defects: ") {
            numbers.extend(listed.trim_end_matches('.').split(", "));
        }
        let name = line.strip_prefix("fn ")?.split('(').next()?;
        Some((name, std::mem::take(&mut numbers)))
    })
}

/// What stands between backticks and has two parts with `::` in between.
pub fn pairs(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let inline = page
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    inline.filter_map(|code| code.split_once("::"))
}

/// The names of the functions of a file that stand behind `#[test]`.
pub fn tests(text: &str) -> impl Iterator<Item = &str> {
    let mut marked = false;
    text.lines().map(str::trim).filter_map(move |line| {
        marked |= line == "#[test]";
        let name = line.strip_prefix("fn ")?.split('(').next();
        name.filter(|_| std::mem::take(&mut marked))
    })
}

/// The names that stand in the text right before an example which must not compile, as `name`.
pub fn refusals(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut last = Vec::new();
    for line in text.lines().map(str::trim) {
        let Some(line) = line.strip_prefix("///").or(line.strip_prefix("//!")) else {
            continue;
        };
        if line.trim().starts_with("```compile_fail") {
            names.append(&mut last);
        } else if line.trim().starts_with("```") {
            last.clear();
        } else {
            last.extend(line.split('`').skip(1).step_by(2));
        }
    }
    names
}

/// Whether a line of the file begins the definition of an item, or is a variant of that name.
pub fn defines(text: &str, kinds: &[&str], name: &str) -> bool {
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

#[test]
fn an_example_that_must_not_compile_is_named_in_the_text_before_it() {
    let text = "/// `a`:\n/// ```\n/// x\n/// ```\n/// is refused (`b`):\n/// ```compile_fail,E0080\n/// y\n/// ```\n/// `c`\n";
    assert_eq!(refusals(text), ["b"]);
}
