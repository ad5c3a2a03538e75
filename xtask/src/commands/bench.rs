//! `bench`: what one operation of each heap costs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::bench::programs::Wanted;
use crate::bench::{compare, goals, levels, measure, profile, table, traces};
use crate::error::Error;
use crate::on_target::Target;
use crate::record;
use esp_heap::figures::{self, Figure};
use esp_heap::{say, style};
use heap_report::recorded::Trace;
use heap_report::recorded::shipped;

/// Count the instructions of single heap operations on an emulated chip
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Where to measure
    #[arg(long, value_enum, default_value = "esp32")]
    target: Machine,
    /// Measure recorded programs instead: FILEs (plain or gzip), or the shipped traces; on a chip
    #[arg(long, value_name = "FILE", num_args = 0..)]
    traces: Option<Vec<PathBuf>>,
    /// Show only what the poisoning levels of our heap cost, on a chip
    #[arg(long, conflicts_with = "traces")]
    levels: bool,
    /// The same of heaps that encode the links of their free blocks with a key
    #[arg(long, requires = "levels")]
    encoded_links: bool,
    /// Measure only the allocator called NAME, or all whose names begin so; several are allowed
    #[arg(long, alias = "subject", value_name = "NAME", conflicts_with_all = ["levels", "record"])]
    allocator: Vec<String>,
    /// Show only workloads with TEXT in their names (`16 B`, `mix`); several are allowed
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["levels", "record"])]
    workload: Vec<String>,
    /// Show the figures of FILE, which --json wrote, instead of measuring
    #[arg(long, value_name = "FILE", conflicts_with_all = ["traces", "allocator", "json", "profile"])]
    figures: Option<PathBuf>,
    /// Fail if a figure is above its goal (the last table)
    #[arg(long, conflicts_with_all = ["target", "traces", "levels"])]
    check_goals: bool,
    /// Show instead where the instructions of one call go: of the allocator called NAME, with
    /// --workload (`malloc 16 B`, `free mix`, `refused`)
    #[arg(long, value_name = "NAME", requires = "workload",
        conflicts_with_all = ["target", "traces", "levels", "allocator", "json", "compare", "record"])]
    profile: Option<String>,
    /// Print the figures as JSON instead of the tables
    #[arg(long)]
    json: bool,
    /// Show instead what has changed since FILE, which --json wrote
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    compare: Option<PathBuf>,
    /// Write the tables into FILE too, where it names this command: docs/performance.md does, for
    /// --levels docs/hardening.md
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "compare"])]
    record: Option<PathBuf>,
}

/// A chip, or this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Machine {
    /// Xtensa LX6 in the emulator: instructions
    Esp32,
    /// RISC-V rv32imc in the emulator: instructions
    Esp32c3,
    /// This machine: nanoseconds, for other heaps with 64-bit headers
    Host,
}

const HELP: &str = "\
Every call is counted on its own, from the call to the return, through a function pointer, as C would call it; an empty function \
costs 3 or 4 on Xtensa, which is not deducted. The emulator's clock advances by the same time for each instruction, so the \
figures are exact and the same in every run. Before each call the older register windows are stored, so that no call pays for its \
callers. Optimised with -O2, each API in a program of its own.

Allocators: what users call has the whole ESP32, seven heaps: heap-caps has no lock; the global allocator and esp-alloc (0.11, both \
back ends) have esp-sync's lock for two cores; C's names are called directly, under a critical section of about 30 instructions. Single \
heaps have no lock: multi-heap names blocks by offsets, the others by pointers.

Workloads: one block in an empty heap of 64 KiB (16, 64, 1024 B); align 8: 16 bytes at a multiple of 8; mix: 200 blocks of 1 to 1024 \
bytes in 256 KiB, replaced at random 10,000 times; aligned 64: 32 blocks of 100 bytes in that heap; many holes: among 800 holes of 24 \
bytes; grow: a block doubles from 16 to 4096 bytes, 8 calls; grow blocked: with a block of 16 bytes behind it each time; realloc in \
place: from 32 to 64 bytes; refused: more than any heap has, and nobody listens; 12 sets: 16 bytes with 12 sets of capabilities by turns; \
with reserve: 16 bytes while 24 KiB are kept for DMA; free size, largest block: with 1,000 live blocks; blocks of N: how many fit into \
64 KiB; scrub, check: looking for damage in the heap of such a mix.

