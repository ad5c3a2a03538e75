//! The typed allocators as `Allocator`s of allocator-api2: `Box` and `Vec` in memory of one's choice.
//!
//! The trait differs between the crate's versions, its meaning does not: the functions here do the work, a macro
//! gives them to each version whose feature is on.

use core::alloc::Layout;
use core::ptr::NonNull;

use heap_caps::{AllocRequest, Placement};
use soc_regions::Caps;

use crate::place::{HeapRef, In, Place, Prefer};
use crate::shared::SharedHeap;

fn request<A: Place>(layout: Layout) -> AllocRequest<'static> {
    AllocRequest::new(layout.size(), Caps::empty())
        .aligned_to(layout.align())
        .placed(const { Placement::Prefer(A::CHOICES.as_slice()) })
        .anonymous()
}

fn slice(start: NonNull<u8>, layout: Layout) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(start, layout.size())
}

fn allocate<A: Place>(
    place: &A,
    layout: Layout,
    request: AllocRequest<'_>,
) -> Option<NonNull<[u8]>> {
    if layout.size() == 0 {
        return Some(slice(layout.dangling_ptr(), layout));
    }
    let block = place.home().heap().try_allocate(request);
    Some(slice(block?, layout))
}

/// # Safety
/// `block` is a block of `place` that was allocated with `layout`; nobody uses it any more.
unsafe fn deallocate<A: Place>(place: &A, block: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: the caller keeps the same contract.
        unsafe { place.home().heap().free(block) };
    }
}

/// A block of another size, its first bytes kept.
///
/// # Safety
/// `block` is a block of `place` that was allocated with `old`; after a success nobody uses it by the old pointer.
unsafe fn change<A: Place>(
    place: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<[u8]>> {
    if old.size() == 0 {
        return allocate(place, new, request::<A>(new));
    }
    // A host's pointers keep alignments above 64 KiB by moving only: there the chip's address tells nothing about them.
    if new.size() == 0 || !block.addr().get().is_multiple_of(new.align()) {
        // SAFETY: the caller keeps the same contract.
        return unsafe { replace(place, block, old, new) };
    }
    let heap = place.home().heap();
    // SAFETY: the caller keeps the same contract.
    let changed = unsafe { heap.reallocate(block, request::<A>(new)) };
    Some(slice(changed?, new))
}

/// A new block with the contents of the old one: where the old one can't be kept in place for sure.
///
/// # Safety
/// As [`change`].
unsafe fn replace<A: Place>(
    place: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<[u8]>> {
    let fresh = allocate(place, new, request::<A>(new))?;
    let bytes = old.size().min(new.size());
    // SAFETY: both blocks have that many bytes, and a new block overlaps no allocated one.
    unsafe { block.copy_to_nonoverlapping(fresh.cast(), bytes) };
    // SAFETY: the caller gives the old block up.
    unsafe { deallocate(place, block, old) };
    Some(fresh)
}

/// A larger block whose new bytes are zeros.
///
/// # Safety
/// As [`change`].
unsafe fn grow_zeroed<A: Place>(
    place: &A,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<[u8]>> {
    // SAFETY: the caller keeps the same contract.
    let grown = unsafe { change(place, block, old, new) }?;
    let added = new.size().saturating_sub(old.size());
    // SAFETY: the old size is at most the new one wherever this is called (contract of the trait).
    let behind = unsafe { grown.cast::<u8>().add(new.size() - added) };
    // SAFETY: the bytes from there to the block's end are the caller's.
    unsafe { behind.write_bytes(0, added) };
    Some(grown)
}

macro_rules! allocators_of {
    ($feature:literal, $version:ident, $(<$($parameter:ident),*; $(const $number:ident: u32)?> $type:ty),+) => {
        #[cfg(feature = $feature)]
        const _: () = {
            use $version::alloc::{AllocError, Allocator};
            $(
                // SAFETY:
                // - blocks stay where and what they are until they are deallocated, whichever copy of the allocator is used:
                //   all copies lead to one heap, which outlives them;
                // - the heap keeps size and alignment of each layout, and the contents of blocks that change their size;
                // - memory without 8BIT does not compile, so every block takes bytes.
                unsafe impl<$($parameter,)* $(const $number: u32)?> Allocator for $type
                where
                    Self: Place,
                {
                    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                        allocate(self, layout, request::<Self>(layout)).ok_or(AllocError)
                    }

                    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                        allocate(self, layout, request::<Self>(layout).zeroed()).ok_or(AllocError)
                    }

                    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { deallocate(self, block, layout) };
                    }

                    unsafe fn grow(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { change(self, block, old, new) }.ok_or(AllocError)
                    }

                    unsafe fn grow_zeroed(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { grow_zeroed(self, block, old, new) }.ok_or(AllocError)
                    }

                    unsafe fn shrink(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { change(self, block, old, new) }.ok_or(AllocError)
                    }
                }
            )+
        };
    };
}

macro_rules! allocators {
    ($($feature:literal, $version:ident);+) => {
        $(allocators_of!($feature, $version, <H; const CAPS: u32> In<H, CAPS>, <A, B;> Prefer<A, B>);)+
    };
}

allocators!(
    "allocator-api2-02", allocator_api2_02;
    "allocator-api2-03", allocator_api2_03;
    "allocator-api2-04", allocator_api2_04
);
