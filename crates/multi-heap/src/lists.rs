//! How free blocks are kept in lists, one for each class of sizes, and found.
//!
//! ```text
//!   summary   one bit for each word of the map:   0 0 0 1 0 1
//!   map       one bit for each list               0 0 1 0 0 .. 0 1      in words of 32
//!   heads     list 2, list 3, ...                 | block | 0 | block | ...
//!   list      head -> block <-> block <-> block -> 0                    the first ones in address order
//! ```

use crate::bins::{MAP_WORDS, MIN_UNITS, bin_of, from_bit};
use crate::damage::CorruptionKind;
use crate::header::Header;
use crate::pool::{Index, Pool, control};

/// How many blocks of one list an allocation looks at before it goes to the lists of larger blocks.
const PROBES: u32 = 16;

/// How many blocks at the head of a list are kept in address order: reusing low addresses first leaves larger holes above.
const ORDERED: u32 = 2;

/// "No block" in a link or a list head.
const NONE: u32 = 0;

/// Finding.
impl Pool {
    /// A free block of at least `units`, still in its list. O(1): at most [`PROBES`] blocks.
    #[inline]
    pub(crate) fn find(&mut self, units: u32) -> Option<Index> {
        let bin = bin_of(units);
        let block = self.first_from(bin)?;
        if self.header(block).free_units() >= units {
            return Some(block);
        }
        self.find_further(bin, block, units)
    }

    /// A block of at least `units` behind the first one of its own list, or in a list of larger blocks.
    #[cold]
    fn find_further(&mut self, bin: u32, first: Index, units: u32) -> Option<Index> {
        let mut block = first;
        for _ in 1..PROBES {
            match self.next_in_list(block) {
                NONE => break,
                next => block = self.ingest(next)?,
            }
            if self.header(block).free_units() >= units {
                return Some(block);
            }
        }
        self.first_from(bin + 1)
    }

    /// The first block of the first list from `bin` upwards that has one.
    #[inline(always)]
    fn first_from(&mut self, bin: u32) -> Option<Index> {
        let word = bin / 32;
        if word >= MAP_WORDS {
            return None;
        }
        let map = self.arena().get(control::MAP + word) & from_bit(bin % 32);
        if map != 0 {
            return self.first_of(word * 32 + map.trailing_zeros());
        }
        let summary = self.arena().get(control::SUMMARY) & from_bit(word) & !(1 << word);
        if summary == 0 {
            return None;
        }
        let word = summary.trailing_zeros();
        self.first_of(word * 32 + self.map_word(word).trailing_zeros())
    }

    /// The first block of a list that should have one.
    #[inline(always)]
    fn first_of(&mut self, bin: u32) -> Option<Index> {
        let head = control::HEADS + bin;
        if head >= self.first() {
            return self.note_damage(CorruptionKind::Bitmap, control::MAP, self.first(), head);
        }
        self.ingest(self.arena().get(head))
    }

    /// The map's word, 0 where a damaged summary leads behind the map.
    #[inline(always)]
    fn map_word(&self, word: u32) -> u32 {
        if word < MAP_WORDS {
            self.arena().get(control::MAP + word)
        } else {
            0
        }
    }

    /// Units of the largest block that [`Pool::find`] finds; 0 if there is none. O(1).
    pub(crate) fn largest_free_units(&self) -> u32 {
        let last = |bits: u32| bits.checked_ilog2();
        let top = last(self.arena().get(control::SUMMARY))
            .and_then(|word| Some(word * 32 + last(self.map_word(word))?))
            .filter(|bin| control::HEADS + bin < self.first());
        let blocks = top
            .into_iter()
            .flat_map(|bin| self.list(bin))
            .take(PROBES as usize);
        blocks
            .map(|block| self.header(block).free_units())
            .max()
            .unwrap_or(0)
    }

    /// The blocks of a list, in its order; ends at a link that leads outside the heap.
    fn list(&self, bin: u32) -> impl Iterator<Item = Index> + '_ {
        let head = self.arena().get(control::HEADS + bin);
        let next = |&block: &Index| self.inside(self.next_in_list(block));
        core::iter::successors(self.inside(head), next)
    }
}

