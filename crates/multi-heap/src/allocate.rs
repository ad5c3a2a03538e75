//! Allocation: search, split and canaries of one block.

use crate::bins::{bin_of, is_same_bin};
use crate::header::{Header, PrevInfo};
use crate::lists::{Links, MINIMUM_BLOCKS, NO_LIST, NONE, node_of};
use crate::pool::{Index, Pool, control};

/// Index of the first word behind a used block's header: of a size with `None`, unlike an
/// [`Index`].
pub(crate) type Payload = core::num::NonZeroU32;

impl Pool {
    /// Allocates a block of `words`, at least 2, whose payload lies at a multiple of `alignment`
    /// words: 1 or 2.
    ///
    /// The straight way: the first or second block of the first list that may have one, and what
    /// remains of a large one keeps its place in the list. All else is left to functions of their
    /// own, which need the registers.
    #[inline(always)]
    pub(crate) fn allocate(self, words: u32, alignment: u32) -> Option<Payload> {
        if !self.may_have(words) {
            return None;
        }
        let mut bin = self.first_bin_from(bin_of(words));
        if bin == MINIMUM_BLOCKS || bin == NO_LIST {
            return self.allocate_slowly(words, words, alignment);
        }
        let mut previous = control::HEADS + bin;
        let mut node = self.first_of(previous);
        if node == NONE {
            return self.fail_corrupt();
        }
        let mut available = self.block_words(node);
        if available < words {
            (previous, node) = (node, self.link_at(node));
            if !self.is_node(node) || self.block_words(node) < words {
                bin = self.next_bin(bin);
                previous = control::HEADS + bin;
                node = self.first_of(previous);
                if bin == NO_LIST || node == NONE {
                    return self.allocate_slowly(words, words, alignment);
                }
            }
            available = self.block_words(node);
        }
        let block = node - 1;
        let next = self.link_at(node);
        let links = Links { next, previous };
        let mut lead = 0;
        if alignment != 1 {
            lead = self.word_before_aligned(block, alignment);
        }
        let taken = words + lead;
        if self.link_at(node + 1) != previous
            || next != NONE && !self.leads_back(node, links)
            || !self.ends_inside(block, available)
            || available < taken
        {
            return self.allocate_slowly(words, taken, alignment);
        }
        // Nothing fails from here.
        let payload = self.begin_used(block, lead, words);
        let (start, remainder) = (block + taken, available - taken);
        if remainder == 0 {
            self.remove_free_words(taken - 1);
            self.discount(control::FREE_BLOCKS, 1);
            self.set_prev_info(start, available, 0);
            self.unlink(links);
            return payload;
        }
        self.remove_free_words(taken);
        self.write_free(start, remainder);
        let remainder_bin = bin_of(remainder);
        if remainder_bin == bin {
            self.relocate(links, start + 1);
            return payload;
        }
        self.unlink(links);
        if remainder < 4 {
            self.set_prev_info(start + remainder, available, remainder);
        }
        if remainder != 1 {
            self.link(node_of(start, remainder), remainder_bin);
        }
        payload
    }

