//! How does a simulated chip serve a recorded program?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;
use heap_caps::{Policy, Reserve};
use multi_heap::Poison;
use soc_regions::{Caps, Chip, chips, common};

use crate::error::Error;
use crate::figures::{self, Figure};
use crate::poisoning::{Poisoning, with_poison};
use crate::progress;
use crate::shipped::FW_IOT;
use crate::sim::machine::{Machine, Requests, Setup};
use crate::sim::recording::{Recording, TOLD_REFUSALS};
use crate::sim::{page, replay};
use crate::trace::Trace;

/// Boot a chip's memory on the host, replay a recorded program, draw the heap over time
#[derive(clap::Args)]
#[command(after_help = "\
Every byte of every block is written when it is allocated and verified when it is freed or resized, \
and all heaps are checked at the end.

A refused request is told and counted, and the replay goes on without that block.

Exit codes: 0 every request was served, 4 some were refused, 1 a block lost its content.")]
pub(crate) struct Arguments {
    /// The chip; `cargo xtask map --help` knows more of it
    #[arg(long, default_value = "esp32")]
    chip: String,
    /// A trace file, plain or gzip [default: a whole IoT firmware, shipped with this program]
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Capabilities of every request, for example DMA|8BIT or DMA,8BIT [default: as by malloc]
    #[arg(long)]
    caps: Option<String>,
    /// How heaps are chosen
    #[arg(long, value_enum, default_value = "guaranteed")]
    policy: PolicyName,
    /// Free bytes that only requests for certain capabilities get, for example DMA=24576
    #[arg(long, value_name = "CAPS=BYTES")]
    reserve: Option<String>,
    /// Poisoning of all heaps
    #[arg(long, value_enum, default_value = "none")]
    poison: Poisoning,
    /// External memory, in bytes
    #[arg(long, value_name = "BYTES")]
    psram: Option<u32>,
    /// Folder for heap.html, made if it is not there
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON instead of the report
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PolicyName {
    /// ESP-IDF's order; reserves are ignored
    IdfExact,
    /// The same priorities, reserves honoured
    Guaranteed,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let requests = arguments.requests()?;
    let setup = arguments.setup()?;
    let trace = match &arguments.trace {
        Some(path) => Trace::read(path)?,
        None => FW_IOT.read()?,
    };
    let recording = with_poison!(arguments.poison, P => {
        simulate::<P>(arguments, &setup, &trace, requests)
    })?;
    let file = write_page(&arguments.out, &recording)?;
    if arguments.json {
        figures::print_json(&figures_of(&recording))?;
    } else {
        println!("wrote {}: open it in a browser", file.display());
    }
    Ok(ExitCode::from(if recording.refused == 0 { 0 } else { 4 }))
}

impl Arguments {
    fn setup(&self) -> Result<Setup, Error> {
        let chip = chip_called(&self.chip)?;
        let psram: Vec<_> = self
            .psram
            .map(|bytes| common::PSRAM.of(bytes))
            .into_iter()
            .collect();
        let options = chip
            .options(&psram)
            .map_err(|error| Error::Usage(error.to_string()))?;
        let policy = match self.policy {
            PolicyName::IdfExact => Policy::IdfExact,
            PolicyName::Guaranteed => Policy::Guaranteed,
        };
        let reserve = self.reserve.as_deref().map(parse_reserve).transpose()?;
        Ok(Setup {
            chip,
            options,
            policy,
            reserve,
        })
    }

    fn requests(&self) -> Result<Requests, Error> {
        Ok(match &self.caps {
            None => Requests::Malloc,
            Some(text) => Requests::Caps(parse_caps(text)?),
        })
    }
}

fn chip_called(name: &str) -> Result<&'static Chip, Error> {
    chips::by_name(name).ok_or_else(|| {
        let known: Vec<_> = chips::all().map(Chip::name).collect();
        Error::Usage(format!(
            "no chip is called {name:?}; known are {}",
            known.join(", ")
        ))
    })
}

fn parse_caps(text: &str) -> Result<Caps, Error> {
    text.parse()
        .map_err(|error| Error::Usage(format!("{text:?}: {error}")))
}

fn parse_reserve(text: &str) -> Result<Reserve, Error> {
    let malformed = || Error::Usage(format!("{text:?}: a reserve is CAPS=BYTES, as DMA=24576"));
    let (caps, bytes) = text.split_once('=').ok_or_else(malformed)?;
    Ok(Reserve {
        caps: parse_caps(caps)?,
        bytes: bytes.parse().map_err(|_| malformed())?,
    })
}

