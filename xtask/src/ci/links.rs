//! Links between documents: each must lead to a file of the repository, or to a heading of one.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::sources::{self, Source};
use super::tool::StepError;

/// Pages of docs.rs whose links name Rust items, which GitHub cannot follow. The list only shrinks.
const WITH_RUST_ITEMS: [&str; 4] = [
    "crates/heap-caps-alloc/README.md",
    "crates/heap-caps/README.md",
    "crates/heap-report/README.md",
    "crates/multi-heap/README.md",
];

/// Fails if a relative link leads nowhere.
pub(crate) fn check() -> Result<(), StepError> {
    let documents = sources::with_extension("md")?;
    let checked = documents
        .iter()
        .filter(|document| !WITH_RUST_ITEMS.contains(&document.path.as_str()));
    let findings: Vec<String> = checked.flat_map(broken_links).collect();
    sources::verdict(&findings, "links lead nowhere")
}

fn broken_links(document: &Source) -> Vec<String> {
    let relative = links(&document.text);
    let broken = relative.filter(|(_, target)| !leads_somewhere(document, target));
    broken
        .map(|(line, target)| format!("{}:{line}: {target}", document.path))
        .collect()
}

/// Relative links with the numbers of their lines, outside of code.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    let prose = (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    });
    let all = prose.flat_map(|(number, line)| links_of(line).map(move |link| (number, link)));
    all.filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"))
}

/// Returns what stands between `](` and `)`, or behind `[name]: `.
fn links_of(line: &str) -> impl Iterator<Item = &str> {
    let named = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target.trim());
    let inline = line
        .match_indices("](")
        .filter_map(move |(at, _)| line.get(at + 2..)?.split(')').next());
    inline.chain(named)
}

fn leads_somewhere(document: &Source, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => PathBuf::from(&document.path),
        file => normal(&document.folder().join(file)),
    };
    let path = sources::root().join(path);
    let has_heading = || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        text.lines()
            .any(|line| anchor(line).as_deref() == Some(heading))
    };
    path.exists() && (heading.is_empty() || has_heading())
}

/// Without `..`, so that a link out of the repository leads nowhere.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

/// Returns how GitHub names a heading: `## One heap, in C` is `one-heap-in-c`.
fn anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = title
        .chars()
        .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    let lower = kept.flat_map(char::to_lowercase);
    Some(
        lower
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::{anchor, leads_somewhere, links};
    use crate::ci::sources::Source;

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text = "a [b](c.md), [d](https://e.f)\n```text\n[g](h)\n```\n[i]: j.md#k\n";
        let found: Vec<_> = links(text).collect();
        assert_eq!(found, [(1, "c.md"), (5, "j.md#k")]);
    }

    #[test]
    fn a_heading_is_named_as_github_names_it() {
        assert_eq!(
            anchor("## One heap, in C").as_deref(),
            Some("one-heap-in-c")
        );
        assert_eq!(anchor("text"), None);
    }

    #[test]
    fn a_link_leads_to_a_file_a_folder_or_a_heading() {
        let document = Source {
            path: "docs/made-up.md".into(),
            text: String::new(),
        };
        let leads = |target| leads_somewhere(&document, target);
        assert!(leads("../README.md") && leads("images") && leads("../CHANGELOG.md#changelog"));
        assert!(!leads("NOWHERE.md") && !leads("../CHANGELOG.md#nothing") && !leads("Caps"));
    }
}
