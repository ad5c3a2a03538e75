//! `what-if`: a recorded program under other configurations, and the best of them.

mod configuration;
mod recorded;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use esp_heap::error::Error;
use esp_heap::figures::{self, Figure};
use esp_heap::{progress, say};
use heap_report::Program;
use heap_report::recorded::shipped::fitting;
use heap_report::simulate::machine::{Machine, Requests};
use heap_report::summary::{bytes, counted, grouped};
use heap_report::what_if::{self, Advice, Outcome, Variant};
use multi_heap::Unpoisoned;

use crate::target_options::TargetOptions;
use configuration::Configuration;
use recorded::Recorded;

/// Replay a program under other policies, reserves, poisoning, memory or chips, and compare
#[derive(clap::Args)]
#[command(after_help = "\
Options describe the current configuration; each --if changes it by the words given: chip=, psram=, policy=, poison=, reserve=CAPS=BYTES, \
external-above=BYTES (or never), caps=, or an option of the chip. --search tries what the program's own requests suggest \
and says which is best, and why.

An event stream has the capabilities of every request, and the requests that were refused; a recorded trace has neither. \
Figures are measured on simulated heaps of the chip's table, with a typical firmware's code and data (--elf takes yours). \
A replay cannot know what the program would have done after a refusal; it continues without that block.

Examples:
  esp-heap what-if                                        the shipped firmware, other policy and poisoning
  esp-heap what-if --if \"psram=4M external-above=4096\" --chip esp32s3
  esp-heap what-if events.log --if reserve=DMA=24K --if chip=esp32s3
  esp-heap what-if events.log --search

