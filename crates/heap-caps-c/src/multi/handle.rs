//! Handles: heaps made in the caller's memory.

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_void};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use multi_heap::{Heap, Inquiry, Misuse, Offset};

use super::CHandle;
use crate::alignment;
use crate::callers;
use crate::ffi;
use crate::heap::{CLock, CPoison};
use crate::hooks::{FoundIn, Pointer, fault};
use heap_caps_alloc::ffi::Locked;

/// How many blocks are walked over under the lock to find the reason of a refusal.
const BLOCKS_AT_ONCE: u32 = 16;

/// The one lock of all heaps that have one.
static LOCK: Locked<CLock, ()> = Locked::new(());

/// A heap in memory of the caller.
#[derive(Debug)]
#[repr(C)]
pub struct Handle {
    heap: UnsafeCell<Heap<CPoison>>,
    is_locked: AtomicBool,
    /// Alignments that blocks were asked for with, each a bit, see [`alignment`].
    alignments: AtomicUsize,
}

impl Handle {
    /// Returns the heap, under its lock.
    ///
    /// # Safety
    /// - Without a lock, nobody else uses the heap meanwhile.
    pub(super) unsafe fn heap<R>(&self, work: impl FnOnce(&mut Heap<CPoison>) -> R) -> R {
        let _guard = self
            .is_locked
            .load(Ordering::Relaxed)
            .then(|| LOCK.acquire());
        // SAFETY: nobody else is inside: of heaps with a lock because it is held, of others the
        // caller says so; `work` has no way to this cell.
        work(unsafe { &mut *self.heap.get() })
    }

    /// Returns what `work` on the block at `place` returns, under the lock; or why the block was
    /// refused: found a few blocks at a time, with the lock open in between.
    ///
    /// # Safety
    /// As [`Handle::heap`].
    pub(super) unsafe fn try_on<R>(
        &self,
        place: Offset,
        work: impl FnOnce(&mut Heap<CPoison>) -> Option<R>,
    ) -> Result<R, Misuse> {
        // SAFETY: the caller keeps the same contract.
        let done = unsafe { self.heap(work) };
        // SAFETY: as above.
        done.ok_or_else(|| unsafe { self.explain(place, || {}) })
    }

    /// Returns why a block was refused; calls `between` whenever the lock is open.
    ///
    /// # Safety
    /// As [`Handle::heap`].
    #[cold]
    unsafe fn explain(&self, place: Offset, mut between: impl FnMut()) -> Misuse {
        let mut inquiry = Inquiry::new(place);
        loop {
            let search =
                |heap: &mut Heap<CPoison>| heap.explain_within(&mut inquiry, BLOCKS_AT_ONCE);
            // SAFETY: the caller keeps the same contract.
            if let Some(reason) = unsafe { self.heap(search) } {
                return reason;
            }
            between();
        }
    }

    /// Stores that a block was given `alignment`, a power of two. O(1).
    ///
    /// # Safety
    /// As [`Handle::heap`].
    pub(super) unsafe fn align(&self, alignment: usize) {
        // SAFETY: the caller keeps the same contract.
        unsafe {
            self.heap(|_| {
                let asked = self.alignments.load(Ordering::Relaxed);
                self.alignments.store(asked | alignment, Ordering::Relaxed);
            });
        }
    }

    /// Returns the alignment that the block at `address` keeps where it moves; 1 where there is
    /// none.
    pub(super) fn kept_alignment(&self, address: usize) -> usize {
        alignment::largest_of(self.alignments.load(Ordering::Relaxed), address)
    }

    /// Returns the place of a pointer that C says is a block; reported as a fault where it can be
    /// none.
    ///
    /// # Safety
    /// As [`Handle::heap`].
    #[inline(always)]
    pub(super) unsafe fn place(&self, call: CurrentCall, pointer: NonNull<u8>) -> Option<Offset> {
        // SAFETY: the caller keeps the same contract.
        let place = unsafe { self.heap(|heap| heap.offset_of(pointer.as_ptr())) };
        if place.is_none() {
            refused(call, pointer, Misuse::OutsideHeap);
            callers::keep_frame();
        }
        place
    }
}

