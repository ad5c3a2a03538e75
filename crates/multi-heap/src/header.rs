//! What the first word of a block says.
//!
//! ```text
//!                      31   30                                   3   2    0
//!   used, negated     | 0 |     size in units                    | note   |   note: what lies before: 0 = a used block,
//!   free              | 0 | 1 | size in units                             |         1, 2, 3 = a free block of so many units,
//!   free, 2 units     | 0 | 0 | link to the next block of its list        |         4 = a larger free block, its size in its last word
//! ```
//!
//! A unit is a word of 4 bytes; sizes count the header. The block before a free block is always
//! used, so a free block needs no note. A free block of 2 units says its size by its form: its
//! header is one of its two links.
//!
//! A used block's header is the negative of what it says. So links, sizes, text, small numbers and
//! addresses, being positive, never look like the header of a used block: a double free or a
//! pointer into the middle of a block is recognised by its sign.

const NOTE_MASK: u32 = 0b111;
const SIZE_SHIFT: u32 = 3;
/// What the header of a free block has, and a link has not.
const FREE: u32 = 1 << 30;

/// The first word of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header(pub(crate) u32);

impl Header {
    /// Inside a free block, where once a used block began.
    pub(crate) const ERASED: Self = Self(0);

    /// Header of an allocated block of at least 1 unit.
    #[inline(always)]
    pub(crate) const fn used(units: u32, note: Note) -> Self {
        Self((units << SIZE_SHIFT | note.0).wrapping_neg())
    }

    /// Header behind the last block: that of a used block, whatever its size.
    pub(crate) const fn sentinel(note: Note) -> Self {
        Self::used(1, note)
    }

    /// Header of a free block other than a pair.
    #[inline(always)]
    pub(crate) const fn free(units: u32) -> Self {
        Self(FREE ^ units)
    }

    #[inline(always)]
    pub(crate) const fn is_free(self) -> bool {
        self.0.cast_signed() >= 0
    }

    /// Whether a free block is a pair.
    #[inline(always)]
    pub(crate) const fn is_free_pair(self) -> bool {
        self.0 & FREE == 0
    }

    /// Whether this is the header of a free block of `units`.
    #[inline(always)]
    pub(crate) const fn is_free_of(self, units: u32) -> bool {
        self.0 == Self::free(units).0 || units == 2 && self.is_free_pair()
    }

    /// Size in units of a used block.
    #[inline(always)]
    pub(crate) const fn used_units(self) -> u32 {
        self.0.wrapping_neg() >> SIZE_SHIFT
    }

    /// Size in units of a free block.
    #[inline(always)]
    pub(crate) const fn free_units(self) -> u32 {
        if self.is_free_pair() {
            2
        } else {
            self.listed_units()
        }
    }

    /// Size in units of a free block other than a pair; nonsense above all sizes for others.
    #[inline(always)]
    pub(crate) const fn listed_units(self) -> u32 {
        self.0 ^ FREE
    }

    /// Size in units of any block.
    #[inline(always)]
    pub(crate) const fn units(self) -> u32 {
        if self.is_free() {
            self.free_units()
        } else {
            self.used_units()
        }
    }

    /// What a used block knows of the block before it.
    #[inline(always)]
    pub(crate) const fn note(self) -> Note {
        Note(self.0.wrapping_neg() & NOTE_MASK)
    }

    /// Whether a used block's note is another one than [`Note::USED`].
    #[inline(always)]
    pub(crate) const fn has_note(self) -> bool {
        self.0 & NOTE_MASK != 0
    }

    /// The header of a used block before which a free block of `old` units, 0 for a used block,
    /// becomes one of `new` units.
    #[inline(always)]
    pub(crate) const fn with_change_before(self, old: u32, new: u32) -> Self {
        Self(
            self.0
                .wrapping_add(Note::of(old).0.wrapping_sub(Note::of(new).0)),
        )
    }
}

/// What a used block knows of the block before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Note(u32);

impl Note {
    /// The block before is used, or there is none.
    pub(crate) const USED: Self = Self(0);
    /// The block before is free, its size stands in its last word.
    pub(crate) const SIZE_IN_LAST_WORD: Self = Self(4);

    /// The note that a free block of `units` leaves with its successor, or a used block for 0.
    #[inline(always)]
    pub(crate) const fn of(units: u32) -> Self {
        if units < 4 {
            Self(units)
        } else {
            Self::SIZE_IN_LAST_WORD
        }
    }

    /// The number behind the note: units of a small free block before.
    #[inline(always)]
    pub(crate) const fn small_units(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_size_state_and_note_apart() {
        for units in [2, 3, 4, 1000, (1 << 25) - 1] {
            for note in [0, 1, 2, 3, 4].map(Note) {
                let header = Header::used(units, note);
                assert_eq!(
                    (header.units(), header.note(), header.is_free()),
                    (units, note, false)
                );
            }
            let header = Header::free(units);
            assert_eq!((header.units(), header.is_free()), (units, true));
            assert!(!header.is_free_pair());
        }
    }

    #[test]
    fn a_used_block_learns_what_becomes_of_the_block_before_it() {
        for (old, new) in [(0, 3), (3, 2), (2, 100), (100, 4), (7, 0)] {
            let header = Header::used(9, Note::of(old));
            let changed = Header::used(9, Note::of(new));
            assert_eq!(header.with_change_before(old, new), changed);
        }
    }

    #[test]
    fn a_free_pair_holds_a_link_where_others_hold_their_size() {
        let header = Header(0x12_3456);
        assert!(header.is_free() && header.is_free_pair());
        assert_eq!(header.units(), 2);
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
