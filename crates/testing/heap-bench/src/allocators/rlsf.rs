//! `rlsf` with the parameters of esp-alloc: a two-level segregated fit of 32 × 32 lists.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::allocator::{Allocator, address, layout};

type Tlsf = rlsf::Tlsf<'static, usize, usize, 32, 32>;

/// Two-level segregated fit.
pub struct Rlsf(Tlsf);

impl Rlsf {
    fn allocate(&mut self, layout: Option<Layout>) -> usize {
        address(layout.and_then(|layout| self.0.allocate(layout)))
    }
}

impl Allocator for Rlsf {
    const NAME: &'static str = "rlsf";

    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool {
        let rlsf = place.write(Self(Tlsf::new()));
        // SAFETY: the caller hands the region over.
        unsafe { rlsf.0.insert_free_block_ptr(region) }.is_some()
    }

    fn allocate(&mut self, size: usize) -> usize {
        self.allocate(layout(size, 4))
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        self.allocate(layout(size, alignment))
    }

    unsafe fn free(&mut self, block: NonNull<u8>, _: usize, alignment: usize) {
        // SAFETY: the caller's block, with its alignment.
        unsafe { self.0.deallocate(block, alignment) };
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, _: usize, new_size: usize) -> usize {
        let Some(layout) = layout(new_size, 4) else {
            return 0;
        };
        // SAFETY: the caller's block, with its alignment.
        address(unsafe { self.0.reallocate(block, layout) })
    }
}