    /// Same as [`Pool::allocate`], the whole search: any list, among blocks of `wanted` words; of
    /// one more where a block fits only misaligned.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn allocate_slowly(self, words: u32, wanted: u32, alignment: u32) -> Option<Payload> {
        let (block, lead) = self.find_block(words, wanted, alignment)?;
        self.allocate_behind(block, lead, words)
    }

    /// Returns the free block that [`Pool::allocate`] takes, and how many of its first words, 0 or
    /// 1, stay free.
    #[inline(always)]
    pub(crate) fn find_block(
        self,
        words: u32,
        mut wanted: u32,
        alignment: u32,
    ) -> Option<(Index, u32)> {
        loop {
            let block = self.find(wanted)?;
            let lead = self.word_before_aligned(block, alignment);
            if words + lead <= self.header(block).free_words() {
                return Some((block, lead));
            }
            if wanted > words {
                return self.fail_corrupt(); // a block of one word more has room for both
            }
            wanted += 1;
        }
    }

    /// Allocates the `words` words behind the first `lead` words, 0 or 1, of a free block.
    #[inline(always)]
    fn allocate_behind(self, block: Index, lead: u32, words: u32) -> Option<Payload> {
        if self.split(block, words + lead).is_none() {
            return self.fail_corrupt();
        }
        self.begin_used(block, lead, words)
    }

    /// Writes the header of a used block behind `lead` words, 0 or 1, that stay free.
    #[inline(always)]
    fn begin_used(self, start: Index, lead: u32, words: u32) -> Option<Payload> {
        let block = start + lead;
        if lead != 0 {
            self.set_header(start, Header::free(lead));
            self.count(control::FREE_BLOCKS, 1);
        }
        self.set_header(block, Header::used(words, PrevInfo::of(lead)));
        self.count(control::USED_BLOCKS, 1);
        Payload::new(block + 1)
    }

    /// 1 where a free block must keep its first word so that the payload behind it lies at a
    /// multiple of 2 words, else 0. The payload of a used block begins one word (or three, under
    /// poisoning) behind its header.
    #[inline(always)]
    fn word_before_aligned(self, block: Index, alignment: u32) -> u32 {
        self.arena().phase().wrapping_add(block + 1) & (alignment - 1)
    }

    /// Allocates a block of `words`, at least 2, whose word `aligned_word` (counted from its
    /// header) lies at a multiple of `alignment` words.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn allocate_aligned(
        self,
        words: u32,
        alignment: u32,
        aligned_word: u32,
    ) -> Option<Index> {
        let (block, lead) = self.find_aligned(words, alignment, aligned_word)?;
        let minimum = self.minimum_words();
        if self.split(block, lead + words).is_none() {
            return self.fail_corrupt();
        }
        self.set_header(block + lead, Header::used(words, PrevInfo::of(lead)));
        self.count(control::USED_BLOCKS, 1);
        if lead != 0 {
            self.write_free(block, lead);
            if lead != 1 {
                self.link(node_of(block, lead), bin_of(lead));
            }
            self.count(control::FREE_BLOCKS, 1);
            self.count(control::FREE_WORDS, lead - 1);
            self.set_minimum_words(minimum.min(self.free_words()));
        }
        Some(block + lead)
    }

    /// Returns the free block that [`Pool::allocate_aligned`] takes, and how many of its first
    /// words stay free.
    #[inline(always)]
    pub(crate) fn find_aligned(
        self,
        words: u32,
        alignment: u32,
        aligned_word: u32,
    ) -> Option<(Index, u32)> {
        let lead_for = |block: Index| {
            let word = self
                .arena()
                .phase()
                .wrapping_add(block)
                .wrapping_add(aligned_word);
            word.wrapping_neg() & (alignment - 1)
        };
        let fits = |block: &Index| lead_for(*block) + words <= self.header(*block).free_words();
        let padded = words + alignment - 1;
        // Every other block is aligned to two words as it lies; to more, few are.
        let (first, second) = if alignment == 2 {
            (words, padded)
        } else {
            (padded, words)
        };
        let found = self.find(first).filter(fits);
        let block = found.or_else(|| self.find(second).filter(fits))?;
        Some((block, lead_for(block)))
    }

    /// Takes the first `words` words of any free block out of the free ones; the remainder stays
    /// free. `None`, with nothing changed, if the block has fewer or is not linked as it should be.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn split(self, block: Index, words: u32) -> Option<()> {
        let available = self.header(block).free_words();
        if !self.ends_inside(block, available) || available < words {
            return None;
        }
        let (start, remainder) = (block + words, available - words);
        if available != 1 {
            let links = self.links_of(node_of(block, available))?;
            // Nothing fails from here.
            if remainder >= 4 && is_same_bin(remainder, available) {
                self.write_free(start, remainder);
                self.relocate(links, start + 1);
                self.remove_free_words(words);
                return Some(());
            }
            self.unlink(links);
        }
        if remainder == 0 {
            self.discount(control::FREE_BLOCKS, 1);
        } else {
            self.write_free(start, remainder);
            if remainder != 1 {
                self.link(node_of(start, remainder), bin_of(remainder));
            }
        }
        if remainder < 4 {
            self.set_prev_info(start + remainder, available, remainder);
        }
        self.remove_free_words(words - u32::from(remainder == 0));
        Some(())
    }
}
