//! Class C within one heap: freed memory serves again, and a request takes a hole of about its
//! size.

use multi_heap::{BlockState, Heap, Offset, Unpoisoned};

use super::Rng;
use crate::common::*;

/// Defects: 4b7eb17.
#[test]
fn the_tail_of_a_shrunk_block_joins_the_free_block_behind() {
    let mut region = Region::new(4096);
    let mut heap: Heap = region.heap();
    let [block, next, _wall] = [200, 60, 8].map(|size| allocate(&mut heap, request(size)).unwrap());
    free(&mut heap, next);
    assert!(drawing(&heap).starts_with("[204 used][64 free][12 used]"));
    for (size, expected) in [
        (100, "[104 used][164 free][12 used]"),
        (40, "[44 used][224 free][12 used]"),
        (4, "[8 used][260 free][12 used]"),
    ] {
        assert_eq!(heap.resize(block, size), Ok(true));
        assert!(drawing(&heap).starts_with(expected), "{}", drawing(&heap));
        assert_sound(&heap);
    }
}

/// Defects: 4b7eb17.
#[test]
fn random_shrinking_leaves_no_two_free_neighbours() {
    let mut region = Region::new(16 << 10);
    let mut heap: Heap = region.heap();
    let fresh = drawing(&heap);
    let mut rng = Rng(11);
    let mut live: Vec<(Offset, u32)> = Vec::new();
    while let Some(block) = allocate(&mut heap, request(100 + rng.below(100))) {
        live.push((block, heap.usable_size(block).unwrap()));
    }
    for _ in 0..500 {
        let which = rng.below(live.len() as u32) as usize;
        let (block, size) = &mut live[which];
        *size = 1 + rng.below(*size);
        assert_eq!(heap.resize(*block, *size), Ok(true));
        let states: Vec<_> = heap.blocks().map(|block| block.state).collect();
        let free_pair = [BlockState::Free, BlockState::Free];
        assert!(!states.windows(2).any(|pair| pair == free_pair));
    }
    live.into_iter()
        .for_each(|(block, _)| _ = free(&mut heap, block));
    assert_eq!(drawing(&heap), fresh);
}

/// Defects: 89d461d.
#[test]
fn a_request_takes_a_hole_that_is_a_quarter_larger_at_most() {
    // Holes of 256, 264, .. 1016 bytes in random order, and no other free memory.
    let holes: Vec<u32> = (256..1024).step_by(8).collect();
    for wanted in (256..900).step_by(4) {
        let mut region = Region::new(128 << 10);
        let mut heap: Heap = region.heap();
        let (mut sizes, mut rng, mut blocks) = (holes.clone(), Rng(wanted), Vec::new());
        while !sizes.is_empty() {
            let size = sizes.swap_remove(rng.below(sizes.len() as u32) as usize);
            blocks.push((allocate(&mut heap, request(size)).unwrap(), size));
            allocate(&mut heap, request(4)).unwrap();
        }
        let rest = heap.largest_free_block();
        allocate(&mut heap, request(rest)).unwrap();
        for &(block, _) in &blocks {
            free(&mut heap, block);
        }
        let taken = allocate(&mut heap, request(wanted)).unwrap();
        let hole = blocks.iter().find(|(block, _)| *block == taken).unwrap().1;
        assert!(
            hole <= wanted + wanted / 4,
            "{wanted} bytes out of a hole of {hole}"
        );
    }
}

/// Defects: 81d3779.
#[test]
fn what_was_freed_last_serves_its_own_size_again_in_a_full_heap() {
    let mut region = Region::new(256 << 10);
    for size in (900..40_000).step_by(97) {
        let mut heap = region.heap::<Unpoisoned>();
        let [block, _wall] = [size, 4].map(|size| allocate(&mut heap, request(size)).unwrap());
        let rest = heap.largest_free_block();
        allocate(&mut heap, request(rest)).unwrap();
        free(&mut heap, block);
        assert_eq!(allocate(&mut heap, request(size)), Some(block), "{size}");
    }
}
