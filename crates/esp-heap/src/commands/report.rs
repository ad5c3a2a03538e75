//! `esp-heap report`: what a program's heap did, from logs, recordings and core dumps; two runs
//! compared.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use heap_report::compare::{Comparison, Side};
use heap_report::gate::{self, Condition};
use heap_report::image::MemoryImage;
use heap_report::page::report_page;
use heap_report::read::{Input, Replay, read, replayed};
use heap_report::recorded::{Trace, shipped};
use heap_report::simulate::machine::{Machine, Requests};
use heap_report::summary::{Summary, json};
use heap_report::symbols::{Identities, Identity, Named, Symbols};
use heap_report::verdict::{Verdict, VerdictKind};
use heap_report::{History, Replayed, Source};
use multi_heap::Poison;

use super::NO_VERDICT;
use crate::exports::Exports;
use crate::image::{self, Piece};
use crate::target_options::TargetOptions;
use esp_heap::error::Error;
use esp_heap::poisoning::with_poison;
use esp_heap::style;

/// Tell what a program's heap did: peak, owners, leaks down to lines of the source, refusals,
/// fragmentation
#[derive(clap::Args)]
#[command(after_help = "\
FILE is recognised by what is in it: an event stream (binary, or lines `events<tab>hexadecimal` anywhere in a log), from its beginning or its middle; \
the text of heap_trace_dump in a log, ESP-IDF's or ours; a recorded trace, which is replayed on the simulated chip; an ELF core, as \
ESP-IDF's core-dump component and debuggers write it. Each may be a gzip.

After a crash: a core, or what a debugger dumped (--memory), tells blocks, owners, call sites, damage and the failure log of a program that uses claim! or \
a heap_caps::ImageHeader. The program's constants are in its ELF file (--elf).

--elf is the linked program that ran, with debug information. It turns return addresses into functions and lines; the heap's own functions are left out. \
For a recorded trace it is the program whose code and data take memory, and --chip, --option, --psram, --caps, --policy, --reserve and --poison say \
on what it is replayed; a stream or a dump tells what was, they do not change it.

Examples:
  esp-heap report                                 a shipped recording of an IoT firmware
  cargo xtask qemu --bin events > events.log         the program's file is told on standard error
  esp-heap report events.log --elf FILE
  esp-heap report - --json < events.log
  esp-heap report old.log new.log --elf old.elf --elf new.elf     what changed, by owner and by call site
  esp-heap report events.log --fail-if 'peak>60K,leaked>0,largest<20K' --junit heap.xml
  esp-heap report core.elf --elf firmware.elf     what the heap was like when the program crashed
  esp-heap report --memory dram.bin@0x3FFB0000 --elf firmware.elf
  esp-heap report events.log --dhat dhat.json     for valgrind's viewer; docs/exports.md tells of the other formats

Exit codes: 0 success, 1 a heap in a core or an image of memory is damaged, 2 there is no such chip or option, 5 no heap data in FILE, no verdict because \
what is in it cannot be read, has too large gaps or contradicts itself, or --elf names no ELF file or that of another program, 9 a condition of --fail-if holds.")]
pub(crate) struct Arguments {
    /// An event stream, a log with one or with a trace dump in it, a recorded trace, or an ELF
    /// core; `-`: standard input [default: a shipped recording]
    file: Option<PathBuf>,
    /// A second input of the same kinds: FILE is compared with it, and page, exports and --fail-if
    /// are of this one
    #[arg(requires = "file")]
    after: Option<PathBuf>,
    /// The linked program that ran; given twice, that of FILE and that of AFTER
    #[arg(long, value_name = "FILE")]
    elf: Vec<PathBuf>,
    /// A raw image of memory and the address of its first byte, as `dump binary memory` of GDB
    /// writes it; may be given several times, and beside a core
    #[arg(long, value_name = "FILE@ADDRESS", conflicts_with = "after")]
    memory: Vec<Piece>,
    /// Where the page goes
    #[arg(long, value_name = "FILE", default_value = "out/report.html")]
    out: PathBuf,
    /// Print the summary as a JSON object
    #[arg(long)]
    json: bool,
    /// Fail with exit code 9 if any of these is so: peak, live, blocks, leaked, refused, largest or
    /// missing, < or >, a limit
    #[arg(long, value_name = "CONDITIONS", value_parser = wanted)]
    fail_if: Option<Conditions>,
    /// Where the outcome of --fail-if goes as JUnit's XML
    #[arg(long, value_name = "FILE", requires = "fail_if")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    exports: Exports,
    #[command(flatten)]
    target: TargetOptions,
}

