//! Block contents: the O(size) work on bytes, which needs neither heap nor lock.
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
//! A [`Contents`] is a copy of the heap's raw access to memory. It borrows nothing, so it can be
//! taken along when the lock around the heap is released. Neither the region's life nor the owner
//! of a block is known here, so everything that touches bytes is `unsafe`. The heap itself uses
//! [`BlockBytes`], while it is borrowed.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::arena::Arena;
use crate::damage::Corruption;
use crate::heap::Heap;
use crate::offset::Offset;
use crate::poison::{self, FILL_ALLOCATED, FILL_FREED, Poison};

/// The bytes of a heap's blocks, detached from the heap.
///
/// Places in the heap's control structure or outside of the region are refused.
///
/// # Safety
///
/// The contract of all its `unsafe` methods:
/// - The region is still the heap's: what [`Heap::new`] asks for holds during the call.
/// - The bytes lie in allocated blocks of which the caller has charge: not handed to a user yet, or
///   given up by their user for the length of the call. Nobody else accesses, frees or resizes them
///   meanwhile.
///
/// It outlives the heap, so safe code can't use it:
///
/// ```compile_fail,E0133
/// fn overwrite(heap: &multi_heap::Heap<multi_heap::Unpoisoned>, block: multi_heap::Offset) {
///     heap.contents().zero(block, 4);
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Contents<P: Poison>(BlockBytes<P>);

impl<P: Poison> Heap<P> {
    /// Returns the bytes of this heap's blocks, to be worked on while the heap itself is locked
    /// away.
    #[must_use]
    pub fn contents(&self) -> Contents<P> {
        Contents(self.block_bytes())
    }

    /// Returns the bytes of this heap's blocks.
    pub(crate) fn block_bytes(&self) -> BlockBytes<P> {
        BlockBytes {
            arena: self.arena(),
            control: self.pool.first().saturating_mul(4),
            poison: PhantomData,
        }
    }
}

impl<P: Poison> Contents<P> {
    /// Second phase of an allocation of `size` bytes under [`Comprehensive`](crate::Comprehensive)
    /// poisoning: verifies that the bytes still have the pattern of free memory, then marks them
    /// allocated. O(size).
    ///
    /// # Errors
    /// The first byte that was written while it was free.
    ///
    /// # Safety
    /// See [`Contents`].
    pub unsafe fn allocated(&self, block: Offset, size: u32) -> Result<(), Corruption> {
        self.0.allocated(block, size)
    }

    /// First phase of a free: fills `size` user bytes of a block that was found valid. O(size).
    ///
    /// # Safety
    /// See [`Contents`].
    pub unsafe fn freeing(&self, block: Offset, size: u32) {
        self.0.freeing(block, size);
    }

    /// Before a block that was found valid shrinks from `old_size` to `new_size` user bytes
    /// ([`Heap::resize`]): fills what it gives up. Does nothing if it does not shrink. O(size).
    ///
    /// # Safety
    /// See [`Contents`].
    pub unsafe fn shrinking(&self, block: Offset, old_size: u32, new_size: u32) {
        self.0.shrinking(block, old_size, new_size);
    }

    /// After a block grew from `old_size` to `new_size` user bytes ([`Heap::resize`]): marks what
    /// it gained allocated. Does nothing if it did not grow. O(size).
    ///
    /// # Safety
    /// See [`Contents`].
    pub unsafe fn grown(&self, block: Offset, old_size: u32, new_size: u32) {
        self.0.grown(block, old_size, new_size);
    }

    /// Writes zeros over `bytes` bytes, by words. O(bytes).
    ///
    /// # Safety
    /// See [`Contents`].
    pub unsafe fn zero(&self, at: Offset, bytes: u32) {
        self.0.zero(at, bytes);
    }

    /// Copies exactly `bytes` bytes to another place, in this heap or another, by words.
    /// Overlapping places may only move downwards. O(bytes).
    ///
    /// # Safety
    /// See [`Contents`], of both places.
    pub unsafe fn copy(&self, from: Offset, target: &Self, to: Offset, bytes: u32) {
        self.0.copy(from, &target.0, to, bytes);
    }

    /// Returns the word at `at`; `None` outside of the blocks or off the word grid.
    ///
    /// # Safety
    /// See [`Contents`].
    #[must_use]
    pub unsafe fn word(&self, at: Offset) -> Option<u32> {
        self.0.word(at)
    }

    /// Writes the word at `at`; returns `false` outside of the blocks or off the word grid.
    ///
    /// # Safety
    /// See [`Contents`].
    pub unsafe fn set_word(&self, at: Offset, value: u32) -> bool {
        self.0.set_word(at, value)
    }

    /// Returns the address of a place among the blocks; `None` outside of them.
    #[must_use]
    pub fn pointer(&self, at: Offset) -> Option<NonNull<u8>> {
        self.0.pointer(at)
    }
}

/// The bytes of a heap's blocks, as the heap itself works on them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockBytes<P: Poison> {
    arena: Arena,
    /// Bytes of the control structure at the region's start.
    control: u32,
    poison: PhantomData<P>,
}

