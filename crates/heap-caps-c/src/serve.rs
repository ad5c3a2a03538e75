//! Allocation, resize and free of every C function: once, with the
//! hooks called.
//!
//! The three ways are in line in each function; in RAM, of which there is less, there is one of
//! each.

use core::ffi::{CStr, c_void};
use core::ptr::NonNull;

use heap_caps::{AllocRequest, FailureKind, Misuse, MisuseKind, Placement, ReallocateError};
use soc_regions::Caps;

use super::alignment::{self, OffGrid};
use super::callers;
use super::ffi;
use super::heap::HEAP;
use super::hooks;
use heap_caps_alloc::{Action, Fault};

/// A call of a C function: its name for messages, what it asks for, and whether the
/// failed-allocation callback is called where there is no memory.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) name: &'static CStr,
    pub(super) request: AllocRequest<'a>,
    pub(super) tells_failure: bool,
}

/// Returns a request for `count` times `size` bytes; one that no heap has where the product
/// overflows.
#[inline(always)]
pub(super) const fn array(count: usize, size: usize, caps: Caps) -> AllocRequest<'static> {
    AllocRequest::new(product(count, size), caps).anonymous()
}

/// Returns the product, or the largest number there is.
///
/// The compiler's way on Xtensa is a call of a routine that multiplies 64 bits, which lies in
/// flash.
#[inline(always)]
pub(super) const fn product(count: usize, size: usize) -> usize {
    if !cfg!(target_arch = "xtensa") {
        count.saturating_mul(size)
    } else if (count | size) >> HALF == 0 {
        count.wrapping_mul(size) // fits: each has half of the bits
    } else {
        product_of_large(count, size)
    }
}

/// Bits of half a number.
const HALF: u32 = usize::BITS / 2;
const LOWER: usize = usize::MAX >> HALF;

#[cold]
#[inline(never)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
const fn product_of_large(count: usize, size: usize) -> usize {
    let (larger, smaller) = if count > size {
        (count, size)
    } else {
        (size, count)
    };
    if smaller >> HALF != 0 {
        return usize::MAX; // both have more than half of the bits
    }
    // Half of the bits times half of the bits, each.
    let (upper, lower) = (
        (larger >> HALF).wrapping_mul(smaller),
        (larger & LOWER).wrapping_mul(smaller),
    );
    if upper >> HALF != 0 {
        return usize::MAX;
    }
    (upper << HALF).saturating_add(lower)
}

