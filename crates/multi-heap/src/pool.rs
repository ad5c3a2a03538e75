//! How blocks are taken from the free lists, split, joined and given back.
//!
//! ```text
//!   word 0        5      11                first                                            end
//!   | counters .. | map .. | list heads ..  | block | block | block |  . . .         | block | 0 | sentinel: a used block of size 0
//!
//!   used block   | header | payload ..                       |
//!   free block   | header | next | prev | ..         | units |    units in the last word: from 4 units on
//!   free, 3      | header | next | prev |
//!   free, 2      | header + next | prev |
//!   free, 1      | header |                                       in no list: waits for a neighbour
//! ```
//!
//! Invariants, checked by `check.rs`, broken on purpose in its tests:
//! 1. Blocks follow each other without a gap from `first` to the sentinel at `end`.
//! 2. No two free blocks are neighbours.
//! 3. A used block's note tells whether and how large a free block lies before it; so does the sentinel's.
//! 4. A free block of 2 units or more is in exactly one list, that of its size; the list is doubly linked.
//! 5. A bit of the map is set exactly if its list has a block; a bit of the summary if its map word has a bit.
//! 6. The counters equal what a walk finds.
//!
//! Every operation is O(1): it looks at no more than [`PROBES`] blocks of one list and two bitmap words.

use crate::arena::Arena;
use crate::bins::{self, MAP_WORDS, MIN_UNITS, bin_of, from_bit};
use crate::damage::{Corruption, CorruptionKind, Misuse, NewHeapError};
use crate::header::{Header, Note};

/// Words of the control structure.
pub(crate) mod control {
    pub(crate) const FREE_UNITS: u32 = 0;
    pub(crate) const FREE_BLOCKS: u32 = 1;
    pub(crate) const USED_BLOCKS: u32 = 2;
    pub(crate) const MINIMUM_FREE: u32 = 3;
    pub(crate) const SUMMARY: u32 = 4;
    pub(crate) const MAP: u32 = 5;
    /// Index of the head of list 0; lists 0 and 1 do not exist, their heads would be the last words of the map.
    pub(crate) const HEADS: u32 = MAP + super::MAP_WORDS - super::MIN_UNITS;
}

/// How many blocks of one list an allocation looks at before it goes to the lists of larger blocks.
pub(crate) const PROBES: u32 = 16;

/// How many blocks at the head of a list are kept in address order: reusing low addresses first leaves larger holes above.
const ORDERED: u32 = 2;

/// Index of the first word of a block that is known to lie between the first block and the sentinel.
pub(crate) type Index = u32;

/// "No block" in a link or a list head.
const NONE: u32 = 0;

/// The heap below sizes in bytes and poisoning: blocks of whole words.
#[derive(Debug)]
pub(crate) struct Pool {
    arena: Arena,
    first: Index,
    damage: Option<Corruption>,
}

/// A free block that came from joining.
#[derive(Clone, Copy)]
pub(crate) struct Released {
    start: Index,
    units: u32,
    /// Where the parts met.
    seams: [Index; 2],
}

/// Construction and plain facts.
impl Pool {
    pub(crate) fn new(arena: Arena, overhead_units: u32) -> Result<Self, NewHeapError> {
        let words = arena.words();
        let first = control::HEADS + bin_of(words.max(MIN_UNITS)) + 1;
        let needed = first + MIN_UNITS + overhead_units + 1;
        if words < needed {
            return Err(NewHeapError::TooSmall {
                bytes: words * 4,
                needed: needed * 4,
            });
        }
        let mut pool = Self {
            arena,
            first,
            damage: None,
        };
        let end = words - 1;
        (0..first).for_each(|index| arena.set(index, 0));
        arena.set(end, Header::used(0, Note::USED).0);
        pool.release(first, end - first);
        arena.set(control::FREE_UNITS, end - first);
        arena.set(control::FREE_BLOCKS, 1);
        pool.reset_minimum_free();
        Ok(pool)
    }

    pub(crate) const fn arena(&self) -> Arena {
        self.arena
    }

    pub(crate) const fn first(&self) -> Index {
        self.first
    }

    pub(crate) fn end(&self) -> Index {
        self.arena.words() - 1
    }

    pub(crate) fn header(&self, block: Index) -> Header {
        Header(self.arena.get(block))
    }

    /// The first damage that an operation came across.
    pub(crate) const fn damage(&self) -> Option<Corruption> {
        self.damage
    }

    pub(crate) fn counter(&self, which: u32) -> u32 {
        self.arena.get(which)
    }

    /// Usable bytes of all free blocks.
    pub(crate) fn free_bytes(&self) -> u32 {
        (self
            .counter(control::FREE_UNITS)
            .wrapping_sub(self.counter(control::FREE_BLOCKS)))
            << 2
    }

