//! The Xtensa linker and compiler wrapper (`crates/testing/xtensa-toolchain`): where they are, and
//! how they are built.

use std::env;
use std::path::{Path, PathBuf};

use crate::ci::tool;
use crate::error::Error;

const PACKAGE: &str = "xtensa-toolchain";

/// Returns the linker that rustc calls.
pub(crate) fn linker() -> Result<PathBuf, Error> {
    Ok(folder()?.join("xtensa-linker"))
}

/// Returns the wrapper of rustc that cargo calls.
pub(crate) fn compiler() -> Result<PathBuf, Error> {
    Ok(folder()?.join("xtensa-rustc"))
}

/// Builds both, beside this program.
pub(crate) fn build() -> Result<(), Error> {
    let folder = folder()?;
    let mut command = tool::cargo();
    command.args(["build", "--quiet", "--package", PACKAGE]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Error::Failed(format!(
            "{PACKAGE} cannot be built, see above"
        ))),
    }
}

/// Returns the folder of this program; test programs lie one deeper.
fn folder() -> Result<PathBuf, Error> {
    let this = env::current_exe().map_err(|cause| Error::Failed(cause.to_string()))?;
    let folder = this.parent().unwrap_or(Path::new("."));
    Ok(if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder).to_owned()
    } else {
        folder.to_owned()
    })
}
