//! How a used block becomes free, shrinks or grows: joined with its free neighbours at once.

use crate::bins::MIN_UNITS;
use crate::damage::{CorruptionKind, Misuse};
use crate::header::{Header, Note};
use crate::poison::FILL_FREED;
use crate::pool::{Index, Pool, control};

/// A free block that came from joining.
#[derive(Clone, Copy)]
pub(crate) struct Released {
    start: Index,
    units: u32,
    /// Where the parts met.
    seams: [Index; 2],
}

/// Free and resize. The block given was validated by [`Pool::used_block`].
impl Pool {
    /// The used block at `block`, its units validated: O(1).
    pub(crate) fn used_block(&self, block: u32) -> Result<u32, Misuse> {
        let end = self.end();
        if block < self.first() || block >= end {
            return Err(Misuse::OutsideHeap);
        }
        let header = self.header(block);
        if header.is_free() {
            return Err(Misuse::AlreadyFree);
        }
        let units = header.used_units();
        if units < MIN_UNITS || units > end - block || header.note().small_units() > 4 {
            return Err(Misuse::NotABlock);
        }
        let following = self.header(block + units);
        if !following.is_free() && following.note() != Note::USED {
            return Err(Misuse::NotABlock);
        }
        Ok(units)
    }

    /// Gives a validated used block of `units` back, joined with its free neighbours.
    #[inline]
    pub(crate) fn free(&mut self, block: Index, units: u32) -> Option<Released> {
        let (start, total, joined) = self.absorb_neighbours(block, units)?;
        if start != block {
            self.arena().set(block, Header::free(0).0);
        }
        self.release(start, total);
        self.count(control::FREE_BLOCKS, 1);
        self.discount(control::FREE_BLOCKS, joined);
        self.count(control::FREE_UNITS, units);
        self.discount(control::USED_BLOCKS, 1);
        Some(Released {
            start,
            units: total,
            seams: [block, block + units],
        })
    }

    pub(crate) fn misuse(&self) -> Misuse {
        self.damage().map_or(Misuse::NotABlock, Misuse::Corrupt)
    }

    /// Takes the free neighbours of a block out of their lists: start and size of the whole, number of neighbours.
    #[inline(always)]
    fn absorb_neighbours(&mut self, block: Index, units: u32) -> Option<(Index, u32, u32)> {
        let below = self.free_units_below(block)?;
        let above = self.free_units_above(block + units)?;
        self.unlink(block - below, below)?;
        self.unlink(block + units, above)?;
        let joined = u32::from(below != 0) + u32::from(above != 0);
        Some((block - below, below + units + above, joined))
    }

    /// Units of the free block that ends where `block` begins, 0 if there is none.
    #[inline(always)]
    fn free_units_below(&mut self, block: Index) -> Option<u32> {
        let note = self.header(block).note();
        if note == Note::USED {
            return Some(0);
        }
        let units = if note == Note::SIZE_IN_LAST_WORD {
            self.arena().get(block - 1)
        } else {
            note.small_units()
        };
        let start = self.ingest(block.wrapping_sub(units))?;
        let header = self.header(start);
        if header.is_free() && header.free_units() == units {
            return Some(units);
        }
        self.note_damage(CorruptionKind::Footer, start, units << 4 | 1, header.0)
    }

    /// Units of the free block that begins at `index`, 0 if a used block or the sentinel does.
    #[inline(always)]
    fn free_units_above(&mut self, index: Index) -> Option<u32> {
        let header = self.header(index);
        if !header.is_free() {
            return Some(0);
        }
        let units = header.free_units();
        self.ingest_end(index, units)?;
        Some(units)
    }

