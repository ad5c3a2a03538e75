//! The memory that faults are tried in: three regions of a chip, each with a guard on both sides.
//!
//! ```text
//!   | guard | DRAM 8 KiB | guard | D/IRAM 5 KiB - 12 | guard | SPIRAM 12 KiB | guard |     the guards hold a pattern
//! ```
//!
//! The program's reads and writes go through [`Arena::byte`] and [`Arena::set_byte`], which reach
//! the regions only. So a guard that has changed was changed by the heap.

use alloc::vec::Vec;
use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use heap_caps::Memory;
use soc_regions::{Caps, Columns, Span};

/// A guard is as many words as the most that a fault writes, four times over.
const GUARD_WORDS: u32 = 64;
const GUARD: u32 = 0x600D_600D;
/// Chip addresses and places in memory leave the same rest when divided by this.
const CONGRUENT: u32 = 64;

/// A region and what it can do.
#[derive(Clone, Copy)]
pub(super) struct ArenaRegion {
    pub(super) start: u32,
    pub(super) bytes: u32,
    pub(super) columns: Columns,
}

/// The regions, each a multiple of 64 bytes from the next guard but for the heap's own odd end.
pub(super) const REGIONS: [ArenaRegion; 3] = [
    region(0x3FFB_0000, 8192, Caps::DMA.union(Caps::INTERNAL)),
    region(0x3FFE_0000, 5120 - 12, Caps::INTERNAL),
    region(0x3F80_0000, 12 * 1024, Caps::SPIRAM),
];

const fn region(start: u32, bytes: u32, caps: Caps) -> ArenaRegion {
    let caps = caps
        .union(Caps::BIT8)
        .union(Caps::BIT32)
        .union(Caps::DEFAULT);
    ArenaRegion {
        start,
        bytes,
        columns: [caps, Caps::empty(), Caps::empty()],
    }
}

impl ArenaRegion {
    fn span(&self) -> Option<Span> {
        Span::from_size(self.start, self.bytes)
    }

    const fn words(&self) -> u32 {
        self.bytes.next_multiple_of(CONGRUENT) / 4
    }
}

/// All of it, in this machine's memory.
pub(super) struct Arena {
    words: Vec<AtomicU32>,
    /// The first word whose address is a multiple of [`CONGRUENT`].
    lead: u32,
    given: [Cell<bool>; REGIONS.len()],
}

impl Arena {
    pub(super) fn new() -> Self {
        let regions: u32 = REGIONS.iter().map(ArenaRegion::words).sum();
        let guards = (REGIONS.len() as u32 + 1) * GUARD_WORDS;
        let count = regions + guards + CONGRUENT / 4;
        let words: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(GUARD)).collect();
        let lead = words.as_ptr().addr().wrapping_neg() % CONGRUENT as usize / 4;
        Self {
            lead: lead as u32, // below 16
            words,
            given: Default::default(),
        }
    }

    /// Returns the region around `address`.
    pub(super) fn region_at(address: u32) -> Option<&'static ArenaRegion> {
        REGIONS
            .iter()
            .find(|region| address.wrapping_sub(region.start) < region.bytes)
    }

    /// Returns the byte at a chip's address; 0 outside of the regions.
    pub(super) fn byte(&self, address: u32) -> u8 {
        let word = self
            .word(address)
            .map_or(0, |word| word.load(Ordering::Relaxed));
        word.to_le_bytes()[(address % 4) as usize]
    }

    /// Writes the byte at a chip's address; `false` outside of the regions.
    pub(super) fn set_byte(&self, address: u32, value: u8) -> bool {
        let Some(word) = self.word(address) else {
            return false;
        };
        let mut bytes = word.load(Ordering::Relaxed).to_le_bytes();
        bytes[(address % 4) as usize] = value;
        word.store(u32::from_le_bytes(bytes), Ordering::Relaxed);
        true
    }

    /// Returns whether every word outside of the regions has its pattern.
    pub(super) fn is_untouched(&self) -> bool {
        let mut rest = 0;
        for (index, region) in REGIONS.iter().enumerate() {
            let first = self.first_word(index) as usize;
            if !are_guards(self.words.get(rest..first).unwrap_or_default()) {
                return false;
            }
            rest = first + region.bytes as usize / 4;
        }
        are_guards(self.words.get(rest..).unwrap_or_default())
    }

    fn word(&self, address: u32) -> Option<&AtomicU32> {
        let inside = |region: &ArenaRegion| address.wrapping_sub(region.start) < region.bytes;
        let index = REGIONS.iter().position(inside)?;
        let word = self.first_word(index) + (address - REGIONS[index].start) / 4;
        self.words.get(word as usize)
    }

    /// Returns where a region begins.
    fn first_word(&self, index: usize) -> u32 {
        let before: u32 = REGIONS
            .iter()
            .take(index)
            .map(|region| region.words() + GUARD_WORDS)
            .sum();
        self.lead + GUARD_WORDS + before
    }
}

