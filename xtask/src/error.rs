//! Errors of commands, with their exit codes.
//!
//! The table of codes for people is in `main.rs` (`EXIT_CODES`, shown by `--help`).

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// Why a command could not do its work. The text is one sentence for the person at the keyboard.
#[derive(Debug)]
pub(crate) enum Error {
    /// Something was checked and found wrong. Exit code 1.
    Failed(String),
    /// The command line names something that does not exist. Exit code 2.
    Usage(String),
    /// A program this command needs is not installed. Exit code 3.
    MissingTool {
        /// The program as it was called.
        tool: String,
        /// The line that installs it.
        remedy: String,
    },
    /// A file cannot be read, understood or written. Exit code 5.
    File {
        /// The file, as the user named it.
        name: String,
        /// What was wrong with it.
        cause: String,
    },
    /// A program for a board cannot be built. Exit code 6.
    Build(String),
    /// A program or an image would not start on its chip. Exit code 7.
    Image(String),
    /// The board cannot be reached. Exit code 8.
    Port(String),
}

impl Error {
    pub(crate) const PORT: u8 = esp_heap::error::Error::PORT;

    /// Returns a file that could not be used, and why.
    pub(crate) fn file(path: &Path, cause: impl fmt::Display) -> Error {
        Error::File {
            name: path.display().to_string(),
            cause: cause.to_string(),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Error::Failed(_) => 1,
            Error::Usage(_) => 2,
            Error::MissingTool { .. } => 3,
            Error::File { .. } => 5,
            Error::Build(_) => 6,
            Error::Image(_) => 7,
            Error::Port(_) => Error::PORT,
        })
    }
}

impl From<esp_heap::error::Error> for Error {
    fn from(error: esp_heap::error::Error) -> Error {
        use esp_heap::error::Error as Common;
        match error {
            Common::Failed(what) => Error::Failed(what),
            Common::Usage(what) => Error::Usage(what),
            Common::File { name, cause } => Error::File { name, cause },
            Common::Port(what) => Error::Port(what),
        }
    }
}

impl From<xtensa_toolchain::Error> for Error {
    fn from(error: xtensa_toolchain::Error) -> Error {
        Error::Failed(error.to_string())
    }
}

impl From<heap_report::Error> for Error {
    fn from(error: heap_report::Error) -> Error {
        esp_heap::error::Error::from(error).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Failed(what)
            | Error::Usage(what)
            | Error::Build(what)
            | Error::Image(what)
            | Error::Port(what) => f.write_str(what),
            Error::MissingTool { tool, remedy } => {
                write!(f, "{tool} is not installed; install it with: {remedy}")
            }
            Error::File { name, cause } => write!(f, "{name}: {cause}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn a_missing_tool_comes_with_the_line_that_installs_it() {
        let error = Error::MissingTool {
            tool: "rustfmt".into(),
            remedy: "rustup component add rustfmt".into(),
        };
        assert_eq!(
            error.to_string(),
            "rustfmt is not installed; install it with: rustup component add rustfmt"
        );
    }
}
