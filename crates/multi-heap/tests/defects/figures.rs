//! Class D within one heap: every figure is what a user finds who tries.

use multi_heap::{Comprehensive, Heap, Light, Poison, Unpoisoned};

use crate::common::*;

/// A heap whose only hole has `size` bytes of payload, without poisoning.
fn with_one_hole<P: Poison>(region: &mut Region, size: u32) -> Heap<P> {
    let mut heap = region.heap::<P>();
    let [hole, _wall] = [size, 1].map(|size| allocate(&mut heap, request(size)).unwrap());
    while heap.largest_free_block() > 0 {
        let rest = heap.largest_free_block();
        allocate(&mut heap, request(rest)).unwrap();
    }
    free(&mut heap, hole);
    heap
}

fn largest_is_true<P: Poison>() {
    let mut region = Region::new(20 << 10);
    for size in (4..200).step_by(4).chain([1000, 1028, 4100, 16_792]) {
        let mut heap = with_one_hole::<P>(&mut region, size);
        let largest = heap.largest_free_block();
        assert!((size..size + 4).contains(&largest), "{size}: {largest}");
        assert_eq!(heap.allocate(request(largest + 1)), None, "{size}");
        assert!(allocate(&mut heap, request(largest)).is_some(), "{size}");
        assert_eq!(heap.largest_free_block(), 0);
    }
}

/// Defects: 32701a1.
#[test]
fn the_largest_block_can_be_had_and_one_byte_more_can_not() {
    largest_is_true::<Unpoisoned>();
    largest_is_true::<Light>();
    largest_is_true::<Comprehensive>();
}

/// Defects: 0028e2c.
#[test]
fn the_largest_block_is_no_power_of_two() {
    let mut region = Region::new(128 << 10);
    let heap = region.heap::<Unpoisoned>();
    let everything = heap.region_bytes() - heap.control_bytes() - 4;
    assert_eq!(heap.largest_free_block(), everything);
    assert!(!everything.is_power_of_two() && everything > 120_000);
}

/// Defects: 8270.
#[test]
fn free_bytes_are_what_can_be_had() {
    // ESP-IDF: `malloc(4)` until it fails, and 73 KiB were still said to be free.
    let mut region = Region::new(96 << 10);
    let mut heap = region.heap::<Unpoisoned>();
    let count = core::iter::from_fn(|| heap.allocate(request(4))).count();
    assert!(count > 12_000, "{count} blocks");
    assert!(
        heap.free_bytes() < 4,
        "{} bytes are said to be free",
        heap.free_bytes()
    );

    let mut heap = region.heap::<Unpoisoned>();
    let take = |size| allocate(&mut heap, request(size));
    let blocks: Vec<_> = (40..).map_while(take).collect();
    blocks.into_iter().step_by(2).for_each(|block| {
        free(&mut heap, block);
    });
    let (reported, mut had) = (heap.free_bytes(), 0);
    while heap.largest_free_block() > 0 {
        let largest = heap.largest_free_block();
        allocate(&mut heap, request(largest)).unwrap();
        had += largest;
    }
    assert_eq!(had + heap.free_bytes(), reported, "hole by hole");
}

/// Defects: ba1d7f8.
#[test]
fn the_size_of_a_block_is_without_its_canaries() {
    let mut region = Region::new(4096);
    let mut heap = region.heap::<Light>();
    for size in 1..60 {
        let block = allocate(&mut heap, request(size)).unwrap();
        assert_eq!(heap.usable_size(block), Ok(size));
        free(&mut heap, block);
    }
    let mut heap = region.heap::<Light>();
    for size in [41, 22, 97] {
        allocate(&mut heap, request(size)).unwrap();
    }
    assert_eq!(heap.info().total_allocated_bytes, 160);
}

/// Defects: 93e7264.
#[test]
fn the_canary_is_where_the_walk_says_that_the_block_ends() {
    // The debug module of 2016 had its own copy of the block's layout, which was forgotten when the
    // original changed.
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Light>();
    let block = allocate(&mut heap, request(40)).unwrap();
    let seen = heap.block_containing(block).unwrap();
    assert_eq!(
        (seen.start, seen.bytes),
        (block.get() - 12, 4 + 8 + 40 + 4),
        "header, head canary and size, payload, tail canary"
    );
    let tail = (seen.start + seen.bytes - 4) as usize;
    for at in [block.get() as usize - 8, tail] {
        region.bytes()[at] ^= 1;
        let found = heap.check().unwrap_err();
        assert_eq!(found.offset as usize & !3, at);
        region.bytes()[at] ^= 1;
    }
}
