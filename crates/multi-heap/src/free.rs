//! Freeing and resizing in place: merges with free neighbours at once.

use crate::bins::{MIN_BLOCK_WORDS, bin_of, is_same_bin};
use crate::damage::{Misuse, Refused};
use crate::header::{Header, PrevInfo};
use crate::lists::{Links, node_of};
use crate::poison::FILL_FREED;
use crate::pool::{Index, Pool, control};

/// A used block found valid.
#[derive(Clone, Copy)]
pub(crate) struct UsedBlock {
    pub(crate) index: Index,
    pub(crate) words: u32,
    prev_info: PrevInfo,
    /// The header behind it.
    following: Header,
}

impl UsedBlock {
    /// Returns what the block gives up when it shrinks to `words`, as a used block behind it;
    /// `None` if that is too little.
    pub(crate) const fn surplus(self, words: u32) -> Option<Self> {
        let surplus = self.words.saturating_sub(words);
        if surplus < MIN_BLOCK_WORDS {
            return None;
        }
        Some(Self {
            index: self.index + words,
            words: surplus,
            prev_info: PrevInfo::USED,
            following: self.following,
        })
    }
}

/// A free block that came from joining.
#[derive(Clone, Copy)]
pub(crate) struct Released {
    pub(crate) start: Index,
    pub(crate) words: u32,
    /// Where the parts met.
    pub(crate) merge_points: [Index; 2],
}

/// Free.
impl Pool {
    /// Returns the used block at `block`, validated with its neighbour behind: O(1).
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
        let (words, prev_info) = (header.used_words(), header.prev_info());
        if words < MIN_BLOCK_WORDS || words > end - block {
            return Err(Misuse::NotABlock);
        }
        let following = self.header(block + words);
        if !following.is_free() && following.has_prev_info() {
            return Err(Misuse::NotABlock);
        }
        Ok(UsedBlock {
            index: block,
            words,
            prev_info,
            following,
        })
    }

    /// Frees the used block at `block` and returns its words. `None`, with nothing changed, if no
    /// used block begins there or what lies around it does not fit together.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn free_at(self, block: u32) -> Option<u32> {
        let used = self.used_block(block).ok()?;
        self.free(used)?;
        Some(used.words)
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
        let upper = used.index + used.words;
        let above = self.free_words_above(used)?;
        let node_above = node_of(upper, above);
        let mut links = Links::NONE;
        if above > 1 {
            links = self.links_of(node_above)?;
        }
        let (mut start, mut words) = (used.index, used.words);
        if used.prev_info != PrevInfo::USED {
            let below = self.join_below(used)?;
            start -= below;
            words += below;
            if above > 1 {
                // The block below may have been in the same list
                links = self.reread_links(node_above);
            }
        }
        // Nothing fails from here.
        let total = words + above;
        self.discount(control::USED_BLOCKS, 1);
        self.lift_ceiling(total);
        if above == 0 {
            self.count(control::FREE_BLOCKS, 1);
            self.count(control::FREE_WORDS, words - 1);
            self.set_header(upper, used.following.with_change_before(0, total));
        } else {
            self.count(control::FREE_WORDS, words);
            if above < 4 {
                self.set_prev_info(upper + above, above, total);
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
            words: total,
            merge_points: [used.index, upper],
        })
    }

    /// Takes the free block below a used one out of its list and out of the counters, as if the
    /// used one began where it does; returns its words. `None`, with nothing changed, if it is not
    /// linked as it should be.
    #[inline(always)]
    fn join_below(self, used: UsedBlock) -> Option<u32> {
        let below = self.free_words_below(used)?;
        if below > 1 {
            let links = self.links_of(node_of(used.index - below, below))?;
            self.unlink(links);
        }
        self.set_header(used.index, Header::ERASED);
        self.discount(control::FREE_BLOCKS, 1);
        self.discount(control::FREE_WORDS, below - 1);
        Some(below)
    }

    /// Returns whether [`Pool::free`] frees the block rather than refusing it.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn can_free(self, used: UsedBlock) -> bool {
        let (below, above) = (self.free_words_below(used), self.free_words_above(used));
        below.is_some_and(|words| self.is_listed(used.index - words, words))
            && above.is_some_and(|words| self.is_listed(used.index + used.words, words))
    }

    /// Returns the words of the free block that ends where `block` begins, 0 if there is none;
    /// `None` where what stands there does not fit together.
    #[inline(always)]
    fn free_words_below(self, used: UsedBlock) -> Option<u32> {
        let UsedBlock {
            index: block,
            prev_info,
            ..
        } = used;
        if prev_info == PrevInfo::USED {
            return Some(0);
        }
        let words = if prev_info == PrevInfo::SIZE_IN_LAST_WORD {
            self.get(block - 1)
        } else {
            prev_info.small_words()
        };
        let fits = words != 0 && words <= block - control::LOWEST;
        (fits && self.header(block - words).is_free_of(words)).then_some(words)
    }

    /// Returns the words of the free block behind a block, 0 if a used block or the sentinel is
    /// there; `None` where it would reach behind the end.
    #[inline(always)]
    pub(crate) fn free_words_above(self, used: UsedBlock) -> Option<u32> {
        if !used.following.is_free() {
            return Some(0);
        }
        let words = used.following.free_words();
        (words <= self.end() - used.index - used.words).then_some(words)
    }
}

