//! `sim`: a recorded program served by a simulated chip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;
use multi_heap::Poison;
use soc_regions::Chip;

use crate::configuration::describe;
use crate::target_options::TargetOptions;
use esp_heap::error::Error;
use esp_heap::figures::{self, Figure};
use esp_heap::poisoning::with_poison;
use esp_heap::{progress, say};
use heap_report::page;
use heap_report::recorded::Trace;
use heap_report::recorded::shipped;
use heap_report::simulate::machine::{Machine, Requests, Setup};
use heap_report::simulate::recording::{Recording, SHOWN_REFUSALS};
use heap_report::simulate::replay;
use heap_report::summary::{bytes, counted, grouped};

/// Boot a chip's memory on the host, replay a recorded program, draw the heap over time
#[derive(clap::Args)]
#[command(after_help = "\
Every byte of every block is written when it is allocated and verified when it is freed or resized, \
and all heaps are checked at the end.

Without --trace, the largest of the shipped traces whose live blocks fit into the chip's memory is \
replayed; the report says which. A refused request is refusals and counted, and the replay goes on without that block.

Examples:
  esp-heap sim                                    an ESP32 serves a recorded IoT firmware
  esp-heap sim --chip esp32c2                     a small chip
  esp-heap sim --chip esp32s3 --option psram=8M --caps SPIRAM
  esp-heap sim --chip esp32c6 --elf build/app.elf --trace recorded.trace

Exit codes: 0 every request was served, 4 some were refused, 1 a block lost its content.")]
pub(crate) struct Arguments {
    /// A linked program whose code and data take memory, too [default: a typical small firmware]
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// A trace file, plain or gzip [default: a whole IoT firmware, or an MQTT client on small
    /// chips]
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Folder for heap.html, made if it is not there
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON instead of the report
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let setup = arguments.target.setup(arguments.elf.as_deref())?;
    let by_malloc = || Requests::as_by_malloc(setup.chip);
    let requests = arguments.target.requests()?.unwrap_or_else(by_malloc);
    let recording = with_poison!(arguments.target.poison, P => {
        simulate::<P>(arguments, &setup, requests)
    })?;
    let file = write_page(&arguments.out, &recording)?;
    if arguments.json {
        figures::print_json(&figures_of(&recording))?;
    } else {
        say!("wrote {}: open it in a browser", file.display())?;
    }
    Ok(ExitCode::from(if recording.refused == 0 { 0 } else { 4 }))
}

/// Boots, replays and, unless only figures are wanted, reports.
fn simulate<P: Poison>(
    arguments: &Arguments,
    setup: &Setup,
    requests: Requests,
) -> Result<Recording, Error> {
    let given = arguments.trace.as_deref().map(Trace::read).transpose()?;
    let mut machine = Machine::<P>::boot(setup)?;
    let print = |text: &str| {
        if arguments.json {
            Ok(())
        } else {
            say!("{text}")
        }
    };
    print(&startup_table(&machine, setup)?)?;
    let added = machine.enable_startup_stacks();
    print(&format!(
        "The start-up stacks are free now, in {}.\n",
        counted(added as u64, "more heap")
    ))?;
    let trace = match given {
        Some(trace) => trace,
        None => fitting_trace(machine.free_bytes(requests), &print)?,
    };
    for note in &trace.notes {
        print(&format!("{}: {note}", trace.name))?;
    }
    print(&announcement(&trace, requests, arguments))?;

    let start = Instant::now();
    let recording = watched_replay(&mut machine, &trace, requests, &print)?;
    let seconds = start.elapsed().as_secs_f64();
    print(&heap_info(&machine, requests)?)?;
    print(&summary(&recording, seconds))?;
    Ok(Recording {
        chip: model(setup.chip),
        memory_map: setup.chip.generation().to_owned(),
        policy: name_of(arguments.target.policy),
        poison: name_of(arguments.target.poison),
        ..recording
    })
}

/// Returns the largest of the shipped traces that fits into `free` bytes; names those that are too
/// large.
fn fitting_trace(free: u32, print: &impl Fn(&str) -> Result<(), Error>) -> Result<Trace, Error> {
    let (trace, too_large) = shipped::fitting(free)?;
    for larger in too_large {
        print(&format!(
            "{} has up to {} live, too many for the {} that are free: a smaller trace is taken.",
            larger.name,
            bytes(larger.peak_live_bytes),
            grouped(free.into())
        ))?;
    }
    Ok(trace)
}

