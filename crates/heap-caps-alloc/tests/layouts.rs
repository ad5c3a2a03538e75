//! Every `Layout` is honoured: address, size, contents, zeros, through every way to change it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

mod support;

use std::alloc::GlobalAlloc;

use heap_caps_alloc::{CapsHeap, SpinLock};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::Caps;
use support::{assert_pristine, esp32, layout};

const SIZES: std::ops::RangeInclusive<usize> = 0..=300;

fn alignments() -> impl Iterator<Item = usize> {
    (0..=12).map(|bits| 1 << bits)
}

fn fill(block: *mut u8, size: usize, byte: u8) {
    // SAFETY: the test's own block of at least this size.
    unsafe { block.write_bytes(byte, size) };
}

fn holds(block: *const u8, size: usize, byte: u8) -> bool {
    // SAFETY: the test's own block of at least this size, which was filled before.
    let bytes = unsafe { std::slice::from_raw_parts(block, size) };
    bytes.iter().all(|&found| found == byte)
}

fn byte_for(size: usize, align: usize) -> u8 {
    (size as u8).wrapping_mul(31) ^ align.trailing_zeros() as u8
}

fn all_layouts_at_once<P: Poison + 'static>() {
    let heap: &CapsHeap<SpinLock, P> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    for align in alignments() {
        let mut blocks = Vec::new();
        for size in SIZES.step_by(if align > 256 { 29 } else { 1 }) {
            // SAFETY: this allocator accepts zero sizes too.
            let block = unsafe { heap.alloc(layout(size, align)) };
            assert!(!block.is_null(), "{size} bytes aligned to {align}");
            assert!(
                block.addr().is_multiple_of(align),
                "{size} bytes aligned to {align}"
            );
            fill(block, size, byte_for(size, align));
            blocks.push((block, size));
        }
        for (block, size) in blocks {
            assert!(
                holds(block, size, byte_for(size, align)),
                "{size} bytes aligned to {align}"
            );
            // SAFETY: allocated above with this layout.
            unsafe { heap.dealloc(block, layout(size, align)) };
        }
    }
    assert_pristine(heap, free);
}

#[test]
fn blocks_of_every_layout_keep_their_contents_side_by_side() {
    all_layouts_at_once::<Unpoisoned>();
    all_layouts_at_once::<Light>();
    all_layouts_at_once::<Comprehensive>();
}

fn every_layout_resized<P: Poison + 'static>() {
    let heap: &CapsHeap<SpinLock, P> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    for align in alignments() {
        for size in SIZES {
            for new in [0, 1, size / 2, size, size + 1, 2 * size, 1000] {
                let byte = byte_for(size, align);
                // SAFETY: this allocator accepts zero sizes too.
                let block = unsafe { heap.alloc(layout(size, align)) };
                fill(block, size, byte);
                // SAFETY: allocated above with this layout; it is used by the new pointer from now
                // on.
                let block = unsafe { GlobalAlloc::realloc(heap, block, layout(size, align), new) };
                assert!(!block.is_null(), "{size} to {new} bytes aligned to {align}");
                assert!(
                    block.addr().is_multiple_of(align),
                    "{size} to {new} bytes aligned to {align}"
                );
                assert!(
                    holds(block, size.min(new), byte),
                    "{size} to {new} bytes aligned to {align}"
                );
                // SAFETY: resized to this layout above.
                unsafe { heap.dealloc(block, layout(new, align)) };
            }
        }
    }
    assert_pristine(heap, free);
}

#[test]
fn a_resized_block_keeps_its_alignment_and_contents() {
    every_layout_resized::<Unpoisoned>();
    every_layout_resized::<Light>();
    every_layout_resized::<Comprehensive>();
}

#[test]
fn zeroed_blocks_are_zero_in_memory_that_was_not() {
    let heap: &CapsHeap<SpinLock> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    for align in alignments() {
        for size in SIZES {
            // SAFETY: this allocator accepts zero sizes too.
            let block = unsafe { heap.alloc_zeroed(layout(size, align)) };
            assert!(holds(block, size, 0), "{size} bytes aligned to {align}");
            fill(block, size, 0xA5);
            // SAFETY: allocated above with this layout.
            unsafe { heap.dealloc(block, layout(size, align)) };
        }
    }
    assert_pristine(heap, free);
}

#[test]
fn a_block_grows_and_shrinks_where_it_lies_if_there_is_room() {
    let heap: &CapsHeap<SpinLock> = esp32(());
    // SAFETY: a block, resized twice and freed, always by its last pointer and layout.
    unsafe {
        let block = heap.alloc(layout(100, 8));
        let grown = GlobalAlloc::realloc(heap, block, layout(100, 8), 4000);
        assert_eq!(grown, block);
        let shrunk = GlobalAlloc::realloc(heap, grown, layout(4000, 8), 40);
        assert_eq!(shrunk, block);
        heap.dealloc(shrunk, layout(40, 8));
    }
}

#[test]
fn impossible_layouts_are_null_and_change_nothing() {
    let heap: &CapsHeap<SpinLock> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let largest = isize::MAX as usize;
    for (size, align) in [
        (largest, 1),
        (largest - 4095, 4096),
        (1 << 31, 4),
        (100, 1 << 30),
        (100, 1 << 62),
    ] {
        // SAFETY: sizes are not zero.
        let block = unsafe { heap.alloc(layout(size, align)) };
        assert!(block.is_null(), "{size} bytes aligned to {align}");
    }
    assert_eq!(heap.inspect().failures(), 5);
    // SAFETY: a block of this layout, freed with it; the size of the failed attempt is impossible,
    // not forbidden.
    unsafe {
        let block = heap.alloc(layout(100, 16));
        assert!(GlobalAlloc::realloc(heap, block, layout(100, 16), largest - 15).is_null());
        assert!(GlobalAlloc::realloc(heap, block, layout(100, 16), usize::MAX).is_null());
        heap.dealloc(block, layout(100, 16));
    }
    assert_pristine(heap, free);
}

#[test]
fn psram_is_left_alone_until_a_threshold_says_otherwise() {
    let heap: &CapsHeap<SpinLock> = esp32(());
    let (psram, big) = (heap.inspect().free_size(Caps::SPIRAM), layout(20_000, 4));
    let taken = || psram - heap.inspect().free_size(Caps::SPIRAM);
    // SAFETY: blocks are freed with the layout they were allocated with.
    unsafe {
        let mut internal = Vec::new();
        loop {
            match heap.alloc(big) {
                block if block.is_null() => break,
                block => internal.push(block),
            }
        }
        assert!(!internal.is_empty());
        assert_eq!(taken(), 0, "not even when internal memory is full");
        heap.set_external_threshold(Some(16_384));
        let external = heap.alloc(big);
        assert!(!external.is_null() && taken() >= 20_000);
        heap.dealloc(external, big);
        internal
            .into_iter()
            .for_each(|block| heap.dealloc(block, big));
    }
}

#[test]
fn what_no_memory_can_hold_is_null_with_a_threshold_too() {
    let heap: &CapsHeap<SpinLock> = esp32(());
    heap.set_external_threshold(Some(16 * 1024));
    for bytes in [64 << 20, 1 << 30, (1 << 31) - 1] {
        // SAFETY: the layout is not empty.
        let block = unsafe { heap.alloc(layout(bytes, 1)) };
        assert!(block.is_null(), "{bytes} bytes");
    }
}
