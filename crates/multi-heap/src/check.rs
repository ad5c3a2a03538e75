//! Checker of a heap's invariants (those of `pool.rs`).
//!
//! ```text
//!   first ─► block ─► block ─► … ─► sentinel      header, last word, links, canaries, freed bytes; counted
//!   list 2 … last list                            size, both links, bit of the map; as many as were counted
//!   counters                                      what was counted
//! ```

use crate::bins::{MAP_WORDS, MIN_BLOCK_WORDS};
use crate::damage::{Corruption, CorruptionKind};
use crate::header::{Header, PrevInfo};
use crate::heap::Heap;
use crate::poison::{self, CanaryState, Poison};
use crate::pool::{Index, Pool, control, first_index, is_first_index};

pub(crate) type Checked<T = ()> = Result<T, Corruption>;

/// What the walk over the blocks counts, to be compared with counters and lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) used_blocks: u32,
    pub(crate) free_blocks: u32,
    pub(crate) free_words: u32,
    /// Free blocks that must be in a list.
    pub(crate) listed_blocks: u32,
}

impl Counters {
    pub(crate) const NONE: Self = Self {
        used_blocks: 0,
        free_blocks: 0,
        free_words: 0,
        listed_blocks: 0,
    };

    /// Returns the differences, of what counters count.
    pub(crate) const fn minus(self, other: Self) -> Self {
        Self {
            used_blocks: self.used_blocks.wrapping_sub(other.used_blocks),
            free_blocks: self.free_blocks.wrapping_sub(other.free_blocks),
            free_words: self.free_words.wrapping_sub(other.free_words),
            listed_blocks: 0,
        }
    }

    /// Counts one block.
    pub(crate) const fn count(&mut self, words: u32, free: bool) {
        if free {
            self.free_blocks += 1;
            self.free_words += words - 1;
            self.listed_blocks += (words >= MIN_BLOCK_WORDS) as u32;
        } else {
            self.used_blocks += 1;
        }
    }
}

impl<P: Poison> Heap<P> {
    /// Verifies every header, previous-block bits, link, bitmap bit and counter, and whatever the
    /// poisoning level guards. O(blocks); O(bytes) of free memory under
    /// [`Comprehensive`](crate::Comprehensive) poisoning. Changes nothing.
    ///
    /// # Errors
    /// The first broken invariant found.
    pub fn check(&self) -> Result<(), Corruption> {
        self.pool.check_first()?;
        let (usage, slack) = self.check_blocks()?;
        if slack != self.canary_state.slack() {
            let (counter, counted) = (control::USED_BLOCKS, self.canary_state.slack());
            return Err(broken(CorruptionKind::Counter, counter, slack, counted));
        }
        self.pool.check_lists(usage)?;
        self.pool.check_counters(usage)?;
        self.pool.check_unnoticed()
    }

    /// Returns the damage that an allocation came across, or that [`Heap::explain`] found behind a
    /// refusal; `None` if there was none. O(1) then.
    #[must_use]
    pub fn damage(&self) -> Option<Corruption> {
        if self.pool.is_damaged() {
            self.check().err()
        } else {
            None
        }
    }

    /// Checks all blocks in address order; returns what they add up to, and the slack of the used
    /// ones.
    fn check_blocks(&self) -> Checked<(Counters, u32)> {
        let mut sum = 0_u32;
        let (mut usage, mut prev_info, mut index) =
            (Counters::default(), PrevInfo::USED, self.pool.first());
        while index < self.pool.end() {
            let free = self.pool.header(index).is_free();
            let (words, slack) = self.check_block(index, prev_info)?;
            sum = sum.wrapping_add(slack);
            prev_info = if free {
                PrevInfo::of(words)
            } else {
                PrevInfo::USED
            };
            usage.count(words, free);
            index += words;
        }
        self.pool.check_sentinel(prev_info)?;
        Ok((usage, sum))
    }

