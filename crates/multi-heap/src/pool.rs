//! Control structure of a heap, and its invariants: how far an index may be trusted.
//!
//! ```text
//!   word 0        6      12                first                                            end     (`encoded-links`: 7, 13)
//!   | counters .. | map .. | list heads ..  | block | block | block |  . . .         | block | 0 | sentinel: a used block of size 0
//!
//!   used block   | header | payload ..                       |
//!   free block   | header | next | prev | ..         | words |    words in the last word: from 4 words on
//!   free, 3      | header | next | prev |
//!   free, 2      | next | prev |                                  its header is the link
//!   free, 1      | header |                                       in no list: waits for a neighbour
//! ```
//!
//! Invariants, checked by `check.rs`, broken on purpose in `tests/corruption.rs`:
//! 1. Blocks follow each other without a gap from `first` to the sentinel at `end`.
//! 2. No two free blocks are neighbours.
//! 3. A used block's previous-block bits say whether a free block lies before it, and its size; so
//!    do the sentinel's.
//! 4. A free block of 2 words or more is in exactly one list, that of its size; the list is doubly
//!    linked.
//! 5. A bit of the map is set exactly if its list has a block.
//! 6. The counters equal what a walk finds.

use crate::arena::Arena;
use crate::bins::{self, MAP_WORDS, MIN_BLOCK_WORDS, bin_of};
use crate::damage::NewHeapError;
use crate::header::{Header, PrevInfo};

/// Words of the control structure.
pub(crate) mod control {
    /// Payload words of all free blocks: their words without their headers.
    pub(crate) const FREE_WORDS: u32 = 0;
    /// The least value that `FREE_WORDS` had.
    pub(crate) const MINIMUM_WORDS: u32 = 1;
    /// Number of used blocks; its highest bit is [`DAMAGED`].
    pub(crate) const USED_BLOCKS: u32 = 2;
    /// Set once an operation came across damage.
    pub(crate) const DAMAGED: u32 = 1 << 31;
    /// Number of free blocks; its highest bits are [`WORDS_IN_USE`].
    pub(crate) const FREE_BLOCKS: u32 = 3;
    /// A bit for each word of the map that is not 0, the first word's the highest.
    pub(crate) const WORDS_IN_USE: u32 = !(u32::MAX >> super::MAP_WORDS);
    /// No free block has as many words: what a failed search has found out, until a larger block
    /// becomes free.
    pub(crate) const CEILING: u32 = 4;
    /// Index of the first block.
    pub(crate) const FIRST: u32 = 5;
    /// What every link is combined with.
    #[cfg(feature = "encoded-links")]
    pub(crate) const LINK_KEY: u32 = 6;
    pub(crate) const MAP: u32 = if cfg!(feature = "encoded-links") {
        7
    } else {
        6
    };
    /// Index of the head of list 0; lists 0 and 1 do not exist, their heads would be the last words
    /// of the map.
    pub(crate) const HEADS: u32 = MAP + super::MAP_WORDS - super::MIN_BLOCK_WORDS;
    /// No block begins below: counters, map and the first head lie there in any heap.
    ///
    /// A list's number is at most the words of its blocks, so a block that begins here or above and
    /// ends in the region has its list's head in the region, whatever damaged words say: `HEADS +
    /// bin_of(words) <= HEADS + (end - LOWEST) < end`.
    pub(crate) const LOWEST: u32 = MAP + super::MAP_WORDS;
}

/// Index of a word at which a block begins, or claims to: below [`Pool::end`].
pub(crate) type Index = u32;

/// The heap below sizes in bytes and poisoning: blocks of whole words. A value of two registers;
/// everything else lies in the region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    arena: Arena,
}

/// Returns the index of the first block in a region of `words`: behind as many list heads as the
/// remaining words can need.
pub(crate) fn first_index(words: u32) -> Index {
    let mut candidates = first_candidates(words);
    candidates
        .find(|&first| has_all_heads(words, first))
        .unwrap_or(words)
}

/// Returns whether that is `first`. O(1): the more heads there are, the fewer are needed.
pub(crate) fn is_first_index(words: u32, first: Index) -> bool {
    let candidates = first_candidates(words);
    candidates.contains(&first)
        && has_all_heads(words, first)
        && (first == candidates.start || !has_all_heads(words, first - 1))
}

const fn first_candidates(words: u32) -> core::ops::Range<Index> {
    control::HEADS + MIN_BLOCK_WORDS + 1..words - MIN_BLOCK_WORDS
}

const fn has_all_heads(words: u32, first: Index) -> bool {
    control::HEADS + bin_of(words - 1 - first) < first
}

/// Returns the words of the smallest region: control structure, one smallest block, sentinel.
pub(crate) const fn needed_words(overhead_words: u32) -> u32 {
    let smallest = MIN_BLOCK_WORDS + overhead_words;
    control::HEADS + bin_of(smallest) + 1 + smallest + 1
}

