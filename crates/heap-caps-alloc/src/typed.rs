//! The typed allocators as `Allocator`s of allocator-api2: `Box` and `Vec` in memory of one's
//! choice.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::blocks::{Blocks, Changed};
use crate::memory_kind::{CapsAllocator, HeapRef, MemoryKind, OwnedBy, Prefer};
use crate::shared::SharedHeap;

// SAFETY:
// - all copies of the allocator lead to one heap, which outlives them;
// - the heap keeps size and alignment of each layout, and the contents of blocks that change their
//   size;
// - memory without 8BIT does not compile, so every block takes bytes.
unsafe impl<A: MemoryKind> Blocks for A {
    fn allocate_block(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        let mut request = self.request(layout);
        if zeroed {
            request = request.zeroed();
        }
        self.heap_ref().heap().try_allocate(request)
    }

    unsafe fn free_block(&self, block: NonNull<u8>, _: Layout) {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.heap_ref().heap().free(block) };
    }

    unsafe fn change(&self, block: NonNull<u8>, _: Layout, new: Layout) -> Changed {
        // A host's pointers keep alignments above 64 KiB by moving only: there the chip's address
        // says nothing about them.
        if !block.addr().get().is_multiple_of(new.align()) {
            return Changed::Moves;
        }
        let heap = self.heap_ref().heap();
        // SAFETY: the caller keeps the same contract.
        let changed = unsafe { heap.reallocate(block, self.request(new)) };
        changed.map_or(Changed::Refused, Changed::To)
    }
}

#[cfg(feature = "allocator-api2-02")]
crate::allocators!(
    allocator_api2_02::alloc:
        [H: HeapRef, const CAPS: u32] CapsAllocator<H, CAPS>,
        [A, B] Prefer<A, B>,
        [A] OwnedBy<A>
);
#[cfg(feature = "allocator-api2-03")]
crate::allocators!(
    allocator_api2_03::alloc:
        [H: HeapRef, const CAPS: u32] CapsAllocator<H, CAPS>,
        [A, B] Prefer<A, B>,
        [A] OwnedBy<A>
);
#[cfg(feature = "allocator-api2-04")]
crate::allocators!(
    allocator_api2_04::alloc:
        [H: HeapRef, const CAPS: u32] CapsAllocator<H, CAPS>,
        [A, B] Prefer<A, B>,
        [A] OwnedBy<A>
);