/// Conditions of `--fail-if`: one argument.
#[derive(Debug, Clone)]
struct Conditions(Vec<Condition>);

fn wanted(text: &str) -> Result<Conditions, String> {
    gate::conditions(text).map(Conditions)
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if arguments.elf.len() > 1 + usize::from(arguments.after.is_some()) {
        return Err(Error::Usage(
            "--elf is given once for each input".to_owned(),
        ));
    }
    let (before, (history, dump)) = match &arguments.after {
        None => (None, arguments.histories(arguments.file.as_deref(), 0)?),
        Some(after) => {
            let (before, _) = arguments.histories(arguments.file.as_deref(), 0)?;
            (Some(before), arguments.histories(Some(after), 1)?)
        }
    };
    let replayed = Replayed::of(&history);
    let has_none_before = before
        .as_ref()
        .is_some_and(|history| has_no_verdict(history, &Replayed::of(history)));
    let comparison = before.map(|before| arguments.compare(&before, &history, &replayed));
    write_page(&arguments.out, &history, &replayed)?;
    let exported = arguments.exports.write(&history)?;
    let dump = dump.map(|dump| (Replayed::of(&dump), dump));
    let of_dump = dump.as_ref().map(|(replayed, dump)| (dump, replayed));
    let all = (&history, &replayed);
    if arguments.json {
        print_json(all, of_dump, comparison.as_ref())?;
    } else {
        print_summary(all, of_dump, comparison.as_ref())?;
        let page = arguments.out.display();
        style::print(format!("\nwrote {page}: open it in a browser\n"))?;
        for file in exported {
            style::print(format!("wrote {}\n", file.display()))?;
        }
    }
    let is_damaged = history
        .crash
        .as_ref()
        .is_some_and(|crash| !crash.damage.is_empty())
        || !history.caught.is_empty();
    let has_none = has_no_verdict(&history, &replayed)
        || of_dump.is_some_and(|(dump, replayed)| has_no_verdict(dump, replayed))
        || has_none_before;
    let has_failed = arguments.gate(&history, &replayed, of_dump)?;
    Ok(match (has_none, is_damaged, has_failed) {
        (true, _, _) => ExitCode::from(NO_VERDICT),
        (false, true, _) => ExitCode::from(DAMAGED),
        (false, false, true) => ExitCode::from(LIMIT_BROKEN),
        (false, false, false) => ExitCode::SUCCESS,
    })
}

/// A history, and what it shows.
type Shown<'a> = (&'a History, &'a Replayed);

fn print_json(
    (history, replayed): Shown<'_>,
    dump: Option<Shown<'_>>,
    comparison: Option<&Comparison>,
) -> Result<(), Error> {
    let mut object = json(history, replayed);
    if let Some((dump, replayed)) = dump {
        object["dump"] = json(dump, replayed);
    }
    if let Some(comparison) = comparison {
        object["comparison"] = serde_json::json!(comparison);
    }
    style::print(format!("{object:#}\n"))
}

fn print_summary(
    (history, replayed): Shown<'_>,
    dump: Option<Shown<'_>>,
    comparison: Option<&Comparison>,
) -> Result<(), Error> {
    if let Some(comparison) = comparison {
        style::print(format!("{comparison}\nAfter, as a whole:\n\n"))?;
    }
    style::print(Summary::new(history, replayed))?;
    match dump {
        Some((dump, replayed)) => style::print(format!(
            "\nThe same log has a trace dump, too:\n\n{}",
            Summary::new(dump, replayed)
        )),
        None => Ok(()),
    }
}

