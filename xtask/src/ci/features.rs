//! Combinations of Cargo features that are built, for each library crate.
//!
//! Up to [`POWER_SET_LIMIT`] features: every subset. Above: none, each alone, all. `default` is a
//! name for a subset of the others, so it is not counted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::tool::{self, StepError};

/// 2⁶ = 64 builds of a crate are affordable, 2⁷ are not.
const POWER_SET_LIMIT: usize = 6;
/// What a feature that needs the standard library is called; nothing bare-metal can build it.
const STANDARD_LIBRARY: &str = "std";

/// A library crate of this workspace and its features.
#[derive(Debug, Deserialize)]
pub(crate) struct Library {
    pub(crate) name: String,
    features: BTreeMap<String, Vec<String>>,
    manifest_path: String,
    targets: Vec<Target>,
    metadata: Option<Marks>,
}

/// What a package says of itself to these commands: `[package.metadata.xtask]`.
#[derive(Debug, Deserialize)]
struct Marks {
    xtask: Option<Mark>,
}

#[derive(Debug, Deserialize)]
struct Mark {
    /// It runs on the developer's machine and on no other.
    #[serde(default)]
    host: bool,
}

/// What cargo makes of a package: `lib`, `bin`, `test` …
#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Library>,
}

/// Returns the library crates below `crates/`, as cargo lists them. Firmware is no library.
pub(crate) fn libraries() -> Result<Vec<Library>, StepError> {
    let mut command = tool::cargo();
    let text = tool::output(command.args(["metadata", "--no-deps", "--format-version", "1"]))?;
    parse(&text).map_err(|cause| StepError::Failed(format!("cargo metadata: {cause}")))
}

/// Returns the packages that are not published.
pub(crate) fn private_packages() -> Result<Vec<String>, StepError> {
    #[derive(Deserialize)]
    struct Package {
        name: String,
        /// The registries it may go to; `None` is any.
        publish: Option<Vec<String>>,
    }
    #[derive(Deserialize)]
    struct Packages {
        packages: Vec<Package>,
    }
    let mut command = tool::cargo();
    let text = tool::output(command.args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let Packages { packages } = serde_json::from_str(&text)
        .map_err(|cause| StepError::Failed(format!("cargo metadata: {cause}")))?;
    let private = packages
        .into_iter()
        .filter(|package| package.publish.as_ref().is_some_and(Vec::is_empty));
    Ok(private.map(|package| package.name).collect())
}

fn parse(metadata: &str) -> serde_json::Result<Vec<Library>> {
    let metadata: Metadata = serde_json::from_str(metadata)?;
    Ok(metadata
        .packages
        .into_iter()
        .filter(Library::is_one)
        .collect())
}

impl Library {
    fn is_one(&self) -> bool {
        let folders: Vec<&str> = self.manifest_path.split(['/', '\\']).collect();
        let below_crates = matches!(
            folders.as_slice(),
            [.., "crates", _, _] | [.., "crates", "firmware" | "testing", _, _]
        );
        let mut kinds = self.targets.iter().flat_map(|target| &target.kind);
        below_crates && kinds.any(|kind| kind == "lib")
    }

    /// Returns whether it is for the developer's machine alone.
    pub(crate) fn is_for_hosts(&self) -> bool {
        let marks = self
            .metadata
            .as_ref()
            .and_then(|marks| marks.xtask.as_ref());
        marks.is_some_and(|mark| mark.host)
    }

    /// Returns every combination to build, the empty one first; each is a list of features.
    pub(crate) fn combinations(&self) -> Vec<Vec<&str>> {
        let features = self.names();
        if features.len() <= POWER_SET_LIMIT {
            return power_set(&features);
        }
        let alone = features.iter().map(|feature| vec![*feature]);
        std::iter::once(vec![])
            .chain(alone)
            .chain([features.clone()])
            .collect()
    }

    /// Returns every feature that bare metal can build.
    pub(crate) fn bare_metal(&self) -> Vec<&str> {
        self.names()
            .into_iter()
            .filter(|feature| !self.needs_std(feature))
            .collect()
    }

    fn names(&self) -> Vec<&str> {
        self.features
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "default")
            .collect()
    }

    /// Returns whether `feature` is `std` or turns `std` on. Cargo refuses cycles, so this ends.
    fn needs_std(&self, feature: &str) -> bool {
        let enables = self
            .features
            .get(feature)
            .map(Vec::as_slice)
            .unwrap_or_default();
        feature == STANDARD_LIBRARY || enables.iter().any(|enabled| self.needs_std(enabled))
    }
}

