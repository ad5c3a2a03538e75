//! How a free block becomes a used one.

use crate::bins::bin_of;
use crate::header::{Header, Note};
use crate::lists::{ANY, Found};
use crate::pool::{Index, Pool, control};

impl Pool {
    /// Takes a block of `units`, at least 2.
    #[inline(always)]
    pub(crate) fn allocate(self, units: u32) -> Option<Index> {
        let found = self.find(units)?;
        self.carve(found, units, |block, _| {
            if found.bin == ANY {
                self.unlink(block)
            } else {
                self.pop(block, found.bin)
            }
        })?;
        self.set_header(found.block, Header::used(units, Note::USED));
        self.count(control::USED_BLOCKS, 1);
        Some(found.block)
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
        let (lead, minimum) = (lead_for(block), self.minimum_words());
        self.carve_block(block, lead + units)?;
        self.count(control::USED_BLOCKS, 1);
        self.set_header(block + lead, Header::used(units, Note::USED));
        if lead != 0 {
            self.give_lead_back(block, lead);
            self.set_minimum_words(minimum.min(self.free_words()));
        }
        Some(block + lead)
    }

    /// Makes the first `lead` units of what was carved a free block again, before the used block behind it.
    fn give_lead_back(self, block: Index, lead: u32) {
        self.make_free(block, lead);
        self.tell(block + lead, lead);
        self.count(control::FREE_BLOCKS, 1);
        self.count(control::FREE_WORDS, lead - 1);
    }

    /// As [`Pool::find`], not inlined.
    #[inline(never)]
    fn find_block(self, units: u32) -> Option<Index> {
        self.find(units).map(|found| found.block)
    }

    /// Takes the first `units` units of any free block out of the free ones; the rest stays free.
    #[inline(never)]
    pub(crate) fn carve_block(self, block: Index, units: u32) -> Option<()> {
        let room = self.header(block).free_units();
        let bin = bin_of(room.max(1));
        self.carve(Found { block, room, bin }, units, |block, room| {
            self.unlink_any(block, room)
        })
    }

    /// Takes the first `units` units of a free block out of the free ones; the rest stays free. `unlink` takes a block that is larger than `units` out
    /// of its list.
    #[inline(always)]
    fn carve(
        self,
        found: Found,
        units: u32,
        unlink: impl FnOnce(Index, u32) -> Option<()>,
    ) -> Option<()> {
        let Found { block, room, bin } = found;
        let following = self.ingest_end(block, room)?;
        let rest = room.checked_sub(units)?;
        if rest == 0 {
            self.unlink_any(block, room)?;
            self.set_note(following, Note::USED);
            self.discount(control::FREE_BLOCKS, 1);
            self.take_words(units - 1);
            return Some(());
        }
        if bin_of(rest) == bin {
            self.relocate(block, block + units)?;
        } else {
            unlink(block, room)?;
            self.link_any(block + units, rest);
        }
        self.write_free(block + units, rest);
        if rest < 4 {
            self.tell(following, rest);
        }
        self.take_words(units);
        Some(())
    }
}
