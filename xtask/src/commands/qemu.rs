//! `qemu`: the test suite on emulated chips, at the chips' addresses.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::clib::checks::Outcome;
use crate::error::Error;
use crate::image_header;
use crate::on_target::build::C_CHECKS;
use crate::on_target::run::{Ended, run as emulate};
use crate::on_target::{Programs, Target, caught, leaks};
use esp_heap::poisoning::Poisoning;
use esp_heap::{say, status};
use target_suite::faults as seeded;

/// Longest time of one run of the emulator. A check takes a tenth of a second.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The same for all checks in C together.
const C_TIME_LIMIT: Duration = Duration::from_secs(300);
/// The same for the program that must be stopped.
const SHORT_LIMIT: Duration = Duration::from_secs(2);

/// Programs that check by themselves what they print, and something that they print; a report made
/// of that must name the leaks of `leaks` and `events`, and the bugs of `guard`.
const SELF_CHECKING: [(&str, &[&str]); 4] = [
    ("leaks", &["src/bin/leaks.rs:"]),
    ("events", &["blocks live"]),
    ("guard", &[" allocations guarded"]),
    ("out_of_order", OUT_OF_ORDER),
];

/// What a claim and the heap say at the wrong time.
const OUT_OF_ORDER: &[&str] = &[
    "the RAM is claimed before `.bss` is cleared, which would clear the heap",
    "malloc: 16 B with DEFAULT: there is no heap yet: was this before the heap was booted?",
    "alloc: 32 B with INTERNAL|DEFAULT: there is no heap yet: was this before the heap was booted?",
    "the RAM of this claim was taken before",
    "the RAM was claimed before `.bss` was cleared, and the heap is cleared with it",
];

/// Build for a chip and run every check in an emulator, each in a machine of its own
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Whose instruction set
    #[arg(long, value_enum, default_value = "esp32")]
    target: Target,
    /// Run the checks whose names contain this, and nothing else
    #[arg(long, value_name = "NAME", conflicts_with = "bin")]
    test: Option<String>,
    /// Run this program, show what it prints and pass its exit code on
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,
}

const HELP: &str = "\
Programs for --bin: suite (with --bin alone it names its checks), torture, faults, bench, leaks (a trace of three planted leaks), events (an event stream in hexadecimal), guard (two planted bugs, caught while they write), out_of_order (what a claim and the heap say at the wrong time), calls_pressure (what calls cost while something for short memory is registered), c_checks and c_checks_2016 (the checks in C), and those that must fail:
stack_overflow, illegal_instruction, null_write, narrow_iram_access, failed_check, double_free, endless.

Exit codes of programs: 0 all is well, 64 + the processor's number of the cause for a trap, 101 for a failed check.";

/// A program that shows how programs fail: it must end with this exit code (`None`: by the time
/// limit), having said this.
struct Failing {
    program: &'static str,
    code: Option<i32>,
    report: &'static str,
}

const fn failing(program: &'static str, code: Option<i32>, report: &'static str) -> Failing {
    Failing {
        program,
        code,
        report,
    }
}

/// Xtensa's causes: 0 illegal instruction, 24 data address not mapped, 29 store prohibited.
const FAILING_ON_XTENSA: &[Failing] = &[
    failing("stack_overflow", Some(64 + 24), "trap: stack overflow"),
    failing("illegal_instruction", Some(64), "trap: illegal instruction"),
    failing("null_write", Some(64 + 24), "address 0x00000004"),
    failing(
        "narrow_iram_access",
        Some(64 + 29),
        "trap: access to IRAM that is not an aligned word",
    ),
    failing("failed_check", Some(101), "arithmetic is as it was"),
    failing("double_free", Some(101), "heap fault: free of 0x3F"),
    failing("endless", None, "waiting for the time limit"),
];

/// RISC-V's causes: 2 illegal instruction, 15 store page fault.
const FAILING_ON_RISCV: &[Failing] = &[
    failing("stack_overflow", Some(64 + 15), "trap: stack overflow"),
    failing(
        "illegal_instruction",
        Some(64 + 2),
        "trap: illegal instruction",
    ),
    failing("null_write", Some(64 + 15), "address 0x00000004"),
    failing("failed_check", Some(101), "arithmetic is as it was"),
    failing("double_free", Some(101), "heap fault: free of 0x3F"),
    failing("endless", None, "waiting for the time limit"),
];