    pub(crate) fn minimum_free_bytes(&self) -> u32 {
        self.counter(control::MINIMUM_FREE)
    }

    pub(crate) fn set_minimum_free_bytes(&mut self, bytes: u32) {
        self.arena.set(control::MINIMUM_FREE, bytes);
    }

    pub(crate) fn reset_minimum_free(&mut self) {
        self.set_minimum_free_bytes(self.free_bytes());
    }

    /// Units of the largest block that an allocation finds: O(1), at most [`PROBES`] blocks.
    pub(crate) fn largest_free_units(&self) -> u32 {
        let summary = self.arena.get(control::SUMMARY);
        if summary == 0 {
            return 0;
        }
        let word = summary.ilog2();
        let map = self.arena.get(control::MAP + word);
        if map == 0 {
            return 0;
        }
        self.list(word * 32 + map.ilog2())
            .take(PROBES as usize)
            .map(|block| self.header(block).free_units())
            .max()
            .unwrap_or(0)
    }
}

/// Allocation.
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
            .arena
            .phase()
            .wrapping_add(block)
            .wrapping_add(aligned_word);
        word.wrapping_neg() & (alignment - 1)
    }

    /// A free block of at least `units`, still in its list.
    #[inline]
    fn find(&mut self, units: u32) -> Option<Index> {
        let bin = bin_of(units);
        let found = self.first_bin_from(bin)?;
        let block = self.ingest(self.arena.get(control::HEADS + found))?;
        if self.header(block).free_units() >= units {
            return Some(block);
        }
        self.find_further(bin, block, units)
    }

    /// A block of at least `units` behind the first one of its own list, or in a list of larger blocks.
    #[cold]
    fn find_further(&mut self, bin: u32, first: Index, units: u32) -> Option<Index> {
        let mut block = first;
        for _ in 1..PROBES {
            match self.next_in_list(block) {
                NONE => break,
                next => block = self.ingest(next)?,
            }
            if self.header(block).free_units() >= units {
                return Some(block);
            }
        }
        let found = self.first_bin_from(bin + 1)?;
        self.ingest(self.arena.get(control::HEADS + found))
    }

    /// The first list from `bin` upwards that has a block.
    #[inline(always)]
    fn first_bin_from(&self, bin: u32) -> Option<u32> {
        let word = bin / 32;
        if word >= MAP_WORDS {
            return None;
        }
        let map = self.arena.get(control::MAP + word) & from_bit(bin % 32);
        if map != 0 {
            return Some(word * 32 + map.trailing_zeros());
        }
        let summary = self.arena.get(control::SUMMARY) & from_bit(word) & !(1 << word);
        if summary == 0 {
            return None;
        }
        let word = summary.trailing_zeros() & 7;
        Some(
            word * 32
                + self
                    .arena
                    .get(control::MAP + word.min(MAP_WORDS - 1))
                    .trailing_zeros(),
        )
    }

    /// Makes a used block of `units`, `lead` units into the free block `block` of `room` units; the rest stays free.
    #[inline(always)]
    fn carve(&mut self, block: Index, room: u32, lead: u32, units: u32) -> Option<Index> {
        let rest = room.checked_sub(lead + units)?;
        let following = self.ingest_end(block, room)?;
        self.unlink(block, room)?;
        let used = block + lead;
        let mut free_blocks = self.counter(control::FREE_BLOCKS) - 1;
        let note = if lead == 0 {
            Note::USED
        } else {
            free_blocks += 1;
            self.make_free(block, lead)
        };
        self.arena.set(used, Header::used(units, note).0);
        if rest == 0 {
            self.set_note(following, Note::USED);
        } else {
            free_blocks += 1;
            self.release(used + units, rest);
        }
        self.arena.set(control::FREE_BLOCKS, free_blocks);
        self.arena.set(
            control::FREE_UNITS,
            self.counter(control::FREE_UNITS) - units,
        );
        self.arena
            .set(control::USED_BLOCKS, self.counter(control::USED_BLOCKS) + 1);
        self.update_minimum();
        Some(used)
    }

    #[inline(always)]
    fn update_minimum(&mut self) {
        let free = self.free_bytes();
        if free < self.minimum_free_bytes() {
            self.set_minimum_free_bytes(free);
        }
    }
}

/// Free and resize. The block given was validated by [`Pool::used_block`].
impl Pool {
    /// The used block at `block`, its units validated: O(1).
    pub(crate) fn used_block(&self, block: u32) -> Result<u32, Misuse> {
        let end = self.end();
        if block < self.first || block >= end {
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
            self.arena.set(block, Header::free(0).0);
        }
        self.release(start, total);
        self.arena.set(
            control::FREE_BLOCKS,
            self.counter(control::FREE_BLOCKS) + 1 - joined,
        );
        self.arena.set(
            control::FREE_UNITS,
            self.counter(control::FREE_UNITS) + units,
        );
        self.arena
            .set(control::USED_BLOCKS, self.counter(control::USED_BLOCKS) - 1);
        Some(Released {
            start,
            units: total,
            seams: [block, block + units],
        })
    }

