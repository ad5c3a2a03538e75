//! The C names, called as C calls them: no function of Rust in between. The heap's lock is the
//! program's critical section.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use heap_bench::{Allocator, Call, Operation, Request};
use heap_caps::Reserve;
use heap_caps_c as c;
use soc_regions::Caps;

use super::boot::boot;
use super::heap_caps::{CAPS, TOO_LARGE};

mod names {
    use super::c_void;

    unsafe extern "C" {
        pub(super) fn heap_caps_malloc(size: usize, caps: u32) -> *mut c_void;
        pub(super) fn heap_caps_aligned_alloc(
            alignment: usize,
            size: usize,
            caps: u32,
        ) -> *mut c_void;
        pub(super) fn heap_caps_realloc(block: *mut c_void, size: usize, caps: u32) -> *mut c_void;
        pub(super) fn heap_caps_free(block: *mut c_void);
        pub(super) fn heap_caps_get_free_size(caps: u32) -> usize;
        pub(super) fn heap_caps_get_largest_free_block(caps: u32) -> usize;

        pub(super) fn malloc(size: usize) -> *mut c_void;
        pub(super) fn memalign(alignment: usize, size: usize) -> *mut c_void;
        pub(super) fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
        pub(super) fn free(block: *mut c_void);

        pub(super) fn multi_heap_register(start: *mut c_void, size: usize) -> *mut c_void;
        pub(super) fn multi_heap_malloc(heap: *mut c_void, size: usize) -> *mut c_void;
        pub(super) fn multi_heap_aligned_alloc(
            heap: *mut c_void,
            size: usize,
            alignment: usize,
        ) -> *mut c_void;
        pub(super) fn multi_heap_realloc(
            heap: *mut c_void,
            block: *mut c_void,
            size: usize,
        ) -> *mut c_void;
        pub(super) fn multi_heap_free(heap: *mut c_void, block: *mut c_void);
        pub(super) fn multi_heap_free_size(heap: *mut c_void) -> usize;
    }
}

/// A function of C with its arguments, as a counter calls it.
macro_rules! call {
    ($name:ident($($argument:expr),*)) => {{
        let words = [$($argument as usize),*];
        let mut arguments = [0; 4];
        arguments[..words.len()].copy_from_slice(&words);
        Call { operation: operation(names::$name as *const ()), arguments }
    }};
}

/// # Panics
/// Never: functions have addresses.
fn operation(function: *const ()) -> Operation {
    // SAFETY: arguments and results of the functions above are words, which travel in the registers
    // in which the counter passes and finds them; registers of arguments that a function does not
    // have are its own to overwrite.
    unsafe { core::mem::transmute::<*const (), Operation>(function) }
}

/// What the methods of an allocator do where they are not measured: the same calls.
macro_rules! as_called {
    () => {
        fn allocate(&mut self, size: usize) -> usize {
            result(self.call(Request::Allocate { size }))
        }

        fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
            result(self.call(Request::AllocateAligned { size, alignment }))
        }

        unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize) {
            perform(self.call(Request::Free {
                block: block.addr().get(),
                size,
                alignment,
            }));
        }

        unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize {
            result(self.call(Request::Reallocate {
                block: block.addr().get(),
                size,
                new_size,
            }))
        }
    };
}

fn perform(call: Call) -> MaybeUninit<usize> {
    let [a, b, c, d] = call.arguments;
    (call.operation)(a, b, c, d)
}

fn result(call: Call) -> usize {
    // SAFETY: functions that return something.
    unsafe { perform(call).assume_init() }
}

/// Boots the heap behind the C names.
///
/// # Safety
/// As [`boot`].
unsafe fn start() {
    // SAFETY: the caller keeps the same contract.
    unsafe { boot(c::heap()) };
}

fn set_reserve(caps: u32, bytes: u32) -> bool {
    let caps = Caps::from_bits_retain(caps);
    c::heap().set_reserve(Reserve { caps, bytes }).is_ok()
}

/// `heap_caps_malloc` and its family.
pub struct CHeapCaps;

impl Allocator for CHeapCaps {
    const NAME: &'static str = "c heap_caps";
    const HAS_CAPS: bool = true;
    const HAS_STATISTICS: bool = true;
    const TOO_LARGE: usize = TOO_LARGE;

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        // SAFETY: the caller lets the allocators have the chip's memory one after the other.
        unsafe { start() };
        place.write(Self);
        true
    }

    as_called!();

    fn set_reserve(&mut self, caps: u32, bytes: u32) -> bool {
        set_reserve(caps, bytes)
    }

    fn control_bytes(&self) -> usize {
        size_of_val(c::heap())
    }

    fn call(&mut self, request: Request) -> Call {
        let caps = CAPS.bits();
        match request {
            Request::Allocate { size } => call!(heap_caps_malloc(size, caps)),
            Request::AllocateAligned { size, alignment } => {
                call!(heap_caps_aligned_alloc(alignment, size, caps))
            }
            Request::AllocateCaps { size, caps } => call!(heap_caps_malloc(size, caps)),
            Request::Free { block, .. } => call!(heap_caps_free(block)),
            Request::Reallocate {
                block, new_size, ..
            } => call!(heap_caps_realloc(block, new_size, caps)),
            Request::FreeSize => call!(heap_caps_get_free_size(caps)),
            Request::LargestBlock => call!(heap_caps_get_largest_free_block(caps)),
        }
    }
}

/// `malloc` and its family.
pub struct CMalloc;

impl Allocator for CMalloc {
    const NAME: &'static str = "c malloc";

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        // SAFETY: the caller lets the allocators have the chip's memory one after the other.
        unsafe { start() };
        place.write(Self);
        true
    }

    as_called!();

    fn set_reserve(&mut self, caps: u32, bytes: u32) -> bool {
        set_reserve(caps, bytes)
    }

    fn control_bytes(&self) -> usize {
        size_of_val(c::heap())
    }

    fn call(&mut self, request: Request) -> Call {
        match request {
            Request::Allocate { size } | Request::AllocateCaps { size, .. } => {
                call!(malloc(size))
            }
            Request::AllocateAligned { size, alignment } => call!(memalign(alignment, size)),
            Request::Free { block, .. } => call!(free(block)),
            Request::Reallocate {
                block, new_size, ..
            } => call!(realloc(block, new_size)),
            Request::FreeSize => call!(heap_caps_get_free_size(CAPS.bits())),
            Request::LargestBlock => call!(heap_caps_get_largest_free_block(CAPS.bits())),
        }
    }
}

/// `multi_heap_malloc` and its family: one heap in memory of the caller, without a lock.
pub struct CMultiHeap(*mut c_void);

impl Allocator for CMultiHeap {
    const NAME: &'static str = "c multi_heap";

    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool {
        // SAFETY: the caller hands the region over.
        let heap = unsafe { names::multi_heap_register(region.as_ptr().cast(), region.len()) };
        place.write(Self(heap));
        heap != null_mut()
    }

    as_called!();

    fn call(&mut self, request: Request) -> Call {
        let heap = self.0;
        match request {
            Request::Allocate { size } | Request::AllocateCaps { size, .. } => {
                call!(multi_heap_malloc(heap, size))
            }
            Request::AllocateAligned { size, alignment } => {
                call!(multi_heap_aligned_alloc(heap, size, alignment))
            }
            Request::Free { block, .. } => call!(multi_heap_free(heap, block)),
            Request::Reallocate {
                block, new_size, ..
            } => call!(multi_heap_realloc(heap, block, new_size)),
            Request::FreeSize | Request::LargestBlock => call!(multi_heap_free_size(heap)),
        }
    }
}
