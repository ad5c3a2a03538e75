//! C names of each feature: the lists in `crates/heap-caps-c/symbols`.
//!
//! `FEATURE.txt` has the names that a feature exports, `needs.txt` what a library may want from the
//! program: one name a line, `#` begins a remark. On a host names of the C library have a prefix:
//! it has its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::build::root;
use super::processor::Processor;
use crate::error::Error;

/// Names, sorted.
pub(crate) type Names = BTreeSet<String>;

/// In front of names that a host's C library has, see `heap_caps_c`.
const HOST_PREFIX: &str = "heap_caps_libc_";
/// Features whose names a host's C library has.
const OF_THE_C_LIBRARY: [&str; 2] = ["c-abi-libc", "c-abi-esp-radio"];

/// Returns every feature that brings C names.
pub(crate) fn all() -> Result<Vec<String>, Error> {
    let folder = folder();
    let unreadable = |cause| Error::file(&folder, cause);
    let mut features = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if name.starts_with("c-abi-") {
            features.push(name.into_owned());
        }
    }
    features.sort();
    Ok(features)
}

/// Returns what a library with these features exports.
pub(crate) fn exported(processor: Processor, features: &[String]) -> Result<Names, Error> {
    let mut names = Names::new();
    for feature in features {
        let prefix = if OF_THE_C_LIBRARY.contains(&feature.as_str()) && processor.is_hosted() {
            HOST_PREFIX
        } else {
            ""
        };
        let list = list(feature)?;
        names.extend(list.into_iter().map(|name| with_prefix(prefix, name)));
    }
    Ok(names)
}

/// Returns the names of ours begin like the prefix already.
fn with_prefix(prefix: &str, name: String) -> String {
    if name.starts_with("heap_caps_") {
        name
    } else {
        format!("{prefix}{name}")
    }
}

/// Returns what a library may want from the program.
pub(crate) fn needed() -> Result<Names, Error> {
    list("needs")
}

/// Returns the names on one list.
pub(crate) fn list(name: &str) -> Result<Names, Error> {
    let file = folder().join(format!("{name}.txt"));
    let text = fs::read_to_string(&file).map_err(|cause| Error::file(&file, cause))?;
    Ok(names_in(&text))
}

fn names_in(text: &str) -> Names {
    let without_remark = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    text.lines()
        .map(without_remark)
        .filter(|name| !name.is_empty())
        .collect()
}

fn folder() -> PathBuf {
    root().join("crates/heap-caps-c/symbols")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Names, Processor, all, exported, names_in, root};

    /// Names that belong to the C library, whose own headers declare them.
    const STANDARD: [&str; 10] = [
        "aligned_alloc",
        "calloc",
        "cfree",
        "free",
        "malloc",
        "malloc_trim",
        "mallopt",
        "pvalloc",
        "realloc",
        "valloc",
    ];

    fn headers() -> Vec<PathBuf> {
        let include = root().join("crates/heap-caps-c/include");
        let folders = [
            include.clone(),
            include.join("freertos"),
            include.join("soc"),
        ];
        let entries = folders
            .into_iter()
            .flat_map(|folder| fs::read_dir(folder).unwrap());
        let files = entries.map(|entry| entry.unwrap().path());
        files
            .filter(|file| file.extension().is_some_and(|end| end == "h"))
            .collect()
    }

    /// Functions that a header declares: `name` of `type name(...);` at the beginning of a line,
    /// whose parameters may go on in the next ones.
    fn declared(text: &str) -> Names {
        let without_comments: String = text
            .split("/*")
            .enumerate()
            .map(|(index, part)| match index {
                0 => part,
                _ => part.split_once("*/").map_or("", |(_, rest)| rest),
            })
            .collect();
        let mut names = Names::new();
        for statement in without_comments.split(';') {
            let first = statement.lines().find(|line| !line.trim().is_empty());
            if first.is_some_and(|line| line.starts_with(' '))
                || statement.contains("static inline")
            {
                continue; // an inline function, or inside of one
            }
            let begins = |line: &&str| !line.starts_with(' ') && !line.is_empty();
            let line = statement.lines().rfind(begins).unwrap_or_default();
            let words = ["typedef", "static", "#", "}", "__attribute__"];
            let Some((head, _)) = line.split_once('(') else {
                continue;
            };
            if !words.iter().any(|word| line.starts_with(word)) {
                let name = head.rsplit([' ', '*']).next().unwrap_or_default();
                names.insert(name.to_owned());
            }
        }
        names.remove("");
        names
    }

    #[test]
    fn headers_and_lists_name_the_same_functions() {
        let mut in_headers = Names::new();
        for header in headers() {
            in_headers.extend(declared(&fs::read_to_string(header).unwrap()));
        }
        let mut features = all().unwrap();
        features.extend(["heap-tracing", "heap-task-tracking"].map(String::from));
        let listed = exported(Processor::Esp32, &features).unwrap();
        let unlisted: Vec<_> = in_headers.difference(&listed).collect();
        assert!(unlisted.is_empty(), "declared and on no list: {unlisted:?}");
        let is_ours = |name: &&String| !STANDARD.contains(&name.as_str());
        let undeclared: Vec<_> = listed.difference(&in_headers).filter(is_ours).collect();
        assert!(
            undeclared.is_empty(),
            "listed and not declared: {undeclared:?}"
        );
    }

    #[test]
    fn a_list_has_a_name_a_line_and_remarks() {
        let names = names_in("# what\nfree  # any block\n\nmalloc\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["free", "malloc"]);
    }

    #[test]
    fn every_feature_has_a_list() {
        for feature in all().unwrap() {
            let names = exported(Processor::Esp32, std::slice::from_ref(&feature)).unwrap();
            assert!(!names.is_empty(), "{feature} exports nothing");
        }
    }

    #[test]
    fn a_host_keeps_its_own_malloc() {
        let libc = ["c-abi-libc".to_owned()];
        assert!(
            exported(Processor::Esp32, &libc)
                .unwrap()
                .contains("malloc")
        );
        let host = exported(Processor::Host, &libc).unwrap();
        assert!(host.contains("heap_caps_libc_malloc") && !host.contains("malloc"));
    }
}