/// Links.
impl Pool {
    #[inline(always)]
    pub(crate) fn next_in_list(&self, block: Index) -> u32 {
        let header = self.header(block);
        if header.is_free_pair() {
            header.pair_next()
        } else {
            self.arena().get(block + 1)
        }
    }

    #[inline(always)]
    pub(crate) fn previous_in_list(&self, block: Index) -> u32 {
        let word = if self.header(block).is_free_pair() {
            1
        } else {
            2
        };
        self.arena().get(block + word)
    }

    #[inline(always)]
    fn set_next(&mut self, block: Index, units: u32, next: u32) {
        if units == 2 {
            self.arena().set(block, Header::free_pair(next).0);
        } else {
            self.arena().set(block + 1, next);
        }
    }

    #[inline(always)]
    fn set_previous(&mut self, block: Index, units: u32, previous: u32) {
        self.arena()
            .set(block + if units == 2 { 1 } else { 2 }, previous);
    }

    /// Puts a free block into its list, behind blocks of lower address among the first [`ORDERED`]; a block of one unit is in none.
    #[inline(always)]
    pub(crate) fn link(&mut self, block: Index, units: u32) {
        if units < MIN_UNITS {
            return;
        }
        let bin = bin_of(units);
        let (before, after) = self.place_in_list(self.arena().get(control::HEADS + bin), block);
        self.set_next(block, units, after);
        self.set_previous(block, units, before);
        if before != NONE {
            self.set_next(before, units, block);
        } else {
            self.arena().set(control::HEADS + bin, block);
            self.mark_bin(bin);
        }
        if after != NONE {
            self.set_previous(after, units, block);
        }
    }

    /// Between which two blocks of the list that begins at `head` a new block belongs.
    #[inline(always)]
    fn place_in_list(&mut self, head: u32, block: Index) -> (u32, u32) {
        let (mut before, mut after) = (NONE, head);
        for _ in 0..ORDERED {
            if after == NONE || after > block {
                break;
            }
            match self.ingest(after) {
                Some(lower) => (before, after) = (lower, self.next_in_list(lower)),
                None => return (before, NONE),
            }
        }
        let after = if after == NONE {
            NONE
        } else {
            self.ingest(after).unwrap_or(NONE)
        };
        (before, after)
    }

    /// Takes a free block out of its list; a block of 0 or 1 units is in none.
    #[inline(always)]
    pub(crate) fn unlink(&mut self, block: Index, units: u32) -> Option<()> {
        if units < MIN_UNITS {
            return Some(());
        }
        let (next, previous) = if units == 2 {
            (self.header(block).pair_next(), self.arena().get(block + 1))
        } else {
            (self.arena().get(block + 1), self.arena().get(block + 2))
        };
        if next != NONE {
            self.ingest(next)?;
        }
        if previous == NONE {
            let bin = bin_of(units);
            self.arena().set(control::HEADS + bin, next);
            if next == NONE {
                self.clear_bin(bin);
            }
        } else {
            self.ingest(previous)?;
            self.set_next(previous, units, next);
        }
        if next != NONE {
            self.set_previous(next, units, previous);
        }
        Some(())
    }

    #[inline(always)]
    fn mark_bin(&mut self, bin: u32) {
        let word = control::MAP + bin / 32;
        self.arena()
            .set(word, self.arena().get(word) | 1 << (bin % 32));
        self.arena().set(
            control::SUMMARY,
            self.arena().get(control::SUMMARY) | 1 << (bin / 32),
        );
    }

    #[inline(always)]
    fn clear_bin(&mut self, bin: u32) {
        let word = control::MAP + bin / 32;
        let map = self.arena().get(word) & !(1 << (bin % 32));
        self.arena().set(word, map);
        if map == 0 {
            self.arena().set(
                control::SUMMARY,
                self.arena().get(control::SUMMARY) & !(1 << (bin / 32)),
            );
        }
    }
}
