//! `linked_list_allocator`, esp-alloc's default: first fit in a list of holes by address. It never
//! resizes a block where it lies.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use linked_list_allocator::Heap;

use crate::allocator::{Allocator, address, layout};

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
}