/// Resizing of a validated used block.
impl Pool {
    /// Resizes a block where it lies and returns the words it has then; `None` if there is no room.
    /// What it gives up is joined with a free block behind it; a single word stays with the block.
    /// Refused, with nothing changed, if the free block behind is damaged.
    #[inline(always)]
    pub(crate) fn resize(self, used: UsedBlock, words: u32) -> Result<Option<u32>, Refused> {
        let UsedBlock {
            index: block,
            words: old_words,
            prev_info,
            following,
        } = used;
        if words > old_words {
            let more = words - old_words;
            if !following.is_free() || following.free_words() < more {
                return Ok(None);
            }
            self.split(block + old_words, more).ok_or(Refused)?;
        } else if let Some(surplus) = used.surplus(words) {
            if !self.can_free(surplus) {
                return Err(Refused);
            }
            self.set_header(surplus.index, Header::used(surplus.words, PrevInfo::USED));
            self.count(control::USED_BLOCKS, 1);
            self.free_at(surplus.index).ok_or(Refused)?;
        } else {
            return Ok(Some(old_words));
        }
        self.set_header(block, Header::used(words, prev_info));
        Ok(Some(words))
    }

    /// [`Pool::resize`], one copy for rare callers.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn resize_outlined(self, used: UsedBlock, words: u32) -> Result<Option<u32>, Refused> {
        self.resize(used, words)
    }

    /// Grows a block downwards, into the free block below it and what is needed of the one behind
    /// it: the joined block, whose payload has still to be moved to its start. `None` if there is
    /// no room, or if the free block below could hold the whole: allocating from that one
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
        new_words: u32,
    ) -> Result<Option<Joined>, Refused> {
        let below = self.free_words_below(used).ok_or(Refused)?;
        if below == 0 || below >= new_words {
            return Ok(None);
        }
        let start = used.index - below;
        if !self.is_listed(start, below) {
            return Err(Refused);
        }
        let kept = used.words.max(new_words - below);
        if kept > used.words && self.resize_outlined(used, kept)?.is_none() {
            return Ok(None);
        }
        if below != 1 {
            self.unlink(self.reread_links(node_of(start, below)));
        }
        let words = below + kept;
        self.set_header(start, Header::used(words, PrevInfo::USED));
        self.discount(control::FREE_BLOCKS, 1);
        self.remove_free_words(below - 1);
        Ok(Some(Joined { start, words }))
    }
}

/// A used block that grew downwards.
#[derive(Clone, Copy)]
pub(crate) struct Joined {
    pub(crate) start: Index,
    pub(crate) words: u32,
}

/// Writing free blocks.
impl Pool {
    /// Writes a free block of `words` at `start` and links it into its list.
    #[inline(never)]
    pub(crate) fn insert_free(self, start: Index, words: u32) {
        self.write_free(start, words);
        if words != 1 {
            self.link(node_of(start, words), bin_of(words));
        }
    }

    /// Returns whether a free block is linked as it should be; one of a single word is in no list.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn is_listed(self, start: Index, words: u32) -> bool {
        words < 2 || self.links_of(node_of(start, words)).is_some()
    }

    /// Writes the header and the last word of a free block. The header of a minimum block becomes a
    /// link when it is linked.
    #[inline(always)]
    pub(crate) fn write_free(self, start: Index, words: u32) {
        self.set_header(start, Header::free(words));
        if words >= 4 {
            self.set(start + words - 1, words);
        }
    }

    /// Updates the previous-block bits of the used block at `following`: the free block of `old`
    /// words before it, or the used one for 0, is one of `new` words now.
    #[inline(always)]
    pub(crate) fn set_prev_info(self, following: Index, old: u32, new: u32) {
        let header = self.header(following);
        self.set_header(following, header.with_change_before(old, new));
    }

    /// Writes the pattern of freed memory over what the joined parts of a free block leave in its
    /// middle: last words, headers, links.
    pub(crate) fn erase_merge_points(self, released: Released) {
        let freed = u32::from_ne_bytes([FILL_FREED; 4]);
        let inside = released.start + 3..(released.start + released.words).saturating_sub(1);
        for merge_point in released.merge_points {
            let words = (merge_point - 1..merge_point + 3).filter(|word| inside.contains(word));
            words.for_each(|word| self.set(word, freed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::test::pool;
    use std::vec;

    #[test]
    fn a_used_block_ends_at_the_sentinel_at_most() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let end = pool.end();
        let first = pool.first();
        let most = end - first;
        pool.set_header(end, Header::sentinel(PrevInfo::USED));
        pool.set_header(first, Header::used(most, PrevInfo::USED));
        let words = |block| pool.used_block(block).map(|used| used.words);
        assert_eq!(words(first), Ok(most));
        // The word behind the sentinel is not the region's.
        pool.set_header(first, Header::used(most + 1, PrevInfo::USED));
        assert_eq!(words(first), Err(Misuse::NotABlock));
        pool.set_header(end - 3, Header::used(4, PrevInfo::USED));
        assert_eq!(words(end - 3), Err(Misuse::NotABlock));
        assert_eq!(words(end), Err(Misuse::OutsideHeap));
    }

    #[test]
    fn a_free_block_behind_a_used_one_ends_at_the_sentinel_at_most() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let (first, end) = (pool.first(), pool.end());
        let words = end - first - 4;
        pool.set_header(first, Header::used(words, PrevInfo::USED));
        let above = |size| {
            pool.set_header(end - 4, Header::free(size));
            pool.free_words_above(pool.used_block(first).unwrap())
        };
        assert_eq!(above(4), Some(4));
        assert_eq!(above(3), Some(3));
        assert_eq!(above(5), None);
    }
}
