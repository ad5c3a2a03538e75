//! Our heap, at each poisoning level, called as ESP-IDF's `multi_heap_malloc` and `multi_heap_free`
//! are: both phases of each operation.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use multi_heap::{Comprehensive, Heap, Light, Offset, Poison, Request, Unpoisoned};

use crate::allocator::Allocator;

/// Our heap.
pub struct MultiHeap<P: Level> {
    heap: Heap<P>,
}

/// What figures call the levels.
pub trait Level: Poison {
    /// The name.
    const ALLOCATOR: &'static str;
}

impl Level for Unpoisoned {
    const ALLOCATOR: &'static str = "multi-heap";
}

impl Level for Light {
    const ALLOCATOR: &'static str = "multi-heap light";
}

impl Level for Comprehensive {
    const ALLOCATOR: &'static str = "multi-heap comprehensive";
}

impl<P: Level> MultiHeap<P> {
    /// Returns the second phase.
    fn allocated(&mut self, block: Option<Offset>, size: u32) -> usize {
        let Some(block) = block else { return 0 };
        match self.heap.allocated(block, size) {
            Ok(()) => address(block),
            Err(_) => 0,
        }
    }
}

/// Returns the address of a block. Blocks are named by their offsets: adding the region's start is
/// the caller's business.
fn address(block: Offset) -> usize {
    block.get() as usize
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an offset that this file gave out"
)]
fn offset(block: NonNull<u8>) -> Option<Offset> {
    Offset::new(block.addr().get() as u32)
}

impl<P: Level> Allocator for MultiHeap<P> {
    const NAME: &'static str = P::ALLOCATOR;

    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool {
        // SAFETY: the caller hands the region over.
        let heap = unsafe { Heap::new(region) };
        heap.map(|heap| place.write(Self { heap })).is_ok()
    }

    fn allocate(&mut self, size: usize) -> usize {
        let Some(request) = Request::new(size) else {
            return 0;
        };
        let block = self.heap.allocate(request);
        self.allocated(block, request.size())
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let Some(request) = Request::aligned(size, alignment) else {
            return 0;
        };
        let block = self.heap.allocate_aligned(request);
        self.allocated(block, request.size())
    }

    unsafe fn free(&mut self, block: NonNull<u8>, _: usize, _: usize) {
        if let Some(block) = offset(block)
            && self.heap.freeing(block).is_ok()
        {
            self.heap.try_free(block);
        }
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, _: usize, new_size: usize) -> usize {
        let (Some(block), Some(request)) = (offset(block), Request::new(new_size)) else {
            return 0;
        };
        match self.heap.try_reallocate(block, request) {
            Ok(Some(block)) => address(block),
            _ => 0,
        }
    }

    fn control_bytes(&self) -> usize {
        size_of::<Self>() + self.heap.control_bytes() as usize
    }
}
