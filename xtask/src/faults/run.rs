//! How all faults are tried: in pieces, on all cores.

use std::panic::catch_unwind;

use target_suite::faults::{Kind, Tally, tally};

use esp_heap::parallel;
use esp_heap::poisoning::{Poisoning, with_poison};
use esp_heap::progress;
use esp_heap::status;

/// Faults in a piece.
const PIECE: u64 = 50;

/// What became of the faults of one kind at one level.
pub(crate) struct Row {
    pub(crate) level: Poisoning,
    pub(crate) kind: Kind,
    pub(crate) tally: Tally,
    /// Pieces in which the heap panicked.
    pub(crate) panics: u32,
}

impl Row {
    /// Whether the heap kept to itself, whatever the program did, and found nothing where nothing
    /// was.
    pub(crate) fn is_sound(&self) -> bool {
        self.panics == 0 && self.tally.outside == 0 && self.tally.false_alarms == 0
    }
}

/// Faults with neighbouring numbers.
struct Piece {
    row: usize,
    level: Poisoning,
    kind: Kind,
    first: u64,
    count: u64,
}

/// `count` faults of each of these kinds at each of these levels.
pub(crate) fn all(levels: &[Poisoning], kinds: &[Kind], seed: u64, count: u64) -> Vec<Row> {
    let mut rows: Vec<Row> = levels
        .iter()
        .flat_map(|&level| kinds.iter().map(move |&kind| row(level, kind)))
        .collect();
    let pieces: Vec<Piece> = rows
        .iter()
        .enumerate()
        .flat_map(|(index, row)| pieces(index, row, count))
        .collect();
    let bar = progress::bar("faults", pieces.len() as u64);
    let tallies = parallel::map(&pieces, |piece| {
        let tally = catch_unwind(|| piece.tally(seed));
        bar.inc(1);
        if tally.is_err() {
            status!("the heap panicked: {piece}, seed {seed}");
        }
        tally.ok()
    });
    bar.finish_and_clear();
    for (piece, tally) in pieces.iter().zip(tallies) {
        let Some(row) = rows.get_mut(piece.row) else {
            continue;
        };
        match tally {
            Some(tally) => row.tally = row.tally + tally,
            None => row.panics += 1,
        }
    }
    rows
}

fn row(level: Poisoning, kind: Kind) -> Row {
    Row {
        level,
        kind,
        tally: Tally::default(),
        panics: 0,
    }
}

fn pieces(index: usize, row: &Row, count: u64) -> impl Iterator<Item = Piece> + use<> {
    let (level, kind) = (row.level, row.kind);
    (0..count.div_ceil(PIECE)).map(move |piece| Piece {
        row: index,
        level,
        kind,
        first: piece * PIECE,
        count: PIECE.min(count - piece * PIECE),
    })
}

impl Piece {
    fn tally(&self, seed: u64) -> Tally {
        with_poison!(self.level, P => tally::<P>(self.kind, seed, self.first, self.count))
    }
}

impl std::fmt::Display for Piece {
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
        let row = row(Poisoning::Light, Kind::Overrun);
        let ranges: Vec<_> = pieces(3, &row, 120)
            .map(|piece| (piece.row, piece.first, piece.count))
            .collect();
        assert_eq!(ranges, [(3, 0, 50), (3, 50, 50), (3, 100, 20)]);
    }

    #[test]
    fn in_pieces_on_all_cores_they_end_as_one_after_the_other() {
        let rows = all(&[Poisoning::Light], &[Kind::HeaderWord], 5, 120);
        assert_eq!(
            rows[0].tally,
            tally::<multi_heap::Light>(Kind::HeaderWord, 5, 0, 120)
        );
        assert_eq!(rows[0].tally.faults, 120);
    }
}
