//! One heap at each poisoning level whose words change between its calls, control structure and
//! headers first: no call leaves the region, panics or runs for ever.
#![no_main]

#[path = "../region.rs"]
mod region;

use libfuzzer_sys::fuzz_target;
use multi_heap::{
    Comprehensive, Heap, Light, Offset, Poison, Request, Scrubber, Unpoisoned, set_canary_key,
};
use region::{Input, Region};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    set_canary_key(if input.byte() & 1 == 0 {
        0
    } else {
        0x5EED_1234
    });
    match input.byte() % 3 {
        0 => live::<Unpoisoned>(input),
        1 => live::<Light>(input),
        _ => live::<Comprehensive>(input),
    }
});

fn live<P: Poison>(mut input: Input<'_>) {
    let words = 24 + u32::from(input.short()) % 600;
    let mut region = Region::new(words);
    let mut heap = region.heap::<P>();
    let mut scrub = Scrubber::new();
    let mut blocks = fragmented(&mut heap, input.byte());
    while !input.is_empty() {
        if input.byte() % 4 == 0 {
            damage(&heap, &mut region, &mut input, words);
        }
        call(&mut heap, &mut blocks, &mut scrub, &mut input);
        assert!(region.is_inside());
    }
    let _ = (heap.check(), heap.damage(), heap.info());
    let _ = (heap.blocks().count(), heap.sound_blocks().count());
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
    let every = 2 + usize::from(shape >> 7);
    let mut number = 0;
    blocks.retain(|&block| {
        number += 1;
        if number % every == 0 {
            let _ = heap.freeing(block).and_then(|()| heap.free(block));
        }
        number % every != 0
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
        1 => 1 << 30 ^ number % (words + 4),
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
