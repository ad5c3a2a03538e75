//! Tools that must be installed to build and run for a chip.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::target::Target;
use crate::error::Error;

/// Debian's compiler comes with its library sources, from which `core` is built for the chip.
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const CARGO: &str = "/usr/bin/cargo";
const LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// What a compiler for other processors takes: Debian packages, each with a file that it brings.
pub(crate) const COMPILER: [(&str, &str); 3] = [
    ("rustc-web", RUSTC),
    ("cargo-web", CARGO),
    ("rust-web-src", LIBRARY),
];

/// Refuses with one line that installs everything missing.
pub(crate) fn require(target: Target) -> Result<(), Error> {
    require_all(COMPILER.iter().chain(target.packages()))
}

/// The same for any packages, each with a program or file that it brings.
pub(crate) fn require_all<'list>(
    wanted: impl Iterator<Item = &'list (&'static str, &'static str)>,
) -> Result<(), Error> {
    let missing: Vec<_> = wanted.filter(|(_, file)| !is_there(file)).collect();
    let Some((_, first)) = missing.first() else {
        return Ok(());
    };
    let mut packages: Vec<&str> = missing.iter().map(|(package, _)| *package).collect();
    packages.dedup();
    Err(Error::MissingTool {
        tool: (*first).to_owned(),
        remedy: format!("apt-get install {}", packages.join(" ")),
    })
}

/// Debian's cargo with its compiler, which builds `core` too. What rustup and an outer cargo left
/// in the environment belongs to another compiler.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(CARGO);
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Returns whether a program is there: a path is looked at, a name looked for on `PATH`.
pub(crate) fn is_there(file: &str) -> bool {
    found(file).is_some()
}

/// Returns the file of this path, or of this name where the system looks for programs.
pub(crate) fn found(file: &str) -> Option<PathBuf> {
    if file.starts_with('/') {
        return Some(PathBuf::from(file)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut files = env::split_paths(&path).map(|folder| folder.join(file));
    files.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{found, is_there};

    #[test]
    fn programs_are_looked_for_by_name_and_files_by_path() {
        assert!(is_there("sh"));
        assert!(is_there("/etc/passwd"));
        assert_eq!(
            found("/etc/passwd").as_deref(),
            Some(Path::new("/etc/passwd"))
        );
        assert!(found("sh").is_some_and(|path| path.is_absolute()));
        assert!(!is_there("no-such-tool-here"));
    }
}