Exit codes: 0 success, 2 invalid variant, 5 FILE cannot be read.")]
pub(crate) struct Arguments {
    /// An event stream, a log with one in it, or a recorded trace; plain or gzip [default: a
    /// shipped firmware]
    file: Option<PathBuf>,
    /// A variant, in words like "policy=idf-exact poison=light"; may be given several times
    #[arg(long = "if", value_name = "WORDS")]
    variants: Vec<String>,
    /// Try variants, recommend one
    #[arg(long)]
    search: bool,
    /// The linked program, whose code and data take memory [default: a typical small firmware]
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// Print the figures as JSON instead of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Variants without any `--if`.
const DEFAULT_VARIANTS: [&str; 3] = ["policy=idf-exact", "poison=light", "poison=comprehensive"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let recorded = arguments.file.as_deref().map(Recorded::read).transpose()?;
    let now = arguments.now(recorded.as_ref());
    let base = now.variant()?;
    let program = match &recorded {
        Some(recorded) => recorded.program(),
        None => shipped(&base)?,
    };
    if !arguments.json
        && let Some(bytes) = recorded.as_ref().and_then(Recorded::described_bytes)
    {
        say!("{}", heap_size_note(bytes, &base)?)?;
    }
    if arguments.search {
        return search(arguments, &program, &base);
    }
    let words = if arguments.variants.is_empty() {
        DEFAULT_VARIANTS.map(str::to_owned).to_vec()
    } else {
        arguments.variants.clone()
    };
    let mut tried = vec![Tried::of("now", &base, &program)?];
    for words in &words {
        tried.push(Tried::of(words, &now.changed(words)?.variant()?, &program)?);
    }
    if arguments.json {
        return print_json(&tried, &program);
    }
    say!("{}\n{}", about(&program, &base), table::of_figures(&tried))?;
    say!("{}", verdict(&tried))?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// Returns the current configuration: command line, else recording, else defaults.
    fn now(&self, recorded: Option<&Recorded>) -> Configuration {
        let target = self.target.clone();
        let named = recorded.and_then(Recorded::chip);
        let psram = recorded
            .and_then(Recorded::psram)
            .map(|bytes| bytes.to_string());
        Configuration {
            target: TargetOptions {
                chip: target.chip.or_else(|| named.map(str::to_owned)),
                psram: target.psram.or(psram),
                ..target
            },
            elf: self.elf.clone(),
            external_above: None,
        }
    }
}

fn print_json(tried: &[Tried], program: &Program) -> Result<ExitCode, Error> {
    let figures = tried.iter().flat_map(|tried| tried.figures(program));
    figures::print_json(&figures.collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the largest of the shipped traces that fits.
fn shipped(base: &Variant) -> Result<Program, Error> {
    let mut machine = Machine::<Unpoisoned>::boot(&base.setup)?;
    machine.enable_startup_stacks();
    let by_malloc = || Requests::as_by_malloc(base.setup.chip);
    let free = machine.free_bytes(base.requests.unwrap_or_else(by_malloc));
    Ok(Program::from(&fitting(free)?.0))
}

/// Compares the size of the simulated heaps with those of the program.
fn heap_size_note(described: u64, base: &Variant) -> Result<String, Error> {
    let mut machine = Machine::<Unpoisoned>::boot(&base.setup)?;
    machine.enable_startup_stacks();
    let heaps = machine.heaps().inspect().heaps().filter(|heap| heap.active);
    let simulated: u64 = heaps.map(|heap| u64::from(heap.span.size())).sum();
    Ok(format!(
        "The program described heaps of {}; the simulated {} has {} (pass --elf, --psram and --option to match it).",
        bytes(described),
        base.setup.chip.name(),
        grouped(simulated)
    ))
}

/// A variant, its name, and how the program fared.
struct Tried {
    name: String,
    variant: Variant,
    outcome: Outcome,
}

impl Tried {
    fn of(name: &str, variant: &Variant, program: &Program) -> Result<Tried, Error> {
        let outcome = variant.try_on(program)?;
        Ok(Tried {
            name: name.to_owned(),
            variant: variant.clone(),
            outcome,
        })
    }

    fn figures(&self, program: &Program) -> Vec<Figure> {
        let outcome = &self.outcome;
        let figures: [(&'static str, u64); 8] = [
            ("requests", outcome.requests as u64),
            ("refused_requests", outcome.refused as u64),
            ("granted_of_refused_requests", outcome.granted as u64),
            ("least_free_bytes", outcome.least_free.into()),
            (
                "tightest_largest_free_bytes",
                outcome.tightest.largest.into(),
            ),
            (
                "tightest_fragmentation_percent",
                outcome.tightest.fragmentation().into(),
            ),
            ("peak_live_bytes", outcome.peak_bytes),
            ("peak_overhead_bytes", outcome.overhead),
        ];
        figures
            .map(|(metric, value)| Figure::new(&self.name, &program.name, metric, value))
            .into()
    }
}

fn about(program: &Program, base: &Variant) -> String {
    let is_refused =
        |step: &&heap_report::ProgramStep| matches!(step, heap_report::ProgramStep::Refused { .. });
    let refused = match program.steps.iter().filter(is_refused).count() {
        1 => "1 request was".to_owned(),
        count => format!("{} were", counted(count as u64, "request")),
    };
    let missing = heap_report::export::missing(&program.gaps).map_or_else(String::new, |missing| {
        format!("\nThe recording is incomplete: {missing}")
    });
    format!(
        "{}: {}, {refused} refused when it was recorded. Now: {base}{missing}",
        program.name,
        counted(program.steps.len() as u64, "step")
    )
}

/// Returns what to make of the table, and the lines of the best variant.
fn verdict(tried: &[Tried]) -> String {
    let refusals = tried.iter().filter_map(|tried| {
        let (step, sentence) = tried.outcome.first_refusal.as_ref()?;
        Some(format!(
            "{}: first refused at step {step}: {sentence}\n",
            tried.name
        ))
    });
    let mut text: String = refusals.collect();
    let Some((first, others)) = tried.split_first() else {
        return text;
    };
    if others.iter().all(|other| other.outcome == first.outcome) {
        text.push_str("No difference: all variants serve the same requests.");
        return text;
    }
    let best = others.iter().reduce(|best, other| {
        if other.outcome.is_better_than(&best.outcome) {
            other
        } else {
            best
        }
    });
    let is_better = best.is_some_and(|best| best.outcome.is_better_than(&first.outcome));
    match best.filter(|_| is_better || others.len() == 1) {
        Some(variant) => {
            let word = if is_better {
                "serves"
            } else {
                "does not serve"
            };
            text.push_str(&format!(
                "{} {word} the program better than now. Configuration:\n\n{}",
                variant.name,
                what_if::lines(&variant.variant)
            ));
        }
        None => text.push_str("No variant serves the program better than now."),
    }
    text
}

fn search(arguments: &Arguments, program: &Program, base: &Variant) -> Result<ExitCode, Error> {
    let bar = progress::bar("try", 0);
    let Advice { tried, best, why } = what_if::search(program, base, |count| {
        bar.set_length(count as u64);
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    let named = |(place, found): (usize, what_if::Found)| Tried {
        name: if place == 0 {
            "now".to_owned()
        } else {
            found.variant.to_string()
        },
        variant: found.variant,
        outcome: found.outcome,
    };
    let tried: Vec<Tried> = tried.into_iter().enumerate().map(named).collect();
    if arguments.json {
        return print_json(&tried, program);
    }
    say!("{}\n{}", about(program, base), table::of_variants(&tried))?;
    say!("{why}")?;
    if let Some(chosen) = tried.get(best).filter(|_| best > 0) {
        say!("\n{}", what_if::lines(&chosen.variant))?;
    }
    Ok(ExitCode::SUCCESS)
}
