//! `malloc`, `calloc`, `realloc`, `free`: what both libc and the radio libraries call by these
//! names.
//!
//! **Policy**: internal memory; external memory only above the size that
//! `heap_caps_malloc_extmem_enable` sets. **Alignment**: 8 for blocks of 8 bytes and more (16 on a
//! host), as the ABI wants it of memory for anything; smaller blocks as their size allows.
//!
//! A host has these functions, and its own blocks would come to our `free`: there the names begin
//! with `heap_caps_libc_`.

use core::ffi::{CStr, c_void};

use heap_caps::{AllocRequest, Placement};
use soc_regions::Caps;

use crate::serve::{Call, array, free_named};

/// The alignment of memory for anything, as C's ABI has it.
const FOR_ANYTHING: usize = 2 * size_of::<usize>();

/// Returns a request of `malloc`'s kind.
pub(super) const fn by_default(
    name: &'static CStr,
    request: AllocRequest<'static>,
) -> Call<'static> {
    Call {
        name,
        request: request.placed(Placement::Default).anonymous(),
        tells_failure: true,
    }
}

/// Returns a request for memory in which anything of its size can be stored.
#[inline(always)]
pub(super) const fn for_anything(request: AllocRequest<'static>) -> AllocRequest<'static> {
    let mut alignment = FOR_ANYTHING;
    while alignment > 4 && request.size() < alignment {
        alignment /= 2;
    }
    request.aligned_to(alignment)
}

pub(super) fn plain(size: usize) -> AllocRequest<'static> {
    for_anything(AllocRequest::new(size, Caps::empty()).anonymous())
}

pub(super) fn zeros(count: usize, size: usize) -> AllocRequest<'static> {
    for_anything(array(count, size, Caps::empty()).zeroed())
}

#[cfg(feature = "c-abi-libc")]
use super::libc::or_errno;

/// Without libc there is no `errno`.
#[cfg(not(feature = "c-abi-libc"))]
fn or_errno(block: *mut c_void, _asked: bool) -> *mut c_void {
    block
}

/// `size` bytes, or null.
#[cfg_attr(target_os = "none", unsafe(export_name = "malloc"))]
#[cfg_attr(not(target_os = "none"), unsafe(export_name = "heap_caps_libc_malloc"))]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    or_errno(
        by_default(name!(c"malloc"), plain(size)).allocate(),
        size != 0,
    )
}

/// `count` times `size` bytes of zeros, or null.
#[cfg_attr(target_os = "none", unsafe(export_name = "calloc"))]
#[cfg_attr(not(target_os = "none"), unsafe(export_name = "heap_caps_libc_calloc"))]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let request = zeros(count, size);
    or_errno(
        by_default(name!(c"calloc"), request).allocate(),
        request.size() != 0,
    )
}

/// Resizes a block. Null: as `malloc`; size 0: as `free`.
///
/// # Safety
/// - `pointer` is null or a block, and not used after a success.
#[cfg_attr(target_os = "none", unsafe(export_name = "realloc"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_realloc")
)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let block =
        unsafe { by_default(name!(c"realloc"), plain(size)).reallocate_for_anything(pointer) };
    or_errno(block, size != 0)
}

/// Frees a block, whichever function it came from.
///
/// # Safety
/// - `pointer` is null or a block, and not used any more.
#[cfg_attr(target_os = "none", unsafe(export_name = "free"))]
#[cfg_attr(not(target_os = "none"), unsafe(export_name = "heap_caps_libc_free"))]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub unsafe extern "C" fn free(pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free_named(name!(c"free"), pointer) };
}
