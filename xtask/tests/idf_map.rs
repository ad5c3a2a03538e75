//! Everything that `docs/idf-map.md` and `docs/differences.md` name exists: tests and items.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

mod named;
use named::{Source, defines, page, pairs, sources, tests};

fn map() -> String {
    page("docs/idf-map.md") + &page("docs/differences.md")
}

#[test]
fn every_test_that_the_map_names_exists_once() {
    let (page, sources) = (map(), sources());
    let named: Vec<_> = pairs(&page)
        .filter(|(file, name)| file.ends_with(".rs") && *name != "name")
        .collect();
    assert!(named.len() > 150, "only {} tests are named", named.len());
    for (file, name) in named {
        let count = sources
            .iter()
            .filter(|source| source.is(file) && tests(&source.text).any(|test| test == name))
            .count();
        assert_eq!(count, 1, "{file}::{name} must name one test below crates/");
    }
}

#[test]
fn every_item_that_the_map_names_is_defined_beside_its_type() {
    let (page, sources) = (map(), sources());
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
