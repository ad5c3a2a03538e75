//! External command: shown by `--dry-run`, or run.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::error::Error;

/// What rustup, an outer cargo and a shell leave in the environment for another compiler than the
/// one that is to run.
const SCRUBBED: [&str; 8] = [
    "CARGO",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// A program with its arguments, in an environment without the variables that are meant for other
/// compilers.
#[derive(Debug)]
pub(crate) struct ToolCommand {
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl ToolCommand {
    pub(crate) fn new(program: impl Into<OsString>) -> ToolCommand {
        ToolCommand {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
        }
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> ToolCommand {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args<T: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = T>,
    ) -> ToolCommand {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(
        mut self,
        name: impl Into<OsString>,
        value: impl Into<OsString>,
    ) -> ToolCommand {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for variable in SCRUBBED {
            command.env_remove(variable);
        }
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.args(&self.arguments).envs(variables);
        command
    }

    fn unable(&self, cause: &std::io::Error) -> Error {
        Error::file(Path::new(&self.program), cause)
    }

    /// Runs it on this terminal; whether it succeeded.
    pub(crate) fn run(&self) -> Result<bool, Error> {
        let status = self.command().status();
        status
            .map(|status| status.success())
            .map_err(|cause| self.unable(&cause))
    }

    /// Starts it on this terminal, but for its output.
    pub(crate) fn spawn(&self, output: Stdio) -> Result<Child, Error> {
        let child = self.command().stdout(output).spawn();
        child.map_err(|cause| self.unable(&cause))
    }

    /// Runs it; its messages go to this terminal, its results are returned.
    pub(crate) fn results(&self) -> Result<Output, Error> {
        let output = self.command().stderr(Stdio::inherit()).output();
        output.map_err(|cause| self.unable(&cause))
    }

    /// Runs it without a word; whether it succeeded, and all that it printed.
    pub(crate) fn answer(&self) -> Result<(bool, String), Error> {
        let output = self.command().stdin(Stdio::null()).output();
        let output = output.map_err(|cause| self.unable(&cause))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok((output.status.success(), text))
    }
}

/// As one would type it.
impl fmt::Display for ToolCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.variables {
            write!(out, "{}={} ", name.display(), quoted(value))?;
        }
        out.write_str(&quoted(&self.program))?;
        for argument in &self.arguments {
            write!(out, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+,./:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::ToolCommand;

    #[test]
    fn a_step_is_shown_as_it_would_be_typed() {
        let command = ToolCommand::new("cargo").env("RUSTC", "/opt/my rust/rustc");
        let command = command.args(["build", "--config=a=\"b\""]);
        assert_eq!(
            command.to_string(),
            "RUSTC='/opt/my rust/rustc' cargo build '--config=a=\"b\"'"
        );
    }

    #[test]
    fn what_a_step_prints_and_how_it_ends_is_known() {
        let command = ToolCommand::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]);
        assert_eq!(command.answer().unwrap(), (false, "one\ntwo\n".to_owned()));
        assert!(ToolCommand::new("no-such-program-here").run().is_err());
    }

    #[test]
    fn a_step_does_not_see_another_compilers_variables() {
        // Cargo sets CARGO for tests.
        assert!(std::env::var_os("CARGO").is_some());
        let command = ToolCommand::new("sh").args(["-c", "echo \"<$CARGO>\""]);
        assert_eq!(command.answer().unwrap().1, "<>\n");
    }
}
