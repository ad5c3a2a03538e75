//! Heaps of different levels in one program: a strict one in a block of a cheap one.
//!
//! ```text
//!   Unpoisoned   | header | block: | Comprehensive: control | canary block canary | .. | | header | ..
//! ```

use core::ptr::NonNull;

use crate::common::*;
use multi_heap::{Comprehensive, CorruptionKind, Heap, Light, Misuse, Offset, Poison, Unpoisoned};

/// A heap in a block of another, which the block's owner gives up for it.
fn heap_in<P: Poison, Outer: Poison>(outer: &mut Heap<Outer>, bytes: u32) -> Heap<P> {
    let block = allocate(outer, request(bytes)).unwrap();
    let region = NonNull::slice_from_raw_parts(outer.pointer(block), bytes as usize);
    // SAFETY: the block is nobody else's; the regions of the tests outlive their heaps.
    unsafe { Heap::new(region) }.unwrap()
}

/// Writes one byte behind a block; whether its free finds it.
fn finds_an_overrun_of_one_byte<P: Poison>(heap: &mut Heap<P>) -> bool {
    const SIZE: u32 = 30; // no multiple of 4: without canaries, the byte behind is slack
    let block = allocate(heap, request(SIZE)).unwrap();
    write(heap, block, SIZE + 1, 3);
    heap.freeing(block).and_then(|()| heap.free(block)).is_err()
}

#[test]
fn a_strict_heap_in_a_block_of_a_cheap_one_finds_what_the_cheap_one_does_not() {
    let mut region = Region::new(8192);
    let mut cheap = region.heap::<Unpoisoned>();
    let mut strict = heap_in::<Comprehensive, _>(&mut cheap, 2048);
    let mut light = heap_in::<Light, _>(&mut cheap, 2048);
    assert!(!finds_an_overrun_of_one_byte(&mut cheap));
    assert!(finds_an_overrun_of_one_byte(&mut strict));
    assert!(finds_an_overrun_of_one_byte(&mut light));
    let block = allocate(&mut strict, request(40)).unwrap();
    free(&mut strict, block);
    write(&strict, block.checked_add(20).unwrap(), 1, 3);
    let found = strict.check().map_err(|found| found.kind);
    // The overrun of above lies before it.
    assert_eq!(found, Err(CorruptionKind::TailCanary));
    assert_sound(&cheap);
}

#[test]
fn each_level_costs_what_it_costs_beside_the_others() {
    let mut region = Region::new(16_384);
    let mut cheap = region.heap::<Unpoisoned>();
    let mut strict = heap_in::<Light, _>(&mut cheap, 4096);
    let bytes = |blocks: multi_heap::Blocks<_>| -> Vec<u32> { blocks.map(|it| it.bytes).collect() };
    let _ = (
        allocate(&mut strict, request(40)),
        allocate(&mut cheap, request(40)),
    );
    assert_eq!(strict.blocks().next().unwrap().bytes, 40 + 16);
    assert_eq!(bytes(cheap.blocks())[..2], [4096 + 4, 40 + 4]);
}

#[test]
fn a_block_of_one_heap_is_none_of_another() {
    let mut region = Region::new(8192);
    let mut cheap = region.heap::<Unpoisoned>();
    let mut strict = heap_in::<Light, _>(&mut cheap, 2048);
    let inside = allocate(&mut strict, request(40)).unwrap();
    let pointer = strict.pointer(inside).as_ptr();
    let as_cheap: Offset = cheap.offset_of(pointer).unwrap();
    assert_eq!(cheap.free(as_cheap), Err(Misuse::NotABlock));
    let outside = allocate(&mut cheap, request(40)).unwrap();
    assert_eq!(strict.offset_of(cheap.pointer(outside).as_ptr()), None);
    free(&mut strict, inside);
    free(&mut cheap, outside);
    assert_sound(&strict);
    assert_sound(&cheap);
}
