//! How free blocks are kept in lists, one for each class of sizes, and found.
//!
//! ```text
//!   map       one bit for each list               0 0 1 0 0 .. 0 1            in words of 32, the first list's bit is the highest
//!   heads     list 2, list 3, ...                 | block | 0 | block | ...
//!   list      head -> block <-> block <-> block -> 0                          the first ones in address order
//! ```

use crate::bins::{MAP_WORDS, MIN_UNITS, bin_of};
use crate::header::Header;
use crate::pool::{Index, Pool, control};

/// How many blocks of its own list an allocation looks at before it fails.
const LAST_PROBES: u32 = 16;

/// "No block" in a link or a list head.
const NONE: u32 = 0;

/// The list of the free blocks of 2 units.
const PAIRS: u32 = 2;

/// Instead of a list, where a block is not the first one of any.
pub(crate) const ANY: u32 = 0;

/// A free block in its list, as an allocation found it.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) block: Index,
    /// Its units.
    pub(crate) room: u32,
    /// The list whose first block it is, or [`ANY`] if it is another one.
    pub(crate) bin: u32,
}

/// Finding.
impl Pool {
    /// A free block of at least `units`. O(1): at most [`LAST_PROBES`] blocks.
    #[inline(always)]
    pub(crate) fn find(self, units: u32) -> Option<Found> {
        if units >= self.end() {
            return None;
        }
        let bin = self.first_bin_from(bin_of(units))?;
        let block = self.first_of(bin)?;
        let room = self.room_in(block, bin);
        if room >= units {
            return Some(Found { block, room, bin });
        }
        self.find_further(block, bin, units)
    }

    /// A block of at least `units` behind the first one of its own list, in a list of larger blocks, or further behind in its own.
    #[inline(always)]
    fn find_further(self, first: Index, bin: u32, units: u32) -> Option<Found> {
        let second = self.get(first + 1);
        if second != NONE && second < self.limit() {
            let room = self.header(second).listed_units();
            if room >= units {
                return Some(Found {
                    block: second,
                    room,
                    bin: ANY,
                });
            }
        }
        let Some(bin) = self.first_bin_from(bin + 1) else {
            let block = self.find_at_last(second, bin, units)?;
            let room = self.header(block).listed_units();
            return Some(Found {
                block,
                room,
                bin: ANY,
            });
        };
        let block = self.first_of(bin)?;
        let room = self.header(block).listed_units();
        (room >= units).then_some(Found { block, room, bin })
    }

    /// A block of at least `units` among the first ones of a list from `block` on.
    #[cold]
    #[inline(never)]
    fn find_at_last(self, block: u32, bin: u32, units: u32) -> Option<Index> {
        let fits = |&block: &Index| self.room_in(block, bin) >= units;
        self.list_from(block, bin)
            .take(LAST_PROBES as usize - 1)
            .find(fits)
    }

    /// The first list from `bin` upwards that has a block: looks at no more words than the map has.
    #[inline(always)]
    fn first_bin_from(self, bin: u32) -> Option<u32> {
        let mut word = bin / 32;
        let mut map = self.get(control::MAP + word) & (u32::MAX >> (bin % 32));
        while map == 0 {
            word += 1;
            if word >= MAP_WORDS {
                return None;
            }
            map = self.get(control::MAP + word);
        }
        Some(word * 32 + map.leading_zeros())
    }

    /// The first block of a list that should have one.
    #[inline(always)]
    fn first_of(self, bin: u32) -> Option<Index> {
        let head = control::HEADS + bin;
        if head >= self.end() {
            return self.damaged();
        }
        self.ingest(self.get(head))
    }

    /// Units of the largest block that [`Pool::find`] finds; 0 if there is none. O(1).
    pub(crate) fn largest_free_units(self) -> u32 {
        let map = |word: &u32| self.get(control::MAP + word);
        let Some(word) = (0..MAP_WORDS).rev().find(|word| map(word) != 0) else {
            return 0;
        };
        let bin = word * 32 + 31 - map(&word).trailing_zeros();
        if control::HEADS + bin >= self.end() {
            return 0;
        }
        let first = self.get(control::HEADS + bin);
        let blocks = self.list_from(first, bin).take(LAST_PROBES as usize);
        blocks
            .map(|block| self.room_in(block, bin))
            .max()
            .unwrap_or(0)
    }

    /// The blocks of a list from `first` on; ends at a link that leads outside the region.
    #[inline(always)]
    fn list_from(self, first: u32, bin: u32) -> impl Iterator<Item = Index> {
        let inside = move |link: u32| (link != NONE && link < self.limit()).then_some(link);
        let next = move |&block: &Index| inside(self.next_in_list(block, bin));
        core::iter::successors(inside(first), next)
    }
}

/// Links of blocks of 3 units and more: next in the second word, previous in the third. The first block's previous one is the word before its
/// list's head, as if the head were the second word of a block: so no operation asks whether a block is the first.
impl Pool {
    /// Puts a free block into its list: in front, or second where the front has a lower address.
    #[inline(always)]
    pub(crate) fn link(self, block: Index, bin: u32) {
        let head = control::HEADS + bin;
        let front = self.get(head);
        let behind_front = front.wrapping_sub(1) < block; // NONE wraps
        let previous = if behind_front { front } else { head - 1 };
        let next = self.get(previous + 1);
        self.set(block + 1, next);
        self.set(block + 2, previous);
        self.set(previous + 1, block);
        if front == NONE {
            self.mark(bin);
        } else if next != NONE && self.ingest(next).is_some() {
            self.set(next + 2, block);
        }
    }

