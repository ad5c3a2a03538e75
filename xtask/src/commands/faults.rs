//! `faults`: what the heap finds, and when, if a program does something wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use target_suite::faults::FaultKind;

use crate::error::Error;
use crate::faults::{run as trials, table};
use crate::record;
use esp_heap::poisoning::Poisoning;
use esp_heap::{figures, style};

/// Let programs overrun blocks, free twice and worse, at random, and count what the heap finds
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Where the random numbers begin
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u64,
    /// Faults of each kind at each level
    #[arg(long, value_name = "N", default_value_t = COUNT, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// At one poisoning level only
    #[arg(long, value_enum, value_name = "LEVEL")]
    poison: Option<Poisoning>,
    /// Faults of one kind only
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<KindName>,
    /// Print the figures as JSON instead of the tables
    #[arg(long)]
    json: bool,
    /// Write the tables into FILE too, where it names this command: docs/hardening.md does
    #[arg(long, value_name = "FILE", conflicts_with_all = ["poison", "kind"])]
    record: Option<PathBuf>,
}

const SEED: u64 = 1;
const COUNT: u64 = 1000;

const HELP: &str = "\
Each fault has a program of its own: some 40 blocks in three heaps, with owners. After the fault a check and a scrub look at the heaps; then \
the program frees or resizes the block concerned and its neighbours, and works on. Everything follows from the seed. \
docs/hardening.md has the table and says how to read it.

Exit code 1: the heap panicked, wrote outside of its memory, or found something where nothing was.";

/// A kind of fault by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KindName(FaultKind);

impl ValueEnum for KindName {
    fn value_variants<'a>() -> &'a [Self] {
        const NAMES: [KindName; FaultKind::ALL.len()] = {
            let mut names = [KindName(FaultKind::Overrun); FaultKind::ALL.len()];
            let mut index = 0;
            while index < names.len() {
                names[index] = KindName(FaultKind::ALL[index]);
                index += 1;
            }
            names
        };
        &NAMES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.about()))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let levels = arguments
        .poison
        .map_or(Poisoning::ALL.to_vec(), |level| vec![level]);
    let kinds = arguments
        .kind
        .map_or(FaultKind::ALL.to_vec(), |kind| vec![kind.0]);
    let rows = trials::all(&levels, &kinds, arguments.seed, arguments.count);
    let tables = table::of(&rows);
    if arguments.json {
        figures::print_json(&table::figures(&rows))?;
    } else {
        style::print(&tables)?;
    }
    if let Some(file) = &arguments.record {
        record::write(file, &arguments.command(), &tables)?;
    }
    let is_sound = rows.iter().all(trials::FaultRow::is_sound);
    Ok(ExitCode::from(u8::from(!is_sound)))
}

impl Arguments {
    /// Returns the command line that prints this, as documents name it.
    fn command(&self) -> String {
        let mut command = "cargo xtask faults".to_owned();
        for (option, value, usual) in [("seed", self.seed, SEED), ("count", self.count, COUNT)] {
            if value != usual {
                command += &format!(" --{option} {value}");
            }
        }
        command
    }
}
