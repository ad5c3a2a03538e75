//! How a used block becomes free, shrinks or grows: joined with its free neighbours at once.

use crate::bins::{MIN_UNITS, bin_of};
use crate::damage::Misuse;
use crate::header::{Header, Note};
use crate::poison::FILL_FREED;
use crate::pool::{Index, Pool, control};

/// A used block found valid.
#[derive(Clone, Copy)]
pub(crate) struct UsedBlock {
    pub(crate) index: Index,
    pub(crate) units: u32,
    note: Note,
    /// The header behind it.
    following: Header,
}

/// A free block that came from joining.
#[derive(Clone, Copy)]
pub(crate) struct Released {
    start: Index,
    units: u32,
    /// Where the parts met.
    seams: [Index; 2],
}

/// Free.
impl Pool {
    /// The used block at `block`, validated with its neighbour behind: O(1).
    #[inline(always)]
    pub(crate) fn used_block(self, block: u32) -> Result<UsedBlock, Misuse> {
        let end = self.end();
        if block < self.first() || block >= end {
            return Err(Misuse::OutsideHeap);
        }
        let header = self.header(block);
        if header.is_free() {
            return Err(Misuse::AlreadyFree);
        }
        let (units, note) = (header.used_units(), header.note());
        if units < MIN_UNITS || units > end - block {
            return Err(Misuse::NotABlock);
        }
        let following = self.header(block + units);
        if !following.is_free() && following.has_note() {
            return Err(Misuse::NotABlock);
        }
        Ok(UsedBlock {
            index: block,
            units,
            note,
            following,
        })
    }

    /// Gives the used block at `block` back: its units. `None` if no used block begins there, or what lies around it does not fit together.
    #[inline(always)]
    pub(crate) fn free_at(self, block: u32) -> Option<u32> {
        let used = self.used_block(block).ok()?;
        self.free(used)?;
        Some(used.units)
    }

    /// As [`Pool::free_at`], not inlined.
    #[inline(never)]
    pub(crate) fn free_outlined(self, block: u32) -> Option<u32> {
        self.free_at(block)
    }

    /// Gives a validated used block back, joined with its free neighbours.
    #[inline(always)]
    pub(crate) fn free(self, used: UsedBlock) -> Option<Released> {
        let UsedBlock {
            index: block,
            units,
            ..
        } = used;
        let below = self.free_units_below(used)?;
        let above = self.free_units_above(used)?;
        let (start, total) = (block - below, below + units + above);
        self.join(start, below, block + units, above, total)?;
        let joined = below.min(1) + above.min(1);
        self.count(control::FREE_BLOCKS, 1_u32.wrapping_sub(joined));
        self.count(control::FREE_WORDS, units - 1 + joined);
        self.discount(control::USED_BLOCKS, 1);
        Some(Released {
            start,
            units: total,
            seams: [block, block + units],
        })
    }

    /// Makes `total` units from `start` one free block, of which the first `below` units and the `above` units from `upper` on are
    /// free blocks already.
    #[inline(always)]
    fn join(self, start: Index, below: u32, upper: Index, above: u32, total: u32) -> Option<()> {
        self.unlink_any(start, below)?;
        let bin = bin_of(total);
        if above / 8 > total - above && bin_of(above) == bin {
            self.relocate(upper, start)?;
        } else {
            self.unlink_any(upper, above)?;
            if total == 2 {
                self.link_pair(start);
            } else {
                self.link(start, bin);
            }
        }
        self.write_free(start, total);
        if below != 0 {
            self.mark_inside(start, below);
        }
        if above == 0 {
            self.set_header(
                upper,
                self.header(upper).with_first_note(Note::of_free(total)),
            );
        } else if above < 4 {
            self.tell(start + total, total);
        }
        Some(())
    }

    /// Erases the header of the block that began `below` units behind `start`, if it is not overwritten by links anyway: so a
    /// second free of it is recognised.
    #[inline(always)]
    fn mark_inside(self, start: Index, below: u32) {
        if below > 2 {
            self.set_header(start + below, Header::ERASED);
        }
    }

    /// Units of the free block that ends where `block` begins, 0 if there is none; `None` where what stands there does not fit together.
    #[inline(always)]
    fn free_units_below(self, used: UsedBlock) -> Option<u32> {
        let UsedBlock {
            index: block, note, ..
        } = used;
        if note == Note::USED {
            return Some(0);
        }
        let units = if note == Note::SIZE_IN_LAST_WORD {
            self.get(block - 1)
        } else {
            note.small_units()
        };
        let start = block.wrapping_sub(units);
        (start < block && self.header(start).is_free_of(units)).then_some(units)
    }

