//! Allocation hooks: two functions that the program defines (feature `alloc-hooks`).
//! Called outside of the lock.

use core::ptr::NonNull;

use enumset::EnumSet;

use crate::capability::MemoryCapability;
use crate::heap::EspHeap;

#[cfg(feature = "alloc-hooks")]
unsafe extern "Rust" {
    safe fn _esp_alloc_alloc(
        heap: &EspHeap,
        caps: EnumSet<MemoryCapability>,
        ptr: usize,
        size: usize,
    );
    safe fn _esp_alloc_dealloc(heap: &EspHeap, ptr: usize, size: usize);
}

/// `size` bytes were asked for, and `block` was had: none, if there was no memory.
#[inline]
pub(crate) fn allocated(
    heap: &EspHeap,
    capabilities: EnumSet<MemoryCapability>,
    block: Option<NonNull<u8>>,
    size: usize,
) {
    #[cfg(feature = "alloc-hooks")]
    _esp_alloc_alloc(
        heap,
        capabilities,
        block.map_or(0, |block| block.addr().get()),
        size,
    );
    #[cfg(not(feature = "alloc-hooks"))]
    let _ = (heap, capabilities, block, size);
}

/// A block of `size` bytes is freed.
#[inline]
pub(crate) fn freed(heap: &EspHeap, block: NonNull<u8>, size: usize) {
    #[cfg(feature = "alloc-hooks")]
    _esp_alloc_dealloc(heap, block.addr().get(), size);
    #[cfg(not(feature = "alloc-hooks"))]
    let _ = (heap, block, size);
}

/// What a program defines.
#[cfg(all(test, feature = "alloc-hooks"))]
mod defined {
    use super::{EnumSet, EspHeap, MemoryCapability};

    #[unsafe(no_mangle)]
    fn _esp_alloc_alloc(_: &EspHeap, _: EnumSet<MemoryCapability>, _: usize, _: usize) {}

    #[unsafe(no_mangle)]
    fn _esp_alloc_dealloc(_: &EspHeap, _: usize, _: usize) {}
}
