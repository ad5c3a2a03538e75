//! What is done to the bytes of blocks without the heap: the O(size) work that needs no lock.
//!
//! ```text
//!   lock    heap.allocate(request) ─┐                            ┌─ heap.free(block)    lock
//!   no lock                         └─ contents.allocated(block) │
//!                                      contents.copy(..)         │
//!                                      contents.freeing(block) ──┘
//!
//!   lock                                ┌─ heap.resize(block, new) ─┐
//!   no lock  contents.shrinking(block) ─┘                           └─ contents.grown(block)
//! ```
//!
//! A [`Contents`] is a copy of the heap's door to memory. It borrows nothing, so it can be taken along when the lock
//! around the heap is released; it touches the user bytes of the block it is given and nothing else.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::arena::Arena;
use crate::damage::Corruption;
use crate::heap::Heap;
use crate::offset::Offset;
use crate::poison::{self, FILL_ALLOCATED, FILL_FREED, Poison};

/// The bytes of a heap's blocks, detached from the heap. Valid as long as the heap's region is.
///
/// Who uses it on a block must own that block: it has been allocated, and is not yet handed on or not yet freed.
/// Places in the heap's control structure or outside of the region are refused.
#[derive(Clone, Copy, Debug)]
pub struct Contents<P: Poison> {
    arena: Arena,
    /// Bytes of the control structure at the region's start.
    control: u32,
    poison: PhantomData<P>,
}

impl<P: Poison> Heap<P> {
    /// The bytes of this heap's blocks, to be worked on while the heap itself is locked away.
    #[must_use]
    pub fn contents(&self) -> Contents<P> {
        Contents {
            arena: self.arena(),
            control: self.pool.first().saturating_mul(4),
            poison: PhantomData,
        }
    }
}

impl<P: Poison> Contents<P> {
    /// As [`Heap::allocated`]: the second phase of an allocation of `size` bytes. O(size).
    ///
    /// # Errors
    /// The first byte that was written while it was free.
    pub fn allocated(&self, block: Offset, size: u32) -> Result<(), Corruption> {
        if !P::FILLS || !self.owns(block, size) {
            return Ok(());
        }
        let (start, end) = (block.get(), block.get() + size);
        let verified = poison::verify_freed(self.arena, start, end);
        if verified.is_ok() {
            self.arena.fill(start, end, FILL_ALLOCATED);
        }
        verified
    }

    /// The first phase of a free: fills `size` user bytes of a block that was found valid. O(size).
    pub fn freeing(&self, block: Offset, size: u32) {
        if P::FILLS && self.owns(block, size) {
            self.arena.fill(block.get(), block.get() + size, FILL_FREED);
        }
    }

    /// Before a block that was found valid shrinks from `old_size` to `new_size` user bytes ([`Heap::resize`]): fills what it gives up. Does
    /// nothing if it does not shrink. O(size).
    pub fn shrinking(&self, block: Offset, old_size: u32, new_size: u32) {
        if P::FILLS && new_size < old_size && self.owns(block, old_size) {
            let (start, end) = (block.get() + new_size, block.get() + old_size);
            self.arena.fill(start, end, FILL_FREED);
        }
    }

    /// After a block grew from `old_size` to `new_size` user bytes ([`Heap::resize`]): marks what it gained allocated. Does nothing if it did
    /// not grow. O(size).
    pub fn grown(&self, block: Offset, old_size: u32, new_size: u32) {
        if P::FILLS && old_size < new_size && self.owns(block, new_size) {
            let (start, end) = (block.get() + old_size, block.get() + new_size);
            self.arena.fill(start, end, FILL_ALLOCATED);
        }
    }

    /// Writes zeros over `bytes` bytes, by words. O(bytes).
    pub fn zero(&self, at: Offset, bytes: u32) {
        if self.owns(at, bytes) {
            self.arena.fill(at.get(), at.get() + bytes, 0);
        }
    }

    /// Copies exactly `bytes` bytes to another place, in this heap or another, by words. Overlapping places may only move
    /// downwards. O(bytes).
    pub fn copy(&self, from: Offset, target: &Self, to: Offset, bytes: u32) {
        if !self.owns(from, bytes) || !target.owns(to, bytes) {
            return;
        }
        let words = bytes / 4;
        self.arena
            .copy_words(from.get() / 4, target.arena, to.get() / 4, words);
        for byte in bytes & !3..bytes {
            target
                .arena
                .set_byte(to.get() + byte, self.arena.byte(from.get() + byte));
        }
    }

    /// The word at `at`; `None` outside of the blocks or off the word grid.
    #[must_use]
    pub fn word(&self, at: Offset) -> Option<u32> {
        self.is_word(at).then(|| self.arena.get(at.get() / 4))
    }

    /// Writes the word at `at`; `false` outside of the blocks or off the word grid.
    pub fn set_word(&self, at: Offset, value: u32) -> bool {
        let inside = self.is_word(at);
        if inside {
            self.arena.set(at.get() / 4, value);
        }
        inside
    }

    /// The address of a place among the blocks; `None` outside of them.
    #[must_use]
    pub fn pointer(&self, at: Offset) -> Option<NonNull<u8>> {
        self.owns(at, 1).then(|| self.arena.pointer(at.get()))
    }

    fn is_word(&self, at: Offset) -> bool {
        at.get().is_multiple_of(4) && self.owns(at, 4)
    }

    /// Whether the bytes lie between control structure and end.
    fn owns(&self, at: Offset, bytes: u32) -> bool {
        let end = at.get().checked_add(bytes);
        at.get() > self.control && end.is_some_and(|end| end <= self.arena.words() * 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Light, Request};
    use std::vec;

    #[test]
    fn exactly_the_bytes_asked_for_are_copied() {
        let mut memory = vec![0_u32; 256];
        let bytes = core::ptr::slice_from_raw_parts_mut(memory.as_mut_ptr().cast::<u8>(), 1024);
        // SAFETY: the buffer outlives the heap and is not touched otherwise.
        let mut heap = unsafe { Heap::<Light>::new(NonNull::new(bytes).unwrap()) }.unwrap();
        let [from, to] = [7, 5].map(|size| heap.allocate(Request::new(size).unwrap()).unwrap());
        let contents = heap.contents();
        contents.set_word(from, 0x4433_2211);
        contents.copy(from, &contents, to, 5);
        assert_eq!(contents.word(to), Some(0x4433_2211));
        assert_eq!(
            heap.check(),
            Ok(()),
            "the canary behind the fifth byte stands"
        );
        assert_eq!(heap.free(to), Ok(5));
    }

    #[test]
    fn the_control_structure_and_the_outside_are_out_of_reach() {
        let mut memory = vec![0_u32; 256];
        let bytes = core::ptr::slice_from_raw_parts_mut(memory.as_mut_ptr().cast::<u8>(), 1024);
        // SAFETY: the buffer outlives the heap and is not touched otherwise.
        let heap = unsafe { Heap::<Light>::new(NonNull::new(bytes).unwrap()) }.unwrap();
        let contents = heap.contents();
        for place in [4, heap.control_bytes() - 8, 1024, 1022, u32::MAX] {
            let place = Offset::new(place).unwrap();
            assert!(!contents.set_word(place, 0), "{place}");
            contents.zero(place, 8);
        }
        assert_eq!(heap.check(), Ok(()));
    }
}
