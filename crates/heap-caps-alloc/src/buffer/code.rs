//! Instructions that are loaded at run time.

use core::fmt;
use heap_caps::{AllocRequest, Failure};
use soc_regions::Caps;

use super::Owned;
use crate::memory_kind::HeapRef;
use crate::shared::SharedHeap;

/// Memory that code can be fetched from: write the instructions by words, then call the address.
///
/// On the ESP32 it is IRAM, or, when that is full, D/IRAM by its address on the instruction side,
/// where the order of the words is the reverse of the data side's; the words here are in the order
/// of the instructions. Each access looks up its heap under the lock, O(heaps): loading is rare.
///
/// On a host the words can be written and read, not called.
pub struct CodeBuffer<H: HeapRef> {
    block: Owned<H>,
    length: usize,
}

impl<H: HeapRef> CodeBuffer<H> {
    /// Room for `length` words of instructions, zeros at first.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`](crate::CapsHeap::malloc); also where `length` is 0.
    #[expect(
        clippy::result_large_err,
        reason = "a buffer that can't be had wants an explanation"
    )]
    #[track_caller]
    pub fn new(heap: H, length: usize) -> Result<Self, Failure> {
        let request = AllocRequest::array(length, 4, Caps::EXEC).zeroed();
        let block = Owned::new(heap, &request)?;
        Ok(Self { block, length })
    }

    /// Returns how many words there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Never: a buffer of no words can't be had.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the word at `index`; `None` behind the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<u32> {
        let place = self.place(index)?;
        // SAFETY: a word of the buffer's own block, which is borrowed.
        unsafe { self.block.heap.heap().word(place) }
    }

    /// Writes the word at `index`; `false` behind the end.
    pub fn set(&mut self, index: usize, word: u32) -> bool {
        let Some(place) = self.place(index) else {
            return false;
        };
        // SAFETY: a word of the buffer's own block, which is borrowed exclusively.
        unsafe { self.block.heap.heap().set_word(place, word) }
    }

    /// Writes `words` from the start on; `false`, and nothing is written, if there are too many.
    pub fn load(&mut self, words: &[u32]) -> bool {
        let fits = words.len() <= self.length;
        let places = words.iter().enumerate().filter(|_| fits);
        places.fold(fits, |done, (index, &word)| self.set(index, word) && done)
    }

    /// Returns the address of the first instruction, as the instruction bus sees it.
    #[must_use]
    pub fn address(&self) -> Option<u32> {
        self.block.address()
    }

    /// Returns the first instruction, to be made a function pointer of. Whoever calls it promises
    /// that the words are a function, that the core has seen them (on Xtensa: `isync`), and that
    /// the buffer lives meanwhile.
    #[must_use]
    pub fn entry(&self) -> *const () {
        self.block.start.as_ptr().cast_const().cast()
    }

    fn place(&self, index: usize) -> Option<u32> {
        let bytes = u32::try_from(index).ok()?.checked_mul(4)?;
        let inside = index < self.length;
        self.address()?.checked_add(bytes).filter(|_| inside)
    }
}

impl<H: HeapRef> fmt::Debug for CodeBuffer<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address().unwrap_or_default();
        write!(out, "CodeBuffer({} words at 0x{address:08X})", self.length)
    }
}
