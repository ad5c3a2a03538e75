//! Regions for tests, and heaps drawn as text.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "each test file uses its part; helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

use core::ptr::NonNull;
use multi_heap::{Block, BlockState, Contents, Heap, NewHeapError, Offset, Poison, Request};

/// Memory of its own for one heap, aligned to 4096 bytes like a chip's region, then shifted by
/// `lead` bytes.
pub(crate) struct Region {
    memory: Vec<u8>,
    start: usize,
    size: usize,
}

impl Region {
    pub(crate) fn new(size: usize) -> Self {
        Self::dirty(size, 0, 0)
    }

    /// A region at a start that is `lead` bytes off, filled with `dirt`.
    pub(crate) fn dirty(size: usize, lead: usize, dirt: u8) -> Self {
        let memory = vec![dirt; size + lead + 4096];
        let start = memory.as_ptr().align_offset(4096) + lead;
        Self {
            memory,
            start,
            size,
        }
    }

    pub(crate) fn try_heap<P: Poison>(&mut self) -> Result<Heap<P>, NewHeapError> {
        let bytes = &mut self.memory[self.start..self.start + self.size];
        // SAFETY: a `Vec`'s buffer stays where it is; the tests touch it through the heap, and
        // within their blocks.
        unsafe { Heap::new(NonNull::from(bytes)) }
    }

    pub(crate) fn heap<P: Poison>(&mut self) -> Heap<P> {
        self.try_heap().unwrap()
    }

    /// All bytes of the region, to look at or to damage them while the heap rests.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.size]
    }
}

pub(crate) fn request(size: u32) -> Request {
    Request::new(size as usize).unwrap()
}

/// Allocates as a careful user does: both phases.
pub(crate) fn allocate<P: Poison>(heap: &mut Heap<P>, request: Request) -> Option<Offset> {
    let block = heap.allocate(request)?;
    heap.allocated(block, request.size()).unwrap();
    Some(block)
}

/// Frees as a careful user does: both phases.
pub(crate) fn free<P: Poison>(heap: &mut Heap<P>, block: Offset) -> u32 {
    heap.freeing(block).unwrap();
    heap.free(block).unwrap()
}

/// Resizes where the block lies as a careful user does: all phases. `size` is at least 1.
pub(crate) fn resize<P: Poison>(heap: &mut Heap<P>, block: Offset, size: u32) -> bool {
    let old_size = heap.usable_size(block).unwrap();
    let contents = bytes_of_blocks(heap);
    contents.shrinking(block, old_size, size);
    let resized = heap.resize(block, size).unwrap();
    if resized {
        contents.grown(block, old_size, size);
    }
    resized
}

/// The blocks in address order, sizes in bytes with their headers: `[20 used][236 free]`.
pub(crate) fn drawing<P: Poison>(heap: &Heap<P>) -> String {
    heap.blocks()
        .map(|Block { bytes, state, .. }| match state {
            BlockState::Used => format!("[{bytes} used]"),
            BlockState::Free => format!("[{bytes} free]"),
        })
        .collect()
}

/// Writes a pattern of `seed` over a block's user bytes.
pub(crate) fn write<P: Poison>(heap: &Heap<P>, block: Offset, size: u32, seed: u8) {
    let start = heap.pointer(block);
    for at in 0..size {
        // SAFETY: the byte belongs to an allocated block of the test.
        let byte = unsafe { start.add(at as usize) };
        // SAFETY: as above.
        unsafe { byte.write(seed.wrapping_add(at as u8)) };
    }
}

/// Whether the first `size` bytes of a block hold the pattern of `seed`.
pub(crate) fn holds<P: Poison>(heap: &Heap<P>, block: Offset, size: u32, seed: u8) -> bool {
    let start = heap.pointer(block);
    (0..size).all(|at| {
        // SAFETY: the byte belongs to an allocated block of the test.
        let byte = unsafe { start.add(at as usize) };
        // SAFETY: as above; `write` has initialised it.
        unsafe { byte.read() == seed.wrapping_add(at as u8) }
    })
}

/// Asserts that the heap keeps its invariants and that every counter equals what a walk finds.
pub(crate) fn assert_sound<P: Poison>(heap: &Heap<P>) {
    assert_eq!(heap.check(), Ok(()), "{}", drawing(heap));
    let blocks: Vec<Block> = heap.blocks().collect();
    let of = |state| blocks.iter().filter(move |block| block.state == state);
    let payload = |block: &Block| block.bytes - 4;
    let free: u32 = of(BlockState::Free).map(payload).sum();
    let used: u32 = of(BlockState::Used).map(|block| block.size).sum();
    let largest = of(BlockState::Free).map(payload).max().unwrap_or(0);
    let info = heap.info();
    assert_eq!(info.total_free_bytes, free.saturating_sub(P::OVERHEAD));
    assert_eq!(info.total_allocated_bytes, used);
    assert_eq!(info.allocated_blocks as usize, of(BlockState::Used).count());
    assert_eq!(info.free_blocks as usize, of(BlockState::Free).count());
    assert_eq!(info.total_blocks as usize, blocks.len());
    assert!(info.minimum_free_bytes <= info.total_free_bytes);
    assert_eq!(info.largest_free_block, largest.saturating_sub(P::OVERHEAD));
    let bytes: u32 = blocks.iter().map(|block| block.bytes).sum();
    assert_eq!(
        bytes + heap.control_bytes(),
        heap.region_bytes(),
        "no gap, no overlap"
    );
}

/// [`Contents`] for tests: they own all blocks, and the region outlives the heap.
pub(crate) struct TestContents<P: Poison>(Contents<P>);

pub(crate) fn bytes_of_blocks<P: Poison>(heap: &Heap<P>) -> TestContents<P> {
    TestContents(heap.contents())
}

impl<P: Poison> TestContents<P> {
    pub(crate) fn word(&self, at: Offset) -> Option<u32> {
        // SAFETY: the test's own block, or what lies behind it on purpose.
        unsafe { self.0.word(at) }
    }

    pub(crate) fn set_word(&self, at: Offset, value: u32) -> bool {
        // SAFETY: as above.
        unsafe { self.0.set_word(at, value) }
    }

    pub(crate) fn shrinking(&self, block: Offset, old_size: u32, new_size: u32) {
        // SAFETY: the test's own block.
        unsafe { self.0.shrinking(block, old_size, new_size) };
    }

    pub(crate) fn grown(&self, block: Offset, old_size: u32, new_size: u32) {
        // SAFETY: the test's own block.
        unsafe { self.0.grown(block, old_size, new_size) };
    }
}
