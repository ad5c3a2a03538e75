//! Functions of C around an allocator value: for libraries that take pointers to `calloc` and
//! `free`.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use crate::global::without_unwinding;
use crate::memory_kind::{HeapRef, MemoryKind};
use crate::shared::SharedHeap;

/// Alignment of blocks: that of C's `malloc` on the chips, and of pointers on a host.
const ALIGNMENT: usize = size_of::<usize>();

fn as_c(block: Option<NonNull<u8>>) -> *mut c_void {
    block.map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size, ALIGNMENT).ok()
}

/// `count` times `size` bytes; null if there is no memory, for 0 bytes, and if the product
/// overflows.
#[must_use]
pub fn allocate(kind: &impl MemoryKind, count: usize, size: usize, zeroed: bool) -> *mut c_void {
    let layout = count.checked_mul(size).and_then(layout);
    let Some(layout) = layout else {
        return ptr::null_mut();
    };
    let mut request = kind.request(layout);
    if zeroed {
        request = request.zeroed();
    }
    without_unwinding(|| as_c(kind.heap_ref().heap().try_allocate(request)))
}

/// Another size for a block; null frees it (`size` 0) or leaves it as it is (no memory).
///
/// # Safety
/// - `block` is null or a block of this heap, and not used after a success.
#[must_use]
pub unsafe fn reallocate(kind: &impl MemoryKind, block: *mut c_void, size: usize) -> *mut c_void {
    let Some(old) = NonNull::new(block.cast()) else {
        return allocate(kind, 1, size, false);
    };
    if size == 0 {
        // SAFETY: the caller gives the block up.
        unsafe { free(kind, block) };
        return ptr::null_mut();
    }
    let Some(layout) = layout(size) else {
        return ptr::null_mut();
    };
    let request = kind.request(layout);
    // SAFETY: the caller keeps the same contract.
    without_unwinding(|| as_c(unsafe { kind.heap_ref().heap().reallocate(old, request) }))
}

/// Frees a block; null is ignored.
///
/// # Safety
/// - `block` is null or a block of this heap, and not used any more.
pub unsafe fn free(kind: &impl MemoryKind, block: *mut c_void) {
    if let Some(block) = NonNull::new(block.cast()) {
        // SAFETY: the caller keeps the same contract.
        without_unwinding(|| unsafe { kind.heap_ref().heap().free(block) });
    }
}

/// Makes a type that has C's `malloc`, `calloc`, `realloc` and `free` of an allocator value: for
/// libraries in C that take pointers to such functions, and for the names that a library in C
/// wants. With [`OwnedBy`](crate::OwnedBy) all that the library allocates is one owner's, whoever
/// calls it.
///
/// ```
/// use core::ffi::c_void;
/// use heap_caps::Owner;
/// use heap_caps_alloc::{CapsHeap, Internal, OwnedBy, SpinLock, c_allocator, heap_ref};
///
/// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
/// heap_ref!(struct Chip = HEAP: CapsHeap<SpinLock>);
/// const TLS: OwnedBy<Internal<Chip>> = OwnedBy::new(Internal::of(Chip), Owner(3));
/// c_allocator!(struct Tls = TLS);
///
/// # unsafe extern "C" fn mbedtls_platform_set_calloc_free(
/// #     _: unsafe extern "C" fn(usize, usize) -> *mut c_void,
/// #     _: unsafe extern "C" fn(*mut c_void),
/// # ) -> i32 { 0 }
/// // SAFETY: the functions are as C's.
/// unsafe { mbedtls_platform_set_calloc_free(Tls::calloc, Tls::free) };
///
/// /// One of the names that the radio's libraries want.
/// #[unsafe(no_mangle)]
/// extern "C" fn malloc_internal(size: usize) -> *mut c_void {
///     Tls::malloc(size)
/// }
/// # assert!(malloc_internal(4).is_null());
/// ```
#[macro_export]
macro_rules! c_allocator {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident = $allocator:expr) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        #[allow(dead_code, reason = "a program uses some of them")]
        impl $name {
            /// `size` bytes, or null.
            $visibility extern "C" fn malloc(size: usize) -> *mut ::core::ffi::c_void {
                $crate::c_functions::allocate(&$allocator, 1, size, false)
            }

            /// `count` times `size` bytes of zeros, or null.
            $visibility extern "C" fn calloc(
                count: usize,
                size: usize,
            ) -> *mut ::core::ffi::c_void {
                $crate::c_functions::allocate(&$allocator, count, size, true)
            }

            /// Another size for a block; null if there is no memory, or for size 0, which frees it.
            ///
            /// # Safety
            /// - `block` is null or a block of this heap, and not used after a success.
            $visibility unsafe extern "C" fn realloc(
                block: *mut ::core::ffi::c_void,
                size: usize,
            ) -> *mut ::core::ffi::c_void {
                // SAFETY: the caller keeps the same contract.
                unsafe { $crate::c_functions::reallocate(&$allocator, block, size) }
            }

            /// Frees a block; null is ignored.
            ///
            /// # Safety
            /// - `block` is null or a block of this heap, and not used any more.
            $visibility unsafe extern "C" fn free(block: *mut ::core::ffi::c_void) {
                // SAFETY: the caller keeps the same contract.
                unsafe { $crate::c_functions::free(&$allocator, block) };
            }
        }
    };
}
