//! How every C function gets, resizes and gives back a block of the shared heap: once, with the
//! hooks told.

use core::ffi::{CStr, c_void};
use core::ptr::NonNull;

use heap_caps::{AllocRequest, Cause, Misuse, MisuseKind, Placement, ReallocateError};
use soc_regions::Caps;

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

    /// A block resized, or null, and the old one as it was. Null asks for a new block; a size of 0
    /// frees the block.
    ///
    /// # Safety
    /// As `realloc`: `pointer` is null, or a block of which nobody else makes use, or it is
    /// reported as none.
    #[inline(always)]
    pub(super) unsafe fn reallocate(self, pointer: *mut c_void) -> *mut c_void {
        let Some(old) = door::from_c(pointer) else {
            return self.allocate();
        };
        if self.request.size() == 0 {
            // SAFETY: the caller gives the block up.
            unsafe { give_back(pointer) };
            return door::to_c(None);
        }
        // SAFETY: the caller keeps the same contract.
        match unsafe { HEAP.try_reallocate(old, self.request.anonymous()) } {
            Ok(new) => {
                hooks::freed(Some(old));
                if hooks::ON_ALLOC.get().is_some() {
                    self.notify_allocated(new);
                }
                door::to_c(Some(new))
            }
            Err(error) => self.not_resized(pointer, error),
        }
    }

    #[cold]
    #[inline(never)]
    fn not_resized(self, pointer: *mut c_void, error: ReallocateError<Cause>) -> *mut c_void {
        match error {
            ReallocateError::Failure(_) => self.failed(),
            ReallocateError::Misuse(misuse) => {
                HEAP.report_of(Action::Reallocate, Fault::Misuse(misuse), pointer.cast());
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

/// All capabilities of the heap in which a byte lies.
pub(super) fn memory_of(pointer: NonNull<u8>) -> Option<Caps> {
    let address = HEAP.address_of(pointer).ok()?;
    HEAP.inspect(|heaps| heaps.heap_at(address).map(|heap| heap.caps))
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
            HEAP.report_of(Action::Free, Fault::Misuse(misuse), pointer.cast());
        }
    }
}

/// Bytes of a block that can be used; 0 for null, and for what is no block, which is reported.
pub(super) fn usable_size(pointer: *const c_void) -> usize {
    let Some(block) = door::from_c(pointer) else {
        return 0;
    };
    match HEAP.usable_size(block) {
        Ok(bytes) => bytes as usize, // widening
        Err(misuse) => {
            HEAP.report_of(Action::Measure, Fault::Misuse(misuse), pointer.cast());
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