    /// Units of the free block behind a block, 0 if a used block or the sentinel is there; `None` where it would reach behind the end.
    #[inline(always)]
    fn free_units_above(self, used: UsedBlock) -> Option<u32> {
        if !used.following.is_free() {
            return Some(0);
        }
        let units = used.following.free_units();
        (units <= self.end() - used.index - used.units).then_some(units)
    }
}

/// Resizing of a validated used block.
impl Pool {
    /// Shrinks a block in place; what it gives up is joined with a free block behind it. A single unit stays with the block.
    pub(crate) fn shrink(self, used: UsedBlock, new_units: u32) -> Option<Released> {
        let UsedBlock {
            index: block,
            units,
            ..
        } = used;
        let (surplus, start) = (units - new_units, block + new_units);
        let mut released = Released {
            start,
            units: 0,
            seams: [start, block + units],
        };
        if surplus >= MIN_UNITS {
            self.set_header(start, Header::used(surplus, Note::USED));
            self.set_units(block, new_units);
            self.count(control::USED_BLOCKS, 1);
            self.free_outlined(start)?;
            released.units = self.header(start).free_units();
        }
        Some(released)
    }

    /// Grows a block into the free block behind it; `Some(false)` if there is no room.
    pub(crate) fn grow(self, used: UsedBlock, new_units: u32) -> Option<bool> {
        let more = new_units - used.units;
        if self.free_units_above(used)? < more {
            return Some(false);
        }
        self.carve_block(used.index + used.units, more)?;
        self.set_units(used.index, new_units);
        Some(true)
    }

    /// Grows a block downwards, into the free block below it and what is needed of the one behind it: the start of the joined block, whose
    /// payload has still to be moved there. `Some(None)` if there is no room, or if the free block below could hold the whole: taking a
    /// block from that one serves better.
    ///
    /// ```text
    ///   | below free |  used   |  above free  |        payload may reach up to the old end until it is moved,
    ///   | used, new size ->   |.|                      so the block keeps at least that end
    /// ```
    pub(crate) fn grow_backward(self, used: UsedBlock, new_units: u32) -> Option<Option<Index>> {
        let below = self.free_units_below(used)?;
        if below == 0 || below >= new_units {
            return Some(None);
        }
        let kept = used.units.max(new_units - below);
        if kept > used.units && !self.grow(used, kept)? {
            return Some(None);
        }
        let start = used.index - below;
        self.unlink_any(start, below)?;
        self.set_header(start, Header::used(below + kept, Note::USED));
        self.discount(control::FREE_BLOCKS, 1);
        self.take_words(below - 1);
        Some(Some(start))
    }

    fn set_units(self, block: Index, units: u32) {
        self.set_header(block, Header::used(units, self.header(block).note()));
    }
}

/// Writing free blocks.
impl Pool {
    /// Makes `units` from `start` a free block in its list, and tells the block behind it.
    pub(crate) fn release(self, start: Index, units: u32) {
        self.make_free(start, units);
        self.tell(start + units, units);
    }

    /// Writes a free block and puts it into its list.
    #[inline(always)]
    pub(crate) fn make_free(self, start: Index, units: u32) {
        self.link_any(start, units);
        self.write_free(start, units);
    }

    /// Writes a free block's header and last word; the header of a pair holds a link and is written by its list.
    #[inline(always)]
    pub(crate) fn write_free(self, start: Index, units: u32) {
        if units != 2 {
            self.set_header(start, Header::free(units));
        }
        if units >= 4 {
            self.set(start + units - 1, units);
        }
    }

    /// Tells the used block at `following` that a free block of `units` lies before it.
    #[inline(always)]
    pub(crate) fn tell(self, following: Index, units: u32) {
        self.set_note(following, Note::of_free(units));
    }

    #[inline(always)]
    pub(crate) fn set_note(self, block: Index, note: Note) {
        self.set_header(block, self.header(block).with_note(note));
    }

    /// Writes the pattern of freed memory over what the joined parts of a free block leave in its middle: last words, headers, links.
    pub(crate) fn wipe_seams(self, released: Released) {
        let freed = u32::from_ne_bytes([FILL_FREED; 4]);
        let inside = released.start + 3..(released.start + released.units).saturating_sub(1);
        for seam in released.seams {
            let words = (seam - 1..seam + 3).filter(|word| inside.contains(word));
            words.for_each(|word| self.set(word, freed));
        }
    }
}