    /// Takes a free block out of its list.
    #[inline(always)]
    pub(crate) fn unlink(self, block: Index) -> Option<()> {
        let next = self.get(block + 1);
        let previous = self.linked_before(block)?;
        if next != NONE {
            self.ingest(next)?;
            self.set(next + 2, previous);
        }
        self.set(previous + 1, next);
        // What follows from a block's index would be a list that does not exist: to ask first only saves the work.
        if next == NONE && previous < self.first() {
            self.clear(previous.wrapping_sub(control::HEADS - 1));
        }
        Some(())
    }

    /// Takes the first block of list `bin`, one of at least 3 units, out of it.
    #[inline(always)]
    pub(crate) fn pop(self, block: Index, bin: u32) -> Option<()> {
        let head = control::HEADS + bin;
        let next = self.get(block + 1);
        self.set(head, next);
        if next == NONE {
            self.clear(bin);
        } else {
            self.set(self.ingest(next)? + 2, head - 1);
        }
        Some(())
    }

    /// What lies before a block in its list, if the link that should lead to the block does.
    #[inline(always)]
    fn linked_before(self, block: Index) -> Option<Index> {
        let previous = self.ingest(self.get(block + 2))?;
        if self.get(previous + 1) == block {
            Some(previous)
        } else {
            self.damaged()
        }
    }

    /// Lets `new` take the place of `old` in its list: for a free block that changed its start but not its list.
    #[inline(always)]
    pub(crate) fn relocate(self, old: Index, new: Index) -> Option<()> {
        let next = self.get(old + 1);
        let previous = self.linked_before(old)?;
        if next != NONE {
            self.ingest(next)?;
            self.set(next + 2, new);
        }
        self.set(previous + 1, new);
        self.set(new + 1, next);
        self.set(new + 2, previous);
        Some(())
    }
}

/// Links of blocks of 2 units: next in the header, previous in the second word, none for the first block.
impl Pool {
    /// Puts a free block of 2 units into its list, in front.
    #[inline(always)]
    pub(crate) fn link_pair(self, block: Index) {
        let front = self.get(control::HEADS + PAIRS);
        self.set_header(block, Header::free_pair(front));
        self.set(block + 1, NONE);
        self.set(control::HEADS + PAIRS, block);
        if front == NONE {
            self.mark(PAIRS);
        } else if self.ingest(front).is_some() {
            self.set(front + 1, block);
        }
    }

    /// Takes a free block of 2 units out of its list.
    #[inline(always)]
    pub(crate) fn unlink_pair(self, block: Index) -> Option<()> {
        let next = self.header(block).pair_next();
        let previous = self.get(block + 1);
        if next != NONE {
            self.ingest(next)?;
            self.set(next + 1, previous);
        }
        if previous != NONE {
            let previous = self.ingest(previous)?;
            if self.header(previous) != Header::free_pair(block) {
                return self.damaged();
            }
            self.set_header(previous, Header::free_pair(next));
            return Some(());
        }
        self.set(control::HEADS + PAIRS, next);
        if next == NONE {
            self.clear(PAIRS);
        }
        Some(())
    }
}

/// Links of any block.
impl Pool {
    /// Puts a free block into its list, or leaves it out of any if it has one unit.
    #[inline(always)]
    pub(crate) fn link_any(self, block: Index, units: u32) {
        match units {
            0 | 1 => {}
            2 => self.link_pair(block),
            _ => self.link(block, bin_of(units)),
        }
    }

    /// Takes a free block out of its list, if it is in one.
    #[inline(always)]
    pub(crate) fn unlink_any(self, block: Index, units: u32) -> Option<()> {
        match units {
            0 | 1 => Some(()),
            2 => self.unlink_pair(block),
            _ => self.unlink(block),
        }
    }

    /// The link to the next block of a list.
    #[inline(always)]
    pub(crate) fn next_in_list(self, block: Index, bin: u32) -> u32 {
        if bin == PAIRS {
            self.header(block).pair_next()
        } else {
            self.get(block + 1)
        }
    }

    /// The link to the block before, and what it is for the first block.
    pub(crate) fn previous_in_list(self, block: Index, bin: u32) -> u32 {
        self.get(block + if bin == PAIRS { 1 } else { 2 })
    }

    /// What the first block of a list has for its previous one.
    pub(crate) const fn before_first(bin: u32) -> u32 {
        if bin == PAIRS {
            NONE
        } else {
            control::HEADS + bin - 1
        }
    }

    /// Units of a free block in list `bin`.
    #[inline(always)]
    fn room_in(self, block: Index, bin: u32) -> u32 {
        if bin == PAIRS {
            2
        } else {
            self.header(block).listed_units()
        }
    }
}

/// Bitmaps.
impl Pool {
    #[inline(always)]
    fn mark(self, bin: u32) {
        let word = control::MAP + bin / 32;
        self.set(word, self.get(word) | 1 << 31 >> (bin % 32));
    }

    #[inline(always)]
    fn clear(self, bin: u32) {
        if bin < MAP_WORDS * 32 {
            let word = control::MAP + bin / 32;
            self.set(word, self.get(word) & !(1 << 31 >> (bin % 32)));
        }
    }
}

const _: () = assert!(MIN_UNITS == 2 && bin_of(2) == PAIRS && bin_of(3) != PAIRS);
