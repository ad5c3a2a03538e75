//! `test-host`: all host tests of the workspace, and the names of those that fail.
//!
//! All output is shown, and kept in `target/test-host.log`; the last lines name what failed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::ci::sources::target_folder;
use crate::clib::checks;
use crate::error::Error;
use esp_heap::say;

/// Run every test that runs on this machine: unit, integration and documentation tests, and the
/// checks of the C library in C
#[derive(clap::Args)]
#[command(after_help = "\
The checks in C run with 64-bit and 32-bit pointers, at every poisoning level; a width that cannot be built here is left out and named.

The last lines name every test and test program that failed. All output is kept in target/test-host.log.

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
    let log = target_folder().join("test-host.log");
    let file = open(&log)?;
    let mut child = cargo_test(arguments).spawn().map_err(unable)?;
    let mut counts = TestCounts::of_output(&mut child, &file);
    let status = child.wait().map_err(unable)?;
    let c_passed = counts.add_checks_in_c()?;
    let verdict = if status.success() && c_passed {
        "all is well"
    } else {
        "FAILED, see above"
    };
    say!(
        "test-host: {verdict}, after {:.1} s",
        start.elapsed().as_secs_f64()
    )?;
    for failed in counts.named() {
        say!("FAILED  {failed}")?;
    }
    say!("{}; log: {}", counts.closing_line(), log.display())?;
    if status.success() && !c_passed {
        Ok(ExitCode::FAILURE)
    } else {
        Ok(passed_on(status.code()))
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
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn open(log: &Path) -> Result<Mutex<File>, Error> {
    let folder = target_folder();
    fs::create_dir_all(&folder).map_err(|cause| Error::file(&folder, cause))?;
    let file = File::create(log).map_err(|cause| Error::file(log, cause))?;
    Ok(Mutex::new(file))
}

/// Calls `each` with every line of `output`, which is shown by `show` and kept in the log.
fn lines(output: impl Read, log: &Mutex<impl Write>, show: fn(&str), mut each: impl FnMut(&str)) {
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        show(&line);
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(log, "{line}");
        each(&line);
    }
}

/// The exit code of the child; 1 when a signal ended it.
fn passed_on(code: Option<i32>) -> ExitCode {
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// How many tests ended how, over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct TestCounts {
    passed: u32,
    failed: u32,
    ignored: u32,
    /// Tests that failed.
    tests: BTreeSet<String>,
    /// Test programs that failed, as cargo names them: those that a signal ended name no test.
    programs: BTreeSet<String>,
}

impl TestCounts {
    /// Shows and keeps what `child` prints, and counts along.
    fn of_output(child: &mut Child, log: &Mutex<impl Write + Send>) -> TestCounts {
        let (mut counts, mut programs) = (TestCounts::default(), BTreeSet::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            scope.spawn(|| {
                let show = |line: &str| drop(writeln!(io::stderr(), "{line}"));
                let each = |line: &str| programs.extend(program_that_failed(line));
                stderr.map(|stderr| lines(stderr, log, show, each))
            });
            let show = |line: &str| drop(say!("{line}"));
            if let Some(stdout) = stdout {
                lines(stdout, log, show, |line| counts.add(line));
            }
        });
        counts.programs = programs;
        counts
    }

    /// Returns what failed, by name.
    fn named(&self) -> impl Iterator<Item = &String> {
        self.tests.iter().chain(&self.programs)
    }

    /// Counts `test result: ok. 38 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        self.tests.extend(test_that_failed(line));
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
                    if outcome.failed > 0 {
                        let kind = format!("checks in C, {name}, poisoning {poisoning:?}");
                        self.programs.insert(kind);
                    }
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

/// `test a::b ... FAILED`: `a::b`.
fn test_that_failed(line: &str) -> Option<String> {
    let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(test.to_owned())
}

/// Of cargo's list of targets that failed, a line: "    `-p xtask --test board`".
fn program_that_failed(line: &str) -> Option<String> {
    let target = line.strip_prefix("    `-p ")?.strip_suffix('`')?;
    Some(format!("cargo test -p {target}"))
}

#[cfg(test)]
mod tests {
    use super::{Arguments, TestCounts, cargo_test, lines, program_that_failed};
    use std::sync::Mutex;

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
        let counts = counts(output);
        assert_eq!(counts.closing_line(), "41 passed, 2 failed, 1 skipped");
        assert_eq!(counts.named().count(), 0);
    }

    #[test]
    fn what_failed_has_a_name() {
        let output = "test a::b ... ok\ntest a::c ... FAILED\n\
            test src/lib.rs - D::e (line 7) ... FAILED\nnot a test ... FAILED\n";
        let counts = counts(output);
        let named: Vec<_> = counts.named().collect();
        assert_eq!(named, ["a::c", "src/lib.rs - D::e (line 7)"]);
        let program = program_that_failed("    `-p xtask --test board`");
        assert_eq!(program.as_deref(), Some("cargo test -p xtask --test board"));
        assert_eq!(program_that_failed("error: 1 target failed:"), None);
    }

    /// Nothing is shown: whoever counts the lines of this program would count these too.
    fn counts(output: &str) -> TestCounts {
        let mut counts = TestCounts::default();
        let log = Mutex::new(Vec::new());
        lines(output.as_bytes(), &log, |_| (), |line| counts.add(line));
        assert_eq!(log.into_inner().unwrap_or_default(), output.as_bytes());
        counts
    }
}
