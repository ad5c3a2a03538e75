//! Batches of campaigns, each in a process of its own: what panics or hangs ends its batch alone.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use clap::ValueEnum;
use esp_heap::parallel;
use esp_heap::poisoning::Poisoning;
use esp_heap::{progress, status};

use crate::ci::sources::{root, target_folder};
use crate::ci::tool::cargo;
use crate::error::Error;

/// The key of canaries in the rows that have one.
pub(crate) const KEY: u32 = 0x1F2E_3D4C;
/// Lines of a failed batch that are shown.
const REPEATED_LINES: usize = 4;

/// What is done to heaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CampaignKind {
    /// Arbitrary calls, wrong calls among the right ones; compared with a model
    Operations,
    /// Words change between the calls: no access outside, no panic, no endless loop
    Damage,
    /// A header of any size is forged
    AnySize,
    /// A header is forged that ends where another block begins
    Spanning,
    /// The same, with recorded size and ESP-IDF's canaries
    Complete,
}

impl CampaignKind {
    pub(crate) const FORGERIES: [Self; 3] = [Self::AnySize, Self::Spanning, Self::Complete];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Operations => "operations",
            Self::Damage => "damage",
            Self::AnySize => "any-size",
            Self::Spanning => "spanning",
            Self::Complete => "complete",
        }
    }

    /// Returns how many calls, heaps or tries of it there are where nobody says how many.
    pub(crate) const fn usual_count(self) -> u64 {
        match self {
            Self::Operations => 100_000_000,
            Self::Damage => 10_000_000,
            Self::AnySize | Self::Spanning | Self::Complete => 100_000,
        }
    }

    /// Returns how many of them are in one batch: a few seconds.
    const fn batch_count(self) -> u64 {
        match self {
            Self::Operations => 2_000_000,
            Self::Damage => 200_000,
            Self::AnySize | Self::Spanning | Self::Complete => 10_000,
        }
    }
}

/// What is done to which heaps, and the sums of its figures.
#[derive(Debug)]
pub(crate) struct CampaignRow {
    pub(crate) kind: CampaignKind,
    pub(crate) level: Poisoning,
    pub(crate) has_key: bool,
    pub(crate) figures: BTreeMap<String, u64>,
    /// Batches that panicked or did not end.
    pub(crate) failures: u64,
}

impl CampaignRow {
    pub(crate) const fn new(kind: CampaignKind, level: Poisoning, has_key: bool) -> Self {
        Self {
            kind,
            level,
            has_key,
            figures: BTreeMap::new(),
            failures: 0,
        }
    }

    /// Returns one of the figures, 0 where no batch has it.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        self.figures.get(name).copied().unwrap_or(0)
    }

    /// Returns whether no batch failed and no memory was handed out twice; who knows canaries by
    /// heart, or has none to know, is expected to get through.
    pub(crate) fn is_sound(&self) -> bool {
        let gets_through =
            self.level == Poisoning::None || self.kind == CampaignKind::Complete && !self.has_key;
        self.failures == 0 && (gets_through || self.figure("overlaps") == 0)
    }

    fn add(&mut self, output: &str) {
        let words: Vec<&str> = output.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            let sum = self.figures.entry(pair[0].to_owned()).or_insert(0);
            *sum += pair[1].parse::<u64>().unwrap_or(0);
        }
    }
}

/// Neighbouring inputs of a row.
struct Batch {
    row: usize,
    kind: CampaignKind,
    level: Poisoning,
    key: u32,
    seed: u64,
    number: u64,
    count: u64,
}

/// Runs `count` of each kind, or as many as usual, at each of these levels.
pub(crate) fn all(
    kinds: &[CampaignKind],
    levels: &[Poisoning],
    seed: u64,
    count: Option<u64>,
) -> Result<Vec<CampaignRow>, Error> {
    let program = build()?;
    let mut rows: Vec<CampaignRow> = kinds
        .iter()
        .flat_map(|&kind| levels.iter().flat_map(move |&level| rows_of(kind, level)))
        .collect();
    let batches: Vec<Batch> = rows
        .iter()
        .enumerate()
        .flat_map(|(index, row)| {
            let count = count.unwrap_or(row.kind.usual_count());
            batches(index, row, seed, count)
        })
        .collect();
    let bar = progress::bar("batches", batches.len() as u64);
    let outputs = parallel::map(&batches, |batch| {
        let output = batch.run(&program);
        bar.inc(1);
        if let Err(error) = &output {
            status!("FAILED  {batch}: {error}");
        }
        output.ok()
    });
    bar.finish_and_clear();
    for (batch, output) in batches.iter().zip(outputs) {
        let Some(row) = rows.get_mut(batch.row) else {
            continue;
        };
        match output {
            Some(output) => row.add(&output),
            None => row.failures += 1,
        }
    }
    Ok(rows)
}

