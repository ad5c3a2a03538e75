//! The checks in C (`crates/heap-caps-c/checks`) on this machine.
//!
//! ```text
//!   checks/*.c ─ gcc ─┐
//!   libheap_caps.a ───┴─> a program for each width and poisoning level ─> lines of text, an exit code
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::build::root;
use super::{Order, Processor, features};
use crate::error::Error;
use crate::on_target::tools;
use esp_heap::poisoning::Poisoning;
use esp_heap::say;

/// What every file in C must pass.
const STRICT: [&str; 6] = [
    "-std=c99",
    "-O1",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
];

/// Every kind of library that this machine may run.
pub(crate) const KINDS: [(Processor, Poisoning); 6] = [
    (Processor::Host, Poisoning::None),
    (Processor::Host, Poisoning::Light),
    (Processor::Host, Poisoning::Comprehensive),
    (Processor::Host32, Poisoning::None),
    (Processor::Host32, Poisoning::Light),
    (Processor::Host32, Poisoning::Comprehensive),
];

/// What a run of the checks came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

/// Builds the library and the checks, runs them, and shows what fails.
pub(crate) fn run(processor: Processor, poisoning: Poisoning) -> Result<Outcome, Error> {
    require(processor)?;
    let mut outcome = Outcome::default();
    for program in programs()? {
        let (file, library) = (program.name, program.library(processor, poisoning)?);
        let file = library.with_file_name(file);
        let mut compiler = Command::new("gcc");
        compiler.args(STRICT).args(width(processor));
        compiler.args(definition(poisoning)).args(program.options);
        compiler.arg("-I").arg(include()).arg("-I").arg(folder());
        compiler.args(program.files).arg(&library);
        succeed(compiler.arg("-o").arg(&file))?;
        outcome.add(&run_one(&file)?);
    }
    outcome.add(&dying(processor, poisoning)?);
    for standard in CPP {
        outcome.add(&cpp(processor, poisoning, standard)?);
    }
    Ok(outcome)
}

/// How the checks in C++ are compiled: the oldest language that the header takes, newer ones, and
/// firmware's options.
const CPP: [&[&str]; 4] = [
    &["-std=c++11"],
    &["-std=c++17"],
    &["-std=c++20"],
    &["-std=c++17", "-fno-exceptions", "-fno-rtti"],
];

/// Compiles and runs the checks of the C++ header.
fn cpp(processor: Processor, poisoning: Poisoning, standard: &[&str]) -> Result<Outcome, Error> {
    let library = library(processor, poisoning)?;
    let file = library.with_file_name("checks_cpp");
    let mut compiler = Command::new("g++");
    compiler
        .args(standard)
        .args(&STRICT[1..])
        .args(width(processor));
    compiler.arg("-I").arg(include());
    compiler.arg(folder().join("cpp/main.cpp")).arg(&library);
    succeed(compiler.arg("-o").arg(&file))?;
    run_one(&file)
}

/// Runs a program that makes a mistake once for each: it must say so in a line and end by `abort`;
/// or go on, if it chose to.
fn dying(processor: Processor, poisoning: Poisoning) -> Result<Outcome, Error> {
    let library = library(processor, poisoning)?;
    let file = library.with_file_name("dying");
    let mut compiler = Command::new("gcc");
    compiler.args(STRICT).args(width(processor));
    compiler.arg("-I").arg(include());
    compiler.arg(folder().join("dying/main.c")).arg(&library);
    succeed(compiler.arg("-o").arg(&file))?;
    let of = |words: &[&str]| {
        let output = Command::new(&file).args(words).output();
        output.map_err(|cause| Error::file(&file, cause))
    };
    let mut outcome = Outcome::default();
    for mistake in String::from_utf8_lossy(&of(&[])?.stdout).lines() {
        let (died, lived) = (of(&[mistake])?, of(&[mistake, "go-on"])?);
        if ends_loudly(&died) && goes_on(&lived) {
            outcome.passed += 1;
        } else {
            say!("FAILED  a_program_dies_of_{mistake}: {died:?} {lived:?}")?;
            outcome.failed += 1;
        }
    }
    // A program that names no mistake shows nothing.
    outcome.failed += u32::from(outcome.passed == 0);
    Ok(outcome)
}

fn ends_loudly(output: &Output) -> bool {
    let stdout = String::from_utf8_lossy(&output.stdout);
    stdout.starts_with("heap fault: ") && stdout.lines().count() == 1 && is_aborted(output.status)
}

fn goes_on(output: &Output) -> bool {
    let stdout = String::from_utf8_lossy(&output.stdout);
    stdout.starts_with("heap fault: ") && stdout.ends_with("alive\n") && output.status.success()
}

#[cfg(unix)]
fn is_aborted(status: std::process::ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(6) // SIGABRT
}

#[cfg(not(unix))]
fn is_aborted(status: std::process::ExitStatus) -> bool {
    !status.success()
}

/// Returns the library with every C name.
fn library(processor: Processor, poisoning: Poisoning) -> Result<PathBuf, Error> {
    let order = Order {
        processor,
        features: features::all()?,
        poisoning,
    };
    order.build()
}

