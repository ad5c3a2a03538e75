//! How a used block becomes free, shrinks or grows: joined with its free neighbours at once.

use crate::bins::{MIN_UNITS, bin_of, is_same_bin};
use crate::damage::{Misuse, Refused};
use crate::header::{Header, Note};
use crate::lists::{Links, node_of};
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

impl UsedBlock {
    /// What the block gives up when it shrinks to `units`, as a used block behind it; `None` if
    /// that is too little.
    pub(crate) const fn surplus(self, units: u32) -> Option<Self> {
        let surplus = self.units.saturating_sub(units);
        if surplus < MIN_UNITS {
            return None;
        }
        Some(Self {
            index: self.index + units,
            units: surplus,
            note: Note::USED,
            following: self.following,
        })
    }
}

/// A free block that came from joining.
#[derive(Clone, Copy)]
pub(crate) struct Released {
    pub(crate) start: Index,
    pub(crate) units: u32,
    /// Where the parts met.
    pub(crate) seams: [Index; 2],
}

/// Free.
impl Pool {
    /// The used block at `block`, validated with its neighbour behind: O(1).
    #[inline(always)]
    pub(crate) fn used_block(self, block: u32) -> Result<UsedBlock, Misuse> {
        let end = self.end();
        if block < control::LOWEST || block >= end {
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

    /// Frees the used block at `block` and returns its units. `None`, with nothing changed, if no
    /// used block begins there or what lies around it does not fit together.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn free_at(self, block: u32) -> Option<u32> {
        let used = self.used_block(block).ok()?;
        self.free(used)?;
        Some(used.units)
    }

    /// Frees a validated used block, joined with its free neighbours. `None`, with nothing changed,
    /// if they are not linked as they should be.
    ///
    /// ```text
    ///   | below |  used  | above |  ─►  |      used      | above |  ─►  |         free         |
    ///             `join_below`
    /// ```
    #[inline(always)]
    pub(crate) fn free(self, used: UsedBlock) -> Option<Released> {
        let upper = used.index + used.units;
        let above = self.free_units_above(used)?;
        let node_above = node_of(upper, above);
        let mut links = Links::NONE;
        if above > 1 {
            links = self.links_of(node_above)?;
        }
        let (mut start, mut units) = (used.index, used.units);
        if used.note != Note::USED {
            let below = self.join_below(used)?;
            start -= below;
            units += below;
            if above > 1 {
                // The block below may have been in the same list
                links = self.links_anew(node_above);
            }
        }
        // Nothing fails from here.
        let total = units + above;
        self.discount(control::USED_BLOCKS, 1);
        self.lift_ceiling(total);
        if above == 0 {
            self.count(control::FREE_BLOCKS, 1);
            self.count(control::FREE_WORDS, units - 1);
            self.set_header(upper, used.following.with_change_before(0, total));
        } else {
            self.count(control::FREE_WORDS, units);
            if above < 4 {
                self.tell(upper + above, above, total);
            }
        }
        self.write_free(start, total);
        if above > 1 && is_same_bin(above, total) {
            self.relocate(links, start + 1);
        } else {
            if above > 1 {
                self.unlink(links);
            }
            self.link(node_of(start, total), bin_of(total));
        }
        Some(Released {
            start,
            units: total,
            seams: [used.index, upper],
        })
    }

    /// Takes the free block below a used one out of its list and out of the counters, as if the
    /// used one began where it does; returns its units. `None`, with nothing changed, if it is not
    /// linked as it should be.
    #[inline(always)]
    fn join_below(self, used: UsedBlock) -> Option<u32> {
        let below = self.free_units_below(used)?;
        if below > 1 {
            let links = self.links_of(node_of(used.index - below, below))?;
            self.unlink(links);
        }
        self.set_header(used.index, Header::ERASED);
        self.discount(control::FREE_BLOCKS, 1);
        self.discount(control::FREE_WORDS, below - 1);
        Some(below)
    }

    /// Whether [`Pool::free`] frees the block rather than refusing it.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn can_free(self, used: UsedBlock) -> bool {
        let (below, above) = (self.free_units_below(used), self.free_units_above(used));
        below.is_some_and(|units| self.is_listed(used.index - units, units))
            && above.is_some_and(|units| self.is_listed(used.index + used.units, units))
    }

    /// Units of the free block that ends where `block` begins, 0 if there is none; `None` where
    /// what stands there does not fit together.
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
        let fits = units != 0 && units <= block - control::LOWEST;
        (fits && self.header(block - units).is_free_of(units)).then_some(units)
    }

    /// Units of the free block behind a block, 0 if a used block or the sentinel is there; `None`
    /// where it would reach behind the end.
    #[inline(always)]
    pub(crate) fn free_units_above(self, used: UsedBlock) -> Option<u32> {
        if !used.following.is_free() {
            return Some(0);
        }
        let units = used.following.free_units();
        (units <= self.end() - used.index - used.units).then_some(units)
    }
}

