//! What the first word of a block says.
//!
//! ```text
//!            31                                     4   3   1   0
//!   used     | size in units                        | note    | 0 |   note: what lies before: 0 = a used block,
//!   free     | size in units                        | 0       | 1 |         1, 2, 3 = a free block of so many units,
//!   free, 2  | next block of its list               | 1       | 1 |         4 = a larger free block, its size in its last word
//! ```
//!
//! A unit is a word of 4 bytes; sizes count the header. The block before a free block is always used, so a free block needs
//! no note. A free block of 2 units says its size by its form, and its size field holds one of its two links.

const FREE: u32 = 1;
const NOTE_SHIFT: u32 = 1;
const NOTE_MASK: u32 = 0b111;
const SIZE_SHIFT: u32 = 4;
const PAIR: u32 = 1 << NOTE_SHIFT | FREE;

/// The first word of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header(pub(crate) u32);

impl Header {
    /// Header of an allocated block.
    #[inline(always)]
    pub(crate) const fn used(units: u32, note: Note) -> Self {
        Self(units << SIZE_SHIFT | note.0 << NOTE_SHIFT)
    }

    /// Header of a free block other than a pair.
    #[inline(always)]
    pub(crate) const fn free(units: u32) -> Self {
        Self(units << SIZE_SHIFT | FREE)
    }

    /// Header of a free block of two units whose list goes on at `next`.
    #[inline(always)]
    pub(crate) const fn free_pair(next: u32) -> Self {
        Self(next << SIZE_SHIFT | PAIR)
    }

    #[inline(always)]
    pub(crate) const fn is_free(self) -> bool {
        self.0 & FREE != 0
    }

    #[inline(always)]
    pub(crate) const fn is_free_pair(self) -> bool {
        self.0 & (NOTE_MASK << NOTE_SHIFT | FREE) == PAIR
    }

    /// Whether this is the header of a free block of `units`.
    #[inline(always)]
    pub(crate) const fn is_free_of(self, units: u32) -> bool {
        self.0 == Self::free(units).0 || units == 2 && self.is_free_pair()
    }

    /// Size in units of a used block.
    #[inline(always)]
    pub(crate) const fn used_units(self) -> u32 {
        self.0 >> SIZE_SHIFT
    }

    /// Size in units of a free block.
    #[inline(always)]
    pub(crate) const fn free_units(self) -> u32 {
        if self.is_free_pair() {
            2
        } else {
            self.0 >> SIZE_SHIFT
        }
    }

    /// Size in units of a free block other than a pair.
    #[inline(always)]
    pub(crate) const fn listed_units(self) -> u32 {
        self.0 >> SIZE_SHIFT
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

    /// Where a free pair's list goes on.
    #[inline(always)]
    pub(crate) const fn pair_next(self) -> u32 {
        self.0 >> SIZE_SHIFT
    }

    /// What a used block knows of the block before it.
    #[inline(always)]
    pub(crate) const fn note(self) -> Note {
        Note(self.0 >> NOTE_SHIFT & NOTE_MASK)
    }

    /// The same used block's header with another note.
    #[inline(always)]
    pub(crate) const fn with_note(self, note: Note) -> Self {
        Self(self.0 & !(NOTE_MASK << NOTE_SHIFT) | note.0 << NOTE_SHIFT)
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

    /// The note that a free block of `units` leaves with its successor.
    #[inline(always)]
    pub(crate) const fn of_free(units: u32) -> Self {
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
                assert_eq!(
                    header.with_note(Note::USED),
                    Header::used(units, Note::USED)
                );
            }
            let header = Header::free(units);
            assert_eq!(
                (header.units(), header.note(), header.is_free()),
                (units, Note::USED, true)
            );
            assert!(!header.is_free_pair());
        }
    }

    #[test]
    fn a_free_pair_holds_a_link_where_others_hold_their_size() {
        let header = Header::free_pair(0x12_3456);
        assert!(header.is_free() && header.is_free_pair());
        assert_eq!((header.units(), header.pair_next()), (2, 0x12_3456));
    }
}
