//! `what-if`: a recorded program under other configurations, and the best of them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use heap_report::what_if::{self, Advice, Outcome, Variant};
use heap_report::{History, Program, read, recorded, simulate::machine::Machine};
use multi_heap::Unpoisoned;
use soc_regions::{Caps, chips};

use crate::target_options::{PolicyName, TargetOptions, parse_caps, parse_size, requests};
use esp_heap::error::Error;
use esp_heap::figures::{self, Figure};
use esp_heap::poisoning::Poisoning;
use esp_heap::{progress, say, table};

/// Replay a program under other policies, reserves, poisoning, memory or chips, and compare
#[derive(clap::Args)]
#[command(after_help = "\
The options say how it is now; each --if is a variant that differs from that in the words given: chip=, psram=, policy=, poison=, reserve=CAPS=BYTES, \
external-above=BYTES (or never), caps=, or an option of the chip. --search tries what the program's own requests suggest \
and says which is best, and why.

An event stream tells the capabilities of every request, and the requests that were refused; a recorded trace has neither. \
Figures are measured on simulated heaps of the chip's table, with a typical firmware's code and data (--elf takes yours). \
What the program would have done after a request was refused, nobody knows: the replay goes on without that block.

Examples:
  esp-heap what-if                                        the shipped firmware, other policy and poisoning
  esp-heap what-if --if \"psram=4M external-above=4096\" --chip esp32s3
  esp-heap what-if events.log --if reserve=DMA=24K --if chip=esp32s3
  esp-heap what-if events.log --search

Exit codes: 0 it was compared, 2 a variant makes no sense, 5 the file cannot be read.")]
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
    /// The chip now [default: the one that the program names, or esp32]
    #[arg(long)]
    chip: Option<String>,
    /// The chip's configuration now, see `esp-heap map CHIP --options`; may be given several times
    #[arg(long = "option", value_name = "NAME[=VALUE]")]
    settings: Vec<String>,
    /// External memory now
    #[arg(long, value_name = "SIZE")]
    psram: Option<String>,
    /// The linked program, whose code and data take memory [default: a typical small firmware]
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// Capabilities of every request [default: what the program named, or as by malloc]
    #[arg(long)]
    caps: Option<String>,
    /// How heaps are chosen now
    #[arg(long, value_enum, default_value = "guaranteed")]
    policy: PolicyName,
    /// Free bytes that only requests for certain capabilities get now
    #[arg(long, value_name = "CAPS=BYTES")]
    reserve: Option<String>,
    /// Poisoning of all heaps now
    #[arg(long, value_enum, default_value = "none")]
    poison: Poisoning,
    /// Print the figures as JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// What is tried if nothing is asked for.
const USUAL: [&str; 3] = ["policy=idf-exact", "poison=light", "poison=comprehensive"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let history = arguments.history()?;
    let now = arguments.now(history.as_ref());
    let base = now.variant()?;
    let program = match &history {
        Some(recorded) => recorded.program(),
        None => shipped(&base)?,
    };
    if let Some(described) = history
        .as_ref()
        .and_then(Recorded::described)
        .filter(|_| !arguments.json)
    {
        say!("{}", ground(described, &base)?)?;
    }
    if arguments.search {
        return search(arguments, &program, &base);
    }
    let words = match arguments.variants.is_empty() {
        true => USUAL.map(str::to_owned).to_vec(),
        false => arguments.variants.clone(),
    };
    let mut tried = vec![Tried::of("now", &base, &program)?];
    for words in &words {
        tried.push(Tried::of(words, &now.changed(words)?.variant()?, &program)?);
    }
    if arguments.json {
        figures::print_json(
            &tried
                .iter()
                .flat_map(|tried| tried.figures(&program))
                .collect::<Vec<_>>(),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}\n{}", about(&program, &base), table_of(&tried))?;
    say!("{}", verdict(&tried))?;
    Ok(ExitCode::SUCCESS)
}

/// What was recorded.
enum Recorded {
    History(Box<History>),
    Trace(recorded::Trace),
}

impl Recorded {
    /// The chip that a program names first: `esp32 events`.
    fn chip(&self) -> Option<&'static str> {
        let Recorded::History(history) = self else {
            return None;
        };
        let first = history.program.split_whitespace().next()?;
        chips::by_name(first).map(soc_regions::Chip::name)
    }

    /// The size of the external memory that a program described.
    fn psram(&self) -> Option<u32> {
        let Recorded::History(history) = self else {
            return None;
        };
        let external = history
            .heaps
            .iter()
            .filter(|heap| heap.caps.contains(Caps::SPIRAM));
        let bytes = external.map(|heap| heap.size).sum();
        (bytes > 0).then_some(bytes)
    }

    /// Bytes of all heaps that a program described.
    fn described(&self) -> Option<u64> {
        match self {
            Recorded::History(history) => {
                Some(history.heaps.iter().map(|heap| u64::from(heap.size)).sum())
            }
            Recorded::Trace(_) => None,
        }
    }

    fn program(&self) -> Program {
        match self {
            Recorded::History(history) => Program::from(&**history),
            Recorded::Trace(trace) => Program::from(trace),
        }
    }
}