    /// Checks one block; `before` are the previous-block bits that the block in front of it calls
    /// for. Returns its words and its slack.
    fn check_block(&self, index: Index, before: PrevInfo) -> Checked<(u32, u32)> {
        let words = self.pool.check_header_and_links(index, before)?;
        if self.pool.header(index).is_free() {
            self.check_free_bytes(index, words)?;
            return Ok((words, 0));
        }
        Ok((words, self.check_canaries(index, words)?))
    }

    /// Checks the canaries of a used block; returns the bytes between the last requested one and
    /// the canary's last place.
    pub(crate) fn check_canaries(&self, index: Index, words: u32) -> Checked<u32> {
        if P::OVERHEAD == 0 {
            return Ok(0);
        }
        if (words - 1) * 4 < P::OVERHEAD {
            let found = self.pool.header(index).0;
            return Err(broken(
                CorruptionKind::Header,
                index,
                P::OVERHEAD / 4 + 1,
                found,
            ));
        }
        let canaries = self.canaries_of(index, words);
        canaries.verify().map(|size| canaries.slack(size))
    }

    /// Checks all bytes of a free block between its links and its last word.
    fn check_free_bytes(&self, index: Index, words: u32) -> Checked {
        if !P::FILLS || words < 4 {
            return Ok(());
        }
        self.check_freed(index + 3, index + words - 1)
    }

    /// Checks the words from `from` to `to` of a free block, its links and its last word not among
    /// them.
    pub(crate) fn check_freed(&self, from: Index, to: Index) -> Checked {
        poison::verify_freed(self.arena(), from * 4, to.max(from) * 4)
    }
}

impl Pool {
    /// Checks a block's header, of a free one its last word and its links too; returns its words.
    pub(crate) fn check_header_and_links(&self, index: Index, before: PrevInfo) -> Checked<u32> {
        let words = self.check_header(index, before)?;
        if self.header(index).is_free() {
            self.check_footer(index, words)?;
            self.check_links_lead_inside(index, words)?;
        }
        Ok(words)
    }

    /// Checks a block's size and previous-block bits; returns its words.
    pub(crate) fn check_header(&self, index: Index, before: PrevInfo) -> Checked<u32> {
        let header = self.header(index);
        let words = header.words();
        let smallest = if header.is_free() { 1 } else { MIN_BLOCK_WORDS };
        if words < smallest || words > self.end() - index {
            return Err(broken(CorruptionKind::Header, index, smallest, header.0));
        }
        match (header.is_free(), before == PrevInfo::USED) {
            (true, false) => Err(broken(
                CorruptionKind::AdjacentFreeBlocks,
                index,
                0,
                header.0,
            )),
            (true, true) if words == 2 && !header.is_free_minimum() => Err(broken(
                CorruptionKind::Header,
                index,
                Header::ERASED.0,
                header.0,
            )),
            (false, _) if header != Header::used(words, before) => Err(broken(
                CorruptionKind::PreviousBlock,
                index,
                Header::used(words, before).0,
                header.0,
            )),
            _ => Ok(words),
        }
    }

