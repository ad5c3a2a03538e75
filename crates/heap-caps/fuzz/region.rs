//! Memory for one heap between guards, and bytes as instructions.

use core::ptr::NonNull;

use multi_heap::{Heap, Poison};

/// Words before and behind the region that nobody may touch.
const GUARD: usize = 64;
const UNTOUCHED: u32 = 0xA5A5_A5A5;

pub struct Region {
    memory: Vec<u32>,
    words: usize,
}

impl Region {
    pub fn new(words: u32) -> Self {
        let words = words as usize;
        Self {
            memory: vec![UNTOUCHED; words + 2 * GUARD],
            words,
        }
    }

    pub fn heap<P: Poison>(&mut self) -> Heap<P> {
        let region = NonNull::from(&mut self.memory[GUARD..GUARD + self.words]);
        let bytes = NonNull::slice_from_raw_parts(region.cast::<u8>(), self.words * 4);
        // SAFETY: the buffer stays where it is and outlives the heap; it is written to between the
        // heap's calls.
        unsafe { Heap::new(bytes) }.expect("a region of more than the least size")
    }

    /// Whether only words of the region were written.
    pub fn is_inside(&self) -> bool {
        let (before, rest) = self.memory.split_at(GUARD);
        let behind = &rest[self.words..];
        before.iter().chain(behind).all(|&word| word == UNTOUCHED)
    }

    #[allow(dead_code, reason = "for those who damage heaps")]
    pub fn word(&mut self, index: u32) -> &mut u32 {
        let index = index as usize % self.words;
        &mut self.memory[GUARD + index]
    }
}

/// What is left of an input; zeros behind its end.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte
    }

    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }
}
