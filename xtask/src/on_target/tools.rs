//! What must be installed to build and run for a chip.

use std::env;
use std::path::Path;

use super::target::Target;
use crate::error::Error;

/// Debian's compiler comes with its library sources, from which `core` is built for the chip.
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const CARGO: &str = "/usr/bin/cargo";
const LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

const COMPILER: [(&str, &str); 3] = [
    ("rustc-web", RUSTC),
    ("cargo-web", CARGO),
    ("rust-web-src", LIBRARY),
];

/// Refuses with one line that installs everything missing.
pub(crate) fn require(target: Target) -> Result<(), Error> {
    let wanted = COMPILER.iter().chain(target.packages());
    let missing: Vec<_> = wanted.filter(|(_, file)| !is_there(file)).collect();
    let Some((_, first)) = missing.first() else {
        return Ok(());
    };
    let packages: Vec<&str> = missing.iter().map(|(package, _)| *package).collect();
    Err(Error::MissingTool {
        tool: (*first).to_owned(),
        remedy: format!("apt-get install {}", packages.join(" ")),
    })
}

/// A path is looked at, a name is looked for where the system looks for programs.
fn is_there(file: &str) -> bool {
    if file.starts_with('/') {
        return Path::new(file).is_file();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(file).is_file())
}

#[cfg(test)]
mod tests {
    use super::is_there;

    #[test]
    fn programs_are_looked_for_by_name_and_files_by_path() {
        assert!(is_there("sh"));
        assert!(is_there("/etc/passwd"));
        assert!(!is_there("no-such-tool-here"));
    }
}