    /// Checks the header behind the last block.
    pub(crate) fn check_sentinel(&self, before: PrevInfo) -> Checked {
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

    /// Checks the last word of a free block, which repeats its size.
    pub(crate) fn check_footer(&self, index: Index, words: u32) -> Checked {
        if words < 4 || self.arena().get(index + words - 1) == words {
            return Ok(());
        }
        let found = self.arena().get(index + words - 1);
        Err(broken(
            CorruptionKind::Footer,
            index + words - 1,
            words,
            found,
        ))
    }

    /// Checks that every list holds free blocks of its size, linked both ways, and together they
    /// hold as many as the walk found.
    fn check_lists(&self, usage: Counters) -> Checked {
        let mut left = usage.listed_blocks;
        for bin in MIN_BLOCK_WORDS..=self.last_list() {
            self.check_list(bin, &mut left)?;
        }
        self.check_unused_lists()?;
        if left == 0 {
            return Ok(());
        }
        Err(broken(
            CorruptionKind::Link,
            control::HEADS + MIN_BLOCK_WORDS,
            usage.listed_blocks,
            usage.listed_blocks - left,
        ))
    }

    /// Checks one list; each of its blocks takes one off `left`, so a cycle ends.
    fn check_list(&self, bin: u32, left: &mut u32) -> Checked {
        let mut previous = control::HEADS + bin;
        let mut node = self.link_at(previous);
        self.check_bit(bin, node != 0)?;
        while node != 0 {
            self.check_link(previous, node, bin)?;
            let again = broken(CorruptionKind::Link, previous, bin, node);
            *left = left.checked_sub(1).ok_or(again)?;
            (previous, node) = (node, self.link_at(node));
        }
        Ok(())
    }

    /// Checks the bit of a list in the map.
    pub(crate) fn check_bit(&self, bin: u32, expected: bool) -> Checked {
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

    /// Checks that no operation came across damage.
    pub(crate) fn check_unnoticed(&self) -> Checked {
        if !self.is_damaged() {
            return Ok(());
        }
        let used = self.used_blocks();
        self.expect(control::USED_BLOCKS, CorruptionKind::Noticed, used)
    }

    /// Checks that the first block is where construction put it.
    pub(crate) fn check_first(&self) -> Checked {
        let words = self.arena().words();
        if is_first_index(words, self.first()) {
            return Ok(());
        }
        self.expect(control::FIRST, CorruptionKind::Header, first_index(words))
    }

    pub(crate) fn expect_bits(&self, index: Index, mask: u32, expected: u32) -> Checked {
        let found = self.arena().get(index);
        if found & mask == expected {
            return Ok(());
        }
        Err(broken(CorruptionKind::Bitmap, index, expected, found))
    }

    /// Compares the counters with what the walk has counted.
    pub(crate) fn check_counters(&self, usage: Counters) -> Checked {
        let used = self.used_blocks();
        if used != usage.used_blocks {
            let expected = usage.used_blocks;
            return Err(broken(
                CorruptionKind::Counter,
                control::USED_BLOCKS,
                expected,
                used,
            ));
        }
        self.expect(
            control::FREE_BLOCKS,
            CorruptionKind::Counter,
            usage.free_blocks | self.words_in_use(),
        )?;
        self.expect(
            control::FREE_WORDS,
            CorruptionKind::Counter,
            usage.free_words,
        )?;
        self.check_ceiling()?;
        self.check_minimum()
    }

    /// Checks that the minimum of free memory is at most what is free.
    pub(crate) fn check_minimum(&self) -> Checked {
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

    /// Returns the words of the map that are not 0, as the counter of free blocks has them.
    fn words_in_use(&self) -> u32 {
        let words = (0..MAP_WORDS).filter(|word| self.arena().get(control::MAP + word) != 0);
        words.fold(0, |bits, word| bits | 1 << 31 >> word)
    }

    /// Checks that the counter of free blocks remembers which words of the map are not 0.
    pub(crate) fn check_words_in_use(&self) -> Checked {
        let expected = self.free_blocks() | self.words_in_use();
        self.expect(control::FREE_BLOCKS, CorruptionKind::Bitmap, expected)
    }

    /// Checks that the largest free block lies below the ceiling.
    pub(crate) fn check_ceiling(&self) -> Checked {
        let (largest, ceiling) = (self.largest_free_words(), self.get(control::CEILING));
        if largest < ceiling && ceiling <= self.end() {
            return Ok(());
        }
        Err(broken(
            CorruptionKind::Counter,
            control::CEILING,
            largest.saturating_add(1),
            ceiling,
        ))
    }

    pub(crate) fn expect(&self, index: Index, kind: CorruptionKind, expected: u32) -> Checked {
        match self.arena().get(index) {
            found if found == expected => Ok(()),
            found => Err(broken(kind, index, expected, found)),
        }
    }
}

pub(crate) const fn broken(
    kind: CorruptionKind,
    index: Index,
    expected: u32,
    found: u32,
) -> Corruption {
    Corruption {
        offset: index * 4,
        kind,
        expected,
        found,
    }
}
