//! Errors of commands, and the exit code of each.
//!
//! The table of codes for people is in `main.rs` (`EXIT_CODES`, shown by `--help`).

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// Why a command could not do its work. The text is one sentence for the person at the keyboard.
#[derive(Debug)]
pub enum Error {
    /// Something was checked and found wrong. Exit code 1.
    Failed(String),
    /// The command line names something that does not exist. Exit code 2.
    Usage(String),
    /// A file cannot be read, understood or written. Exit code 5.
    File {
        /// The file, as the user named it.
        name: String,
        /// What was wrong with it.
        cause: String,
    },
    /// The board cannot be reached. Exit code 8.
    Port(String),
}

impl Error {
    /// Exit code of [`Error::Port`].
    pub const PORT: u8 = 8;

    /// Returns a file that could not be used, and why.
    pub fn file(path: &Path, cause: impl fmt::Display) -> Error {
        Error::File {
            name: path.display().to_string(),
            cause: cause.to_string(),
        }
    }

    /// The code that the program ends with.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Error::Failed(_) => 1,
            Error::Usage(_) => 2,
            Error::File { .. } => 5,
            Error::Port(_) => Error::PORT,
        })
    }
}

impl From<heap_report::Error> for Error {
    fn from(error: heap_report::Error) -> Error {
        match error {
            heap_report::Error::Failed(what) => Error::Failed(what),
            heap_report::Error::Usage(what) => Error::Usage(what),
            heap_report::Error::File { name, cause } => Error::File { name, cause },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Failed(what) | Error::Usage(what) | Error::Port(what) => f.write_str(what),
            Error::File { name, cause } => write!(f, "{name}: {cause}"),
        }
    }
}

impl std::error::Error for Error {}
