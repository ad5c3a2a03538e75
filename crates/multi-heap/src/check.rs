//! Whether a heap keeps its invariants (those of `pool.rs`), and where it does not.

use crate::bins::{MAP_WORDS, MIN_UNITS, bin_of};
use crate::damage::{Corruption, CorruptionKind};
use crate::header::{Header, Note};
use crate::heap::Heap;
use crate::lists::block_of;
use crate::poison::{self, Poison};
use crate::pool::{Index, Pool, control, first_index};

type Checked<T = ()> = Result<T, Corruption>;

/// What the walk over the blocks counts, to be compared with counters and lists.
#[derive(Default, Clone, Copy)]
pub(crate) struct Tally {
    used_blocks: u32,
    free_blocks: u32,
    free_words: u32,
    /// Free blocks that must be in a list.
    listed_blocks: u32,
}

impl Tally {
    fn count(&mut self, units: u32, free: bool) {
        if free {
            self.free_blocks += 1;
            self.free_words += units - 1;
            self.listed_blocks += u32::from(units >= MIN_UNITS);
        } else {
            self.used_blocks += 1;
        }
    }
}

impl<P: Poison> Heap<P> {
    /// Verifies every header, note, link, bitmap bit and counter, and whatever the poisoning level guards. O(blocks); O(bytes) of free
    /// memory under [`Comprehensive`](crate::Comprehensive) poisoning. Changes nothing.
    ///
    /// # Errors
    /// The first broken promise found.
    pub fn check(&self) -> Result<(), Corruption> {
        let first = first_index(self.arena().words());
        self.pool
            .expect(control::FIRST, CorruptionKind::Header, first)?;
        let tally = self.check_blocks()?;
        self.pool.check_lists(tally)?;
        self.pool.check_counters(tally)?;
        Ok(())
    }

    /// The damage that an allocation, a free or a resize came across and refused to follow; `None` if there was none. O(1) then.
    #[must_use]
    pub fn damage(&self) -> Option<Corruption> {
        if self.pool.is_damaged() {
            self.check().err()
        } else {
            None
        }
    }

    pub(crate) fn check_blocks(&self) -> Checked<Tally> {
        let (mut tally, mut note, mut index) = (Tally::default(), Note::USED, self.pool.first());
        while index < self.pool.end() {
            let free = self.pool.header(index).is_free();
            let units = self.check_block(index, note)?;
            note = if free { Note::of(units) } else { Note::USED };
            tally.count(units, free);
            index += units;
        }
        self.pool.check_sentinel(note)?;
        Ok(tally)
    }

    /// One block and what it says about itself; `before` is what the block in front of it left as a note. Gives its units.
    pub(crate) fn check_block(&self, index: Index, before: Note) -> Checked<u32> {
        let units = self.pool.check_header(index, before)?;
        if self.pool.header(index).is_free() {
            self.pool.check_footer(index, units)?;
            self.check_free_bytes(index, units)?;
        } else {
            self.check_guards(index, units)?;
        }
        Ok(units)
    }

    fn check_guards(&self, index: Index, units: u32) -> Checked {
        if P::OVERHEAD == 0 {
            return Ok(());
        }
        if (units - 1) * 4 < P::OVERHEAD {
            let found = self.pool.header(index).0;
            return Err(broken(
                CorruptionKind::Header,
                index,
                P::OVERHEAD / 4 + 1,
                found,
            ));
        }
        self.guards(index, units).verify().map(|_| ())
    }

    /// All bytes of a free block between its links and its last word.
    fn check_free_bytes(&self, index: Index, units: u32) -> Checked {
        if !P::FILLS || units < 4 {
            return Ok(());
        }
        poison::verify_freed(self.arena(), (index + 3) * 4, (index + units - 1) * 4)
    }
}

impl Pool {
    pub(crate) fn check_header(&self, index: Index, before: Note) -> Checked<u32> {
        let header = self.header(index);
        let units = header.units();
        let smallest = if header.is_free() { 1 } else { MIN_UNITS };
        if units < smallest || units > self.end() - index {
            return Err(broken(CorruptionKind::Header, index, smallest, header.0));
        }
        match (header.is_free(), before == Note::USED) {
            (true, false) => Err(broken(
                CorruptionKind::AdjacentFreeBlocks,
                index,
                0,
                header.0,
            )),
            (true, true) if !header.is_free_pair() && header != Header::free(units) => Err(broken(
                CorruptionKind::Header,
                index,
                Header::free(units).0,
                header.0,
            )),
            (true, true) if units == 2 && !header.is_free_pair() => Err(broken(
                CorruptionKind::Header,
                index,
                Header::ERASED.0,
                header.0,
            )),
            (false, _) if header != Header::used(units, before) => Err(broken(
                CorruptionKind::PreviousBlock,
                index,
                Header::used(units, before).0,
                header.0,
            )),
            _ => Ok(units),
        }
    }