/// What a function does, and its name.
#[derive(Clone, Copy)]
pub(super) struct CurrentCall {
    pub(super) action: &'static str,
    pub(super) function: &'static CStr,
}

/// Tells of a pointer that was refused.
#[cold]
#[inline(never)]
pub(super) fn refused(call: CurrentCall, pointer: NonNull<u8>, misuse: Misuse) {
    let found = FoundIn::Call(callers::call_of(call.function));
    let (action, pointer) = (call.action, Pointer(pointer.addr().get()));
    fault(format_args!("{action} of {pointer}: {misuse}{found}"));
}

/// Returns the heap behind a handle; `None` for null.
///
/// # Safety
/// - `handle` is null or from `multi_heap_register`, and its memory is still the heap's.
pub(super) unsafe fn of<'heap>(handle: CHandle) -> Option<&'heap Handle> {
    // SAFETY: the caller keeps the same contract; `multi_heap_register` wrote the value, and it is
    // only used shared.
    unsafe { handle.as_ref() }
}

/// Makes memory a heap; null where it is too small or too large.
///
/// # Safety
/// - `start` is null, or `size` bytes there may be read and written, and nobody else does so from
///   now on, but users of blocks in their blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_register(start: *mut c_void, size: usize) -> CHandle {
    let lead = start.addr().wrapping_neg() % align_of::<Handle>();
    let used = lead + size_of::<Handle>();
    let Some((start, size)) = ffi::from_c(start).zip(size.checked_sub(used)) else {
        return core::ptr::null_mut();
    };
    // SAFETY: `used` bytes lie inside (`checked_sub`).
    let region = unsafe { start.add(used) };
    let region = NonNull::slice_from_raw_parts(region, size);
    // SAFETY: the caller hands the memory over.
    let Ok(heap) = (unsafe { Heap::new(region) }) else {
        return core::ptr::null_mut();
    };
    // SAFETY: `lead` bytes lie inside.
    let handle: NonNull<Handle> = unsafe { start.add(lead) }.cast();
    let value = Handle {
        heap: UnsafeCell::new(heap),
        is_locked: AtomicBool::new(false),
        alignments: AtomicUsize::new(0),
    };
    // SAFETY: aligned by `lead`, before the region, handed over.
    unsafe { handle.write(value) };
    handle.as_ptr()
}

/// Lets the heap be used from several threads, cores and interrupt handlers, or (null) from one at
/// a time only.
///
/// # Safety
/// - `handle` is null or from [`multi_heap_register`], and nobody else uses the heap meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_set_lock(handle: CHandle, lock: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    if let Some(handle) = unsafe { of(handle) } {
        handle.is_locked.store(!lock.is_null(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multi::blocks::{multi_heap_free, multi_heap_malloc};
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn the_lock_is_open_while_the_reason_of_a_refusal_is_looked_for() {
        const BLOCKS: u32 = 1000;
        let mut memory = vec![0_u64; 8192];
        let start = memory.as_mut_ptr().cast();
        // SAFETY: the memory is the heap's until the end of the test.
        let handle = unsafe { multi_heap_register(start, 65_536) };
        // SAFETY: a handle of above, which nobody else has.
        unsafe { multi_heap_set_lock(handle, start) };
        let blocks: Vec<_> = (0..BLOCKS)
            // SAFETY: as above.
            .map(|_| unsafe { multi_heap_malloc(handle, 16) })
            .collect();
        let last = ffi::from_c(*blocks.last().unwrap()).unwrap();
        // SAFETY: as above.
        let heap = unsafe { of(handle) }.unwrap();
        // SAFETY: as above.
        let place = unsafe { heap.heap(|heap| heap.offset_of(last.as_ptr())) }.unwrap();
        let inside = place.checked_add(4).unwrap();
        let mut times = 0;
        let used_meanwhile = || {
            times += 1;
            // SAFETY: as above.
            let block = unsafe { multi_heap_malloc(handle, 8) };
            // SAFETY: as above.
            unsafe { multi_heap_free(handle, block) };
        };
        // SAFETY: as above.
        let reason = unsafe { heap.explain(inside, used_meanwhile) };
        assert_eq!(reason, Misuse::NotABlock);
        assert!(times >= BLOCKS / BLOCKS_AT_ONCE - 1, "{times}");
    }
}