/// Resizing of a validated used block.
impl Pool {
    /// Resizes a block where it lies and returns the units it has then; `None` if there is no room.
    /// What it gives up is joined with a free block behind it; a single unit stays with the block.
    /// Refused, with nothing changed, if the free block behind is damaged.
    #[inline(always)]
    pub(crate) fn resize(self, used: UsedBlock, units: u32) -> Result<Option<u32>, Refused> {
        let UsedBlock {
            index: block,
            units: old_units,
            note,
            following,
        } = used;
        if units > old_units {
            let more = units - old_units;
            if !following.is_free() || following.free_units() < more {
                return Ok(None);
            }
            self.cut(block + old_units, more).ok_or(Refused)?;
        } else if let Some(surplus) = used.surplus(units) {
            if !self.can_free(surplus) {
                return Err(Refused);
            }
            self.set_header(surplus.index, Header::used(surplus.units, Note::USED));
            self.count(control::USED_BLOCKS, 1);
            self.free_at(surplus.index).ok_or(Refused)?;
        } else {
            return Ok(Some(old_units));
        }
        self.set_header(block, Header::used(units, note));
        Ok(Some(units))
    }

    /// [`Pool::resize`], one copy for rare callers.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn resize_outlined(self, used: UsedBlock, units: u32) -> Result<Option<u32>, Refused> {
        self.resize(used, units)
    }

    /// Grows a block downwards, into the free block below it and what is needed of the one behind
    /// it: the joined block, whose payload has still to be moved to its start. `None` if there is
    /// no room, or if the free block below could hold the whole: taking a block from that one
    /// serves better. Refused, with nothing changed, if a neighbour is damaged.
    ///
    /// ```text
    ///   | below free |  used   |  above free  |        payload may reach up to the old end until it is moved,
    ///   | used, new size ->   |.|                      so the block keeps at least that end
    /// ```
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn grow_backward(
        self,
        used: UsedBlock,
        new_units: u32,
    ) -> Result<Option<Joined>, Refused> {
        let below = self.free_units_below(used).ok_or(Refused)?;
        if below == 0 || below >= new_units {
            return Ok(None);
        }
        let start = used.index - below;
        if !self.is_listed(start, below) {
            return Err(Refused);
        }
        let kept = used.units.max(new_units - below);
        if kept > used.units && self.resize_outlined(used, kept)?.is_none() {
            return Ok(None);
        }
        if below != 1 {
            self.unlink(self.links_anew(node_of(start, below)));
        }
        let units = below + kept;
        self.set_header(start, Header::used(units, Note::USED));
        self.discount(control::FREE_BLOCKS, 1);
        self.take_words(below - 1);
        Ok(Some(Joined { start, units }))
    }
}

/// A used block that grew downwards.
#[derive(Clone, Copy)]
pub(crate) struct Joined {
    pub(crate) start: Index,
    pub(crate) units: u32,
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

    /// Whether a free block is linked as it should be; one of a single unit is in no list.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn is_listed(self, start: Index, units: u32) -> bool {
        units < 2 || self.links_of(node_of(start, units)).is_some()
    }

    /// Writes the header and the last word of a free block. The header of a pair becomes a link
    /// when it is linked.
    #[inline(always)]
    pub(crate) fn write_free(self, start: Index, units: u32) {
        self.set_header(start, Header::free(units));
        if units >= 4 {
            self.set(start + units - 1, units);
        }
    }

    /// Tells the used block at `following` that the free block of `old` units before it, or the
    /// used one for 0, is one of `new` units now.
    #[inline(always)]
    pub(crate) fn tell(self, following: Index, old: u32, new: u32) {
        let header = self.header(following);
        self.set_header(following, header.with_change_before(old, new));
    }

    /// Writes the pattern of freed memory over what the joined parts of a free block leave in its
    /// middle: last words, headers, links.
    pub(crate) fn wipe_seams(self, released: Released) {
        let freed = u32::from_ne_bytes([FILL_FREED; 4]);
        let inside = released.start + 3..(released.start + released.units).saturating_sub(1);
        for seam in released.seams {
            let words = (seam - 1..seam + 3).filter(|word| inside.contains(word));
            words.for_each(|word| self.set(word, freed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Arena;
    use crate::bins;
    use core::ptr::NonNull;
    use std::vec;

    /// A pool of 100 words that is one free block.
    fn pool(words: &mut [u32]) -> Pool {
        let bytes =
            NonNull::slice_from_raw_parts(NonNull::from(&mut *words).cast(), words.len() * 4);
        // SAFETY: the test keeps the words alive and touches them through the pool only.
        let arena = unsafe { Arena::new(bytes, bins::MAX_UNITS) }.unwrap();
        Pool::new(arena, 0).unwrap()
    }

    #[test]
    fn a_used_block_ends_at_the_sentinel_at_most() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let end = pool.end();
        let first = pool.first();
        let most = end - first;
        pool.set_header(end, Header::sentinel(Note::USED));
        pool.set_header(first, Header::used(most, Note::USED));
        let units = |block| pool.used_block(block).map(|used| used.units);
        assert_eq!(units(first), Ok(most));
        // The word behind the sentinel is not the region's.
        pool.set_header(first, Header::used(most + 1, Note::USED));
        assert_eq!(units(first), Err(Misuse::NotABlock));
        pool.set_header(end - 3, Header::used(4, Note::USED));
        assert_eq!(units(end - 3), Err(Misuse::NotABlock));
        assert_eq!(units(end), Err(Misuse::OutsideHeap));
    }

    #[test]
    fn a_free_block_behind_a_used_one_ends_at_the_sentinel_at_most() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let (first, end) = (pool.first(), pool.end());
        let units = end - first - 4;
        pool.set_header(first, Header::used(units, Note::USED));
        let above = |size| {
            pool.set_header(end - 4, Header::free(size));
            pool.free_units_above(pool.used_block(first).unwrap())
        };
        assert_eq!(above(4), Some(4));
        assert_eq!(above(3), Some(3));
        assert_eq!(above(5), None);
    }
}
