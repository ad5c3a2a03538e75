//! `talc` 4: as `talc` 5, with granules of 4 bytes on 32-bit chips.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use talc4::{ErrOnOom, Span, Talc};

use crate::allocator::{Allocator, address, layout};

/// With its default bins.
pub struct Talc4(Talc<ErrOnOom>);

impl Allocator for Talc4 {
    const NAME: &'static str = "talc 4";

    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool {
        let talc = &mut place.write(Self(Talc::new(ErrOnOom))).0;
        let span = Span::from_base_size(region.cast().as_ptr(), region.len());
        // SAFETY: the caller hands the region over.
        unsafe { talc.claim(span) }.is_ok()
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let Some(layout) = layout(size, alignment) else {
            return 0;
        };
        // SAFETY: the workloads ask for no empty block.
        address(unsafe { self.0.malloc(layout) }.ok())
    }

    unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize) {
        if let Some(layout) = layout(size, alignment) {
            // SAFETY: the caller's block, with its layout.
            unsafe { self.0.free(block, layout) };
        }
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize {
        let Some(old) = layout(size, 4) else { return 0 };
        if new_size <= size {
            // SAFETY: the caller's block, with its layout.
            unsafe { self.0.shrink(block, old, new_size) };
            return address(Some(block));
        }
        // SAFETY: the caller's block, with its layout.
        address(unsafe { self.0.grow(block, old, new_size) }.ok())
    }
}