/// A heap in an image of memory is damaged, or a guard caught somebody.
const DAMAGED: u8 = 1;

/// A condition of `--fail-if` holds.
const LIMIT_BROKEN: u8 = 9;

/// Returns whether nothing can be said of an input that is of a kind of which something can:
/// summaries of heaps and images of memory do not show what grows.
fn has_no_verdict(history: &History, replayed: &Replayed) -> bool {
    let shows_nothing = matches!(history.source, Source::Printed | Source::Image);
    let is_unknown = || Verdict::of(history, replayed).kind == VerdictKind::CannotTell;
    !history.doubts.is_empty() || !shows_nothing && is_unknown()
}

impl Arguments {
    /// Prints what became of the conditions of `--fail-if`; returns whether any of them holds.
    fn gate(
        &self,
        history: &History,
        replayed: &Replayed,
        dump: Option<(&History, &Replayed)>,
    ) -> Result<bool, Error> {
        let Some(Conditions(conditions)) = &self.fail_if else {
            return Ok(false);
        };
        let mut outcomes = gate::outcomes(conditions, history, replayed);
        if let Some((history, replayed)) = dump {
            outcomes = gate::worse_of(outcomes, gate::outcomes(conditions, history, replayed));
        }
        if let Some(file) = &self.junit {
            fs::write(file, gate::junit(&outcomes)).map_err(|cause| Error::file(file, cause))?;
        }
        for outcome in outcomes.iter().filter(|_| !self.json) {
            style::print(format!("{outcome}\n"))?;
        }
        Ok(outcomes.iter().any(gate::Outcome::fails))
    }

    /// Returns the history of input number `side`, and of a log with a stream and a dump that of
    /// the dump.
    fn histories(
        &self,
        file: Option<&Path>,
        side: usize,
    ) -> Result<(History, Option<History>), Error> {
        let elf = self.elf_of(side);
        let Some(file) = file else {
            let history = match self.memory.as_slice() {
                [] => self.replayed(None, elf)?,
                pieces => named(image::read(None, pieces, elf)?, elf)?,
            };
            return Ok((history, None));
        };
        let bytes = bytes_of(file)?;
        if let Some(core) = MemoryImage::read(&bytes).map_err(|cause| Error::file(file, cause))? {
            let history = image::read(Some((file, core)), &self.memory, elf)?;
            return Ok((named(history, elf)?, None));
        }
        if !self.memory.is_empty() {
            return Err(Error::Usage(format!(
                "--memory stands alone or beside an ELF core, and {} is no ELF core",
                file.display()
            )));
        }
        Ok(match read(&file.display().to_string(), &bytes)? {
            Input::Trace(trace) => (self.replayed(Some(&trace), elf)?, None),
            Input::History(history) => (named(history, elf)?, None),
            Input::Both { stream, dump } => (named(stream, elf)?, Some(named(dump, elf)?)),
        })
    }

    /// Returns the program of input number `side`; one serves both.
    fn elf_of(&self, side: usize) -> Option<&Path> {
        let own = self.elf.get(side).or_else(|| self.elf.first());
        own.map(PathBuf::as_path)
    }

    fn compare(&self, before: &History, after: &History, replayed: &Replayed) -> Comparison {
        let name = |file: &Option<PathBuf>| match file {
            Some(file) => file.display().to_string(),
            None => String::new(),
        };
        let (names, replayed_before) =
            ((name(&self.file), name(&self.after)), Replayed::of(before));
        Comparison::of(
            Side {
                name: &names.0,
                history: before,
                replayed: &replayed_before,
            },
            Side {
                name: &names.1,
                history: after,
                replayed,
            },
        )
    }

