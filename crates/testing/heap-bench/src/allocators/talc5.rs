//! `talc` 5: binned free lists, best of the first that fits. Free takes O(1) time, allocation has
//! no bound.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use talc::{DefaultBinning, base::Talc, source::Manual};

use crate::allocator::{Allocator, address, copy, layout};

/// With its default bins.
pub struct Talc5(Talc<Manual, DefaultBinning>);

impl Allocator for Talc5 {
    const NAME: &'static str = "talc 5";

    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool {
        let talc = &mut place.write(Self(Talc::new(Manual))).0;
        // SAFETY: the caller hands the region over.
        unsafe { talc.claim(region.cast().as_ptr(), region.len()) }.is_some()
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let Some(layout) = layout(size, alignment) else {
            return 0;
        };
        // SAFETY: the workloads ask for no empty block.
        address(unsafe { self.0.allocate(layout) })
    }

    unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize) {
        if let Some(layout) = layout(size, alignment) {
            // SAFETY: the caller's block, with its layout.
            unsafe { self.0.deallocate(block.as_ptr(), layout) };
        }
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize {
        let Some(old) = layout(size, 4) else { return 0 };
        if new_size <= size {
            // SAFETY: the caller's block, with its layout.
            unsafe { self.0.shrink(block.as_ptr(), old, new_size) };
            return address(Some(block));
        }
        // SAFETY: the caller's block, with its layout.
        if unsafe { self.0.try_grow_in_place(block.as_ptr(), old, new_size) } {
            return address(Some(block));
        }
        let new = self.allocate(new_size);
        if new != 0 {
            // SAFETY: both blocks have as many bytes, and are different.
            unsafe { copy(block, new, size) };
            // SAFETY: the caller's block.
            unsafe { self.free(block, size, 4) };
        }
        new
    }
}
