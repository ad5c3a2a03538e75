//! newlib's reentrant functions: the same with `errno` in the caller's `struct _reent`.

use core::ffi::{CStr, c_void};

use heap_caps::AllocRequest;
use soc_regions::Caps;

use super::{EINVAL, ENOMEM};
use crate::ffi;
use crate::plain::{by_default, plain, zeros};
use crate::serve::{Call, free_named, usable_size};

/// `struct _reent`: begins with the caller's `errno`.
#[repr(C)]
#[derive(Debug)]
pub struct Reent {
    errno: i32,
}

/// Returns the block, or null and the number of the failure.
///
/// # Safety
/// `reent` is null or the caller's.
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
unsafe fn or_errno(reent: *mut Reent, block: *mut c_void, asked: bool) -> *mut c_void {
    if block.is_null() && asked {
        let failed = Reent { errno: ENOMEM };
        // SAFETY: the caller keeps the same contract.
        unsafe { ffi::write_out(reent, failed) };
    }
    block
}

/// # Safety
/// `reent` is null or the caller's.
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
unsafe fn served(
    reent: *mut Reent,
    name: &'static CStr,
    request: AllocRequest<'static>,
) -> *mut c_void {
    let call: Call<'_> = by_default(name, request);
    // SAFETY: the caller keeps the same contract.
    unsafe { or_errno(reent, call.allocate(), request.size() != 0) }
}

/// `malloc`.
///
/// # Safety
/// - `reent` is null or the caller's.
#[cfg_attr(target_os = "none", unsafe(export_name = "_malloc_r"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc__malloc_r")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn malloc_r(reent: *mut Reent, size: usize) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    unsafe { served(reent, name!(c"_malloc_r"), plain(size)) }
}

/// `calloc`.
///
/// # Safety
/// As [`malloc_r`].
#[cfg_attr(target_os = "none", unsafe(export_name = "_calloc_r"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc__calloc_r")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn calloc_r(reent: *mut Reent, count: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    unsafe { served(reent, name!(c"_calloc_r"), zeros(count, size)) }
}

/// `realloc`.
///
/// # Safety
/// - As [`malloc_r`] and `realloc`.
#[cfg_attr(target_os = "none", unsafe(export_name = "_realloc_r"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc__realloc_r")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn realloc_r(
    reent: *mut Reent,
    pointer: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let block =
        unsafe { by_default(name!(c"_realloc_r"), plain(size)).reallocate_for_anything(pointer) };
    // SAFETY: the caller keeps the same contract.
    unsafe { or_errno(reent, block, size != 0) }
}

/// `free`.
///
/// # Safety
/// - As `free`.
#[cfg_attr(target_os = "none", unsafe(export_name = "_free_r"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc__free_r")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn free_r(reent: *mut Reent, pointer: *mut c_void) {
    let _ = reent;
    // SAFETY: the caller keeps the same contract.
    unsafe { free_named(name!(c"_free_r"), pointer) };
}

/// `memalign`.
///
/// # Safety
/// As [`malloc_r`].
#[cfg_attr(target_os = "none", unsafe(export_name = "_memalign_r"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc__memalign_r")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn memalign_r(
    reent: *mut Reent,
    alignment: usize,
    size: usize,
) -> *mut c_void {
    if !alignment.is_power_of_two() {
        let failed = Reent { errno: EINVAL };
        // SAFETY: the caller keeps the same contract.
        unsafe { ffi::write_out(reent, failed) };
        return core::ptr::null_mut();
    }
    let request = AllocRequest::new(size, Caps::empty()).aligned_to(alignment);
    let block = by_default(name!(c"_memalign_r"), request).allocate_aligned();
    // SAFETY: the caller keeps the same contract.
    unsafe { or_errno(reent, block, size != 0) }
}

/// `malloc_usable_size`.
#[cfg_attr(target_os = "none", unsafe(export_name = "_malloc_usable_size_r"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc__malloc_usable_size_r")
)]
pub extern "C" fn malloc_usable_size_r(reent: *mut Reent, pointer: *mut c_void) -> usize {
    let _ = reent;
    usable_size(name!(c"_malloc_usable_size_r"), pointer)
}
