//! How a free block becomes a used one.

use crate::bins::MIN_UNITS;
use crate::header::{Header, Note};
use crate::pool::{Index, Pool, control};

impl Pool {
    /// Takes a block of `units` whose word `aligned_word` (counted from its header) lies at a multiple of `alignment` words.
    pub(crate) fn allocate(
        &mut self,
        units: u32,
        alignment: u32,
        aligned_word: u32,
    ) -> Option<Index> {
        let units = units.max(MIN_UNITS);
        let block = self.find(units)?;
        let lead = self.lead_for(block, alignment, aligned_word);
        let room = self.header(block).free_units();
        if lead + units <= room {
            return self.carve(block, room, lead, units);
        }
        let block = self.find(units + alignment - 1)?;
        let lead = self.lead_for(block, alignment, aligned_word);
        self.carve(block, self.header(block).free_units(), lead, units)
    }

    /// Takes a block of `units`.
    #[inline]
    pub(crate) fn allocate_unaligned(&mut self, units: u32) -> Option<Index> {
        let units = units.max(MIN_UNITS);
        let block = self.find(units)?;
        self.carve(block, self.header(block).free_units(), 0, units)
    }

    fn lead_for(&self, block: Index, alignment: u32, aligned_word: u32) -> u32 {
        let word = self
            .arena()
            .phase()
            .wrapping_add(block)
            .wrapping_add(aligned_word);
        word.wrapping_neg() & (alignment - 1)
    }

    /// Makes a used block of `units`, `lead` units into the free block `block` of `room` units; the rest stays free.
    #[inline(always)]
    pub(crate) fn carve(
        &mut self,
        block: Index,
        room: u32,
        lead: u32,
        units: u32,
    ) -> Option<Index> {
        let rest = room.checked_sub(lead + units)?;
        let following = self.ingest_end(block, room)?;
        self.unlink(block, room)?;
        let used = block + lead;
        let note = if lead == 0 {
            Note::USED
        } else {
            self.make_free(block, lead)
        };
        self.arena().set(used, Header::used(units, note).0);
        if rest == 0 {
            self.set_note(following, Note::USED);
        } else {
            self.release(used + units, rest);
        }
        self.count(
            control::FREE_BLOCKS,
            u32::from(lead != 0) + u32::from(rest != 0),
        );
        self.discount(control::FREE_BLOCKS, 1);
        self.discount(control::FREE_UNITS, units);
        self.count(control::USED_BLOCKS, 1);
        self.update_minimum();
        Some(used)
    }
}
