//! Compilers unpacked into a folder beside the system: another Debian's, which need that Debian's C
//! library.
//!
//! ```text
//!   FOLDER/usr/bin/rustc   FOLDER/usr/lib64/ld-linux-….so.2   FOLDER/usr/lib/…-linux-gnu
//!        ▲                      ▲ starts it                        ▲ with these libraries
//!        └──────────────────────┴── a script of this name in the build folder, since cargo starts programs by one name
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The programs that cargo starts, or that start cargo.
const PROGRAMS: [&str; 4] = ["rustc", "cargo", "cargo-clippy", "clippy-driver"];

/// Returns the compiler that `path` names: a program as it is, or the one in a folder that a system
/// was unpacked into.
pub(crate) fn compiler(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join("usr/bin/rustc")
    } else {
        path.to_owned()
    }
}

/// Writes scripts into `scripts` that start the programs beside `rustc` by the loader of the folder
/// it was unpacked into. Returns the script for the compiler; `rustc` itself where it belongs to
/// this system.
pub(crate) fn launched(rustc: &Path, scripts: &Path) -> Result<PathBuf, Error> {
    let Some(root) = root_of(rustc) else {
        return Ok(rustc.to_owned());
    };
    let Some(loader) = find(&root, &["usr/lib64", "usr/lib"], |name| {
        name.starts_with("ld-linux")
    }) else {
        return Ok(rustc.to_owned());
    };
    let libraries = find(&root, &["usr/lib"], |name| name.ends_with("-linux-gnu"));
    let libraries = libraries.unwrap_or_else(|| root.join("usr/lib"));
    fs::create_dir_all(scripts).map_err(|cause| Error::file(scripts, cause))?;
    for name in PROGRAMS {
        let program = root.join("usr/bin").join(name);
        let script = scripts.join(name);
        if program.is_file() {
            write_script(&script, &loader, &libraries, &program)?;
        } else {
            let _ = fs::remove_file(&script);
        }
    }
    Ok(scripts.join("rustc"))
}

/// `/` has a loader too: a compiler of this system needs no script.
fn root_of(rustc: &Path) -> Option<PathBuf> {
    let rustc = fs::canonicalize(rustc).ok()?;
    let root = rustc.parent()?.parent()?.parent()?;
    let is_unpacked = rustc.ends_with("usr/bin/rustc") && root != Path::new("/");
    is_unpacked.then(|| root.to_owned())
}

fn find(root: &Path, folders: &[&str], is_wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(root.join(folder)).ok())
        .flatten()
        .flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.into_iter().next()
}

/// Leaves a script alone that says the same already: another build may be running it.
fn write_script(
    script: &Path,
    loader: &Path,
    libraries: &Path,
    program: &Path,
) -> Result<(), Error> {
    let text = format!(
        "#!/bin/sh\nexec '{}' --library-path '{}' '{}' \"$@\"\n",
        loader.display(),
        libraries.display(),
        program.display()
    );
    if fs::read(script).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let unwritable = |cause| Error::file(script, cause);
    fs::write(script, text).map_err(unwritable)?;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A folder with a loader that says how it is called.
    fn unpacked() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("usr/lib64/ld-linux-x86-64.so.2", "#!/bin/sh\necho \"$@\"\n"),
            ("usr/lib/x86_64-linux-gnu/libc.so.6", ""),
            ("usr/bin/rustc", ""),
        ] {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn a_compiler_of_another_system_is_started_by_that_systems_loader() {
        let (folder, scripts) = (unpacked(), tempfile::tempdir().unwrap());
        let root = fs::canonicalize(folder.path()).unwrap();
        let script = launched(&compiler(folder.path()), scripts.path()).unwrap();
        let output = Command::new(script).args(["-vV", "a b"]).output().unwrap();
        let expected = format!(
            "--library-path {0}/usr/lib/x86_64-linux-gnu {0}/usr/bin/rustc -vV a b\n",
            root.display()
        );
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        assert!(!scripts.path().join("cargo").exists(), "there is no cargo");
    }

    #[test]
    fn a_compiler_of_this_system_is_started_as_it_is() {
        let scripts = tempfile::tempdir().unwrap();
        for rustc in ["/usr/bin/rustc", "/no/such/rustc"] {
            let launched = launched(Path::new(rustc), scripts.path()).unwrap();
            assert_eq!(launched, Path::new(rustc));
        }
    }
}
