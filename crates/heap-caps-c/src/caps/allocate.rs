//! `heap_caps_malloc` and its family: blocks by capability.
//!
//! Null is "no block" both ways. A size of 0 is no request: null, without a callback. Sizes that
//! overflow are refused and reported as `SIZE_MAX`. A block may be freed by any of the freeing
//! functions, `free` included.

use core::ffi::{CStr, c_void};

use heap_caps::{AllocRequest, Placement};
use soc_regions::Caps;

use crate::alignment;
use crate::ffi;
use crate::serve::{Call, array, free_named};

const fn asked(name: &'static CStr, request: AllocRequest<'static>) -> Call<'static> {
    Call {
        name,
        request: request.anonymous(),
        tells_failure: true,
    }
}

const fn bits(caps: u32) -> Caps {
    Caps::from_bits_retain(caps)
}

/// `size` bytes of memory that has all of `caps`, or null.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_malloc(size: usize, caps: u32) -> *mut c_void {
    asked(
        name!(c"heap_caps_malloc"),
        AllocRequest::new(size, bits(caps)),
    )
    .allocate()
}

/// `count` times `size` bytes of zeros.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_calloc(count: usize, size: usize, caps: u32) -> *mut c_void {
    let request = array(count, size, bits(caps)).zeroed();
    asked(name!(c"heap_caps_calloc"), request).allocate()
}

/// Resizes a block, in memory that has all of `caps`. Null: as
/// `heap_caps_malloc`; size 0: as `heap_caps_free`.
///
/// # Safety
/// - `pointer` is null or from a function of this heap, and not used after a success.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_realloc(
    pointer: *mut c_void,
    size: usize,
    caps: u32,
) -> *mut c_void {
    let call = asked(
        name!(c"heap_caps_realloc"),
        AllocRequest::new(size, bits(caps)),
    );
    // SAFETY: the caller keeps the same contract.
    unsafe { call.reallocate(pointer) }
}

/// Frees a block.
///
/// # Safety
/// - `pointer` is null or from a function of this heap, and not used any more.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_free(pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free_named(name!(c"heap_caps_free"), pointer) }
}

/// `size` bytes at a multiple of `alignment`, a power of two; null for any other, of which nobody
/// is called.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_aligned_alloc(alignment: usize, size: usize, caps: u32) -> *mut c_void {
    let request = AllocRequest::new(size, bits(caps)).aligned_to(alignment);
    asked(name!(c"heap_caps_aligned_alloc"), request).allocate_aligned()
}

/// `count` times `size` bytes of zeros at a multiple of `alignment`.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_aligned_calloc(
    alignment: usize,
    count: usize,
    size: usize,
    caps: u32,
) -> *mut c_void {
    let request = array(count, size, bits(caps)).zeroed();
    asked(
        name!(c"heap_caps_aligned_calloc"),
        request.aligned_to(alignment),
    )
    .allocate_aligned()
}

/// As `heap_caps_realloc`, and the block begins at a multiple of `alignment`, a power of two; null
/// for any other, and the block as it was.
///
/// # Safety
/// As [`heap_caps_realloc`].
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_aligned_realloc(
    pointer: *mut c_void,
    alignment: usize,
    size: usize,
    caps: u32,
) -> *mut c_void {
    if !alignment.is_power_of_two() {
        return core::ptr::null_mut();
    }
    let request = AllocRequest::new(size, bits(caps)).aligned_to(alignment);
    // SAFETY: the caller keeps the same contract.
    let block = unsafe { asked(name!(c"heap_caps_aligned_realloc"), request).reallocate(pointer) };
    if !block.is_null() {
        alignment::remember(alignment);
    }
    block
}

/// `heap_caps_free` by its old name.
///
/// # Safety
/// As [`heap_caps_free`].
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_aligned_free(pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free_named(name!(c"heap_caps_aligned_free"), pointer) }
}

/// As `heap_caps_malloc` with the first of `count` sets of capabilities that can be met:
/// `heap_caps_malloc_prefer` for a list.
///
/// # Safety
/// - `list` is null, or the masks can be read there.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_malloc_prefer_array(
    size: usize,
    count: usize,
    list: *const u32,
) -> *mut c_void {
    let call = Call {
        name: name!(c"heap_caps_malloc_prefer"),
        tells_failure: true,
        // SAFETY: the caller keeps the same contract.
        request: AllocRequest::new(size, Caps::empty())
            .placed(Placement::Prefer(unsafe { ffi::list(list.cast(), count) }))
            .anonymous(),
    };
    call.allocate()
}