impl Pool {
    pub(crate) const ARENA_AT: usize = core::mem::offset_of!(Self, arena);

    /// Creates a pool that is there already, as an image of its memory has it.
    pub(crate) const fn over_image(
        arena: Arena,
        overhead_words: u32,
    ) -> Result<Self, NewHeapError> {
        let (words, needed) = (arena.words(), needed_words(overhead_words));
        if words < needed {
            let (bytes, needed) = (words * 4, needed * 4);
            return Err(NewHeapError::TooSmall { bytes, needed });
        }
        Ok(Self { arena })
    }

    pub(crate) fn new(arena: Arena, overhead_words: u32) -> Result<Self, NewHeapError> {
        let pool = Self::over_image(arena, overhead_words)?;
        let (first, end) = (first_index(arena.words()), pool.end());
        (0..first).for_each(|index| arena.set(index, 0));
        arena.set(control::FIRST, first);
        pool.init_links(first);
        arena.set(end, Header::sentinel(PrevInfo::USED).0);
        pool.insert_free(first, end - first);
        pool.set_prev_info(end, 0, end - first);
        arena.set(control::FREE_WORDS, end - first - 1);
        pool.count(control::FREE_BLOCKS, 1);
        arena.set(control::CEILING, end);
        pool.set_minimum_words(pool.free_words());
        Ok(pool)
    }

    #[inline(always)]
    pub(crate) const fn arena(self) -> Arena {
        self.arena
    }

    /// Returns the index of the first block.
    #[inline(always)]
    pub(crate) fn first(self) -> Index {
        self.get(control::FIRST)
    }

    /// Returns the index of the sentinel.
    #[inline(always)]
    pub(crate) const fn end(self) -> Index {
        self.arena.words() - 1
    }

    #[inline(always)]
    pub(crate) fn get(self, word: u32) -> u32 {
        self.arena.get(word)
    }

    #[inline(always)]
    pub(crate) fn set(self, word: u32, value: u32) {
        self.arena.set(word, value);
    }

    #[inline(always)]
    pub(crate) fn header(self, block: Index) -> Header {
        Header(self.arena.get(block))
    }

    #[inline(always)]
    pub(crate) fn set_header(self, block: Index, header: Header) {
        self.arena.set(block, header.0);
    }
}

/// Links, in free blocks and in the heads of lists: with the feature `encoded-links` combined with
/// a key that the control structure keeps.
impl Pool {
    /// Reads a link.
    #[inline(always)]
    pub(crate) fn link_at(self, word: u32) -> u32 {
        self.get(word) ^ self.link_key()
    }

    /// Writes a link.
    #[inline(always)]
    pub(crate) fn set_link(self, word: u32, link: u32) {
        self.set(word, link ^ self.link_key());
    }

    #[cfg(not(feature = "encoded-links"))]
    #[inline(always)]
    #[expect(
        clippy::unused_self,
        reason = "the key of heaps that encode links is their own"
    )]
    const fn link_key(self) -> u32 {
        0
    }

    #[cfg(not(feature = "encoded-links"))]
    #[expect(
        clippy::unused_self,
        reason = "as above: links that are not encoded are zeros"
    )]
    const fn init_links(self, _: Index) {}

    #[cfg(feature = "encoded-links")]
    #[inline(always)]
    fn link_key(self) -> u32 {
        self.get(control::LINK_KEY)
    }

    /// Chooses the key and empties all lists.
    #[cfg(feature = "encoded-links")]
    fn init_links(self, first: Index) {
        // A link may be the header of a minimum block, which has a form.
        let key = crate::poison::canary_key() & Header::LINK_BITS;
        self.set(control::LINK_KEY, key);
        let last = control::HEADS + bin_of(self.end() - first);
        (control::HEADS + MIN_BLOCK_WORDS..=last).for_each(|head| self.set_link(head, 0));
    }
}

/// Counters. Damaged ones wrap; the check finds them.
impl Pool {
    #[inline(always)]
    pub(crate) fn count(self, which: u32, more: u32) {
        self.set(which, self.get(which).wrapping_add(more));
    }

    #[inline(always)]
    pub(crate) fn discount(self, which: u32, less: u32) {
        self.set(which, self.get(which).wrapping_sub(less));
    }

    /// Returns the number of used blocks.
    pub(crate) fn used_blocks(self) -> u32 {
        self.get(control::USED_BLOCKS) & !control::DAMAGED
    }

    /// Returns the number of free blocks.
    pub(crate) fn free_blocks(self) -> u32 {
        self.get(control::FREE_BLOCKS) & !control::WORDS_IN_USE
    }

    /// Returns whether a free block of `words` is worth looking for: a search for as many has not
    /// been in vain since a block as large became free. O(1), two words.
    #[inline(always)]
    pub(crate) fn may_have(self, words: u32) -> bool {
        words < self.get(control::CEILING)
    }