impl Arguments {
    fn history(&self) -> Result<Option<Recorded>, Error> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let bytes = std::fs::read(file).map_err(|cause| Error::file(file, cause))?;
        Ok(Some(
            match read::read(&file.display().to_string(), &bytes)? {
                read::Input::History(history)
                | read::Input::Both {
                    stream: history, ..
                } => Recorded::History(Box::new(history)),
                read::Input::Trace(trace) => Recorded::Trace(trace),
            },
        ))
    }

    /// What the command line leaves open, the recording may contain.
    fn now(&self, recorded: Option<&Recorded>) -> Configuration {
        let named = recorded.and_then(Recorded::chip);
        let psram = recorded
            .and_then(Recorded::psram)
            .map(|bytes| bytes.to_string());
        Configuration {
            target: TargetOptions {
                chip: self.chip.as_deref().or(named).unwrap_or("esp32").to_owned(),
                settings: self.settings.clone(),
                psram: self.psram.clone().or(psram),
                elf: self.elf.clone(),
                policy: self.policy,
                reserve: self.reserve.clone(),
            },
            poison: self.poison,
            external_above: None,
            caps: self.caps.clone(),
        }
    }
}

/// A variant in words.
#[derive(Clone)]
struct Configuration {
    target: TargetOptions,
    poison: Poisoning,
    external_above: Option<u32>,
    caps: Option<String>,
}

impl Configuration {
    /// The same, but for `words`.
    fn changed(&self, words: &str) -> Result<Configuration, Error> {
        let mut changed = self.clone();
        words
            .split_whitespace()
            .try_for_each(|word| changed.change(word))?;
        Ok(changed)
    }

    fn change(&mut self, word: &str) -> Result<(), Error> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "chip" => {
                // Options and linked programs are those of one chip.
                self.target.chip = value.to_owned();
                (self.target.settings, self.target.elf) = (Vec::new(), None);
            }
            "psram" => self.target.psram = Some(value.to_owned()),
            "reserve" => self.target.reserve = Some(value.to_owned()),
            "caps" => self.caps = Some(value.to_owned()),
            "policy" => self.target.policy = word_of(word, value)?,
            "poison" => self.poison = word_of(word, value)?,
            "external-above" => self.external_above = Some(limit(word, value)?),
            _ => self.target.settings.push(word.to_owned()),
        }
        Ok(())
    }

    fn variant(&self) -> Result<Variant, Error> {
        let setup = self.target.setup()?;
        let asked = self.caps.as_deref().map(parse_caps).transpose()?;
        let requests = asked
            .map(|_| requests(self.caps.as_deref(), setup.chip))
            .transpose()?;
        Ok(Variant {
            poisoning: match self.poison {
                Poisoning::None => what_if::Poisoning::None,
                Poisoning::Light => what_if::Poisoning::Light,
                Poisoning::Comprehensive => what_if::Poisoning::Comprehensive,
            },
            external_above: self.external_above,
            requests,
            setup,
        })
    }
}

