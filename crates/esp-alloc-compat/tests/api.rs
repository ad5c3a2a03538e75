//! API check: every name of esp-alloc 0.11 exists here, with the type that it has there.
//!
//! A test that compiles has passed. The list is the public interface of the crate of that version,
//! in its order.

use std::alloc::{GlobalAlloc, Layout};
use std::fmt::{Debug, Display};

use allocator_api2::alloc::Allocator;
use esp_alloc::export::enumset::EnumSet;
use esp_alloc::*;

#[unsafe(no_mangle)]
fn _esp_alloc_alloc(_: &EspHeap, _: EnumSet<MemoryCapability>, _: usize, _: usize) {}

#[unsafe(no_mangle)]
fn _esp_alloc_dealloc(_: &EspHeap, _: usize, _: usize) {}

static PRIVATE: EspHeap = EspHeap::empty();

#[test]
fn the_heap_has_the_functions_of_esp_alloc() {
    let _: &EspHeap = &HEAP;
    let _: unsafe fn(&EspHeap, HeapRegion) = EspHeap::add_region;
    let _: fn(&EspHeap) -> usize = EspHeap::used;
    let _: fn(&EspHeap) -> HeapStats = EspHeap::stats;
    let _: fn(&EspHeap) -> usize = EspHeap::free;
    let _: fn(&EspHeap, EnumSet<MemoryCapability>) -> usize = EspHeap::free_caps;
    let _: unsafe fn(&EspHeap, EnumSet<MemoryCapability>, Layout) -> *mut u8 = EspHeap::alloc_caps;
    assert_eq!(PRIVATE.stats().size, 0);
}

#[test]
fn the_types_have_the_parts_of_esp_alloc() {
    let new: unsafe fn(*mut u8, usize, EnumSet<MemoryCapability>) -> HeapRegion = HeapRegion::new;
    let mut memory = [0_u8; 64];
    // SAFETY: no heap is made of it.
    let region = unsafe { new(memory.as_mut_ptr(), 64, MemoryCapability::Internal.into()) };
    let RegionStats {
        size,
        used,
        free,
        capabilities,
    } = region.stats();
    assert_eq!((size, used, free), (64, 0, 64));
    assert_eq!(capabilities, MemoryCapability::Internal | EnumSet::empty());
    assert!(!capabilities.contains(MemoryCapability::External));
    let stats = PRIVATE.stats();
    let regions: &[Option<RegionStats>] = &stats.region_stats;
    let sizes: (usize, usize) = (stats.size, stats.current_usage);
    #[cfg(feature = "internal-heap-stats")]
    let _: (usize, u64, u64) = (stats.max_usage, stats.total_allocated, stats.total_freed);
    assert_eq!((regions.iter().flatten().count(), sizes), (0, (0, 0)));
}

#[test]
fn the_traits_are_those_of_esp_alloc() {
    fn allocates<A: Allocator>(_: A) {}
    fn is_printed<T: Debug + Display>() {}
    fn is_global<T: GlobalAlloc + Sync>() {}
    fn is_a_property<
        T: Copy + Eq + Debug + Into<EnumSet<T>> + esp_alloc::export::enumset::EnumSetType,
    >() {
    }
    allocates(&PRIVATE);
    allocates(AnyMemory);
    allocates(InternalMemory);
    allocates(ExternalMemory);
    allocates(DmaCompatibleInternalMemory);
    allocates(DmaCompatibleExternalMemory);
    is_printed::<RegionStats>();
    is_printed::<HeapStats>();
    is_global::<EspHeap>();
    is_a_property::<MemoryCapability>();
}
