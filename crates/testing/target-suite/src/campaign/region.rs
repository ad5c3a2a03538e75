//! Memory for one heap between guards.

use alloc::vec;
use alloc::vec::Vec;
use core::ptr::NonNull;

use multi_heap::{Heap, Poison};

/// Words before and behind the region that nobody may touch.
const GUARD: usize = 64;
const UNTOUCHED: u32 = 0xA5A5_A5A5;

pub(super) struct Region {
    memory: Vec<u32>,
    words: usize,
}

impl Region {
    pub(super) fn new(words: u32) -> Self {
        let words = words as usize;
        Self {
            memory: vec![UNTOUCHED; words + 2 * GUARD],
            words,
        }
    }

    pub(super) fn heap<P: Poison>(&mut self) -> Heap<P> {
        let region = NonNull::from(&mut self.memory[GUARD..GUARD + self.words]);
        let bytes = NonNull::slice_from_raw_parts(region.cast::<u8>(), self.words * 4);
        // SAFETY: the buffer stays where it is and outlives the heap; it is written to between the
        // heap's calls.
        unsafe { Heap::new(bytes) }.unwrap()
    }

    /// Returns whether only words of the region were written.
    pub(super) fn is_inside(&self) -> bool {
        let (before, rest) = self.memory.split_at(GUARD);
        let behind = &rest[self.words..];
        before.iter().chain(behind).all(|&word| word == UNTOUCHED)
    }

    /// Returns a word of the region, counted modulo its words.
    pub(super) fn word(&mut self, index: u32) -> &mut u32 {
        let index = index as usize % self.words;
        &mut self.memory[GUARD + index]
    }
}

#[cfg(test)]
mod tests {
    use super::{GUARD, Region};
    use multi_heap::Unpoisoned;

    #[test]
    fn a_write_beside_the_region_is_noticed() {
        let mut region = Region::new(100);
        let _ = region.heap::<Unpoisoned>();
        assert!(region.is_inside());
        for place in [GUARD - 1, GUARD + 100] {
            region.memory[place] ^= 1;
            assert!(!region.is_inside());
            region.memory[place] ^= 1;
        }
    }
}