fn watched_replay<P: Poison>(
    machine: &mut Machine<P>,
    trace: &Trace,
    requests: Requests,
    print: &impl Fn(&str) -> Result<(), Error>,
) -> Result<Recording, Error> {
    let bar = progress::bar("replay", 240);
    let (mut refusals, mut unwritten) = (0, None);
    let report = |operation: usize, sentence: &str| {
        refusals += 1;
        if refusals <= SHOWN_REFUSALS {
            let result =
                bar.suspend(|| print(&format!("refused at operation {operation}: {sentence}")));
            unwritten = unwritten.take().or(result.err());
        }
    };
    let recording = replay::replay(machine, trace, requests, || bar.inc(1), report)?;
    bar.finish_and_clear();
    if let Some(error) = unwritten {
        return Err(error);
    }
    if refusals > SHOWN_REFUSALS {
        print(&format!(
            "… and {} more refusals",
            refusals - SHOWN_REFUSALS
        ))?;
    }
    Ok(recording)
}

fn startup_table<P: Poison>(machine: &Machine<P>, setup: &Setup) -> Result<String, Error> {
    let chip = setup.chip;
    let options = describe(&setup.options);
    let mut text = format!(
        "{}: {}; options: {options}\n",
        chip.name(),
        chip.generation()
    );
    machine
        .heaps()
        .inspect()
        .print_startup_table(&mut text)
        .map_err(unprintable)?;
    Ok(text.trim_end().to_owned())
}

fn heap_info<P: Poison>(machine: &Machine<P>, requests: Requests) -> Result<String, Error> {
    let mut text = String::new();
    machine
        .heaps()
        .inspect()
        .print_heap_info(requests.caps(), &mut text)
        .map_err(unprintable)?;
    Ok(text)
}

fn unprintable(cause: std::fmt::Error) -> Error {
    Error::Failed(format!("the heaps cannot be printed: {cause}"))
}

fn announcement(trace: &Trace, requests: Requests, arguments: &Arguments) -> String {
    format!(
        "Replaying {}: {}, {requests}, policy {}, poisoning {}",
        trace.name,
        counted(trace.operations.len() as u64, "operation"),
        name_of(arguments.target.policy),
        name_of(arguments.target.poison),
    )
}

/// `ESP32` of `ESP32, ESP-IDF v3.0`.
fn model(chip: &Chip) -> String {
    let generation = chip.generation();
    generation
        .split(',')
        .next()
        .unwrap_or(generation)
        .to_owned()
}

/// Returns the word on the command line.
fn name_of(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

fn summary(recording: &Recording, seconds: f64) -> String {
    let served = match recording.refused {
        0 => "every request was served".to_owned(),
        1 => "1 request was refused".to_owned(),
        refused => format!("{} were refused", counted(refused as u64, "request")),
    };
    format!(
        "{} in {seconds:.2} s: {served}, every byte of every block was intact.\n\
         Peak of live bytes: {} at operation {}; least free: {}; live at the end: {} in {}.",
        counted(recording.operations as u64, "operation"),
        recording.peak_bytes,
        recording.peak_operation,
        recording.least_free,
        bytes(recording.end_bytes),
        counted(recording.end_blocks as u64, "block"),
    )
}

fn write_page(folder: &Path, recording: &Recording) -> Result<PathBuf, Error> {
    let file = folder.join("heap.html");
    let text = page::heap_page(recording).map_err(|cause| Error::file(&file, cause))?;
    fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
    fs::write(&file, text).map_err(|cause| Error::file(&file, cause))?;
    Ok(file)
}

fn figures_of(recording: &Recording) -> Vec<Figure> {
    let figures = [
        ("operations", recording.operations as u64),
        ("refused_requests", recording.refused as u64),
        ("peak_live_bytes", recording.peak_bytes),
        ("least_free_bytes", recording.least_free),
        ("end_live_bytes", recording.end_bytes),
        ("end_live_blocks", recording.end_blocks as u64),
    ];
    let figure = |(metric, value)| Figure::new("heap-caps", &recording.trace, metric, value);
    figures.map(figure).into()
}
