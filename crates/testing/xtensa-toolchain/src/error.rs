//! Errors between bitcode and a program.

use std::fmt;
use std::path::Path;

/// Why a step failed: one sentence, or a tool's own complaint.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(what: impl Into<String>) -> Error {
        Error(what.into())
    }

    /// Returns a file that could not be used, and why.
    #[must_use]
    pub fn file(path: &Path, cause: impl fmt::Display) -> Error {
        Error(format!("{}: {cause}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