/// One of the words that `W` has.
fn word_of<W: ValueEnum>(word: &str, value: &str) -> Result<W, Error> {
    W::from_str(value, true).map_err(|_| {
        let known = W::value_variants().iter().filter_map(W::to_possible_value);
        let known: Vec<_> = known.map(|known| known.get_name().to_owned()).collect();
        Error::Usage(format!("{word:?}: it is one of {}", known.join(", ")))
    })
}

/// `never`: nothing is larger than that.
fn limit(word: &str, value: &str) -> Result<u32, Error> {
    match value {
        "never" => Ok(u32::MAX),
        _ => parse_size(value).ok_or_else(|| {
            Error::Usage(format!("{word:?}: a limit is a number of bytes, or never"))
        }),
    }
}

/// The largest of the shipped traces that fits.
fn shipped(base: &Variant) -> Result<Program, Error> {
    let mut machine = Machine::<Unpoisoned>::boot(&base.setup)?;
    machine.enable_startup_stacks();
    let free = machine.free_bytes(base.requests.unwrap_or_else(|| requests_of(base)));
    Ok(Program::from(&recorded::shipped::fitting(free)?.0))
}

fn requests_of(base: &Variant) -> heap_report::simulate::machine::Requests {
    heap_report::simulate::machine::Requests::as_by_malloc(base.setup.chip)
}

/// How far the simulated heaps are those of the program.
fn ground(described: u64, base: &Variant) -> Result<String, Error> {
    let mut machine = Machine::<Unpoisoned>::boot(&base.setup)?;
    machine.enable_startup_stacks();
    let heaps = machine.heaps().inspect().heaps().filter(|heap| heap.active);
    let simulated: u64 = heaps.map(|heap| u64::from(heap.span.size())).sum();
    Ok(format!(
        "The program described heaps of {described} bytes; the simulated {} has {simulated} (--elf, --psram and --option make it more alike).",
        base.setup.chip.name()
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
    let refused = program
        .steps
        .iter()
        .filter(|step| matches!(step, heap_report::Step::Refused { .. }))
        .count();
    let missing = heap_report::export::missing(&program.gaps).map_or_else(String::new, |missing| {
        format!("\nThe recording is incomplete: {missing}")
    });
    format!(
        "{}: {} steps, {refused} requests were refused when it was recorded. Now: {base}{missing}",
        program.name,
        program.steps.len()
    )
}

/// A row a figure, a column a variant; what differs from the first has its difference beside it.
fn table_of(tried: &[Tried]) -> String {
    let mut heads = vec![String::new()];
    heads.extend(tried.iter().map(|tried| tried.name.clone()));
    let mut table = table::of_heads(heads);
    let Some(first) = tried.first().map(|tried| &tried.outcome) else {
        return String::new();
    };
    for (name, figure) in rows(first) {
        let before = figure(first);
        let cells = tried
            .iter()
            .map(|tried| difference(before, figure(&tried.outcome)));
        table.add_row(std::iter::once(name).chain(cells));
    }
    table::wrap(&mut table);
    table.to_string()
}

type Row = (String, fn(&Outcome) -> u64);

fn rows(outcome: &Outcome) -> Vec<Row> {
    let view = outcome.view;
    let mut rows: Vec<Row> = vec![("requests refused".to_owned(), |outcome| {
        outcome.refused as u64
    })];
    if outcome.were_refused > 0 {
        rows.push((
            format!("granted of {} refused", outcome.were_refused),
            |outcome| outcome.granted as u64,
        ));
    }
    rows.extend([
        (
            format!("least free, {view}"),
            (|outcome: &Outcome| outcome.least_free.into()) as fn(&Outcome) -> u64,
        ),
        (
            "largest free block at the tightest moment".to_owned(),
            |outcome| outcome.tightest.largest.into(),
        ),
        ("fragmentation then, %".to_owned(), |outcome| {
            outcome.tightest.fragmentation().into()
        }),
        ("tightest moment, step".to_owned(), |outcome| {
            outcome.tightest.step as u64
        }),
        ("most bytes live".to_owned(), |outcome| outcome.peak_bytes),
        ("taken beyond them then".to_owned(), |outcome| {
            outcome.overhead
        }),
    ]);
    rows
}

fn difference(before: u64, after: u64) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => after.to_string(),
        std::cmp::Ordering::Greater => format!("{after} (+{})", after - before),
        std::cmp::Ordering::Less => format!("{after} (−{})", before - after),
    }
}

