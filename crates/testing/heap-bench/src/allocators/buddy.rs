//! `buddy_system_allocator` with 32 orders: powers of two. It never resizes a block where it lies.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use buddy_system_allocator::Heap;

use crate::allocator::{Allocator, address, copy, layout};

const ORDERS: usize = 32;

/// Powers of two.
pub struct Buddy(Heap<ORDERS>);

impl Allocator for Buddy {
    const NAME: &'static str = "buddy";

    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool {
        let heap = &mut place.write(Self(Heap::empty())).0;
        // SAFETY: the caller hands the region over.
        unsafe { heap.init(region.addr().get(), region.len()) };
        true
    }

    fn allocate(&mut self, size: usize) -> usize {
        self.allocate_aligned(size, 4)
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let layout = layout(size, alignment);
        address(layout.and_then(|layout| self.0.alloc(layout).ok()))
    }

    unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize) {
        if let Some(layout) = layout(size, alignment) {
            // SAFETY: the caller's block, with its layout.
            unsafe { self.0.dealloc(block, layout) };
        }
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize {
        let new = self.allocate(new_size);
        if new != 0 {
            // SAFETY: both blocks have as many bytes, and are different.
            unsafe { copy(block, new, size.min(new_size)) };
            // SAFETY: the caller's block.
            unsafe { self.free(block, size, 4) };
        }
        new
    }
}
