//! Aligned blocks, arrays and sizes.

use core::ffi::{CStr, c_int, c_void};

use heap_caps::AllocRequest;
use soc_regions::Caps;

use super::errno::{or_errno, or_errno_of};
use super::{EINVAL, ENOMEM};
use crate::ffi;
use crate::plain::{by_default, plain};
use crate::serve::{free_named, product, usable_size};

#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
fn aligned(name: &'static CStr, alignment: usize, size: usize) -> *mut c_void {
    let request = AllocRequest::new(size, Caps::empty()).aligned_to(alignment);
    let block = by_default(name, request).allocate_aligned();
    or_errno_of(alignment, block, size != 0)
}

/// What `valloc` aligns to: a page of most processors. Chips of this family have no pages.
const PAGE: usize = 4096;

/// `size` bytes at a multiple of `alignment`, a power of two.
#[cfg_attr(target_os = "none", unsafe(export_name = "memalign"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_memalign")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    aligned(name!(c"memalign"), alignment, size)
}

/// `size` bytes at a multiple of `alignment`, a power of two. The size need not be a multiple of
/// it.
#[cfg_attr(target_os = "none", unsafe(export_name = "aligned_alloc"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_aligned_alloc")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    aligned(name!(c"aligned_alloc"), alignment, size)
}

/// Puts `size` bytes at a multiple of `alignment` into `block`, or null for a size of 0. 0;
/// `EINVAL` for an alignment that is no power of two or below a pointer's size (where ESP-IDF has
/// `ENOMEM`), `ENOMEM` where there is no memory, and `block` as it was. `errno` is left alone.
///
/// # Safety
/// - `block` is null or can be written.
#[cfg_attr(target_os = "none", unsafe(export_name = "posix_memalign"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_posix_memalign")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn posix_memalign(
    block: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    let is_valid = alignment.is_power_of_two() && alignment >= size_of::<usize>();
    if !is_valid || block.is_null() {
        return EINVAL;
    }
    let request = AllocRequest::new(size, Caps::empty()).aligned_to(alignment);
    let taken = by_default(name!(c"posix_memalign"), request).allocate_aligned();
    if taken.is_null() && size != 0 {
        return ENOMEM;
    }
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(block, taken) };
    0
}

/// `realloc` to `count` times `size` bytes; null and the block as it was where the product
/// overflows.
///
/// # Safety
/// As `realloc`.
#[cfg_attr(target_os = "none", unsafe(export_name = "reallocarray"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_reallocarray")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn reallocarray(
    pointer: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    let bytes = product(count, size); // where it overflows, more than any heap has
    let request = plain(bytes);
    // SAFETY: the caller keeps the same contract.
    let block =
        unsafe { by_default(name!(c"reallocarray"), request).reallocate_for_anything(pointer) };
    or_errno(block, bytes != 0)
}

/// Returns the bytes that can be used of a block, at least those asked for; 0 for null.
#[cfg_attr(target_os = "none", unsafe(export_name = "malloc_usable_size"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_malloc_usable_size")
)]
pub extern "C" fn malloc_usable_size(pointer: *mut c_void) -> usize {
    usable_size(name!(c"malloc_usable_size"), pointer)
}

/// `free` by a name of the past.
///
/// # Safety
/// As `free`.
#[cfg_attr(target_os = "none", unsafe(export_name = "cfree"))]
#[cfg_attr(not(target_os = "none"), unsafe(export_name = "heap_caps_libc_cfree"))]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn cfree(pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free_named(name!(c"cfree"), pointer) };
}

/// `size` bytes at a multiple of 4096, the size of a page.
#[cfg_attr(target_os = "none", unsafe(export_name = "valloc"))]
#[cfg_attr(not(target_os = "none"), unsafe(export_name = "heap_caps_libc_valloc"))]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    aligned(name!(c"valloc"), PAGE, size)
}

/// As many whole pages as hold `size` bytes; null for a size of 0, and where the number overflows.
#[cfg_attr(target_os = "none", unsafe(export_name = "pvalloc"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_pvalloc")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let pages = size.checked_next_multiple_of(PAGE);
    aligned(name!(c"pvalloc"), PAGE, pages.unwrap_or(usize::MAX)) // which no heap has
}

/// Nothing can be returned to a system: 0.
#[cfg_attr(target_os = "none", unsafe(export_name = "malloc_trim"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_malloc_trim")
)]
pub extern "C" fn malloc_trim(keep: usize) -> c_int {
    let _ = keep;
    0
}

/// Options of `mallopt` that say how large or how many things are that this heap has none of: fast
/// bins, arenas, mappings, the reserve at its top. Setting them is a success without an effect, as
/// it is in other C libraries where there are none.
const WITHOUT_EFFECT: [c_int; 7] = [
    1,  // M_MXFAST
    -1, // M_TRIM_THRESHOLD
    -2, // M_TOP_PAD
    -3, // M_MMAP_THRESHOLD
    -4, // M_MMAP_MAX
    -7, // M_ARENA_TEST
    -8, // M_ARENA_MAX
];

/// 1 for an option whose setting changes nothing that a program can see, else 0, "failed":
/// `M_PERTURB` and numbers that nobody knows.
#[cfg_attr(target_os = "none", unsafe(export_name = "mallopt"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_mallopt")
)]
pub extern "C" fn mallopt(parameter: c_int, value: c_int) -> c_int {
    let _ = value;
    WITHOUT_EFFECT.contains(&parameter).into()
}
