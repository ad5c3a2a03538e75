//! Every short program on a tiny heap: what random programs may miss.

use crate::common::*;
use multi_heap::{Comprehensive, Heap, Offset, Poison, Unpoisoned};

/// What can be done next: allocate one of a few sizes, free or resize one of the live blocks.
#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate(u32),
    Free(usize),
    Reallocate(usize, u32),
}

const SIZES: [u32; 4] = [1, 8, 12, 28];

fn steps(live: usize) -> Vec<Step> {
    let allocations = SIZES.map(Step::Allocate);
    let frees = (0..live).map(Step::Free);
    let reallocations = (0..live).flat_map(|rank| [4, 20].map(|size| Step::Reallocate(rank, size)));
    allocations
        .into_iter()
        .chain(frees)
        .chain(reallocations)
        .collect()
}

/// Replays a program on a fresh heap, checking after its last step; returns the number of live
/// blocks.
fn replay<P: Poison>(region: &mut Region, program: &[Step]) -> usize {
    let mut heap: Heap<P> = region.heap();
    let fresh = drawing(&heap);
    let mut live: Vec<(Offset, u32)> = Vec::new();
    for step in program {
        match *step {
            Step::Allocate(size) => {
                live.extend(allocate(&mut heap, request(size)).map(|block| (block, size)));
            }
            Step::Free(rank) => {
                free(&mut heap, live.remove(rank).0);
            }
            Step::Reallocate(rank, size) => {
                if let Some(block) = heap.reallocate(live[rank].0, request(size)).unwrap() {
                    live[rank] = (block, size);
                }
            }
        }
    }
    assert_sound(&heap);
    let count = live.len();
    for (block, size) in live {
        assert!(heap.usable_size(block).unwrap() >= size, "{program:?}");
        free(&mut heap, block);
    }
    assert_sound(&heap);
    assert_eq!(drawing(&heap), fresh, "{program:?}");
    count
}

/// All programs of up to `depth` steps; returns how many there are.
fn explore<P: Poison>(region: &mut Region, program: &mut Vec<Step>, depth: usize) -> usize {
    let live = replay::<P>(region, program);
    if depth == 0 {
        return 1;
    }
    let mut programs = 1;
    for step in steps(live) {
        program.push(step);
        programs += explore::<P>(region, program, depth - 1);
        program.pop();
    }
    programs
}

#[test]
fn every_program_of_six_steps_keeps_a_tiny_heap_sound() {
    let mut region = Region::new(180);
    let programs = explore::<Unpoisoned>(&mut region, &mut Vec::new(), 6);
    assert!(programs > 200_000, "{programs} programs");
}

#[test]
fn every_program_of_four_steps_keeps_a_tiny_poisoned_heap_sound() {
    let mut region = Region::new(260);
    let programs = explore::<Comprehensive>(&mut region, &mut Vec::new(), 4);
    assert!(programs > 2_000, "{programs} programs");
}
