//! Links that are encoded with a key: whoever forges one without the key gets nowhere.
//!
//! ```text
//!   | attacker's block | free: header | next | previous | .. |        | attacker's other block: .. next | previous .. |
//!            overruns ──────────────► ^ forged ─────────────────────────────► a node that leads back
//! ```
#![cfg(feature = "encoded-links")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

use std::sync::Mutex;

mod common;
use common::*;
use multi_heap::{Heap, Light, Offset, Poison, Unpoisoned, set_canary_key};

const KEY: u32 = 0x9F2E_3D4C;

/// A heap with a free block between two used ones, and a used block of 64 bytes at the end.
fn prepared<P: Poison>(region: &mut Region, key: u32) -> (Heap<P>, [Offset; 3]) {
    set_canary_key(key);
    let mut heap = region.heap::<P>();
    set_canary_key(0);
    let sizes = [20, 40, 20, 64, 20];
    let [_, free_block, _, own, _] = sizes.map(|size| allocate(&mut heap, request(size)).unwrap());
    let rest = heap.largest_free_block();
    let behind = allocate(&mut heap, request(rest)).unwrap();
    free(&mut heap, free_block);
    (heap, [free_block, own, behind])
}

/// Writes a node into a block of one's own, and a link to it into the free block: both lead to each
/// other as links do that are not encoded. Whether the heap then hands out a block inside of the
/// attacker's own one.
fn forged_link_is_followed(key: u32) -> bool {
    let mut region = Region::new(1200);
    let (mut heap, [free_block, own, _]) = prepared::<Unpoisoned>(&mut region, key);
    let node = own.checked_add(8).unwrap();
    let words = bytes_of_blocks(&heap);
    // A free block of 10 words, whose node comes second in the list.
    let header = own.checked_add(4).unwrap();
    assert!(words.set_word(header, 1 << 30 | 10));
    assert!(words.set_word(node, 0));
    assert!(words.set_word(own.checked_add(12).unwrap(), free_block.get() / 4));
    assert!(words.set_word(free_block, node.get() / 4));
    let first = heap.allocate(request(40));
    let second = first.and_then(|_| heap.allocate(request(36)));
    second.is_some_and(|block| (own.get()..own.get() + 64).contains(&block.get()))
}

/// One test after the other: the key is one for all heaps that are made.
static KEY_IN_USE: Mutex<()> = Mutex::new(());

#[test]
fn a_forged_link_is_followed_without_a_key_and_found_with_one() {
    let _alone = KEY_IN_USE.lock();
    assert!(forged_link_is_followed(0), "else this tests nothing");
    assert!(!forged_link_is_followed(KEY));
    let mut region = Region::new(1200);
    let (mut heap, [free_block, own, _]) = prepared::<Light>(&mut region, KEY);
    assert_sound(&heap);
    assert!(bytes_of_blocks(&heap).set_word(free_block.checked_sub(8).unwrap(), own.get() / 4));
    assert!(heap.check().is_err());
    assert_eq!(heap.allocate(request(40)), None);
    assert!(heap.damage().is_some());
}

/// Every size of block, so that minimum blocks, whose header is a link, come along.
#[test]
fn heaps_with_encoded_links_work_as_others() {
    let drawn = |key: u32| {
        let mut region = Region::new(4000);
        set_canary_key(key);
        let mut heap = region.heap::<Unpoisoned>();
        let mut drawings = vec![drawing(&heap)];
        let blocks: Vec<Offset> = (0..40)
            .map(|number| allocate(&mut heap, request(1 + number * 13 % 90)).unwrap())
            .collect();
        for (number, block) in blocks.iter().enumerate() {
            if number % 3 != 0 {
                free(&mut heap, *block);
                assert_sound(&heap);
                drawings.push(drawing(&heap));
            }
        }
        for number in 0..20 {
            let _ = allocate(&mut heap, request(1 + number * 7 % 40));
            assert_sound(&heap);
            drawings.push(drawing(&heap));
        }
        drawings
    };
    let _alone = KEY_IN_USE.lock();
    let encoded = drawn(KEY);
    assert_eq!(encoded, drawn(0));
}

#[test]
fn a_fresh_heap_of_any_size_is_sound_and_has_no_word_between_heads_and_blocks() {
    let _alone = KEY_IN_USE.lock();
    for size in (300..3000).step_by(4) {
        let mut region = Region::dirty(size, 0, 0x5A);
        set_canary_key(KEY);
        let heap = region.heap::<Unpoisoned>();
        set_canary_key(0);
        assert_sound(&heap);
    }
}
