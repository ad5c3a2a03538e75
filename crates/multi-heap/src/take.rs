//! How a free block becomes a used one.

use crate::bins::bin_of;
use crate::header::{Header, Note};
use crate::lists::Found;
use crate::pool::{Index, Pool, control};

impl Pool {
    /// Takes a block of `units`, at least 2.
    #[inline(always)]
    pub(crate) fn allocate(self, units: u32) -> Option<Index> {
        let found = self.find(units)?;
        self.carve(found, units)?;
        self.set_header(found.block, Header::used(units, Note::USED));
        self.count(control::USED_BLOCKS, 1);
        Some(found.block)
    }

    /// Takes a block of `units`, at least 2, whose word `aligned_word` (counted from its header) lies at a multiple of `alignment` words.
    pub(crate) fn allocate_aligned(
        self,
        units: u32,
        alignment: u32,
        aligned_word: u32,
    ) -> Option<Index> {
        let lead_for = |found: Found| {
            let word = self
                .arena()
                .phase()
                .wrapping_add(found.block)
                .wrapping_add(aligned_word);
            word.wrapping_neg() & (alignment - 1)
        };
        let mut found = self.find(units)?;
        if lead_for(found) + units > found.room {
            found = self.find(units + alignment - 1)?;
        }
        let lead = lead_for(found);
        self.carve(found, lead + units)?;
        let note = if lead == 0 {
            Note::USED
        } else {
            self.put_back(found.block, lead)
        };
        self.set_header(found.block + lead, Header::used(units, note));
        self.count(control::USED_BLOCKS, 1);
        Some(found.block + lead)
    }

    /// Takes the first `units` units of a free block out of the free ones; the rest stays free.
    #[inline(always)]
    fn carve(self, found: Found, units: u32) -> Option<()> {
        let Found { block, room, bin } = found;
        let following = self.ingest_end(block, room)?;
        let rest = room - units;
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
            self.unlink(block)?;
            self.link_any(block + units, rest);
        }
        self.write_free(block + units, rest);
        if rest < 4 {
            self.tell(following, rest);
        }
        self.take_words(units);
        Some(())
    }

    /// Makes the first `lead` units of what was carved free again: the note for the block behind.
    fn put_back(self, block: Index, lead: u32) -> Note {
        self.make_free(block, lead);
        self.count(control::FREE_BLOCKS, 1);
        self.count(control::FREE_WORDS, lead - 1);
        Note::of_free(lead)
    }
}