impl Call<'_> {
    /// Returns a block, or null. The callback is called unless nothing was asked for.
    #[cfg_attr(not(feature = "in-ram"), inline(always))]
    #[cfg_attr(
        feature = "in-ram",
        inline(never),
        unsafe(link_section = ".iram1.heap")
    )]
    pub(super) fn allocate(self) -> *mut c_void {
        match HEAP.try_allocate(self.request.anonymous()) {
            Some(block) => {
                if hooks::ON_ALLOC.get().is_some() {
                    self.notify_allocated(block);
                }
                ffi::to_c(Some(block))
            }
            None => self.failed(),
        }
    }

    /// Allocates a block at a multiple of the request's alignment, which [`Call::reallocate`]
    /// keeps.
    #[inline(always)]
    pub(super) fn allocate_aligned(self) -> *mut c_void {
        let block = self.allocate();
        if !block.is_null() {
            alignment::remember(self.request.alignment());
        }
        block
    }

    /// Resizes a block; returns null, with the old one as it was, if that fails. Null asks for a
    /// new block; a size of 0 frees the block.
    ///
    /// # Safety
    /// As `realloc`: `pointer` is null, or a block of which nobody else makes use, or it is
    /// reported as none.
    #[inline(always)]
    pub(super) unsafe fn reallocate(self, pointer: *mut c_void) -> *mut c_void {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate_off(&alignment::BY_CAPABILITY, pointer) }
    }

    /// [`Call::reallocate`] for requests that are aligned for anything.
    ///
    /// # Safety
    /// As [`Call::reallocate`].
    #[inline(always)]
    pub(super) unsafe fn reallocate_for_anything(self, pointer: *mut c_void) -> *mut c_void {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate_off(&alignment::LIKE_MALLOC, pointer) }
    }

    /// # Safety
    /// As [`Call::reallocate`].
    #[cfg_attr(not(feature = "in-ram"), inline(always))]
    #[cfg_attr(
        feature = "in-ram",
        inline(never),
        unsafe(link_section = ".iram1.heap")
    )]
    unsafe fn reallocate_off(self, grid: &'static OffGrid, pointer: *mut c_void) -> *mut c_void {
        // Null is on every grid.
        if grid.is_on_grid(pointer.addr()) {
            // SAFETY: the caller keeps the same contract.
            return unsafe { reallocate_aligned(pointer, self) };
        }
        if self.request.size() == 0 {
            // SAFETY: the caller gives the block up.
            unsafe { free_named(self.name, pointer) };
            return ffi::to_c(None);
        }
        // SAFETY: it is not null, which would be on the grid.
        let old = unsafe { NonNull::new_unchecked(pointer.cast()) };
        // SAFETY: the caller keeps the same contract.
        unsafe { self.resize(old) }
    }

    /// # Safety
    /// As [`Call::reallocate`].
    #[inline(always)]
    unsafe fn resize(self, old: NonNull<u8>) -> *mut c_void {
        // SAFETY: the caller keeps the same contract.
        match unsafe { HEAP.try_reallocate(old, self.request.anonymous()) } {
            Ok(new) => {
                hooks::freed(Some(old));
                if hooks::ON_ALLOC.get().is_some() {
                    self.notify_allocated(new);
                }
                ffi::to_c(Some(new))
            }
            Err(error) => {
                let block = self.not_resized(ffi::to_c(Some(old)), error);
                callers::keep_frame();
                block
            }
        }
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn not_resized(self, pointer: *mut c_void, error: ReallocateError<FailureKind>) -> *mut c_void {
        match error {
            ReallocateError::Failure(_) => self.failed(),
            ReallocateError::Misuse(misuse) => {
                report(self.name, Action::Reallocate, misuse, pointer);
                ffi::to_c(None)
            }
        }
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn notify_allocated(self, block: NonNull<u8>) {
        hooks::allocated(block, self.request.size(), self.caps_of(block));
    }

    /// Null. Where no callback is registered, the call is not looked at.
    #[inline(always)]
    fn failed(self) -> *mut c_void {
        if hooks::ON_FAILED.get().is_some() {
            self.notify_failed();
        }
        ffi::to_c(None)
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn notify_failed(self) {
        let is_valid = self.request.size() != 0 && self.request.is_well_aligned();
        if is_valid && self.tells_failure {
            hooks::failed(self.request.size(), self.caps_tried_last(), self.name);
        }
    }

    fn caps_tried_last(&self) -> u32 {
        match self.request.placement() {
            Placement::Caps(caps) => caps.bits(),
            Placement::Prefer(sets) => sets.last().map_or(hooks::by_default(), |caps| caps.bits()),
            Placement::Default | Placement::Tag(_) => hooks::by_default(),
        }
    }

    /// Returns the capabilities for the allocation hook: of several sets the first that the block's
    /// memory meets.
    fn caps_of(&self, block: NonNull<u8>) -> u32 {
        let Placement::Prefer(sets) = self.request.placement() else {
            return self.caps_tried_last();
        };
        let has = memory_of(block).unwrap_or(Caps::empty());
        let met = sets.iter().find(|&&caps| has.contains(caps));
        met.map_or(self.caps_tried_last(), |caps| caps.bits())
    }
}

/// [`Call::reallocate`] of null, and of a block that may have been given an alignment.
///
/// # Safety
/// As [`Call::reallocate`].
#[inline(never)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub(super) unsafe fn reallocate_aligned(pointer: *mut c_void, call: Call<'_>) -> *mut c_void {
    let Some(old) = ffi::from_c(pointer) else {
        return call.allocate();
    };
    if call.request.size() == 0 {
        // SAFETY: the caller gives the block up.
        unsafe { free_named(call.name, pointer) };
        return ffi::to_c(None);
    }
    let alignment = alignment::kept(pointer.addr()).max(call.request.alignment());
    let request = call.request.aligned_to(alignment);
    // SAFETY: the caller keeps the same contract.
    unsafe { Call { request, ..call }.resize(old) }
}

/// Returns all capabilities of the heap in which a byte lies.
pub(super) fn memory_of(pointer: NonNull<u8>) -> Option<Caps> {
    let address = HEAP.inspect().address_of(pointer).ok()?;
    HEAP.inspect()
        .locked(|heaps| heaps.heap_at(address).map(|heap| heap.caps))
}

/// Frees a block on behalf of the function `name`; null is ignored. An invalid pointer is reported.
///
/// # Safety
/// `pointer` is null, or nobody uses its block any more.
#[cfg_attr(not(feature = "in-ram"), inline(always))]
#[cfg_attr(
    feature = "in-ram",
    inline(never),
    unsafe(link_section = ".iram1.heap")
)]
pub(super) unsafe fn free_named(name: &'static CStr, pointer: *mut c_void) {
    let Some(block) = ffi::from_c(pointer) else {
        return;
    };
    #[cfg(feature = "heap-task-tracking")]
    let retired = super::tasks::task_ids::retire(pointer);
    // SAFETY: the caller keeps the same contract.
    match unsafe { HEAP.free(block) } {
        Ok(()) => hooks::freed(Some(block)),
        Err(misuse) => {
            #[cfg(feature = "heap-task-tracking")]
            super::tasks::task_ids::restore(retired);
            report(name, Action::Free, misuse, pointer);
            callers::keep_frame();
        }
    }
}

