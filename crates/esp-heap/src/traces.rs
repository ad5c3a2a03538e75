//! Recorded traces that a command works on: files, folders, or the shipped ones.

use std::fs;
use std::path::{Path, PathBuf};

use heap_report::recorded::{Trace, shipped};

use crate::error::Error;

/// Returns the traces in `paths` (files, or folders of them); the shipped ones, if there are no
/// paths.
///
/// # Errors
/// A file or folder that cannot be read, or has no trace in it.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Trace>, Error> {
    if paths.is_empty() {
        return shipped::ALL
            .iter()
            .map(|shipped| Ok(shipped.read()?))
            .collect();
    }
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(traces_in(path)?);
        } else {
            files.push(path.clone());
        }
    }
    files.iter().map(|file| Ok(Trace::read(file)?)).collect()
}

/// Returns the traces of a folder, in the order of their names.
fn traces_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| Error::file(folder, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.to_string_lossy();
        if name.ends_with(".trace") || name.ends_with(".trace.gz") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::file(
            folder,
            "no *.trace or *.trace.gz in this folder",
        ));
    }
    Ok(files)
}
