//! esp-alloc's defects (`docs/defects.md`), none of which the heap behind its names has.
//!
//! Before each test stand the numbers of what it would find: an issue of esp-hal, or the line of
//! our own list.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    reason = "tests: a helper that fails fails its test"
)]

use std::alloc::{GlobalAlloc, Layout};

use allocator_api2::vec::Vec;
use esp_alloc::{EspHeap, HeapRegion, MemoryCapability, REGIONS};
use soc_regions::Caps;

#[cfg(feature = "alloc-hooks")]
mod hooks {
    use super::{EspHeap, MemoryCapability};
    use esp_alloc::export::enumset::EnumSet;

    #[unsafe(no_mangle)]
    fn _esp_alloc_alloc(_: &EspHeap, _: EnumSet<MemoryCapability>, _: usize, _: usize) {}

    #[unsafe(no_mangle)]
    fn _esp_alloc_dealloc(_: &EspHeap, _: usize, _: usize) {}
}

fn heap() -> &'static EspHeap {
    Box::leak(Box::new(EspHeap::empty()))
}

/// A region of `size` bytes that nobody else has, at its own place.
fn region(size: usize) -> HeapRegion {
    let memory = vec![0_u64; size / 8].leak();
    // SAFETY: the memory is leaked: nobody else has it, and it stays.
    unsafe {
        HeapRegion::new(
            memory.as_mut_ptr().cast(),
            size,
            MemoryCapability::Internal.into(),
        )
    }
}

fn heap_of(sizes: &[usize]) -> &'static EspHeap {
    let heap = heap();
    for &size in sizes {
        // SAFETY: as above.
        unsafe { heap.add_region(region(size)) };
    }
    heap
}

fn words(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 4).unwrap()
}

/// Whoever walked the blocks would fall over the headers that are overwritten here.
/// Defects: esp_alloc_07.
#[test]
fn how_much_is_used_is_known_without_a_walk() {
    let heap = heap_of(&[64 * 1024]);
    // SAFETY: the layout has a size.
    let blocks: Vec<*mut u8> = (0..1000).map(|_| unsafe { heap.alloc(words(8)) }).collect();
    let (used, free) = (heap.used(), heap.free());
    assert!(used >= 1000 * 8);
    let (first, last) = (*blocks.iter().min().unwrap(), *blocks.iter().max().unwrap());
    assert!(
        last.addr() - first.addr() >= 999 * 12,
        "headers lie between"
    );
    // SAFETY: the blocks are all that lies from the first to the last, and nobody uses the heap or
    // them again.
    unsafe { first.write_bytes(0xFF, last.addr() - first.addr()) };
    assert_eq!((heap.used(), heap.free()), (used, free));
}

/// Defects: esp_alloc_09.
#[test]
fn eight_regions_have_room_and_the_ninth_is_an_error() {
    let heap = heap_of(&[1024; REGIONS]);
    // SAFETY: as for the others.
    let refused = unsafe { heap.try_add_region(region(1024)) };
    assert!(refused.is_err() && REGIONS == 8);
    assert_eq!(heap.heaps().inspect().heaps().count(), 8);
}

/// Defects: esp_alloc_10.
#[test]
fn largest_block_watermark_and_failure_are_known() {
    let heap = heap_of(&[8 * 1024, 16 * 1024]);
    let (caps, largest) = (
        Caps::INTERNAL,
        heap.heaps().inspect().largest_free_block(Caps::INTERNAL),
    );
    assert!((15 * 1024..16 * 1024).contains(&largest), "{largest}");
    let free = heap.heaps().inspect().free_size(caps);
    drop(Vec::<u8, _>::with_capacity_in(5000, heap));
    let (now, least) = (
        heap.heaps().inspect().free_size(caps),
        heap.heaps().inspect().minimum_free_size(caps),
    );
    assert_eq!((now, least), (free, free - 5004));
    // SAFETY: the layout has a size.
    assert!(unsafe { heap.alloc(words(20_000)) }.is_null());
    let failure = heap.heaps().inspect().last_failure().unwrap().to_string();
    assert!(
        failure.starts_with("19.5 KiB with 8BIT: no heap is that big"),
        "{failure}"
    );
}

/// Defects: 3949, 6015.
#[test]
fn every_block_of_every_region_is_freed() {
    // Regions side by side in one piece of memory: where one ends, the next begins.
    let heap = heap();
    let memory = vec![0_u64; 1024].leak().as_mut_ptr().cast::<u8>();
    for number in [0, 1, 3, 2] {
        // SAFETY: leaked memory, each quarter given once.
        unsafe {
            let start = memory.add(number * 2048);
            heap.add_region(HeapRegion::new(
                start,
                2048,
                MemoryCapability::Internal.into(),
            ));
        }
    }
    let used = heap.used();
    for round in 0..3 {
        let mut blocks = std::vec::Vec::new();
        for size in [100, 12, 4] {
            // SAFETY: the layout has a size.
            let take = || Some(unsafe { heap.alloc(words(size)) }).filter(|block| !block.is_null());
            blocks.extend(std::iter::from_fn(take).map(|block| (block, size)));
        }
        let stats = heap.stats().region_stats;
        assert!(
            stats.iter().flatten().all(|region| region.free < 4),
            "round {round}: all is full"
        );
        for (block, size) in blocks {
            // SAFETY: a block of this heap that nobody uses.
            unsafe { heap.dealloc(block, words(size)) };
        }
        assert_eq!(
            (heap.used(), heap.heaps().faults().reports()),
            (used, 0),
            "round {round}"
        );
    }
}

#[cfg(feature = "internal-heap-stats")]
/// Defects: 4783.
#[test]
fn what_was_ever_allocated_may_be_more_than_32_bits_count() {
    let heap = heap_of(&[4 << 20]);
    let half = words(2 << 20);
    for _ in 0..2100 {
        // SAFETY: the layout has a size; the block is freed once.
        let block = unsafe { heap.alloc(half) };
        assert!(!block.is_null());
        // SAFETY: as above.
        unsafe { heap.dealloc(block, half) };
    }
    let stats = heap.stats();
    assert!(
        stats.total_allocated > u64::from(u32::MAX),
        "{}",
        stats.total_allocated
    );
    assert_eq!(stats.total_allocated, stats.total_freed);
}