    pub(crate) fn check_sentinel(&self, before: Note) -> Checked {
        let (expected, found) = (Header::sentinel(before), self.header(self.end()));
        if expected == found {
            return Ok(());
        }
        Err(broken(
            CorruptionKind::PreviousBlock,
            self.end(),
            expected.0,
            found.0,
        ))
    }

    fn check_footer(&self, index: Index, units: u32) -> Checked {
        if units < 4 || self.arena().get(index + units - 1) == units {
            return Ok(());
        }
        let found = self.arena().get(index + units - 1);
        Err(broken(
            CorruptionKind::Footer,
            index + units - 1,
            units,
            found,
        ))
    }

    /// Every list holds free blocks of its size, linked both ways, and together they hold as many as the walk found.
    fn check_lists(&self, tally: Tally) -> Checked {
        let top = bin_of(self.end() - self.first());
        let mut left = tally.listed_blocks;
        for bin in MIN_UNITS..MAP_WORDS * 32 {
            let head = if bin <= top {
                self.arena().get(control::HEADS + bin)
            } else {
                0
            };
            self.check_bit(bin, head != 0)?;
            if head != 0 {
                self.check_list(bin, head, &mut left)?;
            }
        }
        self.check_rest()?;
        if left == 0 {
            return Ok(());
        }
        Err(broken(
            CorruptionKind::Link,
            control::HEADS + MIN_UNITS,
            tally.listed_blocks,
            tally.listed_blocks - left,
        ))
    }

    fn check_list(&self, bin: u32, head: u32, left: &mut u32) -> Checked {
        let mut previous = control::HEADS + bin;
        let mut node = head;
        while node != 0 {
            let damage = broken(CorruptionKind::Link, previous, bin, node);
            if !self.is_in_list(node, bin) || self.get(node + 1) != previous {
                return Err(damage);
            }
            *left = left.checked_sub(1).ok_or(damage)?;
            (previous, node) = (node, self.get(node));
        }
        Ok(())
    }

    /// Whether a link leads to the node of a free block of list `bin`.
    fn is_in_list(&self, node: u32, bin: u32) -> bool {
        let block = block_of(node, bin);
        if !(self.first()..self.end() - 1).contains(&block) {
            return false;
        }
        let header = self.header(block);
        header.is_free() && bin_of(header.units().max(1)) == bin
    }

    fn check_bit(&self, bin: u32, expected: bool) -> Checked {
        let word = control::MAP + bin / 32;
        let map = self.arena().get(word);
        if (map << (bin % 32) >> 31 == 1) == expected {
            return Ok(());
        }
        Err(broken(
            CorruptionKind::Bitmap,
            word,
            u32::from(expected) << 31 >> (bin % 32),
            map,
        ))
    }

    /// The lists 0 and 1 do not exist, and no operation came across damage.
    fn check_rest(&self) -> Checked {
        self.expect(control::DAMAGED, CorruptionKind::Noticed, 0)?;
        self.expect_bits(control::MAP, !(u32::MAX >> MIN_UNITS), 0)
    }

    fn expect_bits(&self, index: Index, mask: u32, expected: u32) -> Checked {
        let found = self.arena().get(index);
        if found & mask == expected {
            return Ok(());
        }
        Err(broken(CorruptionKind::Bitmap, index, expected, found))
    }

    fn check_counters(&self, tally: Tally) -> Checked {
        self.expect(
            control::USED_BLOCKS,
            CorruptionKind::Counter,
            tally.used_blocks,
        )?;
        self.expect(
            control::FREE_BLOCKS,
            CorruptionKind::Counter,
            tally.free_blocks,
        )?;
        self.expect(
            control::FREE_WORDS,
            CorruptionKind::Counter,
            tally.free_words,
        )?;
        let (free, minimum) = (self.free_words(), self.minimum_words());
        if minimum <= free {
            return Ok(());
        }
        Err(broken(
            CorruptionKind::Counter,
            control::MINIMUM_WORDS,
            free,
            minimum,
        ))
    }

    fn expect(&self, index: Index, kind: CorruptionKind, expected: u32) -> Checked {
        match self.arena().get(index) {
            found if found == expected => Ok(()),
            found => Err(broken(kind, index, expected, found)),
        }
    }
}

const fn broken(kind: CorruptionKind, index: Index, expected: u32, found: u32) -> Corruption {
    Corruption {
        offset: index * 4,
        kind,
        expected,
        found,
    }
}