// SAFETY:
// - the slice lies in words that live and stay where they are as long as `self` (the program that
//   holds both drops its heaps first), and that are written through shared references only: they
//   are atomic;
// - each region is given out once, and whoever else accesses it is the program, in its blocks or
//   where a fault is tried: all by atomic words;
// - `first_word` is a multiple of 64 bytes from an address that is one, and so are the regions'
//   addresses.
unsafe impl Memory for Arena {
    const CONGRUENT: u32 = CONGRUENT;

    fn region(&self, span: Span) -> Option<NonNull<[u8]>> {
        let index = REGIONS
            .iter()
            .position(|region| region.span() == Some(span))?;
        if self.given.get(index)?.replace(true) {
            return None;
        }
        let first = self.word(span.start())?;
        let start = NonNull::from(first).cast::<u8>();
        // The pointer of the whole vector, not of the word: the region is all behind it.
        let whole = NonNull::new(self.words.as_ptr().cast_mut().cast::<u8>())?;
        let whole = whole.with_addr(start.addr());
        Some(NonNull::slice_from_raw_parts(whole, span.size() as usize))
    }
}

/// Returns whether all words have the pattern of words outside of the regions.
#[inline(never)] // inlined, Xtensa's back end meets a constant that it cannot select
fn are_guards(words: &[AtomicU32]) -> bool {
    words
        .iter()
        .all(|word| word.load(Ordering::Relaxed) == GUARD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_writes_stays_inside_of_the_regions() {
        let arena = Arena::new();
        for region in &REGIONS {
            for address in region.start..region.start + region.bytes {
                assert!(arena.set_byte(address, 0x55));
                assert_eq!(arena.byte(address), 0x55);
            }
            assert!(!arena.set_byte(region.start - 1, 0));
            assert!(!arena.set_byte(region.start + region.bytes, 0));
        }
        assert!(arena.is_untouched());
    }

    #[test]
    fn a_guard_that_changed_is_noticed() {
        for (index, region) in REGIONS.iter().enumerate() {
            let arena = Arena::new();
            let before = arena.first_word(index) - 1;
            arena.words[before as usize].store(0, Ordering::Relaxed);
            assert!(!arena.is_untouched());
            let arena = Arena::new();
            let behind = arena.first_word(index) + region.bytes / 4;
            arena.words[behind as usize].store(0, Ordering::Relaxed);
            assert!(!arena.is_untouched());
        }
    }

    #[test]
    fn a_region_is_handed_out_once_and_aligned_as_on_the_chip() {
        let arena = Arena::new();
        for region in &REGIONS {
            let bytes = arena.region(region.span().unwrap()).unwrap();
            assert_eq!(bytes.cast::<u8>().addr().get() % 64, 0);
            assert!(arena.region(region.span().unwrap()).is_none());
        }
    }
}