/// What to make of the table, and the lines of the best variant.
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
        text.push_str("Nothing changes: the program is served alike in all of them.");
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
    match best {
        Some(best) if is_better => text.push_str(&format!(
            "{} serves the program better than it is served now. To have it so:\n\n{}",
            best.name,
            what_if::lines(&best.variant)
        )),
        Some(only) if others.len() == 1 => {
            text.push_str(&format!(
                "{} does not serve the program better than it is served now. To have it so:\n\n{}",
                only.name,
                what_if::lines(&only.variant)
            ));
        }
        _ => text.push_str("None of them serves the program better than it is served now."),
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
        figures::print_json(
            &tried
                .iter()
                .flat_map(|tried| tried.figures(program))
                .collect::<Vec<_>>(),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}\n{}", about(program, base), list_of(&tried))?;
    say!("{why}")?;
    if let Some(chosen) = tried.get(best).filter(|_| best > 0) {
        say!("\n{}", what_if::lines(&chosen.variant))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A row a variant: there may be many.
fn list_of(tried: &[Tried]) -> String {
    let mut table = table::of_numbers([
        "variant",
        "refused",
        "least free",
        "largest free, tightest",
        "overhead",
    ]);
    for tried in tried {
        let outcome = &tried.outcome;
        table.add_row([
            tried.name.clone(),
            outcome.unserved().to_string(),
            outcome.least_free.to_string(),
            outcome.tightest.largest.to_string(),
            outcome.overhead.to_string(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Configuration {
        Configuration {
            target: TargetOptions {
                chip: "esp32".to_owned(),
                settings: vec!["trace-memory=one-bank".to_owned()],
                psram: None,
                elf: None,
                policy: PolicyName::Guaranteed,
                reserve: None,
            },
            poison: Poisoning::None,
            external_above: None,
            caps: None,
        }
    }

    fn variant(words: &str) -> Result<String, String> {
        let changed = now().changed(words).and_then(|changed| changed.variant());
        changed
            .map(|variant| variant.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn words_change_what_they_name() {
        assert_eq!(
            variant("poison=light policy=idf-exact").unwrap(),
            "esp32, idf-exact, poisoning light"
        );
        assert_eq!(
            variant("reserve=DMA=24K").unwrap(),
            "esp32, guaranteed, reserve DMA=24576"
        );
        assert_eq!(
            variant("chip=esp32s3 psram=8M external-above=never").unwrap(),
            "esp32s3, guaranteed, psram 8388608, external above 4294967295"
        );
    }

    #[test]
    fn words_without_sense_are_refused_with_what_would_have_one() {
        assert!(
            variant("policy=random")
                .unwrap_err()
                .contains("idf-exact, guaranteed")
        );
        assert!(variant("poison=rat").unwrap_err().contains("light"));
        assert!(
            variant("external-above=much")
                .unwrap_err()
                .contains("or never")
        );
        assert!(
            variant("psrma=4M")
                .unwrap_err()
                .contains("did you mean psram")
        );
    }

    #[test]
    fn a_difference_has_its_sign() {
        assert_eq!(
            [difference(5, 5), difference(5, 7), difference(5, 2)],
            ["5", "7 (+2)", "2 (−3)"]
        );
    }
}