The four recorded programs fw_iot, mqtt_client, quickjs_app and lvgl_ui run through every API (`calls fw_iot`: the mean call). The longest \
masked stretch is counted in a second run of programs that read the clock where they mask interrupts and where they stop. Linked bytes: \
code and constants of a program of malloc, free, realloc, calloc beyond one without them.

ESP-IDF's figures are constants: its heap component in C, asserts off, built with -O2 by the same LLVM and counted in the same way; \
without a lock (none), with interrupts masked (single), with FreeRTOS's spinlock too (dual).";

impl Machine {
    fn chip(self) -> Option<Target> {
        match self {
            Machine::Esp32 => Some(Target::Esp32),
            Machine::Esp32c3 => Some(Target::Esp32c3),
            Machine::Host => None,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Machine::Host => "nanoseconds",
            Machine::Esp32 | Machine::Esp32c3 => "instructions",
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if let Some(allocator) = &arguments.profile {
        for workload in &arguments.workload {
            say!("{}", profile::of(allocator, workload)?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let earlier = arguments
        .compare
        .as_deref()
        .map(compare::read)
        .transpose()?;
    let figures = match (&arguments.figures, &arguments.traces) {
        (Some(file), _) => compare::read_figures(file)?,
        (None, Some(files)) => of_traces(arguments.target, files)?,
        (None, None) => {
            let wanted = if arguments.levels {
                Wanted::levels(arguments.encoded_links)
            } else {
                Wanted::new(&arguments.allocator, &arguments.workload)?
            };
            of_workloads(arguments.target, &wanted)?
        }
    };
    if arguments.json {
        figures::print_json(&figures)?;
    } else if let Some(earlier) = earlier {
        style::print(compare::changes(&earlier, &figures))?;
    } else {
        show(arguments, &figures)?;
    }
    let missed = goals::check(&figures).map_or(0, |goals| goals.missed);
    if arguments.check_goals && missed > 0 {
        return Err(Error::Failed(format!(
            "{missed} figures are above their goals"
        )));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Arguments, figures: &[Figure]) -> Result<(), Error> {
    let unit = arguments.target.unit();
    let tables = match &arguments.traces {
        Some(_) => table::of_traces(figures, unit),
        None if arguments.levels => levels::table(figures, unit),
        None => {
            let goals = goals::check(figures).filter(|_| arguments.target == Machine::Esp32);
            let goals = goals.map_or_else(String::new, |goals| format!("\n{}", goals.text));
            table::of(figures, unit) + &goals
        }
    };
    style::print(&tables)?;
    match &arguments.record {
        Some(file) => record::write(file, &arguments.command(), &tables.to_string()),
        None => Ok(()),
    }
}

impl Arguments {
    /// Returns the command line that measures this, as documents name it.
    fn command(&self) -> String {
        let place = self.target.to_possible_value();
        let place = place.as_ref().map_or("", |place| place.get_name());
        let what = match (self.traces.is_some(), self.levels) {
            (true, _) => " --traces",
            (false, true) if self.encoded_links => " --levels --encoded-links",
            (false, true) => " --levels",
            (false, false) => "",
        };
        format!("cargo xtask bench --target {place}{what}")
    }
}

fn of_workloads(place: Machine, wanted: &Wanted) -> Result<Vec<Figure>, Error> {
    match place.chip() {
        Some(chip) => measure::on(chip, wanted),
        None => measure::here(),
    }
}

fn of_traces(place: Machine, files: &[PathBuf]) -> Result<Vec<Figure>, Error> {
    let chip = place.chip().ok_or_else(|| {
        Error::Usage("traces are measured on a chip: --target esp32 or esp32c3".to_owned())
    })?;
    let traces: Result<Vec<Trace>, Error> = if files.is_empty() {
        shipped::ALL
            .iter()
            .map(|shipped| Ok(shipped.read()?))
            .collect()
    } else {
        files.iter().map(|file| Ok(Trace::read(file)?)).collect()
    };
    traces::on(chip, &traces?)
}
