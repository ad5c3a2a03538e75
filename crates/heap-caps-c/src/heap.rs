//! The one heap that C and Rust share.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

use heap_caps::Policy;

use super::hooks;
use heap_caps_alloc::CapsHeap;

/// The lock of the heaps that C uses: the program's critical section.
#[cfg(feature = "critical-section")]
pub type CLock = heap_caps_alloc::CriticalSectionLock;
/// The lock of the heaps that C uses: a lock word. On a chip it excludes the other core, but no
/// interrupt handler.
#[cfg(all(not(feature = "critical-section"), target_has_atomic = "32"))]
pub type CLock = heap_caps_alloc::SpinLock;
#[cfg(all(not(feature = "critical-section"), not(target_has_atomic = "32")))]
compile_error!(
    "this chip has no compare-and-swap, so a lock word can't work: enable the feature `critical-section`, which esp-hal provides"
);

/// How closely the heaps that C uses watch their blocks.
#[cfg(feature = "poison-comprehensive")]
pub type CPoison = multi_heap::Comprehensive;
/// How closely the heaps that C uses watch their blocks.
#[cfg(all(feature = "poison-light", not(feature = "poison-comprehensive")))]
pub type CPoison = multi_heap::Light;
/// How closely the heaps that C uses watch their blocks.
#[cfg(not(any(feature = "poison-light", feature = "poison-comprehensive")))]
pub type CPoison = multi_heap::Unpoisoned;

/// Observer under the lock: the trace.
#[cfg(feature = "heap-tracing")]
pub type CTraced =
    heap_trace::Trace<'static, super::trace_context::CTraceContext, { super::trace::DEPTH }>;
#[cfg(feature = "heap-tracing")]
const TRACED: CTraced = heap_trace::Trace::new(super::trace_context::CTraceContext);
/// Observer under the lock: there is no trace.
#[cfg(not(feature = "heap-tracing"))]
pub type CTraced = ();
#[cfg(not(feature = "heap-tracing"))]
const TRACED: CTraced = ();

/// Observer under the lock: the accounts of tasks.
#[cfg(feature = "heap-task-tracking")]
pub type CCounted = super::tasks::accounts::Accounts;
#[cfg(feature = "heap-task-tracking")]
const COUNTED: CCounted = CCounted::new();
/// Observer under the lock: there are no accounts.
#[cfg(not(feature = "heap-task-tracking"))]
pub type CCounted = ();
#[cfg(not(feature = "heap-task-tracking"))]
const COUNTED: CCounted = ();

/// Observers that are called under the lock.
pub type CObserver = (CTraced, CCounted);

/// The type of the heap that C uses.
pub type CHeap = CapsHeap<CLock, CPoison, CObserver>;

const POLICY: Policy = if cfg!(feature = "policy-idf-exact") {
    Policy::IdfExact
} else if cfg!(all(feature = "c-abi-legacy", not(feature = "c-abi-idf"))) {
    Policy::Tagged2016
} else {
    Policy::Guaranteed
};

pub(super) static HEAP: CHeap =
    CapsHeap::with_policy((TRACED, COUNTED), POLICY).with_report_handler(hooks::on_report);

/// Returns the heap that C's functions serve from, for a Rust program to boot, to look at, and to
/// allocate from.
///
/// Its report handler writes to C's console and calls C's fault callback; who sets another one
/// takes its place.
#[must_use]
pub fn heap() -> &'static CHeap {
    &HEAP
}

/// [`heap`] as a Rust program's global allocator, so that `Box` and `malloc` share one memory, and
/// C's hooks see both.
///
/// ```no_run
/// use heap_caps_c::GlobalHeap;
///
/// #[global_allocator]
/// static GLOBAL: GlobalHeap = GlobalHeap;
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalHeap;

// SAFETY: every method is that of the `CapsHeap`, which keeps the contract; hooks are C functions,
// which do not unwind.
unsafe impl GlobalAlloc for GlobalHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        observed(unsafe { HEAP.alloc(layout) }, layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        observed(unsafe { HEAP.alloc_zeroed(layout) }, layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the same contract.
        unsafe { HEAP.dealloc(pointer, layout) };
        if layout.size() != 0 {
            hooks::freed(NonNull::new(pointer));
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        let moved = unsafe { GlobalAlloc::realloc(&HEAP, pointer, layout, size) };
        let new = Layout::from_size_align(size, layout.align()).unwrap_or(layout);
        if layout.size() != 0 && (!moved.is_null() || size == 0) {
            hooks::freed(NonNull::new(pointer));
        }
        observed(moved, new)
    }
}

/// Notifies the hooks of a block of the global allocator, unless it has no size.
fn observed(block: *mut u8, layout: Layout) -> *mut u8 {
    if layout.size() != 0 {
        match NonNull::new(block) {
            Some(block) => hooks::allocated(block, layout.size(), hooks::by_default()),
            None => hooks::failed(layout.size(), hooks::by_default(), c"alloc"),
        }
    }
    block
}
