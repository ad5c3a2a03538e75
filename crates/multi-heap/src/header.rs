//! Block headers: size, state and previous-block bits in one word.
//!
//! ```text
//!                      31   30                             3    2      0
//!   used, negated     | 0 |     size in words               | previous |   previous: 0 = a used block lies before, 1, 2, 3 = a free
//!   free              | 0 | 1 | size in words                          |   block of that many words, 4 = a larger free block, its
//!   free, 2 words     | 0 | 0 | link to the next block of its list     |   size in its last word
//! ```
//!
//! A word is 4 bytes; sizes count the header. The block before a free block is always used, so a
//! free block needs no previous-block bits. A free block of 2 words says its size by its form: its
//! header is one of its two links.
//!
//! A used block's header is the negative of what it says. So links, sizes, text, small numbers and
//! addresses, being positive, never look like the header of a used block: a double free or a
//! pointer into the middle of a block is recognised by its sign.

const PREV_INFO_MASK: u32 = 0b111;
const SIZE_SHIFT: u32 = 3;
/// What the header of a free block has, and a link has not.
const FREE: u32 = 1 << 30;

/// The first word of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header(pub(crate) u32);

impl Header {
    /// The bits that a link may have where it is the header of a minimum block.
    #[cfg(feature = "encoded-links")]
    pub(crate) const LINK_BITS: u32 = FREE - 1;

    /// Inside a free block, where once a used block began.
    pub(crate) const ERASED: Self = Self(0);

    /// Returns the header of an allocated block of at least 1 word.
    #[inline(always)]
    pub(crate) const fn used(words: u32, prev_info: PrevInfo) -> Self {
        Self((words << SIZE_SHIFT | prev_info.0).wrapping_neg())
    }

    /// Returns the header behind the last block: that of a used block, whatever its size.
    pub(crate) const fn sentinel(prev_info: PrevInfo) -> Self {
        Self::used(1, prev_info)
    }

    /// Returns the header of a free block other than a minimum block.
    #[inline(always)]
    pub(crate) const fn free(words: u32) -> Self {
        Self(FREE ^ words)
    }

    #[inline(always)]
    pub(crate) const fn is_free(self) -> bool {
        self.0.cast_signed() >= 0
    }

    /// Returns whether a free block is a minimum block.
    #[inline(always)]
    pub(crate) const fn is_free_minimum(self) -> bool {
        self.0 & FREE == 0
    }

    /// Returns whether this is the header of a free block of `words`.
    #[inline(always)]
    pub(crate) const fn is_free_of(self, words: u32) -> bool {
        self.0 == Self::free(words).0 || words == 2 && self.is_free_minimum()
    }

    /// Returns the size in words of a used block.
    #[inline(always)]
    pub(crate) const fn used_words(self) -> u32 {
        self.0.wrapping_neg() >> SIZE_SHIFT
    }

    /// Returns the size in words of a free block.
    #[inline(always)]
    pub(crate) const fn free_words(self) -> u32 {
        if self.is_free_minimum() {
            2
        } else {
            self.listed_words()
        }
    }

    /// Returns the size in words of a free block other than a minimum block; nonsense above all
    /// sizes for others.
    #[inline(always)]
    pub(crate) const fn listed_words(self) -> u32 {
        self.0 ^ FREE
    }

    /// Returns the size in words of any block.
    #[inline(always)]
    pub(crate) const fn words(self) -> u32 {
        if self.is_free() {
            self.free_words()
        } else {
            self.used_words()
        }
    }

    /// Returns what a used block knows of the block before it.
    #[inline(always)]
    pub(crate) const fn prev_info(self) -> PrevInfo {
        PrevInfo(self.0.wrapping_neg() & PREV_INFO_MASK)
    }

    /// Returns whether a used block's previous-block bits differ from [`PrevInfo::USED`].
    #[inline(always)]
    pub(crate) const fn has_prev_info(self) -> bool {
        self.0 & PREV_INFO_MASK != 0
    }

    /// Returns the header of a used block before which a free block of `old` words, 0 for a used
    /// block, becomes one of `new` words.
    #[inline(always)]
    pub(crate) const fn with_change_before(self, old: u32, new: u32) -> Self {
        Self(
            self.0
                .wrapping_add(PrevInfo::of(old).0.wrapping_sub(PrevInfo::of(new).0)),
        )
    }
}

/// What a used block knows of the block before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PrevInfo(u32);

impl PrevInfo {
    /// The block before is used, or there is none.
    pub(crate) const USED: Self = Self(0);
    /// The block before is free, its size stands in its last word.
    pub(crate) const SIZE_IN_LAST_WORD: Self = Self(4);

    /// Returns the previous-block bits that a free block of `words` leaves with its successor, or a
    /// used block for 0.
    #[inline(always)]
    pub(crate) const fn of(words: u32) -> Self {
        if words < 4 {
            Self(words)
        } else {
            Self::SIZE_IN_LAST_WORD
        }
    }

    /// Returns the number behind the previous-block bits: words of a small free block before.
    #[inline(always)]
    pub(crate) const fn small_words(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_size_state_and_note_apart() {
        for words in [2, 3, 4, 1000, (1 << 25) - 1] {
            for prev_info in [0, 1, 2, 3, 4].map(PrevInfo) {
                let header = Header::used(words, prev_info);
                assert_eq!(
                    (header.words(), header.prev_info(), header.is_free()),
                    (words, prev_info, false)
                );
            }
            let header = Header::free(words);
            assert_eq!((header.words(), header.is_free()), (words, true));
            assert!(!header.is_free_minimum());
        }
    }

    #[test]
    fn a_used_block_learns_what_becomes_of_the_block_before_it() {
        for (old, new) in [(0, 3), (3, 2), (2, 100), (100, 4), (7, 0)] {
            let header = Header::used(9, PrevInfo::of(old));
            let changed = Header::used(9, PrevInfo::of(new));
            assert_eq!(header.with_change_before(old, new), changed);
        }
    }

    #[test]
    fn a_free_pair_holds_a_link_where_others_hold_their_size() {
        let header = Header(0x12_3456);
        assert!(header.is_free() && header.is_free_minimum());
        assert_eq!(header.words(), 2);
        assert!(header.is_free_of(2) && !header.is_free_of(3));
    }

    #[test]
    fn what_programs_keep_in_memory_does_not_look_like_a_used_block() {
        for word in [
            0,
            1,
            100,
            0x3FFB_1234,
            0x400D_0000,
            u32::from_le_bytes(*b"text"),
        ] {
            assert!(Header(word).is_free(), "{word:#x}");
        }
    }
}