const fn failing_on(target: Target) -> &'static [Failing] {
    match target {
        Target::Esp32 => FAILING_ON_XTENSA,
        Target::Esp32c3 => FAILING_ON_RISCV,
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    match &arguments.bin {
        Some(program) => one_program(arguments.target, program),
        None => every_check(arguments.target, arguments.test.as_deref().unwrap_or("")),
    }
}

/// Builds and runs a program as it is.
fn one_program(target: Target, name: &str) -> Result<ExitCode, Error> {
    let programs = if C_CHECKS.contains(&name) {
        Programs::require_c(target)?;
        Programs::build_c_checks(target, Poisoning::None)?
    } else {
        Programs::build_with_frames(target, &[name])?
    };
    status!("the program is {}", programs.file(name).display());
    let mut printed = Ok(());
    let ended = emulate(&programs, &[name, "list"], TIME_LIMIT, |line| {
        if printed.is_ok() {
            printed = say!("{line}");
        }
    })?;
    printed?;
    match ended.code {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        None => Err(Error::Failed(format!(
            "{name} was stopped after {TIME_LIMIT:?}"
        ))),
    }
}

/// Everything whose name contains `wanted`.
fn every_check(target: Target, wanted: &str) -> Result<ExitCode, Error> {
    let start = Instant::now();
    let wants_c = C_CHECKS.iter().any(|name| name.contains(wanted));
    if wants_c {
        Programs::require_c(target)?;
    }
    let mut names = vec!["suite", "torture", "faults"];
    names.extend(failing_on(target).iter().map(|failing| failing.program));
    let programs = Programs::build(target, &names)?;
    let mut counts = TestCounts::default();
    for check in named(&programs, wanted)? {
        counts.add(&check, suite_check(&programs, &check)?);
    }
    if "torture".contains(wanted) {
        counts.add("torture", torture(target, &programs)?);
    }
    if "faults".contains(wanted) {
        counts.add("faults", faults(&programs)?);
    }
    if "image_header".contains(wanted) {
        counts.add(
            "image_header",
            image_header::fault(&programs.file("suite"))?,
        );
    }
    for (program, says) in SELF_CHECKING {
        if program.contains(wanted) {
            counts.add(program, checks_itself(target, program, says)?);
        }
    }
    if wants_c {
        checks_in_c(target, wanted, &mut counts)?;
    }
    for failing in failing_on(target) {
        if failing.program.contains(wanted) {
            counts.add(failing.program, must_fail(&programs, failing)?);
        }
    }
    counts.verdict(target, wanted, start.elapsed())
}

/// Returns the checks of the suite whose names contain `wanted`.
fn named(programs: &Programs, wanted: &str) -> Result<Vec<String>, Error> {
    let ended = emulate(programs, &["suite", "list"], TIME_LIMIT, |_| {})?;
    if ended.code != Some(0) {
        return Err(Error::Failed(format!(
            "the suite does not start: {}",
            complaint(&ended)
        )));
    }
    let matching = |name: &String| name.contains(wanted);
    Ok(ended.lines.into_iter().filter(matching).collect())
}

/// What is wrong, if anything.
type Fault = Option<String>;

fn suite_check(programs: &Programs, check: &str) -> Result<Fault, Error> {
    let ended = emulate(programs, &["suite", check], TIME_LIMIT, |_| {})?;
    Ok((ended.code != Some(0)).then(|| complaint(&ended)))
}

/// The programs of checks in C whose names contain `wanted`, at every poisoning level: a line for a
/// program and level, after the lines of what fails.
fn checks_in_c(target: Target, wanted: &str, counts: &mut TestCounts) -> Result<(), Error> {
    for poisoning in [Poisoning::None, Poisoning::Light, Poisoning::Comprehensive] {
        let programs = Programs::build_c_checks(target, poisoning)?;
        for program in C_CHECKS.into_iter().filter(|name| name.contains(wanted)) {
            let ended = emulate(&programs, &[program], C_TIME_LIMIT, |_| {})?;
            let outcome = Outcome::of(ended.lines.iter().map(String::as_str));
            let sound = ended.code == Some(0) && outcome.failed == 0 && outcome.passed > 0;
            let fault = (!sound).then(|| complaint(&ended));
            let level = format!("{poisoning:?}").to_lowercase();
            let passed = outcome.passed;
            counts.add(
                &format!("{program}, poisoning {level}: {passed} checks"),
                fault,
            );
        }
    }
    Ok(())
}

