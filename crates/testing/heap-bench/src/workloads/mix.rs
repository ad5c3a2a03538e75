//! Blocks of all sizes come and go at random; then aligned blocks in the heap as it was left.

use core::mem::MaybeUninit;

use super::{MIX_BYTES, Say};
use crate::costs::Costs;
use crate::meter::Meter;
use crate::random::Random;
use crate::stand::Stand;
use crate::subject::{Measured, Subject};

const LIVE: usize = 200;
const ROUNDS: u32 = 10_000;
const LARGEST: u32 = 1024;
const ALIGNED: usize = 32;

#[derive(Clone, Copy, Default)]
struct Block {
    at: usize,
    size: usize,
}

pub(super) fn run<S: Subject>(stand: &mut Stand<'_, impl Meter>, say: Say<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = stand.start(&mut place, MIX_BYTES) else {
        return;
    };
    let blocks = come_and_go(&mut heap, say);
    aligned(&mut heap, say);
    for block in blocks {
        heap.free(block.at, block.size, 4);
    }
}

/// Measures the pairs; returns the blocks that they leave.
fn come_and_go<S: Subject>(heap: &mut Measured<'_, S, impl Meter>, say: Say<'_>) -> [Block; LIVE] {
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
    malloc.say("malloc mix", say);
    free.say("free mix", say);
    blocks
}

/// A hundredth of the rounds, up to a malloc or a free.
pub(super) fn shortened<S: Subject>(heap: &mut Measured<'_, S, impl Meter>, ends_with_free: bool) {
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

fn aligned<S: Subject>(heap: &mut Measured<'_, S, impl Meter>, say: Say<'_>) {
    let (mut malloc, mut free) = (Costs::default(), Costs::default());
    let blocks: [usize; ALIGNED] = core::array::from_fn(|_| {
        let (block, cost) = heap.allocate_aligned(100, 64);
        malloc.add(cost);
        block
    });
    for block in blocks {
        free.add(heap.free(block, 100, 64));
    }
    malloc.say("malloc aligned 64", say);
    free.say("free aligned 64", say);
}
