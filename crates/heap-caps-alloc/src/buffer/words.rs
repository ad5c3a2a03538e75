//! Words in memory that takes nothing smaller.

use core::fmt;
use core::ptr::NonNull;

use heap_caps::{AllocRequest, Failure};
use soc_regions::Caps;

use super::Owned;
use crate::memory_kind::HeapRef;

/// A table of `u32` in memory where a byte access faults: the IRAM that the program's code has left
/// over, tens of KiB on an ESP32.
///
/// Every access is one aligned, volatile word. That is why there is no `&[u32]`: through a
/// reference the compiler may load a single byte of a word that it needs only one byte of, and copy
/// with `memcpy`, which copies bytes.
///
/// ```
/// # use heap_caps::SimulatedMemory;
/// # use heap_caps_alloc::{CapsHeap, Unlocked, WordBuffer};
/// # use soc_regions::ESP32;
/// # let memory = SimulatedMemory::new();
/// # let options = ESP32.default_options();
/// let heap: CapsHeap<Unlocked> = CapsHeap::new(());
/// # // SAFETY: nothing else uses the simulated memory, and it outlives the heap.
/// # unsafe { heap.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }.unwrap();
/// let mut squares = WordBuffer::new(&heap, 1000).unwrap();
/// for index in 0..1000 {
///     squares.set(index as usize, index * index);
/// }
/// assert_eq!(squares.get(12), Some(144));
/// assert_eq!(squares.iter().max(), Some(998_001));
/// ```
pub struct WordBuffer<H: HeapRef> {
    block: Owned<H>,
    length: usize,
}

impl<H: HeapRef> WordBuffer<H> {
    /// `length` words of zeros in internal memory, word-only memory first.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`](crate::CapsHeap::malloc); also where `length` is 0.
    #[expect(
        clippy::result_large_err,
        reason = "a buffer that can't be had wants an explanation"
    )]
    #[track_caller]
    pub fn new(heap: H, length: usize) -> Result<Self, Failure> {
        let request = AllocRequest::array(length, 4, Caps::BIT32 | Caps::INTERNAL).zeroed();
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

    /// Returns the chip's address of the first word.
    #[must_use]
    pub fn address(&self) -> Option<u32> {
        self.block.address()
    }

    /// Returns the word at `index`; `None` behind the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<u32> {
        let word = self.word(index)?;
        // SAFETY: an aligned word of the block, which was zeroed when it was made.
        Some(unsafe { word.read_volatile() })
    }

    /// Writes the word at `index`; `false` behind the end.
    pub fn set(&mut self, index: usize, value: u32) -> bool {
        let Some(word) = self.word(index) else {
            return false;
        };
        // SAFETY: an aligned word of the block, which is borrowed exclusively.
        unsafe { word.write_volatile(value) };
        true
    }

    /// Writes `value` into every word.
    pub fn fill(&mut self, value: u32) {
        (0..self.length).for_each(|index| _ = self.set(index, value));
    }

    /// Returns the words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        (0..self.length).map(|index| self.get(index).unwrap_or_default()) // every index is inside
    }

    fn word(&self, index: usize) -> Option<NonNull<u32>> {
        if index >= self.length {
            return None;
        }
        // SAFETY: the block has `length` words.
        Some(unsafe { self.block.start.cast::<u32>().add(index) })
    }
}

impl<H: HeapRef> fmt::Debug for WordBuffer<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address().unwrap_or_default();
        write!(out, "WordBuffer({} words at 0x{address:08X})", self.length)
    }
}