    /// Returns what happens on the chip; without a trace to the largest shipped one that fits.
    fn replayed(&self, trace: Option<&Trace>, elf: Option<&Path>) -> Result<History, Error> {
        let setup = self.target.setup(elf)?;
        let by_malloc = || Requests::as_by_malloc(setup.chip);
        let requests = self.target.requests()?.unwrap_or_else(by_malloc);
        let replay = Replay { setup, requests };
        with_poison!(self.target.poison, P => serve::<P>(trace, &replay))
    }
}

/// `history` with functions and lines instead of return addresses, where there is a program.
fn named(mut history: History, elf: Option<&Path>) -> Result<History, Error> {
    let callers =
        history.sites.iter().any(|site| !site.callers.is_empty()) || !history.caught.is_empty();
    // An image without call stacks needs the program's constants only.
    let Some(elf) = elf.filter(|_| callers || history.source != Source::Image) else {
        if callers {
            history.notes.push(
                "call stacks are addresses: --elf PROGRAM makes them functions and lines"
                    .to_owned(),
            );
        }
        return Ok(history);
    };
    let symbols = read_symbols(elf, history.build.as_ref())?;
    let named = history.name_callers(|caller| symbols.frames(caller));
    history.notes.extend(remarks(&symbols, named, elf));
    Ok(history)
}

/// Returns the symbols of the program, if it is the one that ran, as far as the device says.
fn read_symbols(elf: &Path, build: Option<&Identity>) -> Result<Symbols, Error> {
    let because = |cause: String| Error::file(elf, cause);
    let program = fs::read(elf).map_err(|cause| Error::file(elf, cause))?;
    if let Some(build) = build
        && let Some(contradiction) = Identities::of_program(&program).contradiction(build)
    {
        return Err(because(contradiction));
    }
    Symbols::parse(&program, &current_folder()).map_err(|cause| because(cause.to_string()))
}

/// Returns what the ELF file does not contain, and what to do.
fn remarks(symbols: &Symbols, named: Named, elf: &Path) -> Vec<String> {
    let elf = elf.display();
    let Named {
        asked,
        found,
        nameless,
        too_short,
    } = named;
    let remarks = [
        (
            found < asked,
            format!(
                "{} of {asked} return addresses are not of {elf}: is it the program that ran?",
                asked - found
            ),
        ),
        (
            !symbols.has_lines(),
            format!(
                "{elf} has no debug information, so there are functions and no lines: build it with `debug = 1` in its profile"
            ),
        ),
        (
            nameless > 0,
            format!(
                "{nameless} of {asked} return addresses are in code of {elf} without a name (assembly, a stripped library): keep its symbols, or build it with -g"
            ),
        ),
        (
            too_short > 0,
            format!(
                "{too_short} call stacks end inside of the heap, so who asked is not on them: give the ledger or the trace more depth, or let the context leave out the heap's own addresses"
            ),
        ),
    ];
    remarks
        .into_iter()
        .filter(|(applies, _)| *applies)
        .map(|(_, remark)| remark)
        .collect()
}

fn serve<P: Poison>(trace: Option<&Trace>, replay: &Replay) -> Result<History, Error> {
    if let Some(trace) = trace {
        return Ok(replayed::<P>(trace, replay)?);
    }
    let mut machine = Machine::<P>::boot(&replay.setup)?;
    machine.enable_startup_stacks();
    let (trace, _) = shipped::fitting(machine.free_bytes(replay.requests))?;
    Ok(replayed::<P>(&trace, replay)?)
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, Error> {
    if file != Path::new("-") {
        return fs::read(file).map_err(|cause| Error::file(file, cause));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|cause| Error::file(Path::new("standard input"), cause))?;
    Ok(bytes)
}

fn current_folder() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

fn write_page(file: &Path, history: &History, replayed: &Replayed) -> Result<(), Error> {
    let text = report_page(history, replayed).map_err(|cause| Error::file(file, cause))?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
    }
    fs::write(file, text).map_err(|cause| Error::file(file, cause))
}
