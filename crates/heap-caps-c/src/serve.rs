//! How every C function gets, resizes and gives back a block of the shared heap: once, with the hooks told.

use core::ffi::{CStr, c_void};
use core::ptr::NonNull;

use heap_caps::{Cause, Demand, Misuse, MisuseKind, ReallocateError};
use soc_regions::Caps;

use super::door;
use super::heap::HEAP;
use super::hooks;
use heap_caps_alloc::ffi::Choice;
use heap_caps_alloc::{Action, Fault};

/// What a C function is asked for.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// The function, for the failed-allocation callback; without a name, nobody is called.
    pub(super) name: Option<&'static CStr>,
    pub(super) demand: Demand,
    pub(super) choice: Choice<'a>,
}

impl Call<'_> {
    /// A block, or null. The callback hears of it unless nothing was asked for.
    pub(super) fn take(&self) -> *mut c_void {
        let Self { demand, choice, .. } = self;
        let taken = HEAP.obtained::<Cause>(demand, |heaps| match choice {
            Choice::Asked => heaps.allocate(demand),
            Choice::Default => heaps.allocate_default(demand),
            Choice::Preferring(choices) => heaps.allocate_preferring(demand, choices),
        });
        if let Ok(block) = taken {
            hooks::allocated(block, demand.size(), self.caps_of(block));
        }
        door::to_c(taken.map_err(|cause| self.failed(cause)).ok())
    }

    /// A block resized, or null, and the old one as it was. Null asks for a new block; a size of 0 gives the block back.
    ///
    /// # Safety
    /// As `realloc`: `pointer` is null, or a block of which nobody else makes use, or it is reported as none.
    pub(super) unsafe fn resize(&self, pointer: *mut c_void) -> *mut c_void {
        let Some(old) = door::from_c(pointer) else {
            return self.take();
        };
        if self.demand.size() == 0 {
            // SAFETY: the caller gives the block up.
            unsafe { give_back(pointer) };
            return door::to_c(None);
        }
        // SAFETY: the caller keeps the same contract.
        let resized = unsafe { HEAP.resized::<Cause>(old, &self.demand, self.choice) };
        match resized {
            Ok(new) => {
                hooks::freed(Some(old));
                hooks::allocated(new, self.demand.size(), self.caps_of(new));
                door::to_c(Some(new))
            }
            Err(ReallocateError::Failure(cause)) => {
                self.failed(cause);
                door::to_c(None)
            }
            Err(ReallocateError::Misuse(misuse)) => {
                HEAP.report_of(Action::Reallocate, Fault::Misuse(misuse), pointer.cast());
                door::to_c(None)
            }
        }
    }

    #[cold]
    fn failed(&self, cause: Cause) {
        let name = self
            .name
            .filter(|_| !matches!(cause, Cause::ZeroSize | Cause::BadAlignment));
        if let Some(name) = name {
            hooks::failed(self.demand.size(), self.caps_tried_last(), name);
        }
    }

    fn caps_tried_last(&self) -> u32 {
        match self.choice {
            Choice::Asked => self.demand.caps().bits(),
            Choice::Default => hooks::by_default(),
            Choice::Preferring(choices) => choices
                .last()
                .map_or(hooks::by_default(), |caps| caps.bits()),
        }
    }

    /// The capabilities for the allocation hook: of several sets the first that the block's memory meets.
    fn caps_of(&self, block: NonNull<u8>) -> u32 {
        match self.choice {
            Choice::Preferring(choices) if hooks::ON_ALLOC.get().is_some() => {
                let has = memory_of(block).unwrap_or(Caps::empty());
                let met = choices.iter().find(|&&caps| has.contains(caps));
                met.map_or(self.caps_tried_last(), |caps| caps.bits())
            }
            _ => self.caps_tried_last(),
        }
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
