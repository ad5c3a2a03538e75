//! Aligned blocks, arrays and sizes.

use core::ffi::{CStr, c_int, c_void};

use heap_caps::Demand;
use soc_regions::Caps;

use super::errno::or_errno;
use super::{EINVAL, ENOMEM};
use crate::door;
use crate::plain::{by_default, free, malloc, plain};
use crate::serve::usable_size;

fn aligned(name: &'static CStr, alignment: usize, size: usize) -> *mut c_void {
    let demand = Demand::new(size, Caps::empty()).aligned_to(alignment);
    or_errno(by_default(name, demand).take(), size != 0)
}

/// `size` bytes at a multiple of `alignment`, a power of two.
#[cfg_attr(target_os = "none", unsafe(export_name = "memalign"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_memalign")
)]
pub extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    aligned(c"memalign", alignment, size)
}

/// `size` bytes at a multiple of `alignment`, a power of two. The size need not be a multiple of it.
#[cfg_attr(target_os = "none", unsafe(export_name = "aligned_alloc"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_aligned_alloc")
)]
pub extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    aligned(c"aligned_alloc", alignment, size)
}

/// Puts `size` bytes at a multiple of `alignment` into `block`, or null for a size of 0. 0; `EINVAL` for an alignment that is no power of two or
/// below a pointer's size (where ESP-IDF has `ENOMEM`), `ENOMEM` where there is no memory, and `block` as it was. `errno` is left alone.
///
/// # Safety
/// - `block` is null or can be written.
#[cfg_attr(target_os = "none", unsafe(export_name = "posix_memalign"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_posix_memalign")
)]
pub unsafe extern "C" fn posix_memalign(
    block: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    let is_valid = alignment.is_power_of_two() && alignment >= size_of::<usize>();
    if !is_valid || block.is_null() {
        return EINVAL;
    }
    let demand = Demand::new(size, Caps::empty()).aligned_to(alignment);
    let taken = by_default(c"posix_memalign", demand).take();
    if taken.is_null() && size != 0 {
        return ENOMEM;
    }
    // SAFETY: the caller keeps the same contract.
    unsafe { door::give(block, taken) };
    0
}

/// `realloc` to `count` times `size` bytes; null and the block as it was where the product overflows.
///
/// # Safety
/// As `realloc`.
#[cfg_attr(target_os = "none", unsafe(export_name = "reallocarray"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_reallocarray")
)]
pub unsafe extern "C" fn reallocarray(
    pointer: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    let bytes = count.checked_mul(size);
    let demand = plain(bytes.unwrap_or(usize::MAX)); // which no heap has
    // SAFETY: the caller keeps the same contract.
    let block = unsafe { by_default(c"reallocarray", demand).resize(pointer) };
    or_errno(block, bytes != Some(0))
}

/// Bytes that can be used of a block, at least those asked for; 0 for null.
#[cfg_attr(target_os = "none", unsafe(export_name = "malloc_usable_size"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_malloc_usable_size")
)]
pub extern "C" fn malloc_usable_size(pointer: *mut c_void) -> usize {
    usable_size(pointer)
}

/// `free` by a name of the past.
///
/// # Safety
/// As `free`.
#[cfg_attr(target_os = "none", unsafe(export_name = "cfree"))]
#[cfg_attr(not(target_os = "none"), unsafe(export_name = "heap_caps_libc_cfree"))]
pub unsafe extern "C" fn cfree(pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free(pointer) };
}

/// `malloc`: there are no pages.
#[cfg_attr(target_os = "none", unsafe(export_name = "valloc"))]
#[cfg_attr(not(target_os = "none"), unsafe(export_name = "heap_caps_libc_valloc"))]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    malloc(size)
}

/// `malloc`: there are no pages.
#[cfg_attr(target_os = "none", unsafe(export_name = "pvalloc"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_pvalloc")
)]
pub extern "C" fn pvalloc(size: usize) -> *mut c_void {
    malloc(size)
}

/// Nothing can be given back to anybody: 0.
#[cfg_attr(target_os = "none", unsafe(export_name = "malloc_trim"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_malloc_trim")
)]
pub extern "C" fn malloc_trim(keep: usize) -> c_int {
    let _ = keep;
    0
}

/// There is nothing to set: 0, "failed".
#[cfg_attr(target_os = "none", unsafe(export_name = "mallopt"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_mallopt")
)]
pub extern "C" fn mallopt(parameter: c_int, value: c_int) -> c_int {
    let _ = (parameter, value);
    0
}
