//! Table of all C names: declaration, header, and the checks that call each.
//!
//! ```text
//!   symbols/FEATURE.txt   name                       ┐
//!   include/*.h           its declaration, header    ├─► docs/idf-map.md, a table a feature
//!   src/*.rs              its Rust function          │
//!   tests/*.rs, checks/   files that call either     ┘
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::build::root;
use super::features;
use crate::error::Error;

/// Features that export names by a module each, in the order of the document.
const FEATURES: [(&str, &str); 6] = [
    ("c-abi-idf", "ESP-IDF's names, and ours beside them"),
    ("c-abi-libc", "the C library and newlib"),
    ("c-abi-esp-radio", "esp-radio and esp-rtos"),
    ("c-abi-legacy", "the names of 2016"),
    ("heap-tracing", "with a library that traces"),
    ("heap-task-tracking", "with a library that knows tasks"),
];

/// Headers, sources and checks of the C library, each with its path below `crates/heap-caps-c`.
#[derive(Default)]
struct Files {
    headers: Vec<(String, String)>,
    checks: Vec<(String, String)>,
    /// Rust functions by exported name, where the two differ.
    renamed: BTreeMap<String, String>,
}

/// A name as C sees it.
struct Entry {
    name: String,
    declaration: String,
    headers: Vec<String>,
    checks: Vec<String>,
}

/// Returns the tables of all features, in Markdown.
pub(crate) fn markdown() -> Result<String, Error> {
    let files = Files::read(&root().join("crates/heap-caps-c"))?;
    let mut out = String::new();
    for (feature, what) in FEATURES {
        let names = features::list(feature)?;
        _ = writeln!(out, "**`{feature}`**: {what} ({} names)\n", names.len());
        out += "| name | declared in | called by |\n|---|---|---|\n";
        for name in names {
            let entry = files.entry(&name);
            let (text, headers) = if entry.declaration.is_empty() {
                (&entry.name, "the C library's headers".to_owned())
            } else {
                (&entry.declaration, quoted(&entry.headers))
            };
            _ = writeln!(out, "| `{text}` | {headers} | {} |", quoted(&entry.checks));
        }
        out.push('\n');
    }
    Ok(out)
}

/// Returns the names that no test and no check calls.
pub(crate) fn unchecked() -> Result<Vec<String>, Error> {
    let files = Files::read(&root().join("crates/heap-caps-c"))?;
    let mut unchecked = Vec::new();
    for (feature, _) in FEATURES {
        for name in features::list(feature)? {
            if files.entry(&name).checks.is_empty() {
                unchecked.push(name);
            }
        }
    }
    Ok(unchecked)
}

impl Files {
    fn read(folder: &Path) -> Result<Self, Error> {
        let mut files = Self {
            headers: below(&folder.join("include"), "h")?,
            ..Self::default()
        };
        for (place, end) in [("tests", "rs"), ("checks", "c"), ("checks", "h")] {
            files.checks.extend(below(&folder.join(place), end)?);
        }
        for (_, text) in below(&folder.join("src"), "rs")? {
            files.renamed.extend(renamed(&text));
        }
        Ok(files)
    }

    fn entry(&self, name: &str) -> Entry {
        let mut entry = Entry {
            name: name.to_owned(),
            declaration: String::new(),
            headers: Vec::new(),
            checks: Vec::new(),
        };
        for (header, text) in &self.headers {
            if let Some(declaration) = declaration(text, name) {
                entry.headers.push(header.clone());
                entry.declaration = declaration;
            }
        }
        let rust = self.renamed.get(name).map_or(name, String::as_str);
        let calls = |text: &str| calls(text, name) || calls(text, rust);
        let checks = self.checks.iter().filter(|(_, text)| calls(text));
        entry.checks = checks.map(|(file, _)| file.clone()).collect();
        entry
    }
}

/// Texts of the files below `folder` whose names end with `.end`, by file name, sorted.
fn below(folder: &Path, end: &str) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |cause| Error::file(&folder, cause);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path: PathBuf = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == end) {
                let text = fs::read_to_string(&path).map_err(|cause| Error::file(&path, cause))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                found.push((name.into_owned(), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Exported names whose Rust functions are called otherwise: the attribute in front of each.
fn renamed(text: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut waiting: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("export_name = \"") {
            waiting.extend(rest.split('"').next());
        } else if let Some((_, rest)) = line.split_once("fn ") {
            let function = rest.split(['(', '<']).next().unwrap_or_default();
            for name in waiting.drain(..) {
                names.insert(name.to_owned(), function.to_owned());
            }
        }
    }
    names
}

/// Returns the declaration of `name` in a header, on one line and without attributes.
fn declaration(header: &str, name: &str) -> Option<String> {
    let call = format!("{name}(");
    for (start, _) in header.match_indices(&call) {
        let line_start = header[..start].rfind('\n').map_or(0, |end| end + 1);
        let before = &header[line_start..start];
        let is_declared = before.ends_with([' ', '*'])
            && !before.starts_with([' ', '/', '*', '#'])
            && !before.contains(['=', '(', '"']);
        if let Some(length) = header[start..].find(';').filter(|_| is_declared) {
            let text = header[line_start..start + length].replace('|', "\\|");
            let text = text.split("__attribute__").next().unwrap_or_default();
            let words: Vec<_> = text.split_whitespace().collect();
            return Some(words.join(" "));
        }
    }
    None
}

/// Returns whether `text` calls `name` or takes its address: a whole word that does not begin a
/// longer one.
fn calls(text: &str, name: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(name).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + name.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    })
}

/// Returns the first few names; what is called everywhere would fill the page.
fn quoted(names: &[String]) -> String {
    let mut first: Vec<_> = names
        .iter()
        .take(4)
        .map(|name| format!("`{name}`"))
        .collect();
    if let Some(more) = names
        .len()
        .checked_sub(first.len())
        .filter(|&more| more > 0)
    {
        first.push(format!("{more} more"));
    }
    first.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{calls, declaration, markdown, renamed, root, unchecked};

    #[test]
    fn a_declaration_is_found_whole_and_calls_are_none() {
        let header = "/* malloc(3) */\n#define two(n) malloc(2 * (n))\n\
                      void *malloc(size_t size,\n             int more) __attribute__((malloc));\n";
        assert_eq!(
            declaration(header, "malloc").as_deref(),
            Some("void *malloc(size_t size, int more)")
        );
        assert_eq!(declaration(header, "alloc"), None);
        assert_eq!(declaration(header, "two"), None);
    }

    #[test]
    fn a_word_is_no_part_of_another_one() {
        assert!(calls("x = free(p);", "free"));
        assert!(!calls("x = cfree(p); free_all();", "free"));
    }

    #[test]
    fn exported_names_lead_to_their_functions() {
        let source = "#[cfg_attr(a, unsafe(export_name = \"one\"))]\n\
                      #[cfg_attr(b, unsafe(export_name = \"two\"))]\n\
                      pub extern \"C\" fn both(p: u8) {}\nfn other() {}\n";
        let names = renamed(source);
        assert_eq!(names.get("one").map(String::as_str), Some("both"));
        assert_eq!(names.get("two").map(String::as_str), Some("both"));
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn the_table_of_the_document_is_current() {
        let page = std::fs::read_to_string(root().join("docs/idf-map.md")).unwrap();
        assert!(
            page.contains(markdown().unwrap().trim_end()),
            "run cargo xtask check-symbols --record docs/idf-map.md"
        );
    }

    #[test]
    fn every_c_name_is_called_by_a_test_or_a_check() {
        assert_eq!(unchecked().unwrap(), [""; 0]);
    }
}