/// Compares the hashes of the chip's program with this machine's.
fn torture(target: Target, programs: &Programs) -> Result<Fault, Error> {
    let ended = emulate(programs, &["torture"], TIME_LIMIT, |_| {})?;
    let mut expected = Vec::new();
    target_suite::torture::hashes(|group, hash| {
        if group != "atomics" || target.has_atomics() {
            expected.push(format!("hash\t{group}\t{hash:016x}"));
        }
    });
    if ended.code == Some(0) && ended.lines == expected {
        return Ok(None);
    }
    let wrong = expected
        .iter()
        .filter(|line| !ended.lines.contains(line))
        .filter_map(|line| line.split('\t').nth(1));
    Ok(Some(format!(
        "the compiler's code computes something else than on this machine for: {}\n{}",
        wrong.collect::<Vec<_>>().join(", "),
        complaint(&ended)
    )))
}

/// Compares what becomes of seeded faults on the chip with what becomes of them on this machine.
fn faults(programs: &Programs) -> Result<Fault, Error> {
    let ended = emulate(programs, &["faults"], TIME_LIMIT, |_| {})?;
    let mut expected = Vec::new();
    seeded::lines(seeded::FEW, |line| expected.push(line.to_string()));
    let is_same = ended.code == Some(0) && ended.lines == expected;
    Ok((!is_same).then(|| {
        let expected = expected.join("\n");
        format!(
            "on this machine:\n{expected}\non the chip: {}",
            complaint(&ended)
        )
    }))
}

fn checks_itself(target: Target, program: &str, says: &[&str]) -> Result<Fault, Error> {
    let programs = Programs::build_with_frames(target, &[program])?;
    let ended = emulate(&programs, &[program], TIME_LIMIT, |_| {})?;
    let is_printed = |text: &&str| ended.lines.iter().any(|line| line.contains(*text));
    let missing = says.iter().find(|text| !is_printed(text));
    let fault = missing.map(|text| format!("does not say {text:?}; "));
    if ended.code != Some(0) || fault.is_some() {
        return Ok(Some(fault.unwrap_or_default() + &complaint(&ended)));
    }
    let elf = programs.file(program);
    let fault = leaks::not_named(program, &ended.lines, &elf)?;
    Ok(fault.or(caught::not_named(program, &ended.lines, &elf)?))
}

fn must_fail(programs: &Programs, failing: &Failing) -> Result<Fault, Error> {
    let limit = if failing.code.is_none() {
        SHORT_LIMIT
    } else {
        TIME_LIMIT
    };
    let ended = emulate(programs, &[failing.program], limit, |_| {})?;
    let reported = ended.lines.iter().any(|line| line.contains(failing.report));
    let as_expected = ended.code == failing.code && reported;
    Ok((!as_expected).then(|| {
        format!(
            "should have failed with exit code {:?} and said \"{}\"\n{}",
            failing.code,
            failing.report,
            complaint(&ended)
        )
    }))
}

fn complaint(ended: &Ended) -> String {
    let end = match ended.code {
        Some(code) => format!("ended with exit code {code}"),
        None => "was stopped at the time limit".to_owned(),
    };
    format!("{end}; it printed:\n{}", ended.lines.join("\n"))
}

/// How many checks passed; a line for each is printed as it ends.
#[derive(Default)]
struct TestCounts {
    passed: u32,
    failed: u32,
}

impl TestCounts {
    fn add(&mut self, name: &str, fault: Fault) {
        match fault {
            None => {
                self.passed += 1;
                let _ = say!("ok      {name}");
            }
            Some(fault) => {
                self.failed += 1;
                let _ = say!("FAILED  {name}: {fault}");
            }
        }
    }

    fn verdict(&self, target: Target, wanted: &str, time: Duration) -> Result<ExitCode, Error> {
        if self.passed + self.failed == 0 {
            return Err(Error::Usage(format!("no check's name contains {wanted:?}")));
        }
        say!(
            "qemu {}: {} passed, {} failed, after {:.1} s",
            target.name(),
            self.passed,
            self.failed,
            time.as_secs_f64()
        )?;
        Ok(ExitCode::from(u8::from(self.failed > 0)))
    }
}
