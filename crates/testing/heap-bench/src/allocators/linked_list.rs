//! `linked_list_allocator`, esp-alloc's default: first fit in a list of holes by address. It never
//! resizes a block where it lies.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use linked_list_allocator::Heap;

use crate::allocator::{Allocator, address, copy, layout};

/// It refuses smaller regions by panicking: two list nodes and their alignment.
const LEAST: usize = 64;

/// First fit.
pub struct LinkedList(Heap);

impl Allocator for LinkedList {
    const NAME: &'static str = "linked list";

    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool {
        let heap = &mut place.write(Self(Heap::empty())).0;
        if region.len() < LEAST {
            return false;
        }
        // SAFETY: the caller hands the region over.
        unsafe { heap.init(region.cast().as_ptr(), region.len()) };
        true
    }

    fn allocate(&mut self, size: usize) -> usize {
        self.allocate_aligned(size, 4)
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let layout = layout(size, alignment);
        address(layout.and_then(|layout| self.0.allocate_first_fit(layout).ok()))
    }

    unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize) {
        if let Some(layout) = layout(size, alignment) {
            // SAFETY: the caller's block, with its layout.
            unsafe { self.0.deallocate(block, layout) };
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