/// Returns the rows of a kind at a level: forged headers with and without a key, where there are
/// canaries.
fn rows_of(kind: CampaignKind, level: Poisoning) -> impl Iterator<Item = CampaignRow> {
    let is_forgery = CampaignKind::FORGERIES.contains(&kind);
    let keys: &[bool] = if is_forgery && level != Poisoning::None {
        &[false, true]
    } else {
        &[false]
    };
    keys.iter()
        .map(move |&has_key| CampaignRow::new(kind, level, has_key))
}

/// Returns all of a row. Calls and damage meet heaps with a key in every second batch.
fn batches(index: usize, row: &CampaignRow, seed: u64, count: u64) -> Vec<Batch> {
    let (kind, level, has_key) = (row.kind, row.level, row.has_key);
    let each = kind.batch_count();
    let is_forgery = CampaignKind::FORGERIES.contains(&kind);
    let numbers = 0..count.div_ceil(each);
    let batch = |number: u64| Batch {
        row: index,
        kind,
        level,
        key: if has_key || !is_forgery && number % 2 == 1 {
            KEY
        } else {
            0
        },
        seed,
        number,
        count: each.min(count - number * each),
    };
    numbers.map(batch).collect()
}

impl Batch {
    fn run(&self, program: &PathBuf) -> Result<String, String> {
        let mut command = Command::new(program);
        command.args(self.words());
        let output = command.output().map_err(|cause| cause.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = errors.trim().lines().take(REPEATED_LINES).collect();
        Err(format!("{}\n{}", output.status, lines.join("\n")))
    }

    fn words(&self) -> Vec<String> {
        let numbers = [self.key.into(), self.seed, self.number, self.count];
        let names = [self.kind.name(), self.level.name()].map(str::to_owned);
        names
            .into_iter()
            .chain(numbers.map(|number| number.to_string()))
            .collect()
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "campaign {}", self.words().join(" "))
    }
}

/// Builds the program that runs a batch: optimised, with every assertion.
fn build() -> Result<PathBuf, Error> {
    let folder = target_folder().join("campaign");
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--package", "target-suite"]);
    command.args(["--bin", "campaign", "--target-dir"]);
    command.arg(&folder).current_dir(root());
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    match command.status() {
        Ok(status) if status.success() => Ok(folder.join("release").join("campaign")),
        Ok(_) => Err(Error::Failed("the campaign does not build".to_owned())),
        Err(cause) => Err(Error::Failed(format!("cargo cannot be run: {cause}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_the_whole_count_once() {
        let row = CampaignRow::new(CampaignKind::AnySize, Poisoning::Light, true);
        let batches = batches(3, &row, 7, 25_000);
        let words: Vec<_> = batches
            .iter()
            .map(Batch::words)
            .map(|words| words.join(" "))
            .collect();
        assert_eq!(
            words,
            [
                "any-size light 523124044 7 0 10000",
                "any-size light 523124044 7 1 10000",
                "any-size light 523124044 7 2 5000"
            ]
        );
        assert!(batches.iter().all(|batch| batch.row == 3));
    }

    #[test]
    fn forged_headers_are_tried_with_and_without_a_key_where_there_are_canaries() {
        let keys = |kind, level| {
            rows_of(kind, level)
                .map(|row| row.has_key)
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(CampaignKind::Spanning, Poisoning::None), [false]);
        assert_eq!(
            keys(CampaignKind::Spanning, Poisoning::Light),
            [false, true]
        );
        assert_eq!(keys(CampaignKind::Damage, Poisoning::Light), [false]);
        let row = CampaignRow::new(CampaignKind::Damage, Poisoning::Light, false);
        let keys: Vec<u32> = batches(0, &row, 1, 600_000)
            .iter()
            .map(|batch| batch.key)
            .collect();
        assert_eq!(keys, [0, KEY, 0]);
    }

    #[test]
    fn figures_of_batches_are_summed_up_and_overlaps_are_failures_where_none_may_be() {
        let mut row = CampaignRow::new(CampaignKind::Spanning, Poisoning::Light, false);
        row.add("tries 10 overlaps 0 \n");
        row.add("tries 5 overlaps 0 \n");
        assert_eq!((row.figure("tries"), row.figure("overlaps")), (15, 0));
        assert!(row.is_sound());
        row.add("tries 5 overlaps 1 \n");
        assert!(!row.is_sound());
        let mut unkeyed = CampaignRow::new(CampaignKind::Complete, Poisoning::Light, false);
        unkeyed.add("tries 5 overlaps 1 \n");
        assert!(unkeyed.is_sound());
        unkeyed.failures = 1;
        assert!(!unkeyed.is_sound());
    }
}
