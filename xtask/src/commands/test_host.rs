//! Do all host tests of the workspace pass?

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use crate::clib::checks;
use crate::error::Error;
use esp_heap::say;

/// Run every test that runs on this machine: unit, integration and documentation tests, and the
/// checks of the C library in C
#[derive(clap::Args)]
#[command(after_help = "\
The checks in C run with 64-bit and 32-bit pointers, at every poisoning level; a width that cannot be built here is left out and named.

The exit code is cargo's own: 0 when all tests pass, 101 when one fails. It is 1 when only checks in C fail.")]
pub(crate) struct Arguments {
    /// Test optimised code
    #[arg(long)]
    release: bool,
    /// Passed on to the test programs, for example `-- --nocapture`
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let unable = |cause| Error::Failed(format!("cargo test cannot be run: {cause}"));
    let start = Instant::now();
    let mut child = cargo_test(arguments).spawn().map_err(unable)?;
    let mut tally = Tally::of_output(&mut child);
    let status = child.wait().map_err(unable)?;
    let c_passed = tally.add_checks_in_c()?;
    let verdict = if status.success() && c_passed {
        "all is well"
    } else {
        "FAILED, see above"
    };
    say!(
        "test-host: {verdict}, after {:.1} s",
        start.elapsed().as_secs_f64()
    )?;
    say!("{}", tally.closing_line())?;
    match status.success() && !c_passed {
        true => Ok(ExitCode::FAILURE),
        false => Ok(passed_on(status.code())),
    }
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
    command.stdout(Stdio::piped());
    command
}

/// The exit code of the child; 1 when a signal ended it.
fn passed_on(code: Option<i32>) -> ExitCode {
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// How many tests ended how, over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Tally {
    /// Prints what `child` prints and counts along.
    fn of_output(child: &mut Child) -> Tally {
        child
            .stdout
            .take()
            .map_or_else(Tally::default, Tally::of_lines)
    }

    fn of_lines(output: impl Read) -> Tally {
        let mut tally = Tally::default();
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            let _ = say!("{line}");
            tally.add(&line);
        }
        tally
    }

    /// Counts `test result: ok. 38 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Runs the checks in C, and counts them; whether none failed.
    fn add_checks_in_c(&mut self) -> Result<bool, Error> {
        let before = self.failed;
        for (processor, poisoning) in checks::KINDS {
            let name = processor.name();
            match checks::run(processor, poisoning) {
                Ok(outcome) => {
                    say!(
                        "checks in C, {name}, poisoning {poisoning:?}: {} passed, {} failed",
                        outcome.passed,
                        outcome.failed
                    )?;
                    self.passed += outcome.passed;
                    self.failed += outcome.failed;
                }
                Err(missing @ Error::MissingTool { .. }) => {
                    say!("checks in C, {name}, poisoning {poisoning:?}: LEFT OUT: {missing}")?;
                    self.ignored += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.failed == before)
    }

    fn closing_line(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Tally, cargo_test};

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

    #[test]
    fn the_results_of_all_test_programs_are_added_up() {
        let output = "running 2 tests\n\
            test result: ok. 38 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.03s\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let tally = Tally::of_lines(output.as_bytes());
        assert_eq!(tally.closing_line(), "41 passed, 2 failed, 1 skipped");
    }
}
