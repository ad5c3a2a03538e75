//! Trials of all faults, in batches, on all cores.

use std::panic::catch_unwind;

use target_suite::faults::{FaultCounts, FaultKind, count_faults};

use esp_heap::parallel;
use esp_heap::poisoning::{Poisoning, with_poison};
use esp_heap::progress;
use esp_heap::status;

/// Faults in a batch.
const BATCH: u64 = 50;

/// What became of the faults of one kind at one level.
pub(crate) struct FaultRow {
    pub(crate) level: Poisoning,
    pub(crate) kind: FaultKind,
    pub(crate) counts: FaultCounts,
    /// Batches in which the heap panicked.
    pub(crate) panics: u32,
}

impl FaultRow {
    /// Returns whether the heap kept to itself, whatever the program did, and found nothing where
    /// nothing was.
    pub(crate) fn is_sound(&self) -> bool {
        self.panics == 0 && self.counts.outside == 0 && self.counts.false_alarms == 0
    }
}

/// Faults with neighbouring numbers.
struct Batch {
    row: usize,
    level: Poisoning,
    kind: FaultKind,
    first: u64,
    count: u64,
}

/// `count` faults of each of these kinds at each of these levels.
pub(crate) fn all(
    levels: &[Poisoning],
    kinds: &[FaultKind],
    seed: u64,
    count: u64,
) -> Vec<FaultRow> {
    let mut rows: Vec<FaultRow> = levels
        .iter()
        .flat_map(|&level| kinds.iter().map(move |&kind| row(level, kind)))
        .collect();
    let batches: Vec<Batch> = rows
        .iter()
        .enumerate()
        .flat_map(|(index, row)| batches(index, row, count))
        .collect();
    let bar = progress::bar("faults", batches.len() as u64);
    let counted = parallel::map(&batches, |batch| {
        let counts = catch_unwind(|| batch.count(seed));
        bar.inc(1);
        if counts.is_err() {
            status!("the heap panicked: {batch}, seed {seed}");
        }
        counts.ok()
    });
    bar.finish_and_clear();
    for (batch, counts) in batches.iter().zip(counted) {
        let Some(row) = rows.get_mut(batch.row) else {
            continue;
        };
        match counts {
            Some(counts) => row.counts = row.counts + counts,
            None => row.panics += 1,
        }
    }
    rows
}

fn row(level: Poisoning, kind: FaultKind) -> FaultRow {
    FaultRow {
        level,
        kind,
        counts: FaultCounts::default(),
        panics: 0,
    }
}

fn batches(index: usize, row: &FaultRow, count: u64) -> impl Iterator<Item = Batch> + use<> {
    let (level, kind) = (row.level, row.kind);
    (0..count.div_ceil(BATCH)).map(move |batch| Batch {
        row: index,
        level,
        kind,
        first: batch * BATCH,
        count: BATCH.min(count - batch * BATCH),
    })
}

impl Batch {
    fn count(&self, seed: u64) -> FaultCounts {
        with_poison!(self.level, P => count_faults::<P>(self.kind, seed, self.first, self.count))
    }
}

impl std::fmt::Display for Batch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.first + self.count - 1;
        write!(
            out,
            "{} at level {}, one of the numbers {} to {last}",
            self.kind,
            self.level.name(),
            self.first
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_all_faults_once() {
        let row = row(Poisoning::Light, FaultKind::Overrun);
        let ranges: Vec<_> = batches(3, &row, 120)
            .map(|batch| (batch.row, batch.first, batch.count))
            .collect();
        assert_eq!(ranges, [(3, 0, 50), (3, 50, 50), (3, 100, 20)]);
    }

    #[test]
    fn in_batches_on_all_cores_they_end_as_one_after_the_other() {
        let rows = all(&[Poisoning::Light], &[FaultKind::HeaderWord], 5, 120);
        assert_eq!(
            rows[0].counts,
            count_faults::<multi_heap::Light>(FaultKind::HeaderWord, 5, 0, 120)
        );
        assert_eq!(rows[0].counts.faults, 120);
    }
}
