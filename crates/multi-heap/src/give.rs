//! How a used block becomes free, shrinks or grows: joined with its free neighbours at once.

use crate::bins::{MIN_UNITS, bin_of};
use crate::damage::Misuse;
use crate::header::{Header, Note};
use crate::lists::node_of;
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
    #[inline(never)]
    pub(crate) fn free_at(self, block: u32) -> Option<u32> {
        let used = self.used_block(block).ok()?;
        self.free(used)?;
        Some(used.units)
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
        let (start, upper) = (block - below, block + units);
        let total = below + units + above;
        let mut blocks = self.get(control::FREE_BLOCKS).wrapping_add(1);
        if below != 0 {
            blocks = blocks.wrapping_sub(1);
            if below != 1 {
                self.unlink(node_of(start, below))?;
            }
        }
        let bin = bin_of(total);
        if above != 0 {
            blocks = blocks.wrapping_sub(1);
        }
        let stays = above / 8 > total - above && bin_of(above) == bin;
        if stays {
            self.relocate(upper + 1, start + 1)?;
        } else if above > 1 {
            self.unlink(node_of(upper, above))?;
        }
        if below > 2 {
            self.set_header(block, Header::ERASED);
        }
        self.write_free(start, total);
        if !stays {
            self.link(node_of(start, total), bin);
        }
        if above < 4 {
            self.tell(start + total, above, total);
        }
        let more = blocks.wrapping_sub(self.get(control::FREE_BLOCKS));
        self.set(control::FREE_BLOCKS, blocks);
        self.count(control::FREE_WORDS, units.wrapping_sub(more));
        self.discount(control::USED_BLOCKS, 1);
        Some(Released {
            start,
            units: total,
            seams: [block, upper],
        })
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
    /// Resizes a block of `old_units` where it lies; `Some(false)` if there is no room. What it gives up is joined with a free block behind it; a
    /// single unit stays with the block.
    #[inline(never)]
    pub(crate) fn resize(self, block: Index, old_units: u32, units: u32) -> Option<bool> {
        let upper = block + old_units;
        if units > old_units {
            let (more, following) = (units - old_units, self.header(upper));
            if !following.is_free() || following.free_units() < more {
                return Some(false);
            }
            self.cut(upper, more)?;
            self.set_units(block, units);
        } else if old_units - units >= MIN_UNITS {
            let surplus = Header::used(old_units - units, Note::USED);
            self.set_header(block + units, surplus);
            self.set_units(block, units);
            self.count(control::USED_BLOCKS, 1);
            self.free_at(block + units)?;
        }
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
        if kept > used.units && !self.resize(used.index, used.units, kept)? {
            return Some(None);
        }
        let start = used.index - below;
        if below != 1 {
            self.unlink_outlined(node_of(start, below))?;
        }
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
    /// Makes `units` from `start` a free block in its list.
    #[inline(never)]
    pub(crate) fn put_in(self, start: Index, units: u32) {
        self.write_free(start, units);
        if units != 1 {
            self.link(node_of(start, units), bin_of(units));
        }
    }

    #[inline(never)]
    fn unlink_outlined(self, node: u32) -> Option<()> {
        self.unlink(node)
    }

    /// Writes the header and the last word of a free block. The header of a pair becomes a link when it is linked.
    #[inline(always)]
    pub(crate) fn write_free(self, start: Index, units: u32) {
        self.set_header(start, Header::free(units));
        if units >= 4 {
            self.set(start + units - 1, units);
        }
    }

    /// Tells the used block at `following` that the free block of `old` units before it, or the used one for 0, is one of `new` units now.
    #[inline(always)]
    pub(crate) fn tell(self, following: Index, old: u32, new: u32) {
        let header = self.header(following);
        self.set_header(following, header.with_change_before(old, new));
    }

    /// [`Pool::wipe_seams`] of what a block of `old_units` gave up when it shrank.
    pub(crate) fn wipe_surplus(self, block: Index, old_units: u32) {
        let units = self.header(block).used_units();
        if units < old_units {
            let (start, end) = (block + units, block + old_units);
            let units = self.header(start).free_units();
            self.wipe_seams(Released {
                start,
                units,
                seams: [start, end],
            });
        }
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
