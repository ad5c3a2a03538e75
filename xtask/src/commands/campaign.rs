//! `campaign`: millions of arbitrary calls, of damaged heaps and of forged headers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::campaign::run::{self, CampaignKind, CampaignRow};
use crate::campaign::table;
use crate::error::Error;
use crate::record;
use esp_heap::poisoning::Poisoning;
use esp_heap::{figures, style};

/// Call, damage and forge heaps by the million, and see that they hold
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What is done; everything if nothing is named
    #[arg(value_enum)]
    kinds: Vec<CampaignKind>,
    /// Where the random numbers begin
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u64,
    /// How many calls, heaps or tries of each kind at each level [default: 10⁸, 10⁷, 10⁵]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    count: Option<u64>,
    /// At one poisoning level only
    #[arg(long, value_enum, value_name = "LEVEL")]
    poison: Option<Poisoning>,
    /// Print the figures as JSON instead of the tables
    #[arg(long)]
    json: bool,
    /// Write the tables into FILE too, where it names this command: docs/hardening.md does
    #[arg(long, value_name = "FILE", conflicts_with_all = ["poison", "kinds"])]
    record: Option<PathBuf>,
}

const SEED: u64 = 1;

const HELP: &str = "\
Examples:
  cargo xtask campaign                                  all of it, some minutes
  cargo xtask campaign damage --count 1000000000        a night of damaged heaps
  cargo xtask campaign operations --poison light --seed 7

Optimised code with every assertion: each access of a heap is compared with the bounds of its region, which lies between guards. \
A batch is a process; one that fails is named with the line that repeats it, `target/campaign/release/campaign …`.

Exit code 1: a heap differed from its model, accessed memory outside of its region, hung, or handed memory out twice where canaries should prevent it.";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let kinds = if arguments.kinds.is_empty() {
        CampaignKind::value_variants().to_vec()
    } else {
        arguments.kinds.clone()
    };
    let levels = arguments
        .poison
        .map_or(Poisoning::ALL.to_vec(), |level| vec![level]);
    let rows = run::all(&kinds, &levels, arguments.seed, arguments.count)?;
    let tables = table::of(&rows);
    if arguments.json {
        figures::print_json(&table::figures(&rows))?;
    } else {
        style::print(&tables)?;
    }
    if let Some(file) = &arguments.record {
        record::write(file, &arguments.command(), &tables)?;
    }
    let is_sound = rows.iter().all(CampaignRow::is_sound);
    Ok(ExitCode::from(u8::from(!is_sound)))
}

impl Arguments {
    /// Returns the command line that prints this, as documents name it.
    fn command(&self) -> String {
        let mut command = "cargo xtask campaign".to_owned();
        if self.seed != SEED {
            command += &format!(" --seed {}", self.seed);
        }
        if let Some(count) = self.count {
            command += &format!(" --count {count}");
        }
        command
    }
}
