//! The reason of a refusal, found a few blocks at a time.

use crate::common::*;
use multi_heap::{Comprehensive, Heap, Inquiry, Light, Misuse, Offset, Poison, Unpoisoned};

/// The reason, and how many calls it took.
fn in_pieces<P: Poison>(heap: &Heap<P>, place: Offset, blocks: u32) -> (Misuse, u32) {
    let mut inquiry = Inquiry::new(place);
    for calls in 1.. {
        if let Some(reason) = heap.explain_within(&mut inquiry, blocks) {
            return (reason, calls);
        }
    }
    unreachable!()
}

/// A heap of used and free blocks of many sizes.
fn varied<P: Poison>(region: &mut Region) -> (Heap<P>, Vec<Offset>) {
    let mut heap = region.heap::<P>();
    let blocks: Vec<Offset> = (0..60)
        .map(|n| allocate(&mut heap, request(1 + n * 37 % 90)).unwrap())
        .collect();
    let (freed, live): (Vec<_>, Vec<_>) = blocks.iter().enumerate().partition(|(n, _)| n % 3 == 1);
    for (_, block) in freed {
        free(&mut heap, *block);
    }
    (heap, live.into_iter().map(|(_, block)| *block).collect())
}

fn pieces_and_the_whole_agree<P: Poison>() {
    let mut region = Region::new(8192);
    let (heap, live) = varied::<P>(&mut region);
    for place in (1..8300).filter_map(Offset::new) {
        if live.contains(&place) {
            continue;
        }
        let reason = heap.explain(place);
        for blocks in [0, 1, 2, 7, 1000] {
            assert_eq!(in_pieces(&heap, place, blocks).0, reason, "{place}");
        }
    }
    assert_sound(&heap);
}

#[test]
fn every_wrong_place_has_the_same_reason_in_pieces() {
    pieces_and_the_whole_agree::<Unpoisoned>();
    pieces_and_the_whole_agree::<Light>();
    pieces_and_the_whole_agree::<Comprehensive>();
}

#[test]
fn a_call_walks_over_so_many_blocks_and_one_more_at_most() {
    let mut region = Region::new(65_536);
    let mut heap = region.heap::<Unpoisoned>();
    let blocks: Vec<Offset> = core::iter::from_fn(|| allocate(&mut heap, request(20))).collect();
    let last = *blocks.last().unwrap();
    free(&mut heap, last);
    for at_once in [1, 10, 100] {
        let (reason, calls) = in_pieces(&heap, last, at_once);
        assert_eq!(reason, Misuse::AlreadyFree);
        let least = blocks.len() as u32 / (at_once + 1);
        assert!(calls >= least, "{calls} calls for {} blocks", blocks.len());
        assert!(calls <= blocks.len() as u32 / at_once + 1);
    }
}

#[test]
fn a_walk_comes_to_its_end_while_blocks_come_and_go() {
    let mut region = Region::new(16_384);
    let mut heap = region.heap::<Light>();
    let blocks: Vec<Offset> = (0..200)
        .map(|_| allocate(&mut heap, request(20)).unwrap())
        .collect();
    let (last, mut before) = (blocks[199], blocks[..190].to_vec());
    free(&mut heap, last);
    let mut inquiry = Inquiry::new(last);
    let mut turn = 0;
    let reason = loop {
        if let Some(reason) = heap.explain_within(&mut inquiry, 3) {
            break reason;
        }
        // Whatever it stands at goes, and something else comes.
        for _ in 0..40 {
            turn = (turn + 7) % before.len();
            free(&mut heap, before.swap_remove(turn));
            before.push(allocate(&mut heap, request(1 + turn as u32 % 20)).unwrap());
        }
    };
    assert_eq!(reason, Misuse::AlreadyFree);
    assert_sound(&heap);
}

#[test]
fn a_block_that_came_meanwhile_is_not_blamed() {
    let mut region = Region::new(4096);
    let mut heap = region.heap::<Unpoisoned>();
    let blocks: Vec<Offset> = (0..20)
        .map(|_| allocate(&mut heap, request(20)).unwrap())
        .collect();
    let twice = blocks[10];
    free(&mut heap, twice);
    let mut inquiry = Inquiry::new(twice);
    assert_eq!(heap.explain_within(&mut inquiry, 2), None);
    assert_eq!(allocate(&mut heap, request(20)), Some(twice));
    let reason = core::iter::from_fn(|| Some(heap.explain_within(&mut inquiry, 2)));
    assert_eq!(reason.flatten().next(), Some(Misuse::AlreadyFree));
    assert_eq!(heap.damage(), None);
}
