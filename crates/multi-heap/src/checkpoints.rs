//! Checkpoints of a scrub: used blocks it has visited, the nearer ones closer together.
//!
//! ```text
//!   looked at   …  b . . . . . . . b . . . b . b b | last        eight checkpoints behind the last one, each about twice as far back as
//!                  ▲               ▲       ▲   ▲ ▲                 the one before
//! ```
//!
//! A checkpoint is a used block with its size; it is *valid* while the header there says the same.
//! If the last checkpoint has gone, it rewinds to the nearest valid one. So the blocks that are
//! looked at again are about as many as have gone.

use crate::pool::{Index, Pool};

/// How many checkpoints behind the last one are remembered: the farthest is some 2⁸ blocks back.
const EARLIER: usize = 8;

/// A used block at which a check can go on. Index 0, where no block lies, is no checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) index: Index,
    pub(crate) words: u32,
}

/// The checkpoints of one scrub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoints {
    last: Checkpoint,
    earlier: [Checkpoint; EARLIER],
    /// How many were the last one.
    count: u32,
}

impl Checkpoint {
    const NONE: Self = Self { index: 0, words: 0 };

    fn is_valid(self, pool: Pool) -> bool {
        let inside = self.index != 0 && self.index < pool.end();
        let header = || pool.header(self.index);
        inside && !header().is_free() && header().used_words() == self.words
    }
}

impl Checkpoints {
    pub(crate) const fn new() -> Self {
        Self {
            last: Checkpoint::NONE,
            earlier: [Checkpoint::NONE; EARLIER],
            count: 0,
        }
    }

    /// The scrub is at this block.
    pub(crate) fn record(&mut self, checkpoint: Checkpoint) {
        self.count = self.count.wrapping_add(1);
        let which = self.count.trailing_zeros() as usize; // every second, every fourth, ...
        if let Some(earlier) = self.earlier.get_mut(which) {
            *earlier = self.last;
        }
        self.last = checkpoint;
    }

    /// Returns whether there has been none.
    pub(crate) const fn is_new(&self) -> bool {
        self.count == 0
    }

    /// Returns the last checkpoint, if it is valid.
    pub(crate) fn last(&self, pool: Pool) -> Option<Checkpoint> {
        Some(self.last).filter(|checkpoint| checkpoint.is_valid(pool))
    }

    /// Returns the nearest earlier checkpoint that is valid; it is the last one now, and those
    /// behind it are forgotten.
    pub(crate) fn rewind(&mut self, pool: Pool) -> Option<Checkpoint> {
        let standing = self
            .earlier
            .iter()
            .filter(|checkpoint| checkpoint.is_valid(pool));
        let nearest = standing.copied().max_by_key(|checkpoint| checkpoint.index);
        self.last = nearest.unwrap_or(Checkpoint::NONE);
        let reached = self.last.index;
        let beyond = self
            .earlier
            .iter_mut()
            .filter(|checkpoint| checkpoint.index >= reached);
        beyond.for_each(|checkpoint| *checkpoint = Checkpoint::NONE);
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Header, PrevInfo};
    use crate::pool::test::pool;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn earlier_places_lie_about_twice_as_far_back_each() {
        let mut checkpoints = Checkpoints::new();
        (1..=1000).for_each(|index| checkpoints.record(Checkpoint { index, words: 2 }));
        let mut back: Vec<u32> = checkpoints
            .earlier
            .iter()
            .map(|checkpoint| 1000 - checkpoint.index)
            .collect();
        back.sort_unstable();
        for (checkpoint, back) in back.into_iter().enumerate() {
            assert!(
                back <= 2 << checkpoint,
                "{back} blocks back at checkpoint {checkpoint}"
            );
        }
    }

    /// Used blocks of four words each, from index `first` on, all recorded.
    fn recorded(pool: Pool, blocks: u32) -> Checkpoints {
        let mut checkpoints = Checkpoints::new();
        for block in 0..blocks {
            let index = pool.first() + 4 * block;
            pool.set_header(index, Header::used(4, PrevInfo::USED));
            checkpoints.record(Checkpoint { index, words: 4 });
        }
        checkpoints
    }

    #[test]
    fn a_place_stands_while_a_used_block_of_its_size_is_there() {
        let mut words = vec![0; 400];
        let pool = pool(&mut words);
        let checkpoint = |index, words| Checkpoint { index, words };
        let first = pool.first();
        pool.set_header(first, Header::used(4, PrevInfo::USED));
        assert!(checkpoint(first, 4).is_valid(pool));
        assert!(!checkpoint(first, 5).is_valid(pool));
        assert!(!checkpoint(0, 4).is_valid(pool) && !Checkpoint::NONE.is_valid(pool));
        pool.set_header(first, Header::free(4));
        assert!(!checkpoint(first, 4).is_valid(pool));
        // The sentinel is used, but behind all blocks.
        let end = pool.end();
        let words = pool.header(end).used_words();
        assert!(!checkpoint(end, words).is_valid(pool));
    }

    #[test]
    fn the_way_back_leads_to_the_nearest_place_that_stands() {
        let mut words = vec![0; 400];
        let pool = pool(&mut words);
        let mut checkpoints = recorded(pool, 20);
        let index = |block: u32| pool.first() + 4 * block;
        assert_eq!(
            checkpoints.last(pool).map(|checkpoint| checkpoint.index),
            Some(index(19))
        );
        let mut earlier: Vec<Index> = checkpoints
            .earlier
            .iter()
            .map(|checkpoint| checkpoint.index)
            .collect();
        earlier.retain(|&index| index != 0);
        earlier.sort_unstable();
        // The last block and the nearest checkpoint have gone.
        let nearest = earlier.pop().unwrap();
        for gone in [index(19), nearest] {
            pool.set_header(gone, Header::free(4));
        }
        assert_eq!(checkpoints.last(pool), None);
        let back = checkpoints.rewind(pool).map(|checkpoint| checkpoint.index);
        assert_eq!(back, earlier.last().copied());
        assert_eq!(
            checkpoints.last(pool).map(|checkpoint| checkpoint.index),
            back
        );
        // It is no earlier checkpoint any more, nor is one behind it.
        assert!(
            checkpoints
                .earlier
                .iter()
                .all(|checkpoint| Some(checkpoint.index) < back)
        );
        for &gone in &earlier {
            pool.set_header(gone, Header::free(4));
        }
        assert_eq!(
            (checkpoints.rewind(pool), checkpoints.last),
            (None, Checkpoint::NONE)
        );
    }
}