    pub(crate) fn misuse(&self) -> Misuse {
        self.damage.map_or(Misuse::NotABlock, Misuse::Corrupt)
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
            self.arena.get(block - 1)
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
            self.arena
                .set(control::FREE_BLOCKS, self.counter(control::FREE_BLOCKS) + 1);
        }
        self.arena.set(
            control::FREE_UNITS,
            self.counter(control::FREE_UNITS) + surplus,
        );
        let start = block + new_units;
        Some(Released {
            start,
            units: surplus + above,
            seams: [start, block + units],
        })
    }

    /// Writes the pattern of freed memory over what the joined parts of a free block leave in its middle: last words, headers, links.
    pub(crate) fn wipe_seams(&mut self, released: Released) {
        let freed = u32::from_ne_bytes([crate::poison::FILL_FREED; 4]);
        let inside = released.start + 3..(released.start + released.units).saturating_sub(1);
        for seam in released.seams {
            (seam - 1..seam + 3)
                .filter(|word| inside.contains(word))
                .for_each(|word| self.arena.set(word, freed));
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
            self.arena
                .set(control::FREE_BLOCKS, self.counter(control::FREE_BLOCKS) - 1);
        } else {
            self.release(block + new_units, rest);
        }
        self.arena.set(
            control::FREE_UNITS,
            self.counter(control::FREE_UNITS) - more,
        );
        self.update_minimum();
        Some(true)
    }

    /// Joins a validated used block with the free blocks on both sides if they give it `new_units`: the start of the joined
    /// used block, whose payload has still to be moved there. `Some(None)` if there is no room.
    pub(crate) fn grow_backward(
        &mut self,
        block: Index,
        units: u32,
        new_units: u32,
    ) -> Option<Option<Index>> {
        let below = self.free_units_below(block)?;
        let above = self.free_units_above(block + units)?;
        if below == 0 || below + units + above < new_units {
            return Some(None);
        }
        let (start, total, joined) = self.absorb_neighbours(block, units)?;
        self.arena.set(start, Header::used(total, Note::USED).0);
        self.set_note(start + total, Note::USED);
        self.arena.set(
            control::FREE_BLOCKS,
            self.counter(control::FREE_BLOCKS) - joined,
        );
        self.arena.set(
            control::FREE_UNITS,
            self.counter(control::FREE_UNITS) - below - above,
        );
        Some(Some(start))
    }

    #[inline(always)]
    fn set_units(&mut self, block: Index, units: u32) {
        let note = self.header(block).note();
        self.arena.set(block, Header::used(units, note).0);
    }

    #[inline(always)]
    fn set_note(&mut self, block: Index, note: Note) {
        self.arena.set(block, self.header(block).with_note(note).0);
    }

    /// Makes `units` from `start` a free block in its list, and tells the used block behind it.
    #[inline(always)]
    fn release(&mut self, start: Index, units: u32) {
        let note = self.make_free(start, units);
        self.set_note(start + units, note);
    }

    /// Writes a free block of `units` and puts it into its list: the note for the block behind it.
    #[inline(always)]
    fn make_free(&mut self, start: Index, units: u32) -> Note {
        self.arena.set(start, Header::free(units).0);
        if units >= 4 {
            self.arena.set(start + units - 1, units);
        }
        self.link(start, units);
        Note::of_free(units)
    }
}

