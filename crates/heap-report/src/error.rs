//! Errors of reading, replaying and reporting, in a sentence for the person at the keyboard.

use std::fmt;
use std::path::Path;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Something was checked and found wrong: a block that changed, a heap that refuses its own
    /// block.
    Failed(String),
    /// What was asked for does not exist or makes no sense.
    Usage(String),
    /// A file cannot be read, understood or written.
    File {
        /// The file, as the user named it.
        name: String,
        /// What was wrong with it.
        cause: String,
    },
}

impl Error {
    /// Returns a file that could not be used, and why.
    pub fn file(path: &Path, cause: impl fmt::Display) -> Error {
        Error::File {
            name: path.display().to_string(),
            cause: cause.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Failed(what) | Error::Usage(what) => out.write_str(what),
            Error::File { name, cause } => write!(out, "{name}: {cause}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_what_is_wrong_with_it() {
        let error = Error::file(Path::new("events.log"), "no frame in it");
        assert_eq!(error.to_string(), "events.log: no frame in it");
    }
}
