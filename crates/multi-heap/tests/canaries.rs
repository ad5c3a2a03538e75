//! Canaries that depend on a key: a file of its own, because the key is one for all heaps that are
//! made while it is set.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

mod common;
use common::*;
use std::sync::{Mutex, MutexGuard};

use multi_heap::{
    Comprehensive, CorruptionKind, HEAD_CANARY, Heap, Light, Misuse, Offset, Poison, TAIL_CANARY,
    set_canary_key,
};

const KEY: u32 = 0x5EED_1234;

/// Held by a test while it makes heaps.
static KEYS: Mutex<()> = Mutex::new(());

fn with_key<P: Poison>(region: &mut Region, key: u32) -> Heap<P> {
    let _held: MutexGuard<'_, ()> = KEYS.lock().unwrap();
    set_canary_key(key);
    let heap = region.heap();
    set_canary_key(0);
    heap
}

/// Head canary, size word and tail canary of a block of whole words.
fn canaries<P: Poison>(heap: &Heap<P>, block: Offset, size: u32) -> [u32; 3] {
    let word = |place: Option<Offset>| bytes_of_blocks(heap).word(place.unwrap()).unwrap();
    [
        word(block.checked_sub(8)),
        word(block.checked_sub(4)),
        word(block.checked_add(size)),
    ]
}

fn set_canaries<P: Poison>(heap: &Heap<P>, block: Offset, size: u32, canaries: [u32; 3]) {
    let places = [
        block.checked_sub(8),
        block.checked_sub(4),
        block.checked_add(size),
    ];
    for (place, value) in places.into_iter().zip(canaries) {
        assert!(bytes_of_blocks(heap).set_word(place.unwrap(), value));
    }
}

#[test]
fn without_a_key_canaries_are_esp_idfs() {
    let mut region = Region::new(1024);
    let mut heap = with_key::<Light>(&mut region, 0);
    let block = allocate(&mut heap, request(40)).unwrap();
    assert_eq!(canaries(&heap, block, 40), [HEAD_CANARY, 40, TAIL_CANARY]);
}

#[test]
fn who_knows_the_constants_but_not_the_key_cannot_write_canaries() {
    let mut region = Region::new(1024);
    let mut heap = with_key::<Light>(&mut region, KEY);
    let block = allocate(&mut heap, request(40)).unwrap();
    let written = canaries(&heap, block, 40);
    let tail_place = block.get() + 40;
    set_canaries(&heap, block, 40, [written[0], 40, TAIL_CANARY]);
    let Err(Misuse::Corrupt(found)) = heap.free(block) else {
        panic!("not refused");
    };
    assert_eq!(
        (found.kind, found.offset, found.expected, found.found),
        (
            CorruptionKind::TailCanary,
            tail_place,
            written[2],
            TAIL_CANARY
        )
    );
    set_canaries(&heap, block, 40, [HEAD_CANARY, 40, written[2]]);
    let Err(Misuse::Corrupt(found)) = heap.free(block) else {
        panic!("not refused");
    };
    assert_eq!(
        (found.kind, found.offset, found.expected, found.found),
        (
            CorruptionKind::HeadCanary,
            block.get() - 8,
            written[0],
            HEAD_CANARY
        )
    );
    set_canaries(&heap, block, 40, written);
    assert_eq!(heap.free(block), Ok(40));
    assert_sound(&heap);
}

#[test]
fn canaries_of_one_block_do_not_do_for_another() {
    let mut region = Region::new(1024);
    let mut heap = with_key::<Light>(&mut region, KEY);
    let [one, other] = [40, 40].map(|size| allocate(&mut heap, request(size)).unwrap());
    let (ones, others) = (canaries(&heap, one, 40), canaries(&heap, other, 40));
    assert!(ones[0] != others[0] && ones[2] != others[2]);
    set_canaries(&heap, other, 40, ones);
    assert!(matches!(heap.free(other), Err(Misuse::Corrupt(_))));
    set_canaries(&heap, other, 40, others);
    assert_eq!((heap.free(other), heap.free(one)), (Ok(40), Ok(40)));
}

#[test]
fn a_recorded_size_that_was_changed_by_a_byte_is_named_as_such() {
    let mut region = Region::new(1024);
    let mut heap = with_key::<Light>(&mut region, KEY);
    let block = allocate(&mut heap, request(39)).unwrap();
    let size_word = block.checked_sub(4).unwrap();
    for size in [38, 40] {
        assert!(bytes_of_blocks(&heap).set_word(size_word, size));
        let Err(Misuse::Corrupt(found)) = heap.free(block) else {
            panic!("not refused");
        };
        assert_eq!(
            (found.kind, found.offset, found.found),
            (CorruptionKind::SizeWord, size_word.get(), size)
        );
    }
}

#[test]
fn a_heap_keeps_the_key_with_which_it_was_made() {
    let mut regions = [Region::new(1024), Region::new(1024), Region::new(1024)];
    let [first, second, third] = &mut regions;
    let mut heaps = [
        with_key::<Light>(first, KEY),
        with_key::<Light>(second, KEY + 1),
        with_key::<Light>(third, 0),
    ];
    let blocks = heaps
        .each_mut()
        .map(|heap| allocate(heap, request(40)).unwrap());
    let all: Vec<[u32; 3]> = heaps
        .iter()
        .zip(blocks)
        .map(|(heap, block)| canaries(heap, block, 40))
        .collect();
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    for (heap, block) in heaps.iter_mut().zip(blocks) {
        assert_sound(heap);
        assert_eq!(free(heap, block), 40);
    }
}

/// Blocks of all sizes come, grow, shrink, move and go.
fn a_heap_with_a_key_lives<P: Poison>() {
    let mut region = Region::new(8192);
    let mut heap = with_key::<P>(&mut region, KEY);
    let fresh = heap.info();
    let mut live: Vec<(Offset, u32)> = Vec::new();
    let mut seed = 1_u32;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        (seed >> 8) % below
    };
    for step in 0..3000 {
        let size = 1 + random([24, 90, 400][(step % 3) as usize]);
        if live.is_empty() || random(5) < 2 {
            if let Some(block) = allocate(&mut heap, request(size)) {
                write(&heap, block, size, block.get() as u8);
                live.push((block, size));
            }
        } else {
            let rank = random(live.len() as u32) as usize;
            let (block, old) = live[rank];
            assert!(holds(&heap, block, old, block.get() as u8));
            if random(2) == 0 {
                assert_eq!(free(&mut heap, block), old);
                live.swap_remove(rank);
            } else if let Some(moved) = heap.reallocate(block, request(size)).unwrap() {
                assert!(holds(&heap, moved, old.min(size), block.get() as u8));
                write(&heap, moved, size, moved.get() as u8);
                live[rank] = (moved, size);
            }
        }
        assert_sound(&heap);
    }
    for (block, size) in live {
        assert_eq!(free(&mut heap, block), size);
    }
    assert_eq!(heap.info().total_free_bytes, fresh.total_free_bytes);
    assert_sound(&heap);
}

#[test]
fn every_operation_keeps_canaries_with_a_key() {
    a_heap_with_a_key_lives::<Light>();
    a_heap_with_a_key_lives::<Comprehensive>();
}