/// Free lists.
impl Pool {
    /// The blocks of a list, in its order; ends at a link that leads outside the heap.
    pub(crate) fn list(&self, bin: u32) -> impl Iterator<Item = Index> + '_ {
        let head = self.arena.get(control::HEADS + bin);
        core::iter::successors(self.inside(head), move |&block| {
            self.inside(self.next_in_list(block))
        })
    }

    #[inline(always)]
    pub(crate) fn next_in_list(&self, block: Index) -> u32 {
        let header = self.header(block);
        if header.is_free_pair() {
            header.pair_next()
        } else {
            self.arena.get(block + 1)
        }
    }

    #[inline(always)]
    pub(crate) fn previous_in_list(&self, block: Index) -> u32 {
        let word = if self.header(block).is_free_pair() {
            1
        } else {
            2
        };
        self.arena.get(block + word)
    }

    #[inline(always)]
    fn set_next(&mut self, block: Index, units: u32, next: u32) {
        if units == 2 {
            self.arena.set(block, Header::free_pair(next).0);
        } else {
            self.arena.set(block + 1, next);
        }
    }

    #[inline(always)]
    fn set_previous(&mut self, block: Index, units: u32, previous: u32) {
        self.arena
            .set(block + if units == 2 { 1 } else { 2 }, previous);
    }

    /// Puts a free block into its list, behind blocks of lower address among the first [`ORDERED`]; a block of one unit is in none.
    #[inline(always)]
    fn link(&mut self, block: Index, units: u32) {
        if units < MIN_UNITS {
            return;
        }
        let bin = bin_of(units);
        let (before, after) = self.place_in_list(self.arena.get(control::HEADS + bin), block);
        self.set_next(block, units, after);
        self.set_previous(block, units, before);
        if before != NONE {
            self.set_next(before, units, block);
        } else {
            self.arena.set(control::HEADS + bin, block);
            self.mark_bin(bin);
        }
        if after != NONE {
            self.set_previous(after, units, block);
        }
    }

    /// Between which two blocks of the list that begins at `head` a new block belongs.
    #[inline(always)]
    fn place_in_list(&mut self, head: u32, block: Index) -> (u32, u32) {
        let (mut before, mut after) = (NONE, head);
        for _ in 0..ORDERED {
            if after == NONE || after > block {
                break;
            }
            match self.ingest(after) {
                Some(lower) => (before, after) = (lower, self.next_in_list(lower)),
                None => return (before, NONE),
            }
        }
        let after = if after == NONE {
            NONE
        } else {
            self.ingest(after).unwrap_or(NONE)
        };
        (before, after)
    }

    /// Takes a free block out of its list; a block of 0 or 1 units is in none.
    #[inline(always)]
    fn unlink(&mut self, block: Index, units: u32) -> Option<()> {
        if units < MIN_UNITS {
            return Some(());
        }
        let (next, previous) = if units == 2 {
            (self.header(block).pair_next(), self.arena.get(block + 1))
        } else {
            (self.arena.get(block + 1), self.arena.get(block + 2))
        };
        if next != NONE {
            self.ingest(next)?;
        }
        if previous == NONE {
            let bin = bin_of(units);
            self.arena.set(control::HEADS + bin, next);
            if next == NONE {
                self.clear_bin(bin);
            }
        } else {
            self.ingest(previous)?;
            self.set_next(previous, units, next);
        }
        if next != NONE {
            self.set_previous(next, units, previous);
        }
        Some(())
    }

    #[inline(always)]
    fn mark_bin(&mut self, bin: u32) {
        let word = control::MAP + bin / 32;
        self.arena.set(word, self.arena.get(word) | 1 << (bin % 32));
        self.arena.set(
            control::SUMMARY,
            self.arena.get(control::SUMMARY) | 1 << (bin / 32),
        );
    }

    #[inline(always)]
    fn clear_bin(&mut self, bin: u32) {
        let word = control::MAP + bin / 32;
        let map = self.arena.get(word) & !(1 << (bin % 32));
        self.arena.set(word, map);
        if map == 0 {
            self.arena.set(
                control::SUMMARY,
                self.arena.get(control::SUMMARY) & !(1 << (bin / 32)),
            );
        }
    }
}

/// Words that came from memory become indices here and nowhere else.
impl Pool {
    /// The same value if it is the index of a word at which a block of two units may begin.
    #[inline(always)]
    pub(crate) fn inside(&self, word: u32) -> Option<Index> {
        let limit = self.arena.words() - 2 - self.first;
        (word.wrapping_sub(self.first) < limit).then_some(word)
    }

    /// As [`Pool::inside`]; notes the damage otherwise.
    #[inline(always)]
    fn ingest(&mut self, word: u32) -> Option<Index> {
        match self.inside(word) {
            Some(index) => Some(index),
            None => self.note_damage(CorruptionKind::Link, 0, 0, word),
        }
    }

    /// The index behind a block of `units`, which is at most the sentinel's.
    #[inline(always)]
    fn ingest_end(&mut self, block: Index, units: u32) -> Option<Index> {
        let end = self.arena.words() - 1;
        if units != 0 && units <= end.wrapping_sub(block) {
            return Some(block + units);
        }
        self.note_damage(CorruptionKind::Header, block, 0, self.header(block).0)
    }

    #[cold]
    #[inline(never)]
    fn note_damage<T>(
        &mut self,
        kind: CorruptionKind,
        index: u32,
        expected: u32,
        found: u32,
    ) -> Option<T> {
        let damage = Corruption {
            offset: index * 4,
            kind,
            expected,
            found,
        };
        self.damage.get_or_insert(damage);
        None
    }
}

const _: () = assert!(
    bins::MAX_UNITS < 1 << 28,
    "sizes and links fit the header's size field"
);
