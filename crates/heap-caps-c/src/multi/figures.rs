//! Figures of a heap.

use multi_heap::{Heap, Info};

use super::CHandle;
use super::handle::of;
use crate::ffi;
use crate::heap::CPoison;

/// `multi_heap_info_t`: [`Info`] has the meaning of each field.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CInfo {
    /// See [`Info`].
    pub total_free_bytes: usize,
    /// See [`Info`].
    pub total_allocated_bytes: usize,
    /// See [`Info`].
    pub largest_free_block: usize,
    /// See [`Info`].
    pub minimum_free_bytes: usize,
    /// See [`Info`].
    pub allocated_blocks: usize,
    /// See [`Info`].
    pub free_blocks: usize,
    /// See [`Info`].
    pub total_blocks: usize,
}

impl From<Info> for CInfo {
    fn from(info: Info) -> Self {
        // Widening, all of them.
        Self {
            total_free_bytes: info.total_free_bytes as usize,
            total_allocated_bytes: info.total_allocated_bytes as usize,
            largest_free_block: info.largest_free_block as usize,
            minimum_free_bytes: info.minimum_free_bytes as usize,
            allocated_blocks: info.allocated_blocks as usize,
            free_blocks: info.free_blocks as usize,
            total_blocks: info.total_blocks as usize,
        }
    }
}

/// All seven figures; zeros for a null heap.
///
/// # Safety
/// As `multi_heap_malloc`; `info` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_get_info(handle: CHandle, info: *mut CInfo) {
    // SAFETY: the caller keeps the same contract.
    let figures = unsafe { figure(handle, |heap| heap.info()) };
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(info, figures.unwrap_or_default().into()) };
}

/// Returns the free bytes, as the sum of all holes.
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_free_size(handle: CHandle) -> usize {
    // SAFETY: the caller keeps the same contract.
    unsafe { bytes(handle, |heap| heap.free_bytes()) }
}

/// Returns the least that there was free.
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_minimum_free_size(handle: CHandle) -> usize {
    // SAFETY: the caller keeps the same contract.
    unsafe { bytes(handle, |heap| heap.minimum_free_bytes()) }
}

/// Lets the minimum restart; returns the old one.
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_reset_minimum_free_bytes(handle: CHandle) -> usize {
    // SAFETY: the caller keeps the same contract.
    unsafe { bytes(handle, |heap| heap.reset_minimum_free_bytes()) }
}

/// Lowers the minimum to what [`multi_heap_reset_minimum_free_bytes`] returned, if it is higher.
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_restore_minimum_free_bytes(handle: CHandle, minimum: usize) {
    let minimum = u32::try_from(minimum).unwrap_or(u32::MAX);
    // SAFETY: the caller keeps the same contract.
    unsafe { figure(handle, |heap| heap.restore_minimum_free_bytes(minimum)) };
}

/// # Safety
/// As `multi_heap_malloc`.
unsafe fn bytes(handle: CHandle, read: impl FnOnce(&mut Heap<CPoison>) -> u32) -> usize {
    // SAFETY: the caller keeps the same contract.
    unsafe { figure(handle, read) }.unwrap_or(0) as usize // widening
}

/// # Safety
/// As `multi_heap_malloc`.
unsafe fn figure<R>(handle: CHandle, read: impl FnOnce(&mut Heap<CPoison>) -> R) -> Option<R> {
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) }?;
    // SAFETY: the caller keeps the same contract.
    Some(unsafe { heap.heap(read) })
}