    /// Shrinks a validated used block in place; what it gives up is joined with a free block behind it.
    pub(crate) fn shrink(&mut self, block: Index, units: u32, new_units: u32) -> Option<Released> {
        let surplus = units - new_units;
        if surplus == 0 {
            return Some(Released {
                start: block,
                units: 0,
                seams: [block; 2],
            });
        }
        let above = self.free_units_above(block + units)?;
        self.unlink(block + units, above)?;
        self.set_units(block, new_units);
        self.release(block + new_units, surplus + above);
        if above == 0 {
            self.count(control::FREE_BLOCKS, 1);
        }
        self.count(control::FREE_UNITS, surplus);
        let start = block + new_units;
        Some(Released {
            start,
            units: surplus + above,
            seams: [start, block + units],
        })
    }

    /// Writes the pattern of freed memory over what the joined parts of a free block leave in its middle: last words, headers, links.
    pub(crate) fn wipe_seams(&mut self, released: Released) {
        let freed = u32::from_ne_bytes([FILL_FREED; 4]);
        let inside = released.start + 3..(released.start + released.units).saturating_sub(1);
        for seam in released.seams {
            (seam - 1..seam + 3)
                .filter(|word| inside.contains(word))
                .for_each(|word| self.arena().set(word, freed));
        }
    }

    /// Grows a validated used block into the free block behind it; `Some(false)` if there is no room.
    pub(crate) fn grow(&mut self, block: Index, units: u32, new_units: u32) -> Option<bool> {
        let more = new_units - units;
        let above = self.free_units_above(block + units)?;
        if above < more {
            return Some(false);
        }
        self.unlink(block + units, above)?;
        self.set_units(block, new_units);
        let rest = above - more;
        if rest == 0 {
            self.set_note(block + new_units, Note::USED);
            self.discount(control::FREE_BLOCKS, 1);
        } else {
            self.release(block + new_units, rest);
        }
        self.discount(control::FREE_UNITS, more);
        self.update_minimum();
        Some(true)
    }

    /// Grows a validated used block downwards, into the free block below it and what is needed of the one behind it: the start of the
    /// joined block, whose payload has still to be moved there. `Some(None)` if there is no room, or if the free block below
    /// could hold the whole: taking a block from that one serves better.
    ///
    /// ```text
    ///   | below free |  used   |  above free  |        payload may reach up to the old end until it is moved,
    ///   | used, new size ->   |.|                      so the block keeps at least that end
    /// ```
    pub(crate) fn grow_backward(
        &mut self,
        block: Index,
        units: u32,
        new_units: u32,
    ) -> Option<Option<Index>> {
        let below = self.free_units_below(block)?;
        if below == 0 || below >= new_units {
            return Some(None);
        }
        let kept = units.max(new_units - below);
        if kept > units && !self.grow(block, units, kept)? {
            return Some(None);
        }
        let start = block - below;
        self.unlink(start, below)?;
        self.arena()
            .set(start, Header::used(below + kept, Note::USED).0);
        self.discount(control::FREE_BLOCKS, 1);
        self.discount(control::FREE_UNITS, below);
        self.update_minimum();
        Some(Some(start))
    }

    #[inline(always)]
    fn set_units(&mut self, block: Index, units: u32) {
        let note = self.header(block).note();
        self.arena().set(block, Header::used(units, note).0);
    }

    #[inline(always)]
    pub(crate) fn set_note(&mut self, block: Index, note: Note) {
        self.arena()
            .set(block, self.header(block).with_note(note).0);
    }

    /// Makes `units` from `start` a free block in its list, and tells the used block behind it.
    #[inline(always)]
    pub(crate) fn release(&mut self, start: Index, units: u32) {
        let note = self.make_free(start, units);
        self.set_note(start + units, note);
    }

    /// Writes a free block of `units` and puts it into its list: the note for the block behind it.
    #[inline(always)]
    pub(crate) fn make_free(&mut self, start: Index, units: u32) -> Note {
        self.arena().set(start, Header::free(units).0);
        if units >= 4 {
            self.arena().set(start + units - 1, units);
        }
        self.link(start, units);
        Note::of_free(units)
    }
}