impl<P: Poison> BlockBytes<P> {
    pub(crate) fn allocated(&self, block: Offset, size: u32) -> Result<(), Corruption> {
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

    pub(crate) fn freeing(&self, block: Offset, size: u32) {
        if P::FILLS && self.owns(block, size) {
            self.arena.fill(block.get(), block.get() + size, FILL_FREED);
        }
    }

    pub(crate) fn shrinking(&self, block: Offset, old_size: u32, new_size: u32) {
        if P::FILLS && new_size < old_size && self.owns(block, old_size) {
            let (start, end) = (block.get() + new_size, block.get() + old_size);
            self.arena.fill(start, end, FILL_FREED);
        }
    }

    pub(crate) fn grown(&self, block: Offset, old_size: u32, new_size: u32) {
        if P::FILLS && old_size < new_size && self.owns(block, new_size) {
            let (start, end) = (block.get() + old_size, block.get() + new_size);
            self.arena.fill(start, end, FILL_ALLOCATED);
        }
    }

    pub(crate) fn zero(&self, at: Offset, bytes: u32) {
        if self.owns(at, bytes) {
            self.arena.fill(at.get(), at.get() + bytes, 0);
        }
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn copy(&self, from: Offset, target: &Self, to: Offset, bytes: u32) {
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

    pub(crate) fn word(&self, at: Offset) -> Option<u32> {
        self.is_word(at).then(|| self.arena.get(at.get() / 4))
    }

    pub(crate) fn set_word(&self, at: Offset, value: u32) -> bool {
        let inside = self.is_word(at);
        if inside {
            self.arena.set(at.get() / 4, value);
        }
        inside
    }

    pub(crate) fn pointer(&self, at: Offset) -> Option<NonNull<u8>> {
        self.owns(at, 1).then(|| self.arena.pointer(at.get()))
    }

    fn is_word(&self, at: Offset) -> bool {
        at.get().is_multiple_of(4) && self.owns(at, 4)
    }

    fn owns(&self, at: Offset, bytes: u32) -> bool {
        let end = at.get().checked_add(bytes);
        at.get() > self.control && end.is_some_and(|end| end <= self.arena.words() * 4)
    }
}

/// Copies `bytes` bytes by aligned words, upwards. Overlapping places may only move downwards.
/// O(bytes).
///
/// # Safety
/// - Both places are multiples of 4 and allocated blocks, or parts of them, with at least `bytes`
///   bytes.
/// - The caller has charge of both: nobody else accesses, frees or resizes them meanwhile.
#[inline(never)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe fn copy_block(from: NonNull<u8>, to: NonNull<u8>, bytes: u32) {
    // SAFETY: the caller keeps the same contract.
    let source = unsafe { Arena::over(from, bytes) };
    // SAFETY: as above.
    let target = unsafe { Arena::over(to, bytes) };
    source.copy_words(0, target, 0, bytes / 4);
    for byte in bytes & !3..bytes {
        target.set_byte(byte, source.byte(byte));
    }
}

/// Writes zeros over `bytes` bytes, by aligned words. O(bytes).
///
/// # Safety
/// - The place is a multiple of 4 and an allocated block, or part of one, with at least `bytes`
///   bytes.
/// - The caller has charge of it: nobody else accesses, frees or resizes it meanwhile.
#[inline(never)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe fn zero_block(at: NonNull<u8>, bytes: u32) {
    // SAFETY: the caller keeps the same contract.
    unsafe { Arena::over(at, bytes) }.fill(0, bytes, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Comprehensive, Light, Request, Unpoisoned};
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn exactly_the_bytes_asked_for_are_copied() {
        let mut memory = vec![0_u32; 256];
        let bytes = core::ptr::slice_from_raw_parts_mut(memory.as_mut_ptr().cast::<u8>(), 1024);
        // SAFETY: the buffer outlives the heap and is not touched otherwise.
        let mut heap = unsafe { Heap::<Light>::new(NonNull::new(bytes).unwrap()) }.unwrap();
        let [from, to] = [7, 5].map(|size| heap.allocate(Request::new(size).unwrap()).unwrap());
        let contents = heap.block_bytes();
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
        let contents = heap.block_bytes();
        for place in [4, heap.control_bytes() - 8, 1024, 1022, u32::MAX] {
            let place = Offset::new(place).unwrap();
            assert!(!contents.set_word(place, 0), "{place}");
            contents.zero(place, 8);
        }
        assert_eq!(heap.check(), Ok(()));
    }

    /// All words of a heap with a block of 40 bytes, and the block.
    fn filled<P: Poison>(memory: &mut [u32]) -> (Heap<P>, Offset) {
        let bytes = NonNull::slice_from_raw_parts(NonNull::from(&mut *memory).cast(), 1024);
        // SAFETY: the buffer outlives the heap and is not touched otherwise.
        let mut heap = unsafe { Heap::<P>::new(bytes) }.unwrap();
        let block = heap.allocate(Request::new(40).unwrap()).unwrap();
        (0..10).for_each(|word| {
            heap.arena()
                .set(block.get() / 4 + word, 0x0101_0101 * (word + 1));
        });
        (heap, block)
    }

    fn words<P: Poison>(heap: &Heap<P>) -> Vec<u32> {
        (0..256).map(|word| heap.arena().get(word)).collect()
    }

    #[test]
    fn bytes_are_copied_and_zeroed_among_the_blocks_and_nowhere_else() {
        let mut memory = vec![0_u32; 256];
        let (heap, block) = filled::<Unpoisoned>(&mut memory);
        let (contents, control) = (heap.block_bytes(), heap.control_bytes() - 4);
        let byte = |words: &[u32], at: u32| words[at as usize / 4].to_le_bytes()[at as usize % 4];
        let free = block.checked_add(100).unwrap();
        for bytes in 0..60 {
            let before = words(&heap);
            contents.copy(block, &contents, free, bytes);
            let after = words(&heap);
            for at in 0..1024 {
                let copied = (free.get()..free.get() + bytes).contains(&at);
                let from = if copied { at - 100 } else { at };
                assert_eq!(
                    byte(&after, at),
                    byte(&before, from),
                    "{bytes} bytes, at {at}"
                );
            }
            contents.zero(free, bytes);
            let zeros = words(&heap);
            for at in 0..1024 {
                let kept = !(free.get()..free.get() + bytes).contains(&at);
                let expected = if kept { byte(&after, at) } else { 0 };
                assert_eq!(byte(&zeros, at), expected, "{bytes} zeros, at {at}");
            }
        }
        let before = words(&heap);
        let outside = [control, 4, 1024, 1020, u32::MAX - 3].map(|at| Offset::new(at).unwrap());
        for place in outside {
            contents.copy(block, &contents, place, 8);
            contents.copy(place, &contents, block, 8);
            contents.zero(place, 8);
            assert!(contents.pointer(place).is_none() || place.get() == 1020);
        }
        assert_eq!(words(&heap), before);
        let first = Offset::new(control + 4).unwrap();
        let last = Offset::new(1020).unwrap();
        for place in [first, last] {
            let word = contents.word(place).unwrap();
            assert!(contents.set_word(place, word) && contents.pointer(place).is_some());
        }
        let odd = block.checked_add(2).unwrap();
        assert!(contents.word(odd).is_none() && !contents.set_word(odd, 0));
        assert_eq!(words(&heap), before);
    }

    #[test]
    fn only_comprehensive_poisoning_fills_and_only_blocks() {
        fn fills<P: Poison>() {
            let mut memory = vec![0_u32; 256];
            let (heap, block) = filled::<P>(&mut memory);
            let (contents, before) = (heap.block_bytes(), words(&heap));
            let changed = |work: &dyn Fn()| {
                work();
                let after = words(&heap);
                let (from, to) = (block.get() / 4, block.get() / 4 + 10);
                let inside: Vec<u32> = after[from as usize..to as usize].to_vec();
                (0..256).for_each(|word| heap.arena().set(word, before[word as usize]));
                let rest =
                    |words: &[u32]| [&words[..from as usize], &words[to as usize..]].concat();
                assert_eq!(rest(&after), rest(&before));
                inside
            };
            let kept: Vec<u32> = (1..=10).map(|word| 0x0101_0101 * word).collect();
            let with = |range: core::ops::Range<usize>, value: u32| {
                let mut words = kept.clone();
                if P::FILLS {
                    words[range].fill(value);
                }
                words
            };
            assert_eq!(
                changed(&|| contents.freeing(block, 40)),
                with(0..10, 0xFEFE_FEFE)
            );
            assert_eq!(
                changed(&|| contents.shrinking(block, 40, 8)),
                with(2..10, 0xFEFE_FEFE)
            );
            assert_eq!(
                changed(&|| contents.grown(block, 8, 20)),
                with(2..5, 0xCECE_CECE)
            );
            assert_eq!(changed(&|| contents.shrinking(block, 8, 20)), kept);
            assert_eq!(changed(&|| contents.grown(block, 20, 8)), kept);
            let refused = contents.allocated(block, 40);
            assert_eq!(refused.is_err(), P::FILLS, "it was written to");
            contents.freeing(block, 40);
            assert_eq!(
                changed(&|| contents.allocated(block, 40).unwrap()),
                with(0..10, 0xCECE_CECE)
            );
            for outside in [4, 1000, u32::MAX - 3].map(|at| Offset::new(at).unwrap()) {
                let inside = changed(&|| {
                    contents.freeing(outside, 40);
                    contents.shrinking(outside, 40, 8);
                    contents.grown(outside, 8, 40);
                    contents.allocated(outside, 40).unwrap();
                });
                assert_eq!(inside, kept);
            }
        }
        fills::<Unpoisoned>();
        fills::<Light>();
        fills::<Comprehensive>();
    }
}