/// Boots, replays and, unless only figures are wanted, tells.
fn simulate<P: Poison>(
    arguments: &Arguments,
    setup: &Setup,
    trace: &Trace,
    requests: Requests,
) -> Result<Recording, Error> {
    let mut machine = Machine::<P>::boot(setup)?;
    let said = |text: &str| {
        if !arguments.json {
            println!("{text}");
        }
    };
    said(&startup_table(&machine, setup.chip)?);
    let added = machine.enable_startup_stacks();
    said(&format!(
        "The start-up stacks are free now: {added} more heaps serve.\n"
    ));
    said(&announcement(trace, requests, arguments));

    let start = Instant::now();
    let recording = watched_replay(&mut machine, trace, requests, &said)?;
    let seconds = start.elapsed().as_secs_f64();
    said(&heap_info(&machine, requests)?);
    said(&summary(&recording, seconds));
    Ok(Recording {
        chip: model(setup.chip),
        memory_map: setup.chip.generation().to_owned(),
        policy: name_of(arguments.policy),
        poison: name_of(arguments.poison),
        ..recording
    })
}

fn watched_replay<P: Poison>(
    machine: &mut Machine<P>,
    trace: &Trace,
    requests: Requests,
    said: &impl Fn(&str),
) -> Result<Recording, Error> {
    let bar = progress::bar("replay", 240);
    let mut told = 0;
    let tell = |operation: usize, sentence: &str| {
        told += 1;
        if told <= TOLD_REFUSALS {
            bar.suspend(|| said(&format!("refused at operation {operation}: {sentence}")));
        }
    };
    let recording = replay::replay(machine, trace, requests, || bar.inc(1), tell)?;
    bar.finish_and_clear();
    if told > TOLD_REFUSALS {
        said(&format!("… and {} more refusals", told - TOLD_REFUSALS));
    }
    Ok(recording)
}

fn startup_table<P: Poison>(machine: &Machine<P>, chip: &Chip) -> Result<String, Error> {
    let mut text = format!("{}: {}\n", chip.name(), chip.generation());
    machine
        .heaps()
        .print_startup_table(&mut text)
        .map_err(unprintable)?;
    Ok(text.trim_end().to_owned())
}

fn heap_info<P: Poison>(machine: &Machine<P>, requests: Requests) -> Result<String, Error> {
    let mut text = String::new();
    machine
        .heaps()
        .print_heap_info(requests.caps(), &mut text)
        .map_err(unprintable)?;
    Ok(text)
}

fn unprintable(cause: std::fmt::Error) -> Error {
    Error::Failed(format!("the heaps cannot be printed: {cause}"))
}

fn announcement(trace: &Trace, requests: Requests, arguments: &Arguments) -> String {
    format!(
        "Replaying {}: {} operations, {requests}, policy {}, poisoning {}",
        trace.name,
        trace.operations.len(),
        name_of(arguments.policy),
        name_of(arguments.poison),
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

/// The word on the command line.
fn name_of(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

fn summary(recording: &Recording, seconds: f64) -> String {
    let served = match recording.refused {
        0 => "every request was served".to_owned(),
        1 => "1 request was refused".to_owned(),
        refused => format!("{refused} requests were refused"),
    };
    format!(
        "{} operations in {seconds:.2} s: {served}, every byte of every block was intact.\n\
         Peak of live bytes: {} at operation {}; least free: {}; live at the end: {} in {} blocks.",
        recording.operations,
        recording.peak_bytes,
        recording.peak_operation,
        recording.least_free,
        recording.end_bytes,
        recording.end_blocks,
    )
}

fn write_page(folder: &Path, recording: &Recording) -> Result<PathBuf, Error> {
    let file = folder.join("heap.html");
    let text = page::page(recording).map_err(|cause| Error::file(&file, cause))?;
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

#[cfg(test)]
mod tests {
    use soc_regions::Caps;

    use super::{chip_called, parse_caps, parse_reserve};

    #[test]
    fn an_unknown_chip_is_answered_with_the_known_ones() {
        let error = chip_called("esp99").unwrap_err().to_string();
        assert!(
            error.contains("esp99") && error.contains("esp32-v3.0"),
            "{error}"
        );
    }

    #[test]
    fn capabilities_are_read_in_esp_idfs_spelling() {
        assert_eq!(parse_caps("dma,8bit").unwrap(), Caps::DMA | Caps::BIT8);
        assert!(parse_caps("DMA|FAST").is_err());
    }

    #[test]
    fn a_reserve_names_capabilities_and_bytes() {
        let reserve = parse_reserve("DMA=24576").unwrap();
        assert_eq!((reserve.caps, reserve.bytes), (Caps::DMA, 24_576));
        assert!(parse_reserve("DMA").is_err());
        assert!(parse_reserve("DMA=much").is_err());
    }
}
