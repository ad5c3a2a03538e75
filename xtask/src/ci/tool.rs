//! External tools: run, or reported as missing or failed.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::error::Error;

/// Why a step did not pass.
#[derive(Debug)]
pub(crate) enum StepError {
    /// A tool found fault, or could not be run.
    Failed(String),
    /// A tool is not installed.
    Missing { tool: String, remedy: String },
}

impl StepError {
    pub(crate) fn missing(tool: &str, remedy: &str) -> StepError {
        StepError::Missing {
            tool: tool.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        match error {
            Error::MissingTool { tool, remedy } => StepError::Missing { tool, remedy },
            other => StepError::Failed(other.to_string()),
        }
    }
}

impl From<esp_heap::error::Error> for StepError {
    fn from(error: esp_heap::error::Error) -> Self {
        StepError::Failed(error.to_string())
    }
}

/// The cargo that started this program.
pub(crate) fn cargo() -> Command {
    Command::new(cargo_path())
}

fn cargo_path() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs `command` to its end; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), StepError> {
    let what = in_words(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(StepError::Failed(format!("{what}: {status}"))),
        Err(cause) => Err(StepError::Failed(format!("{what}: {cause}"))),
    }
}

/// Whether `command` exists and succeeds; its output is thrown away.
pub(crate) fn works(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The standard output of `command`.
pub(crate) fn output(command: &mut Command) -> Result<String, StepError> {
    let what = in_words(command);
    let output = command.stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => Err(StepError::Failed(format!("{what}: {}", output.status))),
        Err(cause) => Err(StepError::Failed(format!("{what}: {cause}"))),
    }
}

/// `cargo check -p multi-heap`: the line a person would type.
pub(crate) fn in_words(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{StepError, in_words, run, works};

    #[test]
    fn a_command_is_told_as_it_would_be_typed() {
        assert_eq!(
            in_words(Command::new("/usr/bin/cargo").args(["fmt", "--all"])),
            "cargo fmt --all"
        );
    }

    #[test]
    fn a_tool_that_does_not_exist_does_not_work() {
        assert!(!works(&mut Command::new("no-such-tool-here")));
    }

    #[test]
    fn a_failing_command_is_named() {
        match run(Command::new("rustc")
            .arg("--no-such-option")
            .stderr(Stdio::null()))
        {
            Err(StepError::Failed(what)) => {
                assert!(what.starts_with("rustc --no-such-option"), "{what}");
            }
            other => panic!("{other:?}"),
        }
    }
}
