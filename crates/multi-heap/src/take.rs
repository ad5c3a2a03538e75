//! How a free block becomes a used one.

use crate::bins::bin_of;
use crate::header::{Header, Note};
use crate::lists::{Found, node_of};
use crate::pool::{Index, Pool, control};

impl Pool {
    /// Allocates a block of `units`, at least 2, whose payload lies at a multiple of `alignment` words: 1 or 2.
    #[inline(always)]
    pub(crate) fn allocate(self, units: u32, alignment: u32) -> Option<Index> {
        let (found, lead) = self.find_aligned(units, alignment)?;
        self.carve(found, lead + units)?;
        if lead != 0 {
            self.set_header(found.block, Header::free(lead));
            self.count(control::FREE_BLOCKS, 1);
        }
        let block = found.block + lead;
        self.set_header(block, Header::used(units, Note::of(lead)));
        self.count(control::USED_BLOCKS, 1);
        Some(block)
    }

    /// A free block with room for `units`, and how many of its words (0 or 1) stay free in front of them.
    #[inline(always)]
    fn find_aligned(self, units: u32, alignment: u32) -> Option<(Found, u32)> {
        let mut room_wanted = units;
        loop {
            let found = self.find(room_wanted)?;
            let lead = self.word_before_aligned(found.block, alignment);
            if lead + units <= found.room {
                return Some((found, lead));
            }
            room_wanted = units + lead; // one more at most, so the second one found has room
        }
    }

    /// 1 where a free block must keep its first word so that the payload behind it lies at a multiple of 2 words, else 0.
    /// The payload of a used block begins one word (or three, under poisoning) behind its header.
    #[inline(always)]
    fn word_before_aligned(self, block: Index, alignment: u32) -> u32 {
        self.arena().phase().wrapping_add(block + 1) & (alignment - 1)
    }

    /// Takes a block of `units`, at least 2, whose word `aligned_word` (counted from its header) lies at a multiple of `alignment` words.
    #[inline(never)]
    pub(crate) fn allocate_aligned(
        self,
        units: u32,
        alignment: u32,
        aligned_word: u32,
    ) -> Option<Index> {
        let lead_for = |block: Index| {
            let word = self
                .arena()
                .phase()
                .wrapping_add(block)
                .wrapping_add(aligned_word);
            word.wrapping_neg() & (alignment - 1)
        };
        let fits = |block: &Index| lead_for(*block) + units <= self.header(*block).free_units();
        let padded = units + alignment - 1;
        // Every other block is aligned to two words as it lies; to more, few are.
        let (first, second) = if alignment == 2 {
            (units, padded)
        } else {
            (padded, units)
        };
        let found = self.find_block(first).filter(fits);
        let block = found.or_else(|| self.find_block(second).filter(fits))?;
        let lead = lead_for(block);
        let minimum = self.minimum_words();
        self.cut(block, lead + units)?;
        self.set_header(block + lead, Header::used(units, Note::of(lead)));
        self.count(control::USED_BLOCKS, 1);
        if lead != 0 {
            self.put_in(block, lead);
            self.count(control::FREE_BLOCKS, 1);
            self.count(control::FREE_WORDS, lead - 1);
            self.set_minimum_words(minimum.min(self.free_words()));
        }
        Some(block + lead)
    }

    /// As [`Pool::find`], not inlined.
    #[inline(never)]
    fn find_block(self, units: u32) -> Option<Index> {
        self.find(units).map(|found| found.block)
    }

    /// Takes the first `units` units of any free block out of the free ones; the rest stays free.
    #[inline(never)]
    pub(crate) fn cut(self, block: Index, units: u32) -> Option<()> {
        let room = self.header(block).free_units();
        let following = self.ingest_end(block, room)?;
        let rest = room.checked_sub(units)?;
        if room != 1 {
            self.unlink(node_of(block, room))?;
        }
        if rest == 0 {
            self.discount(control::FREE_BLOCKS, 1);
        } else {
            let start = following - rest;
            self.write_free(start, rest);
            if rest != 1 {
                self.link(node_of(start, rest), bin_of(rest));
            }
        }
        if rest < 4 {
            self.tell(following, room, rest);
        }
        self.take_words(units - u32::from(rest == 0));
        Some(())
    }

    /// Takes the first `units` units of a block that was found out of the free ones; the rest stays free.
    #[inline(always)]
    fn carve(self, found: Found, units: u32) -> Option<()> {
        let Found { block, room, bin } = found;
        let following = self.ingest_end(block, room)?;
        let rest = room - units; // none that is smaller is found
        let (start, rest_bin) = (block + units, bin_of(rest));
        let stays = rest_bin == bin;
        if stays {
            self.relocate(block + 1, start + 1)?;
        } else {
            self.unlink(node_of(block, room))?;
        }
        if rest == 0 {
            self.discount(control::FREE_BLOCKS, 1);
        } else {
            self.write_free(start, rest);
            if !stays && rest != 1 {
                self.link(node_of(start, rest), rest_bin);
            }
        }
        if rest < 4 {
            self.tell(following, room, rest);
        }
        self.take_words(units - u32::from(rest == 0));
        Some(())
    }
}
