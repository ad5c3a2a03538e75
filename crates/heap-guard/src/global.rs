//! The guarded heap as Rust's global allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use heap_caps_alloc::Action;
use heap_caps_alloc::ffi::{request, without_unwinding};
use heap_trace::TraceContext;

use crate::guardable::GuardableHeap;
use crate::heap::Guarded;
use crate::watch::Watchpoints;

// SAFETY:
// - Blocks are those of the heap's own global allocator, or larger ones of its; a kept block stays
//   allocated until it leaves, so no block is handed out twice.
// - Size and alignment of every layout are kept: a guarded block is larger and aligned further.
// - Nothing unwinds: what is not the heap's own runs in `without_unwinding`.
unsafe impl<H, W, C, const KEPT: usize> GlobalAlloc for Guarded<H, W, C, KEPT>
where
    H: GuardableHeap,
    W: Watchpoints,
    C: TraceContext,
    Self: Sync,
{
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match without_unwinding(|| self.sampled(&request(layout))) {
            Some(block) => block.as_ptr(),
            // SAFETY: the caller keeps the same contract.
            None => unsafe { self.heap().alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match without_unwinding(|| self.sampled(&request(layout).zeroed())) {
            Some(block) => block.as_ptr(),
            // SAFETY: the caller keeps the same contract.
            None => unsafe { self.heap().alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !self.is_active() {
            // SAFETY: the caller keeps the same contract.
            unsafe { self.heap().dealloc(pointer, layout) };
            return;
        }
        if let Some(pointer) = NonNull::new(pointer).filter(|_| layout.size() != 0) {
            // SAFETY: the caller gives up a block of this allocator.
            let freed = without_unwinding(|| unsafe { self.free(pointer) });
            self.report(Action::Free, pointer, freed);
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.is_active()
            && let Some(pointer) = NonNull::new(pointer).filter(|_| layout.size() != 0)
        {
            let unguarded = without_unwinding(|| self.unguard(pointer));
            if unguarded.is_err() {
                self.report(Action::Reallocate, pointer, unguarded);
                return ptr::null_mut();
            }
        }
        // SAFETY: the caller keeps the same contract.
        unsafe { GlobalAlloc::realloc(self.heap(), pointer, layout, size) }
    }
}
