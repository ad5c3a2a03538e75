//! The repository's own text files, as git lists them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tool::{self, StepError};
use esp_heap::say;

/// One text file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the repository's root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Returns the folder of the file.
    pub(crate) fn folder(&self) -> &Path {
        Path::new(&self.path).parent().unwrap_or(Path::new(""))
    }
}

/// Returns the repository's root.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// Returns the folder for what is built.
pub(crate) fn target_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the files whose names end in `.EXTENSION`, those not committed yet included.
pub(crate) fn with_extension(extension: &str) -> Result<Vec<Source>, StepError> {
    let root = root();
    let mut git = Command::new("git");
    git.arg("-C").arg(&root);
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]);
    git.arg(format!("*.{extension}"));
    let listed = tool::output(&mut git)?;
    let paths = listed.split('\0').filter(|path| root.join(path).is_file());
    paths
        .map(|path| {
            let text = fs::read_to_string(root.join(path))
                .map_err(|cause| StepError::Failed(format!("{path}: {cause}")))?;
            Ok(Source {
                path: path.to_owned(),
                text,
            })
        })
        .collect()
}

/// A failure that lists `findings`, one a line; success if there are none.
pub(crate) fn verdict(findings: &[String], what: &str) -> Result<(), StepError> {
    for finding in findings {
        let _ = say!("   {finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(StepError::Failed(format!("{count} {what}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::{root, with_extension};

    /// Names of what a folder with tests has: files, and folders with a `mod.rs`.
    fn parts(folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let parts = paths.filter(|path| {
            path.extension().is_some_and(|end| end == "rs") || path.join("mod.rs").is_file()
        });
        parts
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    /// Cargo looks for no tests where a manifest lists them.
    #[test]
    fn every_file_of_tests_is_in_a_test_program() {
        let manifests = with_extension("toml").unwrap();
        let listing = manifests
            .iter()
            .filter(|manifest| manifest.text.contains("autotests = false"));
        let mut programs = 0;
        for manifest in listing {
            let folder = root().join(manifest.folder()).join("tests");
            let all = fs::read_to_string(folder.join("all.rs")).unwrap();
            for part in parts(&folder) {
                let is_program = manifest.text.contains(&format!("name = \"{part}\""));
                let is_part = all.contains(&format!("\nmod {part};\n"));
                assert!(is_program || is_part, "{}: {part}", manifest.path);
            }
            programs += 1;
        }
        assert_eq!(programs, 3);
    }

    /// Workspaces of their own, a sentence and CI's container have to repeat it.
    #[test]
    fn the_oldest_supported_rust_is_the_same_everywhere() {
        let oldest = |text: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("rust-version = \""));
            line.and_then(|line| line.split('"').next())
                .map(str::to_owned)
        };
        let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
        let stated = oldest(&read("Cargo.toml")).unwrap();
        for manifest in with_extension("toml").unwrap() {
            let other = oldest(&manifest.text).filter(|other| *other != stated);
            assert_eq!(other, None, "{}", manifest.path);
        }
        assert!(read("README.md").contains(&format!("Rust (stable, {stated} or newer)")));
        assert!(read(".github/workflows/ci.yml").contains(&format!("rust:{stated}-")));
    }
}
