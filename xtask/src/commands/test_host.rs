//! Do all host tests of the workspace pass?

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::error::Error;

/// Run every test that runs on this machine: unit, integration and documentation tests
#[derive(clap::Args)]
#[command(after_help = "The exit code is cargo's own: 0 when all tests pass, 101 when one fails.")]
pub(crate) struct Arguments {
    /// Test optimised code
    #[arg(long)]
    release: bool,
    /// Passed on to the test programs, for example `-- --nocapture`
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let start = Instant::now();
    let status = cargo_test(arguments)
        .status()
        .map_err(|cause| Error::Failed(format!("cargo cannot be started: {cause}")))?;
    let seconds = start.elapsed().as_secs_f64();
    if status.success() {
        println!("test-host: every host test of the workspace passed in {seconds:.1} s");
    } else {
        println!("test-host: FAILED after {seconds:.1} s; cargo says above what and where");
    }
    Ok(passed_on(status.code()))
}

fn cargo_test(arguments: &Arguments) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if arguments.release {
        command.arg("--release");
    }
    if !arguments.rest.is_empty() {
        command.arg("--").args(&arguments.rest);
    }
    command
}

/// The exit code of the child; 1 when a signal ended it.
fn passed_on(code: Option<i32>) -> ExitCode {
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::{Arguments, cargo_test};

    #[test]
    fn the_whole_workspace_is_tested_and_the_rest_is_passed_on() {
        let arguments = Arguments {
            release: true,
            rest: vec!["--nocapture".into()],
        };
        let command = cargo_test(&arguments);
        let given: Vec<_> = command.get_args().collect();
        assert_eq!(
            given,
            [
                "test",
                "--workspace",
                "--no-fail-fast",
                "--release",
                "--",
                "--nocapture"
            ]
        );
    }
}