    /// Remembers that there is no free block of `words` or more.
    pub(crate) fn set_ceiling(self, words: u32) {
        self.set(control::CEILING, words);
    }

    /// A block of `words` becomes free.
    #[inline(always)]
    pub(crate) fn lift_ceiling(self, words: u32) {
        if !self.may_have(words) {
            self.set_ceiling(self.end());
        }
    }

    /// Payload words of all free blocks.
    #[inline(always)]
    pub(crate) fn free_words(self) -> u32 {
        self.get(control::FREE_WORDS)
    }

    #[inline(always)]
    pub(crate) fn minimum_words(self) -> u32 {
        self.get(control::MINIMUM_WORDS)
    }

    #[inline(always)]
    pub(crate) fn set_minimum_words(self, words: u32) {
        self.set(control::MINIMUM_WORDS, words);
    }

    /// Takes payload words off the free ones, and records the minimum.
    #[inline(always)]
    pub(crate) fn remove_free_words(self, words: u32) {
        let left = self.free_words().wrapping_sub(words);
        self.set(control::FREE_WORDS, left);
        if left < self.minimum_words() {
            self.set_minimum_words(left);
        }
    }
}

/// Words that came from memory are checked here before they become indices.
impl Pool {
    /// Returns whether a link can lead to a node: to a word of a block that is followed by another.
    #[inline(always)]
    pub(crate) fn is_node(self, link: u32) -> bool {
        // NONE wraps.
        link.wrapping_sub(control::LOWEST + 1) < self.end() - (control::LOWEST + 1)
    }

    /// Returns whether a word in front of a node in its list can be there: another node, or the
    /// list's head.
    #[inline(always)]
    pub(crate) fn is_link(self, link: u32) -> bool {
        link < self.end()
    }

    /// Returns whether a block of `words` ends at the sentinel or before it.
    #[inline(always)]
    pub(crate) fn ends_inside(self, block: Index, words: u32) -> bool {
        words <= self.end().wrapping_sub(block)
    }

    /// Fails because damage was found; [`Pool::is_damaged`] from now on.
    #[inline(always)]
    pub(crate) fn fail_corrupt<T>(self) -> Option<T> {
        self.mark_corrupt();
        None
    }

    /// Remembers that damage was found.
    #[cold]
    pub(crate) fn mark_corrupt(self) {
        self.set(
            control::USED_BLOCKS,
            self.get(control::USED_BLOCKS) | control::DAMAGED,
        );
    }

    /// Returns whether an operation came across damage.
    pub(crate) fn is_damaged(self) -> bool {
        self.get(control::USED_BLOCKS) & control::DAMAGED != 0
    }
}

const _: () = assert!(
    bins::MAX_BLOCK_WORDS < 1 << 28,
    "sizes and links fit the header's size field"
);

/// Pools for tests.
#[cfg(test)]
pub(crate) mod test {
    use core::ptr::NonNull;

    use super::Pool;
    use crate::arena::Arena;
    use crate::bins;

    /// A pool that is one free block: its only list is that of the block.
    pub(crate) fn pool(words: &mut [u32]) -> Pool {
        let bytes =
            NonNull::slice_from_raw_parts(NonNull::from(&mut *words).cast(), size_of_val(words));
        // SAFETY: the test keeps the words alive and touches them through the pool only.
        let arena = unsafe { Arena::new(bytes, bins::MAX_BLOCK_WORDS) }.unwrap();
        Pool::new(arena, 0).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::test::pool;
    use super::*;
    use std::vec;

    #[test]
    fn every_node_has_two_words_among_the_blocks() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let least = control::LOWEST + 1;
        assert!([least, 14, 98].into_iter().all(|link| pool.is_node(link)));
        assert!(
            ![0, 1, least - 1, 99, 100, u32::MAX]
                .into_iter()
                .any(|link| pool.is_node(link))
        );
    }

    #[test]
    fn a_block_reaches_to_the_sentinel_at_most() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        assert!(pool.ends_inside(90, 9));
        assert!(!pool.ends_inside(90, 10));
        assert!(!pool.ends_inside(90, u32::MAX));
    }

    #[test]
    fn the_head_of_every_list_lies_in_the_region() {
        for words in (16..400).chain([5000, 65_536]) {
            let end = words - 1;
            let largest = end - control::LOWEST;
            assert!(
                (1..=largest).all(|words| control::HEADS + bin_of(words) < end),
                "{words} words"
            );
        }
    }

    #[test]
    fn there_are_heads_for_all_lists_that_blocks_can_be_in_and_no_more() {
        for words in (needed_words(0)..400).chain([5000, 65_536]) {
            let first = first_index(words);
            assert!((0..=words).all(|index| is_first_index(words, index) == (index == first)));
            let largest = words - 1 - first;
            let heads_end = control::HEADS + bin_of(largest) + 1;
            assert!(
                heads_end <= first && first <= heads_end + 1,
                "{words} words"
            );
        }
    }
}
