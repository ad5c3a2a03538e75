//! Class A: sizes that wrap, blocks that are smaller than asked, memory that is not what it was
//! taken for.

use multi_heap::{BlockState, Comprehensive, Heap, Light, Offset, Poison, Request, Unpoisoned};

use super::Rng;
use crate::common::*;

fn aligned_blocks_are_large_enough<P: Poison>() {
    let mut region = Region::dirty(64 << 10, 4, 0xA5);
    let mut heap = region.heap::<P>();
    for alignment in (0..=12).map(|bit| 1_usize << bit) {
        for size in (1..140).chain([255, 1000, 4095, 4097]) {
            let block = allocate(&mut heap, Request::aligned(size, alignment).unwrap()).unwrap();
            let what = format!("{} {size} aligned to {alignment}", P::NAME);
            assert!(heap.usable_size(block).unwrap() as usize >= size, "{what}");
            write(&heap, block, size as u32, 0x5A);
            assert_eq!(heap.check(), Ok(()), "{what}: all of it is the user's");
            free(&mut heap, block);
        }
    }
}

/// Defects: 9516fd0.
#[test]
fn no_aligned_block_is_smaller_than_asked() {
    aligned_blocks_are_large_enough::<Unpoisoned>();
    aligned_blocks_are_large_enough::<Light>();
    aligned_blocks_are_large_enough::<Comprehensive>();
}

fn huge_requests_change_nothing<P: Poison>() {
    let mut region = Region::new(8192);
    let mut heap = region.heap::<P>();
    let block = allocate(&mut heap, request(100)).unwrap();
    let before = drawing(&heap);
    let ends = [usize::MAX, u32::MAX as usize, 1 << 31, 1 << 30, 1 << 28];
    for size in ends.into_iter().flat_map(|end| end - 64..=end) {
        for alignment in [4, 8, 4096, 1 << 20] {
            let served = Request::aligned(size, alignment).and_then(|huge| heap.allocate(huge));
            assert_eq!(served, None, "{size:#x} aligned to {alignment}");
        }
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        assert_eq!(heap.resize(block, size), Ok(false), "{size:#x}");
        assert_eq!(heap.grow_backward(block, size), Ok(None), "{size:#x}");
    }
    assert_eq!(drawing(&heap), before);
    assert_sound(&heap);
}

/// Defects: 72601dd, 2b73b8a.
#[test]
fn a_huge_request_leaves_no_block_behind_the_end() {
    huge_requests_change_nothing::<Unpoisoned>();
    huge_requests_change_nothing::<Light>();
    huge_requests_change_nothing::<Comprehensive>();
}

/// Defects: 0c8ce8f.
#[test]
fn nothing_is_no_request_whatever_its_alignment() {
    for alignment in (0..usize::BITS).map(|bit| 1_usize << bit) {
        assert_eq!(Request::aligned(0, alignment), None);
        assert_eq!(Request::aligned_at(0, alignment, 4), None);
    }
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Light>();
    let block = allocate(&mut heap, request(1)).unwrap();
    assert_eq!(heap.resize(block, 0), Ok(false));
    assert_eq!(heap.usable_size(block), Ok(1));
}

/// What a heap in memory full of `dirt` looks like after the same 200 steps.
fn life_in<P: Poison>(dirt: u8) -> (String, multi_heap::Info) {
    let mut region = Region::dirty(4096, 0, dirt);
    let mut heap: Heap<P> = region.heap();
    let (mut rng, mut live) = (Rng(7), Vec::new());
    for _ in 0..200 {
        if rng.below(3) > 0 || live.is_empty() {
            live.extend(allocate(&mut heap, request(1 + rng.below(120))));
        } else {
            let gone: Offset = live.swap_remove(rng.below(live.len() as u32) as usize);
            free(&mut heap, gone);
        }
        assert_sound(&heap);
    }
    (drawing(&heap), heap.info())
}

/// Defects: c499512.
#[test]
fn a_heap_in_dirty_memory_is_as_one_in_zeroed_memory() {
    for dirt in [0xFF, 0xA5, 0xF8, 0x01, 0x80] {
        assert_eq!(life_in::<Unpoisoned>(dirt), life_in::<Unpoisoned>(0));
        assert_eq!(life_in::<Light>(dirt), life_in::<Light>(0));
        assert_eq!(life_in::<Comprehensive>(dirt), life_in::<Comprehensive>(0));
    }
}

fn resized_blocks_have_what_was_asked_for<P: Poison>() {
    let mut region = Region::new(4096);
    for old in [1, 4, 7, 60, 300] {
        for new in [1, 3, 4, 5, 8, 61, 299, 301, 1000] {
            let mut heap = region.heap::<P>();
            let block = allocate(&mut heap, request(old)).unwrap();
            let wall = allocate(&mut heap, request(8)).unwrap();
            write(&heap, block, old, 3);
            write(&heap, wall, 8, 9);
            let block = heap.reallocate(block, request(new)).unwrap().unwrap();
            assert!(heap.usable_size(block).unwrap() >= new, "{old} to {new}");
            assert!(holds(&heap, block, old.min(new), 3), "{old} to {new}");
            write(&heap, block, new, 5);
            assert!(holds(&heap, wall, 8, 9), "{old} to {new}");
            assert_sound(&heap);
        }
    }
}

/// Defects: 5b77f77.
#[test]
fn a_resized_block_has_the_bytes_asked_for_on_a_host_too() {
    resized_blocks_have_what_was_asked_for::<Unpoisoned>();
    resized_blocks_have_what_was_asked_for::<Light>();
    resized_blocks_have_what_was_asked_for::<Comprehensive>();
}

/// Bytes of free blocks that hold no header, no link and no size: first 12 and last 4 bytes are the
/// heap's.
fn free_bytes(heap: &Heap<Comprehensive>) -> Vec<usize> {
    heap.blocks()
        .filter(|block| block.state == BlockState::Free && block.bytes > 16)
        .flat_map(|block| block.start as usize + 12..(block.start + block.bytes) as usize - 4)
        .collect()
}

/// Defects: b76f0fe, bd9b921.
#[test]
fn after_every_step_each_free_byte_is_filled() {
    let mut region = Region::dirty(4096, 0, 0x33);
    let mut heap = region.heap::<Comprehensive>();
    let (mut rng, mut live) = (Rng(3), Vec::new());
    let mut looked_at = 0;
    for step in 0..2000 {
        match rng.below(5) {
            0 | 1 if live.len() < 30 => {
                live.extend(allocate(&mut heap, request(1 + rng.below(200))));
            }
            2 if !live.is_empty() => {
                let which = rng.below(live.len() as u32) as usize;
                let size = request(1 + rng.below(300));
                live[which] = heap
                    .reallocate(live[which], size)
                    .unwrap()
                    .unwrap_or(live[which]);
            }
            _ if !live.is_empty() => {
                let gone = live.swap_remove(rng.below(live.len() as u32) as usize);
                free(&mut heap, gone);
            }
            _ => {}
        }
        let bytes = free_bytes(&heap);
        looked_at += bytes.len();
        assert!(
            bytes.iter().all(|&at| region.bytes()[at] == 0xFE),
            "step {step}: {}",
            drawing(&heap)
        );
    }
    assert!(looked_at > 1_000_000, "{looked_at} bytes");
}