/// As `heap_caps_calloc` with the first of `count` sets of capabilities that can be met.
///
/// # Safety
/// As [`heap_caps_malloc_prefer_array`].
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_calloc_prefer_array(
    items: usize,
    size: usize,
    count: usize,
    list: *const u32,
) -> *mut c_void {
    let call = Call {
        name: name!(c"heap_caps_calloc_prefer"),
        tells_failure: true,
        // SAFETY: the caller keeps the same contract.
        request: array(items, size, Caps::empty())
            .zeroed()
            .placed(Placement::Prefer(unsafe { ffi::list(list.cast(), count) }))
            .anonymous(),
    };
    call.allocate()
}

/// As `heap_caps_realloc` with the first of `count` sets of capabilities that can be met.
///
/// # Safety
/// As [`heap_caps_malloc_prefer_array`] and [`heap_caps_realloc`].
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_realloc_prefer_array(
    pointer: *mut c_void,
    size: usize,
    count: usize,
    list: *const u32,
) -> *mut c_void {
    let call = Call {
        name: name!(c"heap_caps_realloc_prefer"),
        tells_failure: true,
        // SAFETY: the caller keeps the same contract.
        request: AllocRequest::new(size, Caps::empty())
            .placed(Placement::Prefer(unsafe { ffi::list(list.cast(), count) }))
            .anonymous(),
    };
    // SAFETY: the caller keeps the same contract.
    unsafe { call.reallocate(pointer) }
}

/// Allocates as `malloc` does: internal memory; external memory from the size on that
/// `heap_caps_malloc_extmem_enable` has set.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_malloc_default(size: usize) -> *mut c_void {
    default(
        name!(c"heap_caps_malloc_default"),
        AllocRequest::new(size, Caps::empty()),
    )
    .allocate()
}

/// Reallocates as `realloc` does.
///
/// # Safety
/// As [`heap_caps_realloc`].
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_realloc_default(
    pointer: *mut c_void,
    size: usize,
) -> *mut c_void {
    let call = default(
        name!(c"heap_caps_realloc_default"),
        AllocRequest::new(size, Caps::empty()),
    );
    // SAFETY: the caller keeps the same contract.
    unsafe { call.reallocate(pointer) }
}

/// What `aligned_alloc` does.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_aligned_alloc_default(alignment: usize, size: usize) -> *mut c_void {
    let request = AllocRequest::new(size, Caps::empty()).aligned_to(alignment);
    default(name!(c"heap_caps_aligned_alloc_default"), request).allocate_aligned()
}

const fn default(name: &'static CStr, request: AllocRequest<'static>) -> Call<'static> {
    Call {
        name,
        request: request.placed(Placement::Default).anonymous(),
        tells_failure: true,
    }
}

/// `heap_caps_malloc` that reports no failure: what tools wrap.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_malloc_base(size: usize, caps: u32) -> *mut c_void {
    quietly(
        name!(c"heap_caps_malloc_base"),
        AllocRequest::new(size, bits(caps)),
    )
    .allocate()
}

/// `heap_caps_calloc` that reports no failure.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_calloc_base(count: usize, size: usize, caps: u32) -> *mut c_void {
    quietly(
        name!(c"heap_caps_calloc_base"),
        array(count, size, bits(caps)).zeroed(),
    )
    .allocate()
}

/// `heap_caps_realloc` that reports no failure.
///
/// # Safety
/// As [`heap_caps_realloc`].
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn heap_caps_realloc_base(
    pointer: *mut c_void,
    size: usize,
    caps: u32,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    unsafe {
        quietly(
            name!(c"heap_caps_realloc_base"),
            AllocRequest::new(size, bits(caps)),
        )
        .reallocate(pointer)
    }
}

/// `heap_caps_aligned_alloc` that reports no failure.
#[unsafe(no_mangle)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn heap_caps_aligned_alloc_base(
    alignment: usize,
    size: usize,
    caps: u32,
) -> *mut c_void {
    quietly(
        name!(c"heap_caps_aligned_alloc_base"),
        AllocRequest::new(size, bits(caps)).aligned_to(alignment),
    )
    .allocate_aligned()
}

const fn quietly(name: &'static CStr, request: AllocRequest<'static>) -> Call<'static> {
    Call {
        name,
        request: request.anonymous(),
        tells_failure: false,
    }
}
