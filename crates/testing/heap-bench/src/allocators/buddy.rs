//! `buddy_system_allocator` with 32 orders: powers of two. It never resizes a block where it lies.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use buddy_system_allocator::Heap;

use crate::allocator::{Allocator, address, layout};

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
}
