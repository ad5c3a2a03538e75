//! A check in small steps: it finds what the check in one go finds, and raises no false alarm while the heap lives on.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

mod common;
use common::*;
use multi_heap::{
    BlockState, Comprehensive, Heap, Light, Offset, Patrol, Patrolled, Poison, Unpoisoned,
};
use proptest::prelude::*;

/// Ten blocks, every other one free again.
fn striped<P: Poison>(region: &mut Region) -> (Heap<P>, Vec<Offset>) {
    let mut heap = region.heap();
    let mut take = |size| allocate(&mut heap, request(size)).unwrap();
    let blocks: Vec<Offset> = [40, 24, 8, 100, 60, 20, 44, 12, 32, 16]
        .map(&mut take)
        .to_vec();
    for &block in blocks.iter().step_by(2) {
        free(&mut heap, block);
    }
    let live = blocks.into_iter().skip(1).step_by(2).collect();
    (heap, live)
}

#[test]
fn idf_12497_no_call_looks_at_more_blocks_than_it_was_told_to() {
    let mut region = Region::new(4096);
    let (heap, _) = striped::<Unpoisoned>(&mut region);
    let blocks = heap.blocks().count();
    for step in [1, 2, 3, 5, 100] {
        let mut patrol = Patrol::new();
        let mut calls = 1;
        while heap.patrol(&mut patrol, step).unwrap() == Patrolled::Underway {
            calls += 1;
        }
        assert!(
            calls <= blocks.div_ceil(step as usize),
            "{calls} calls in steps of {step}"
        );
        assert!(step < 100 || calls == 1);
    }
}

fn damage_is_found_within_a_round<P: Poison>() {
    let mut region = Region::new(4096);
    let (heap, live) = striped::<P>(&mut region);
    let headers = heap.blocks().map(|block| block.start as usize);
    let behind = live
        .iter()
        .map(|block| block.get() as usize + heap.usable_size(*block).unwrap() as usize);
    let places: Vec<usize> = if P::OVERHEAD == 0 {
        headers.collect()
    } else {
        headers.chain(behind).collect()
    };
    for place in places {
        let kept = region.bytes()[place];
        region.bytes()[place] ^= 0x10;
        let mut patrol = Patrol::new();
        let found = (0..20).find_map(|_| heap.patrol(&mut patrol, 2).err());
        assert_eq!(found, heap.check().err(), "{}: byte {place}", P::NAME);
        assert!(found.is_some());
        region.bytes()[place] = kept;
    }
}

#[test]
fn damage_is_found_within_a_round_and_told_as_the_check_tells_it() {
    damage_is_found_within_a_round::<Unpoisoned>();
    damage_is_found_within_a_round::<Light>();
    damage_is_found_within_a_round::<Comprehensive>();
}

#[test]
fn what_was_looked_at_already_is_found_in_the_next_round() {
    let mut region = Region::new(4096);
    let (heap, _) = striped::<Unpoisoned>(&mut region);
    let first = heap.blocks().next().unwrap().start as usize;
    let mut patrol = Patrol::new();
    assert_eq!(heap.patrol(&mut patrol, 4), Ok(Patrolled::Underway));
    region.bytes()[first] ^= 0x10;
    let mut found = None;
    for _ in 0..10 {
        found = found.or(heap.patrol(&mut patrol, 4).err());
    }
    assert_eq!(found, heap.check().err());
}

/// What happens between two calls of a patrol.
type Steps = Vec<(bool, usize, u32, u32)>;

fn no_false_alarm<P: Poison>(steps: &Steps) {
    let mut region = Region::dirty(8192, 0, 0xF8); // bytes that look like headers of used blocks
    let mut heap: Heap<P> = region.heap();
    let mut live = Vec::new();
    let mut patrol = Patrol::new();
    for &(take, which, size, step) in steps {
        if take || live.is_empty() {
            if let Some(block) = allocate(&mut heap, request(size)) {
                let user = block.get() as usize..(block.get() + size) as usize;
                let words = [0xF8, 0xFF, 0xFF, 0xFF]; // -8: a used block of one word
                let bytes = words.iter().cycle();
                region.bytes()[user]
                    .iter_mut()
                    .zip(bytes)
                    .for_each(|(place, &byte)| *place = byte);
                live.push(block);
            }
        } else {
            free(&mut heap, live.swap_remove(which % live.len()));
        }
        assert!(
            heap.patrol(&mut patrol, step).is_ok(),
            "{}: {:?}",
            P::NAME,
            heap.check()
        );
    }
    let state = |block: &multi_heap::Block| block.state == BlockState::Used;
    assert_eq!(heap.blocks().filter(state).count(), live.len());
    let rounds = (0..2000).filter(|_| heap.patrol(&mut patrol, 2) == Ok(Patrolled::Round));
    assert!(rounds.count() > 2, "a patrol of a heap at rest gets round");
}

proptest! {
    #[test]
    fn a_heap_that_lives_on_between_the_steps_raises_no_false_alarm(
        steps in proptest::collection::vec((any::<bool>(), any::<usize>(), 1..200u32, 1..6u32), 1..300)
    ) {
        no_false_alarm::<Unpoisoned>(&steps);
        no_false_alarm::<Light>(&steps);
        no_false_alarm::<Comprehensive>(&steps);
    }
}
