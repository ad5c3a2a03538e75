//! The rest of the nine symbols that `esp-radio` and `esp-rtos` want: memory that DMA engines and
//! interrupt handlers reach.
//!
//! `malloc`, `calloc`, `realloc` and `free` are in [`plain`](super::plain). Null on failure, never
//! a panic; `free` takes blocks of every variant, because the libraries mix them. Source:
//! `esp-radio` 1.0.0-beta, `src/compat/malloc.rs`.

use core::ffi::{CStr, c_void};

use heap_caps::AllocRequest;
use soc_regions::Caps;

use super::heap::HEAP;
use super::plain::for_anything;
use super::serve::{Call, array, free_named};

/// What ESP-IDF asks for on behalf of the radio libraries.
const INTERNAL: Caps = Caps::BIT8.union(Caps::DMA).union(Caps::INTERNAL);

fn internal(name: &'static CStr, request: AllocRequest<'static>) -> Call<'static> {
    Call {
        name,
        request: for_anything(request).anonymous(),
        tells_failure: true,
    }
}

/// `size` bytes of internal memory, or null.
#[cfg_attr(target_os = "none", unsafe(export_name = "malloc_internal"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_malloc_internal")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn malloc_internal(size: usize) -> *mut c_void {
    internal(name!(c"malloc_internal"), AllocRequest::new(size, INTERNAL)).allocate()
}

/// `count` times `size` bytes of zeros in internal memory, or null.
#[cfg_attr(target_os = "none", unsafe(export_name = "calloc_internal"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_calloc_internal")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn calloc_internal(count: usize, size: usize) -> *mut c_void {
    let request = array(count, size, INTERNAL).zeroed();
    internal(name!(c"calloc_internal"), request).allocate()
}

/// Resizes a block, in internal memory.
///
/// # Safety
/// - `pointer` is null or a block, and not used after a success.
#[cfg_attr(target_os = "none", unsafe(export_name = "realloc_internal"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_realloc_internal")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn realloc_internal(pointer: *mut c_void, size: usize) -> *mut c_void {
    let call = internal(
        name!(c"realloc_internal"),
        AllocRequest::new(size, INTERNAL),
    );
    // SAFETY: the caller keeps the same contract.
    unsafe { call.reallocate_for_anything(pointer) }
}

/// Frees a block.
///
/// # Safety
/// - `pointer` is null or a block, and not used any more.
#[cfg_attr(target_os = "none", unsafe(export_name = "free_internal"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_free_internal")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn free_internal(pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free_named(name!(c"free_internal"), pointer) };
}

/// Returns the free bytes of the memory that `malloc_internal` hands out.
#[cfg_attr(
    target_os = "none",
    unsafe(export_name = "get_free_internal_heap_size")
)]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_get_free_internal_heap_size")
)]
pub extern "C" fn get_free_internal_heap_size() -> usize {
    HEAP.inspect().free_size(INTERNAL) as usize // widening
}