/// Reports what the function `name` was given and is no block.
#[cold]
#[inline(never)]
pub(super) fn report(name: &'static CStr, action: Action, misuse: Misuse, pointer: *const c_void) {
    let call = callers::call_of(name);
    HEAP.faults()
        .report_in(action, Fault::Misuse(misuse), pointer.cast(), Some(call));
}

/// Returns the bytes of a block that can be used; 0 for null, and for an invalid pointer, which is
/// reported.
#[inline(always)]
pub(super) fn usable_size(name: &'static CStr, pointer: *const c_void) -> usize {
    let Some(block) = ffi::from_c(pointer) else {
        return 0;
    };
    match HEAP.inspect().usable_size(block) {
        Ok(bytes) => bytes as usize, // widening
        Err(misuse) => {
            report(name, Action::Measure, misuse, pointer);
            callers::keep_frame();
            0
        }
    }
}

/// Returns what to report of a pointer into a heap at which no block lies.
pub(super) fn not_a_block(address: u32, heap_start: Option<u32>) -> Misuse {
    Misuse {
        address,
        heap_start,
        kind: MisuseKind::NotABlock,
    }
}

#[cfg(test)]
mod tests {
    use super::{product, product_of_large};

    #[test]
    fn a_product_is_whole_or_the_largest_number() {
        let numbers = [
            0,
            1,
            2,
            3,
            0xFFFF,
            0x1_0000,
            0x1_0001,
            usize::MAX / 3,
            usize::MAX,
        ];
        let halves = numbers.map(|number| number >> (usize::BITS / 4));
        let all = || numbers.iter().chain(&halves).copied();
        for (count, size) in all().flat_map(|count| all().map(move |size| (count, size))) {
            let expected = count.saturating_mul(size);
            assert_eq!(
                product_of_large(count, size),
                expected,
                "{count:#x} {size:#x}"
            );
            assert_eq!(product(count, size), expected);
        }
    }
}
