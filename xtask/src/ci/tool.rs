//! External tools: run, or reported as missing or failed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};

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

/// Returns the cargo that started this program.
pub(crate) fn cargo() -> Command {
    Command::new(cargo_path())
}

fn cargo_path() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// How many lines of a failed tool's errors are repeated at the end.
const REPEATED_LINES: usize = 30;

/// Runs `command` to its end; its output goes to the terminal.
///
/// Where errors go to a file (the log of a build machine), the failure carries the last of them:
/// the log's end then says why, however much followed.
pub(crate) fn run(command: &mut Command) -> Result<(), StepError> {
    if !io::stderr().is_terminal() {
        return run_and_repeat_errors(command);
    }
    let what = in_words(command);
    match command.status() {
        Ok(status) => ended(&what, status, &[]),
        Err(cause) => Err(StepError::Failed(format!("{what}: {cause}"))),
    }
}

/// Runs `command` to its end beside others; returns what it printed, errors and all, and how it
/// ended.
pub(crate) fn run_quietly(mut command: Command) -> (String, Result<(), StepError>) {
    let what = in_words(&command);
    let mut run = || {
        let (mut output, input) = io::pipe()?;
        command.stdout(input.try_clone()?).stderr(input);
        let mut child = command.spawn()?;
        command.stdout(Stdio::null()).stderr(Stdio::null()); // closes the copies of the pipe's end
        let mut printed = Vec::new();
        output.read_to_end(&mut printed)?;
        io::Result::Ok((child.wait()?, printed))
    };
    match run() {
        Ok((status, printed)) => {
            let printed = String::from_utf8_lossy(&printed).into_owned();
            (printed, ended(&what, status, &[]))
        }
        Err(cause) => (
            String::new(),
            Err(StepError::Failed(format!("{what}: {cause}"))),
        ),
    }
}

fn run_and_repeat_errors(command: &mut Command) -> Result<(), StepError> {
    let what = in_words(command);
    let failed = |cause: io::Error| StepError::Failed(format!("{what}: {cause}"));
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut last = VecDeque::new();
    for line in child.stderr.take().into_iter().flat_map(lines) {
        let _ = writeln!(io::stderr(), "{line}");
        if last.len() == REPEATED_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    let status = child.wait().map_err(failed)?;
    ended(&what, status, last.make_contiguous())
}

/// Returns the lines of a tool's output, whatever bytes they have, until it closes.
fn lines(output: impl Read) -> impl Iterator<Item = String> {
    let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).into_owned())
}

fn ended(what: &str, status: ExitStatus, last: &[String]) -> Result<(), StepError> {
    if status.success() {
        return Ok(());
    }
    let mut text = format!("{what}: {status}");
    for line in last {
        text.push_str("\n      ");
        text.push_str(line);
    }
    Err(StepError::Failed(text))
}

/// Returns whether `command` exists and succeeds; its output is thrown away.
pub(crate) fn works(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Returns the standard output of `command`.
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
    use std::process::Command;

    use super::{StepError, in_words, run_and_repeat_errors, run_quietly, works};

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
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
    fn a_command_beside_others_returns_what_it_printed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo error >&2; exit 3"]);
        let (printed, ended) = run_quietly(command);
        assert_eq!(printed, "out\nerror\n");
        match ended {
            Err(StepError::Failed(what)) => assert!(what.ends_with("exit status: 3"), "{what}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failing_command_is_named_with_its_last_errors() {
        match run_and_repeat_errors(Command::new("rustc").arg("--no-such-option")) {
            Err(StepError::Failed(what)) => {
                assert!(what.starts_with("rustc --no-such-option: exit"), "{what}");
                assert!(what.contains("\n      error: "), "{what}");
            }
            other => panic!("{other:?}"),
        }
        let many = "for i in $(seq 100); do echo line $i >&2; done; exit 1";
        match run_and_repeat_errors(Command::new("sh").args(["-c", many])) {
            Err(StepError::Failed(what)) => {
                let shown: Vec<_> = what.lines().skip(1).map(str::trim).collect();
                assert_eq!((shown.first(), shown.len()), (Some(&"line 71"), 30));
            }
            other => panic!("{other:?}"),
        }
    }
}