fn power_set<'name>(features: &[&'name str]) -> Vec<Vec<&'name str>> {
    let member = |subset: usize, index: usize| subset & (1 << index) != 0;
    let subset = |subset: usize| {
        let members = features
            .iter()
            .enumerate()
            .filter(|(index, _)| member(subset, *index));
        members.map(|(_, feature)| *feature).collect()
    };
    (0..1_usize << features.len()).map(subset).collect()
}

#[cfg(test)]
mod tests {
    use super::{Library, parse};

    fn library(features: &[(&str, &[&str])]) -> Library {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Library {
            name: "some".into(),
            manifest_path: "/workspace/crates/some/Cargo.toml".into(),
            targets: vec![],
            metadata: None,
            features: features
                .iter()
                .map(|&(name, on)| (name.to_owned(), list(on)))
                .collect(),
        }
    }

    #[test]
    fn few_features_are_built_in_every_combination() {
        let library = library(&[("default", &["a"]), ("a", &[]), ("b", &[])]);
        assert_eq!(
            library.combinations(),
            [vec![], vec!["a"], vec!["b"], vec!["a", "b"]]
        );
    }

    #[test]
    fn many_features_are_built_alone_and_together() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let library = library(&names.map(|name| (name, &[][..])));
        let combinations = library.combinations();
        assert_eq!(combinations.len(), 9);
        assert_eq!(combinations.first(), Some(&vec![]));
        assert_eq!(combinations.last(), Some(&names.to_vec()));
    }

    #[test]
    fn bare_metal_gets_no_feature_that_leads_to_std() {
        let library = library(&[
            ("std", &[]),
            ("replay", &["std"]),
            ("defmt", &["dep:defmt"]),
        ]);
        assert_eq!(library.bare_metal(), ["defmt"]);
    }

    #[test]
    fn a_library_says_if_it_is_for_hosts_alone() {
        let metadata = r#"{"packages": [
            {"name": "heap-report", "features": {}, "targets": [{"kind": ["lib"]}], "metadata": {"xtask": {"host": true}},
             "manifest_path": "/w/crates/heap-report/Cargo.toml"},
            {"name": "heap-trace", "features": {}, "targets": [{"kind": ["lib"]}], "metadata": {"docs": {"rs": {}}},
             "manifest_path": "/w/crates/heap-trace/Cargo.toml"},
            {"name": "multi-heap", "features": {}, "targets": [{"kind": ["lib"]}], "metadata": null,
             "manifest_path": "/w/crates/multi-heap/Cargo.toml"}
        ]}"#;
        let for_hosts: Vec<_> = parse(metadata)
            .unwrap()
            .iter()
            .map(Library::is_for_hosts)
            .collect();
        assert_eq!(for_hosts, [true, false, false]);
    }

    #[test]
    fn only_libraries_below_crates_count() {
        let metadata = r#"{"packages": [
            {"name": "multi-heap", "features": {}, "targets": [{"kind": ["lib"]}, {"kind": ["test"]}],
             "manifest_path": "/w/crates/multi-heap/Cargo.toml"},
            {"name": "firmware", "features": {}, "targets": [{"kind": ["bin"]}],
             "manifest_path": "/w/crates/firmware/Cargo.toml"},
            {"name": "heap-bench", "features": {}, "targets": [{"kind": ["lib"]}],
             "manifest_path": "/w/crates/testing/heap-bench/Cargo.toml"},
            {"name": "xtask", "features": {}, "targets": [{"kind": ["lib"]}],
             "manifest_path": "/crates/w/xtask/Cargo.toml"}
        ]}"#;
        let names: Vec<_> = parse(metadata)
            .unwrap()
            .into_iter()
            .map(|found| found.name)
            .collect();
        assert_eq!(names, ["multi-heap", "heap-bench"]);
    }
}
