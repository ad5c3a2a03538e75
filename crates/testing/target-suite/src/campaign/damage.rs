//! One heap whose words change between its calls, control structure and headers first: no call
//! leaves the region, panics or runs for ever.

use alloc::vec::Vec;
use core::ops::AddAssign;

use multi_heap::{Heap, Offset, Poison, Request, Scrubber};

use super::Input;
use super::region::Region;

/// How many heaps there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DamageCounts {
    /// Heaps that were damaged.
    pub heaps: u64,
    /// Words that were changed in them.
    pub words: u64,
    /// Calls of damaged heaps.
    pub calls: u64,
    /// Heaps of which a call or a check noticed the damage.
    pub noticed: u64,
}

impl AddAssign for DamageCounts {
    fn add_assign(&mut self, other: Self) {
        self.heaps += other.heaps;
        self.words += other.words;
        self.calls += other.calls;
        self.noticed += other.noticed;
    }
}

/// Damages a heap of its own and calls it, as `input` says.
///
/// # Panics
/// If the heap accesses a word outside of its region.
pub fn run<P: Poison>(mut input: Input<'_>) -> DamageCounts {
    let words = 24 + u32::from(input.short()) % 600;
    let mut region = Region::new(words);
    let mut heap = region.heap::<P>();
    let mut scrub = Scrubber::new();
    let mut blocks = fragmented(&mut heap, input.byte());
    let mut counts = DamageCounts::default();
    while !input.is_empty() {
        if input.byte().is_multiple_of(4) || counts.words == 0 {
            damage(&heap, &mut region, &mut input, words);
            counts.words += 1;
        }
        call(&mut heap, &mut blocks, &mut scrub, &mut input);
        counts.calls += 1;
    }
    counts.heaps = 1;
    counts.noticed = u64::from(heap.check().is_err() || heap.damage().is_some());
    let _ = (heap.info(), heap.largest_free_block());
    let _ = (heap.blocks().count(), heap.sound_blocks().count());
    assert!(region.is_inside(), "wrote outside");
    counts
}

/// Fills a heap and frees every second or third block, so that lists have many nodes; returns those
/// that are left.
fn fragmented<P: Poison>(heap: &mut Heap<P>, shape: u8) -> Vec<Offset> {
    let mut blocks = Vec::new();
    for number in 0..u32::from(shape % 32) {
        let size = 1 + (number * u32::from(shape)) % 72;
        let Some(request) = Request::new(size as usize) else {
            continue;
        };
        if let Some(block) = heap.allocate(request) {
            let _ = heap.allocated(block, size);
            blocks.push(block);
        }
    }
    let interval = 2 + usize::from(shape >> 7);
    let mut number = 0;
    blocks.retain(|&block| {
        number += 1;
        if number % interval == 0 {
            let _ = heap.freeing(block).and_then(|()| heap.free(block));
        }
        number % interval != 0
    });
    blocks
}

/// Another value for a word: an index, a header, a bit, anything.
fn damage<P: Poison>(heap: &Heap<P>, region: &mut Region, input: &mut Input<'_>, words: u32) {
    let (place, kind, number) = (input.short(), input.byte(), u32::from(input.short()));
    // In the control structure, in the first words of a block, or anywhere
    let place = match kind >> 6 {
        0 => u32::from(place) % 80,
        1 | 2 => {
            let block = heap.blocks().nth(usize::from(place) % 64);
            block.map_or(place.into(), |block| {
                block.start / 4 + u32::from(place >> 14)
            })
        }
        _ => place.into(),
    };
    let word = region.word(place);
    *word = match kind % 8 {
        0 => number % (words + 4),
        1 => (1 << 30) ^ (number % (words + 4)),
        2 => (number % (8 * words + 64)).wrapping_neg(),
        3 => *word ^ 1 << (number % 32),
        4 => number << 16 | u32::from(input.short()),
        5 => word.wrapping_add(number),
        6 => 0,
        _ => u32::MAX,
    };
}

fn call<P: Poison>(
    heap: &mut Heap<P>,
    blocks: &mut Vec<Offset>,
    scrub: &mut Scrubber,
    input: &mut Input<'_>,
) {
    let (call, number) = (input.byte(), input.short());
    let size = 1 + u32::from(number) % [24, 200, 2000][usize::from(call >> 6) % 3];
    let block = match blocks.len() {
        0 => None,
        count => blocks.get(usize::from(number) % count).copied(),
    };
    let block = block.or(Offset::new(u32::from(number)));
    let Some(block) = block else { return };
    let aligned = Request::aligned(size as usize, 1 << (number % 8));
    let Some(request) = aligned else { return };
    match call % 12 {
        0..=3 => {
            if let Some(block) = heap.allocate(request) {
                let _ = heap.allocated(block, size);
                blocks.push(block);
            }
        }
        4 => {
            let _ = heap.freeing(block).and_then(|()| heap.free(block));
        }
        5 => {
            if let Ok(Some(moved)) = heap.reallocate(block, request) {
                blocks.push(moved);
            }
        }
        6 => {
            let _ = heap.resize(block, size);
        }
        7 => {
            if let Ok(Some(moved)) = heap.grow_backward(block, size) {
                blocks.push(moved.to);
            }
        }
        8 => {
            let _ = heap.scrub(scrub, 1 + u32::from(call >> 4));
        }
        9 => {
            let _ = (heap.can_allocate(request), heap.largest_free_block());
            let _ = (heap.usable_size(block), heap.resizable_size(block, size));
        }
        10 => {
            let _ = heap.free(Offset::new(u32::from(number)).unwrap_or(block));
        }
        _ => {
            let _ = (heap.damage(), heap.info(), heap.block_containing(block));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use multi_heap::{Comprehensive, Light, Unpoisoned};

    /// Most heaps are really damaged, and called afterwards: else a long campaign would say little.
    #[test]
    fn most_inputs_damage_a_heap_so_that_it_notices() {
        fn counts<P: Poison>() -> DamageCounts {
            let (mut bytes, mut all) = (Vec::new(), DamageCounts::default());
            for seed in 1..1000 {
                Input::fill(&mut bytes, seed, 100);
                all += run::<P>(Input::new(&bytes));
            }
            all
        }
        for counts in [
            counts::<Unpoisoned>(),
            counts::<Light>(),
            counts::<Comprehensive>(),
        ] {
            assert_eq!(counts.heaps, 999);
            assert!(counts.noticed > counts.heaps / 2, "{counts:?}");
            assert!(counts.calls > 10 * counts.heaps, "{counts:?}");
        }
    }
}
