//! How every C function gets, resizes and gives back a block of the shared heap: once, with the
//! hooks told.

use core::ffi::{CStr, c_void};
use core::ptr::NonNull;

use heap_caps::{AllocRequest, FailureKind, Misuse, MisuseKind, Placement, ReallocateError};
use soc_regions::Caps;

use super::alignment::{self, OffGrid};
use super::door;
use super::heap::HEAP;
use super::hooks;
use heap_caps_alloc::{Action, Fault};

/// A call of a C function: what it asks for, and its name for the failed-allocation callback.
/// Without a name, nobody is called.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) name: Option<&'static CStr>,
    pub(super) request: AllocRequest<'a>,
}

impl Call<'_> {
    /// A block, or null. The callback is called unless nothing was asked for.
    #[inline(always)]
    pub(super) fn allocate(self) -> *mut c_void {
        match HEAP.try_allocate(self.request.anonymous()) {
            Some(block) => {
                if hooks::ON_ALLOC.get().is_some() {
                    self.notify_allocated(block);
                }
                door::to_c(Some(block))
            }
            None => self.failed(),
        }
    }

    /// A block at a multiple of the request's alignment, which [`Call::reallocate`] keeps.
    #[inline(always)]
    pub(super) fn allocate_aligned(self) -> *mut c_void {
        let block = self.allocate();
        if !block.is_null() {
            alignment::given(self.request.alignment());
        }
        block
    }

    /// A block resized, or null, and the old one as it was. Null asks for a new block; a size of 0
    /// frees the block.
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
    #[inline(always)]
    unsafe fn reallocate_off(self, grid: &'static OffGrid, pointer: *mut c_void) -> *mut c_void {
        // Null is on every grid.
        if grid.is_on_grid(pointer.addr()) {
            // SAFETY: the caller keeps the same contract.
            return unsafe { reallocate_aligned(pointer, self) };
        }
        if self.request.size() == 0 {
            // SAFETY: the caller gives the block up.
            unsafe { give_back(pointer) };
            return door::to_c(None);
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
                door::to_c(Some(new))
            }
            Err(error) => self.not_resized(door::to_c(Some(old)), error),
        }
    }

    #[cold]
    #[inline(never)]
    fn not_resized(self, pointer: *mut c_void, error: ReallocateError<FailureKind>) -> *mut c_void {
        match error {
            ReallocateError::Failure(_) => self.failed(),
            ReallocateError::Misuse(misuse) => {
                HEAP.faults()
                    .report_of(Action::Reallocate, Fault::Misuse(misuse), pointer.cast());
                door::to_c(None)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn notify_allocated(self, block: NonNull<u8>) {
        hooks::allocated(block, self.request.size(), self.caps_of(block));
    }

    #[cold]
    #[inline(never)]
    fn failed(self) -> *mut c_void {
        let is_valid = self.request.size() != 0 && self.request.is_well_aligned();
        let name = self.name.filter(|_| is_valid);
        if let Some(name) = name {
            hooks::failed(self.request.size(), self.caps_tried_last(), name);
        }
        door::to_c(None)
    }

    fn caps_tried_last(&self) -> u32 {
        match self.request.placement() {
            Placement::Caps(caps) => caps.bits(),
            Placement::Prefer(sets) => sets.last().map_or(hooks::by_default(), |caps| caps.bits()),
            Placement::Default | Placement::Tag(_) => hooks::by_default(),
        }
    }

    /// The capabilities for the allocation hook: of several sets the first that the block's memory
    /// meets.
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
unsafe fn reallocate_aligned(pointer: *mut c_void, call: Call<'_>) -> *mut c_void {
    let Some(old) = door::from_c(pointer) else {
        return call.allocate();
    };
    if call.request.size() == 0 {
        // SAFETY: the caller gives the block up.
        unsafe { give_back(pointer) };
        return door::to_c(None);
    }
    let alignment = alignment::kept(pointer.addr()).max(call.request.alignment());
    let request = call.request.aligned_to(alignment);
    // SAFETY: the caller keeps the same contract.
    unsafe { Call { request, ..call }.resize(old) }
}

/// All capabilities of the heap in which a byte lies.
pub(super) fn memory_of(pointer: NonNull<u8>) -> Option<Caps> {
    let address = HEAP.inspect().address_of(pointer).ok()?;
    HEAP.inspect()
        .locked(|heaps| heaps.heap_at(address).map(|heap| heap.caps))
}

/// Gives a block back; null is none. What is no block is reported.
///
/// # Safety
/// `pointer` is null, or nobody uses its block any more.
#[inline(always)]
pub(super) unsafe fn give_back(pointer: *mut c_void) {
    let Some(block) = door::from_c(pointer) else {
        return;
    };
    #[cfg(feature = "heap-task-tracking")]
    let retired = super::tasks::whose::retire(pointer);
    // SAFETY: the caller keeps the same contract.
    match unsafe { HEAP.free(block) } {
        Ok(()) => hooks::freed(Some(block)),
        Err(misuse) => {
            #[cfg(feature = "heap-task-tracking")]
            super::tasks::whose::restore(retired);
            HEAP.faults()
                .report_of(Action::Free, Fault::Misuse(misuse), pointer.cast());
        }
    }
}

/// Bytes of a block that can be used; 0 for null, and for what is no block, which is reported.
pub(super) fn usable_size(pointer: *const c_void) -> usize {
    let Some(block) = door::from_c(pointer) else {
        return 0;
    };
    match HEAP.inspect().usable_size(block) {
        Ok(bytes) => bytes as usize, // widening
        Err(misuse) => {
            HEAP.faults()
                .report_of(Action::Measure, Fault::Misuse(misuse), pointer.cast());
            0
        }
    }
}

/// What to report of a pointer into a heap at which no block lies.
pub(super) fn not_a_block(address: u32, heap_start: Option<u32>) -> Misuse {
    Misuse {
        address,
        heap_start,
        kind: MisuseKind::NotABlock,
    }
}
