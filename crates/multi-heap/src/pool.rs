//! How blocks are taken from the free lists, split, joined and given back.
//!
//! ```text
//!   word 0        5      11                first                                            end
//!   | counters .. | map .. | list heads ..  | block | block | block |  . . .         | block | 0 | sentinel: a used block of size 0
//!
//!   used block   | header | payload ..                       |
//!   free block   | header | next | prev | ..         | units |    units in the last word: from 4 units on
//!   free, 3      | header | next | prev |
//!   free, 2      | header + next | prev |
//!   free, 1      | header |                                       in no list: waits for a neighbour
//! ```
//!
//! Invariants, checked by `check.rs`, broken on purpose in its tests:
//! 1. Blocks follow each other without a gap from `first` to the sentinel at `end`.
//! 2. No two free blocks are neighbours.
//! 3. A used block's note tells whether and how large a free block lies before it; so does the sentinel's.
//! 4. A free block of 2 units or more is in exactly one list, that of its size; the list is doubly linked.
//! 5. A bit of the map is set exactly if its list has a block; a bit of the summary if its map word has a bit.
//! 6. The counters equal what a walk finds.
//!
//! Every operation is O(1): it looks at no more than [`PROBES`] blocks of one list and two bitmap words.

use crate::arena::Arena;
use crate::bins::{self, MAP_WORDS, MIN_UNITS, bin_of};
use crate::damage::{Corruption, CorruptionKind, NewHeapError};
use crate::header::{Header, Note};

/// Words of the control structure.
pub(crate) mod control {
    pub(crate) const FREE_UNITS: u32 = 0;
    pub(crate) const FREE_BLOCKS: u32 = 1;
    pub(crate) const USED_BLOCKS: u32 = 2;
    pub(crate) const MINIMUM_FREE: u32 = 3;
    pub(crate) const SUMMARY: u32 = 4;
    pub(crate) const MAP: u32 = 5;
    /// Index of the head of list 0; lists 0 and 1 do not exist, their heads would be the last words of the map.
    pub(crate) const HEADS: u32 = MAP + super::MAP_WORDS - super::MIN_UNITS;
}

/// Index of the first word of a block that is known to lie between the first block and the sentinel.
pub(crate) type Index = u32;

/// The heap below sizes in bytes and poisoning: blocks of whole words.
#[derive(Debug)]
pub(crate) struct Pool {
    arena: Arena,
    first: Index,
    damage: Option<Corruption>,
}

/// Index of the first block in a region of `words`: behind as many list heads as the remaining words can need.
fn first_index(words: u32) -> Index {
    let has_all_heads = |first: &Index| control::HEADS + bin_of(words - 1 - first) < *first;
    (control::HEADS + MIN_UNITS + 1..words - MIN_UNITS)
        .find(has_all_heads)
        .unwrap_or(words)
}

/// Construction and plain facts.
impl Pool {
    pub(crate) fn new(arena: Arena, overhead_units: u32) -> Result<Self, NewHeapError> {
        let smallest = MIN_UNITS + overhead_units;
        let needed = control::HEADS + bin_of(smallest) + 1 + smallest + 1;
        let words = arena.words();
        if words < needed {
            return Err(NewHeapError::TooSmall {
                bytes: words * 4,
                needed: needed * 4,
            });
        }
        let first = first_index(words);
        let mut pool = Self {
            arena,
            first,
            damage: None,
        };
        let end = words - 1;
        (0..first).for_each(|index| arena.set(index, 0));
        arena.set(end, Header::used(0, Note::USED).0);
        pool.release(first, end - first);
        arena.set(control::FREE_UNITS, end - first);
        arena.set(control::FREE_BLOCKS, 1);
        pool.reset_minimum_free();
        Ok(pool)
    }

    pub(crate) const fn arena(&self) -> Arena {
        self.arena
    }

    pub(crate) const fn first(&self) -> Index {
        self.first
    }

    pub(crate) fn end(&self) -> Index {
        self.arena.words() - 1
    }

    pub(crate) fn header(&self, block: Index) -> Header {
        Header(self.arena.get(block))
    }

    /// The first damage that an operation came across.
    pub(crate) const fn damage(&self) -> Option<Corruption> {
        self.damage
    }

    pub(crate) fn counter(&self, which: u32) -> u32 {
        self.arena.get(which)
    }

    /// Usable bytes of all free blocks.
    pub(crate) fn free_bytes(&self) -> u32 {
        (self
            .counter(control::FREE_UNITS)
            .wrapping_sub(self.counter(control::FREE_BLOCKS)))
            << 2
    }

    pub(crate) fn minimum_free_bytes(&self) -> u32 {
        self.counter(control::MINIMUM_FREE)
    }

    pub(crate) fn set_minimum_free_bytes(&mut self, bytes: u32) {
        self.arena.set(control::MINIMUM_FREE, bytes);
    }

    pub(crate) fn reset_minimum_free(&mut self) {
        self.set_minimum_free_bytes(self.free_bytes());
    }

    pub(crate) fn update_minimum(&mut self) {
        let free = self.free_bytes();
        if free < self.minimum_free_bytes() {
            self.set_minimum_free_bytes(free);
        }
    }

    /// Adds to a counter. A damaged one wraps; the check finds it.
    #[inline(always)]
    pub(crate) fn count(&mut self, which: u32, more: u32) {
        self.arena
            .set(which, self.counter(which).wrapping_add(more));
    }

    /// Subtracts from a counter.
    #[inline(always)]
    pub(crate) fn discount(&mut self, which: u32, less: u32) {
        self.arena
            .set(which, self.counter(which).wrapping_sub(less));
    }
}

/// Words that came from memory become indices here and nowhere else.
impl Pool {
    /// The same value if it is the index of a word at which a block of two units may begin.
    #[inline(always)]
    pub(crate) fn inside(&self, word: u32) -> Option<Index> {
        let limit = self.arena.words() - 2 - self.first;
        (word.wrapping_sub(self.first) < limit).then_some(word)
    }

    /// As [`Pool::inside`]; notes the damage otherwise.
    #[inline(always)]
    pub(crate) fn ingest(&mut self, word: u32) -> Option<Index> {
        match self.inside(word) {
            Some(index) => Some(index),
            None => self.note_damage(CorruptionKind::Link, 0, 0, word),
        }
    }

    /// The index behind a block of `units`, which is at most the sentinel's.
    #[inline(always)]
    pub(crate) fn ingest_end(&mut self, block: Index, units: u32) -> Option<Index> {
        let end = self.arena.words() - 1;
        if units != 0 && units <= end.wrapping_sub(block) {
            return Some(block + units);
        }
        self.note_damage(CorruptionKind::Header, block, 0, self.header(block).0)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn note_damage<T>(
        &mut self,
        kind: CorruptionKind,
        index: u32,
        expected: u32,
        found: u32,
    ) -> Option<T> {
        let damage = Corruption {
            offset: index * 4,
            kind,
            expected,
            found,
        };
        self.damage.get_or_insert(damage);
        None
    }
}

const _: () = assert!(
    bins::MAX_UNITS < 1 << 28,
    "sizes and links fit the header's size field"
);
