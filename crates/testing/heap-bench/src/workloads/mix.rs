//! Blocks of all sizes come and go at random; then aligned blocks in the heap as it was left.

use core::mem::MaybeUninit;

use super::{MIX_BYTES, Report};
use crate::allocator::{Allocator, Measured};
use crate::costs::Costs;
use crate::counter::Counter;
use crate::fixture::Fixture;
use crate::random::Random;

const LIVE: usize = 200;
const ROUNDS: u32 = 10_000;
const LARGEST: u32 = 1024;
const ALIGNED: usize = 32;

#[derive(Clone, Copy, Default)]
struct Block {
    at: usize,
    size: usize,
}

pub(super) fn run<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, report: Report<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = fixture.start(&mut place, MIX_BYTES) else {
        return;
    };
    let blocks = come_and_go(&mut heap, report);
    aligned(&mut heap, report);
    for block in blocks {
        heap.free(block.at, block.size, 4);
    }
}

/// Measures the pairs; returns the blocks that they leave.
fn come_and_go<S: Allocator>(
    heap: &mut Measured<'_, S, impl Counter>,
    report: Report<'_>,
) -> [Block; LIVE] {
    let mut random = Random::new(1);
    let mut blocks = [Block::default(); LIVE];
    for block in &mut blocks {
        block.size = size(&mut random);
        (block.at, _) = heap.allocate(block.size);
    }
    let (mut malloc, mut free) = (Costs::default(), Costs::default());
    for _ in 0..ROUNDS {
        let block = &mut blocks[random.next() as usize % LIVE];
        free.add(heap.free(block.at, block.size, 4));
        block.size = size(&mut random);
        let (at, cost) = heap.allocate(block.size);
        block.at = at;
        malloc.add(cost);
    }
    malloc.report("malloc mix", report);
    free.report("free mix", report);
    blocks
}

/// A hundredth of the rounds, up to a malloc or a free.
pub(super) fn shortened<S: Allocator>(
    heap: &mut Measured<'_, S, impl Counter>,
    ends_with_free: bool,
) {
    let mut random = Random::new(1);
    let mut blocks = [Block::default(); LIVE];
    for block in &mut blocks {
        block.size = size(&mut random);
        (block.at, _) = heap.allocate(block.size);
    }
    for _ in 0..ROUNDS / 100 {
        let block = &mut blocks[random.next() as usize % LIVE];
        heap.free(block.at, block.size, 4);
        block.size = size(&mut random);
        (block.at, _) = heap.allocate(block.size);
    }
    if ends_with_free {
        let block = blocks[random.next() as usize % LIVE];
        heap.free(block.at, block.size, 4);
    }
}

fn size(random: &mut Random) -> usize {
    1 + (random.next() % LARGEST) as usize
}

fn aligned<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, report: Report<'_>) {
    let (mut malloc, mut free) = (Costs::default(), Costs::default());
    let blocks: [usize; ALIGNED] = core::array::from_fn(|_| {
        let (block, cost) = heap.allocate_aligned(100, 64);
        malloc.add(cost);
        block
    });
    for block in blocks {
        free.add(heap.free(block, 100, 64));
    }
    malloc.report("malloc aligned 64", report);
    free.report("free aligned 64", report);
}