/// Runs a program; what it prints of successes is left out.
fn run_one(program: &Path) -> Result<Outcome, Error> {
    let output = Command::new(program)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| Error::file(program, cause))?;
    let mut outcome = Outcome::of(String::from_utf8_lossy(&output.stdout).lines());
    // A program that crashed did not come to the end of its checks.
    outcome.failed += u32::from(!output.status.success() && outcome.failed == 0);
    Ok(outcome)
}

/// Files that become a program.
struct Program {
    name: &'static str,
    options: &'static [&'static str],
    /// What its library has beside the C names.
    features: &'static [&'static str],
    files: Vec<PathBuf>,
}

impl Program {
    /// Returns what it is linked with. A library is built once for all programs that want the same.
    fn library(&self, processor: Processor, poisoning: Poisoning) -> Result<PathBuf, Error> {
        let mut features = features::all()?;
        features.extend(self.features.iter().map(|&feature| feature.to_owned()));
        let order = Order {
            processor,
            features,
            poisoning,
        };
        order.build()
    }
}

/// Returns the checks of today's names, under both policies; those of 2016, whose regions are
/// handed over before there are heaps; those of traces and accounts.
fn programs() -> Result<[Program; 4], Error> {
    let common = ["check.c", "host.c", "main.c"].map(|file| folder().join(file));
    let mut of_2016 = common.to_vec();
    of_2016.extend(files_in_c(&folder().join("of_2016"))?);
    let mut of_tracing = common.to_vec();
    of_tracing.push(folder().join("memory.c"));
    of_tracing.extend(files_in_c(&folder().join("of_tracing"))?);
    let today = Program {
        name: "checks",
        options: &[],
        features: &[],
        files: files_in_c(&folder())?,
    };
    let placed_as_esp_idf = Program {
        name: "checks_idf_exact",
        options: &[],
        features: &["policy-idf-exact"],
        files: files_in_c(&folder())?,
    };
    let of_2016 = Program {
        name: "checks_2016",
        options: &["-DGROUPS=\"of_2016/groups.h\""],
        features: &[],
        files: of_2016,
    };
    let of_tracing = Program {
        name: "checks_tracing",
        options: &["-DGROUPS=\"of_tracing/groups.h\""],
        features: &["heap-tracing", "heap-task-tracking"],
        files: of_tracing,
    };
    Ok([today, placed_as_esp_idf, of_2016, of_tracing])
}

/// Refuses where there is no compiler for this width, with one line that installs it.
pub(super) fn require(processor: Processor) -> Result<(), Error> {
    processor.require()?;
    tools::require_all([("gcc libc6-dev", "gcc"), ("g++", "g++")].iter())?;
    if processor == Processor::Host32 && !links_32_bits() {
        return Err(Error::MissingTool {
            tool: "gcc -m32".into(),
            remedy: "apt-get install gcc-multilib g++-multilib".into(),
        });
    }
    Ok(())
}

/// Debian's `gcc-multilib` brings the headers and start-up files for 32-bit programs.
fn links_32_bits() -> bool {
    let asked = Command::new("gcc")
        .args(["-m32", "-print-file-name=crt1.o"])
        .output();
    asked.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&path).is_file()
    })
}

/// Runs a compiler, whose complaints are shown.
pub(super) fn succeed(compiler: &mut Command) -> Result<(), Error> {
    let name = compiler.get_program().to_string_lossy().into_owned();
    let status = compiler
        .status()
        .map_err(|cause| Error::Failed(format!("{name} cannot be run: {cause}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed(format!("{name} fails, see above")))
    }
}

pub(super) fn width(processor: Processor) -> &'static [&'static str] {
    match processor {
        Processor::Host32 => &["-m32"],
        _ => &[],
    }
}

/// Returns how the checks get the poisoning level: by ESP-IDF's names.
fn definition(poisoning: Poisoning) -> &'static [&'static str] {
    match poisoning {
        Poisoning::None => &[],
        Poisoning::Light => &["-DCONFIG_HEAP_POISONING_LIGHT"],
        Poisoning::Comprehensive => &["-DCONFIG_HEAP_POISONING_COMPREHENSIVE"],
    }
}

/// Returns the headers of the library.
fn include() -> PathBuf {
    root().join("crates/heap-caps-c/include")
}

fn folder() -> PathBuf {
    root().join("crates/heap-caps-c/checks")
}

/// Returns the files in C of a folder, in a fixed order.
fn files_in_c(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| Error::file(folder, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    Ok(files)
}

impl Outcome {
    /// Counts `ok      a_sentence` and `FAILED  a_sentence`, and shows all that is no success.
    pub(crate) fn of<'text>(lines: impl Iterator<Item = &'text str>) -> Outcome {
        let mut outcome = Outcome::default();
        for line in lines {
            if line.starts_with("ok ") {
                outcome.passed += 1;
            } else {
                let _ = say!("{line}");
                outcome.failed += u32::from(line.starts_with("FAILED "));
            }
        }
        outcome
    }

    fn add(&mut self, other: &Outcome) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn successes_and_failures_are_counted() {
        let text = "ok      one\nx.c:7: not true: 1 == 2\nFAILED  two\n1 passed, 1 failed\n";
        assert_eq!(
            Outcome::of(text.lines()),
            Outcome {
                passed: 1,
                failed: 1
            }
        );
    }
}
