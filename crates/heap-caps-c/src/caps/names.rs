//! Names that ESP-IDF v3.0 kept for programs of 2016, and totals that live in other headers.

#[cfg(not(feature = "c-abi-legacy"))]
use core::ffi::c_void;

use soc_regions::Caps;

use super::figures::{heap_caps_get_free_size, heap_caps_get_minimum_free_size};

/// `heap_caps_malloc` by its name of 2016. With the feature `c-abi-legacy` the function of 2016
/// itself has this name.
#[cfg(not(feature = "c-abi-legacy"))]
#[unsafe(export_name = "pvPortMallocCaps")]
pub extern "C" fn port_malloc_caps(size: usize, caps: u32) -> *mut c_void {
    super::allocate::heap_caps_malloc(size, caps)
}

/// `heap_caps_get_free_size` by its name of 2016.
#[cfg(not(feature = "c-abi-legacy"))]
#[unsafe(export_name = "xPortGetFreeHeapSizeCaps")]
pub extern "C" fn port_get_free_heap_size_caps(caps: u32) -> usize {
    heap_caps_get_free_size(caps)
}

/// `heap_caps_get_minimum_free_size` by its name of 2016.
#[cfg(not(feature = "c-abi-legacy"))]
#[unsafe(export_name = "xPortGetMinimumEverFreeHeapSizeCaps")]
pub extern "C" fn port_get_minimum_ever_free_heap_size_caps(caps: u32) -> usize {
    heap_caps_get_minimum_free_size(caps)
}

/// Returns the free bytes that `malloc` may hand out.
#[unsafe(no_mangle)]
pub extern "C" fn esp_get_free_heap_size() -> u32 {
    saturated(heap_caps_get_free_size(Caps::DEFAULT.bits()))
}

/// Returns the free bytes of internal memory that takes bytes and DMA.
#[unsafe(no_mangle)]
pub extern "C" fn esp_get_free_internal_heap_size() -> u32 {
    let internal = Caps::BIT8.union(Caps::DMA).union(Caps::INTERNAL);
    saturated(heap_caps_get_free_size(internal.bits()))
}

/// Returns the least of what `malloc` may hand out that there ever was, heap by heap.
#[unsafe(no_mangle)]
pub extern "C" fn esp_get_minimum_free_heap_size() -> u32 {
    saturated(heap_caps_get_minimum_free_size(Caps::DEFAULT.bits()))
}

fn saturated(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
