//! A check in small steps: it finds what the check in one go finds, and raises no false alarm while
//! the heap lives on.

use crate::common::*;
use multi_heap::{
    BlockState, Comprehensive, Heap, Light, Offset, Poison, ScrubStep, Scrubber, Unpoisoned,
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

/// Steps that the heads of all lists of a heap need: a step covers 8 of them.
fn looks_at_lists<P: Poison>(heap: &Heap<P>) -> usize {
    (heap.control_bytes() as usize / 4).div_ceil(8) // a word each, and a few others
}

/// Number of calls of a pass.
fn calls<P: Poison>(heap: &Heap<P>, looks: u32) -> usize {
    let mut scrub = Scrubber::new();
    let underway = (1..10_000).find(|_| heap.scrub(&mut scrub, looks) == Ok(ScrubStep::PassDone));
    underway.unwrap()
}

/// Defects: 12497.
#[test]
fn no_call_checks_more_blocks_than_its_budget() {
    let mut region = Region::new(4096);
    let (heap, _) = striped::<Unpoisoned>(&mut region);
    let looks = heap.blocks().count() + looks_at_lists(&heap);
    for step in [1, 2, 3, 5, 100] {
        let calls = calls(&heap, step);
        assert!(
            calls <= looks.div_ceil(step as usize),
            "{calls} calls in steps of {step}"
        );
        assert!(calls * (step as usize + 1) >= heap.blocks().count());
        assert!(step < 100 || calls == 1);
    }
}

#[test]
fn a_large_free_block_takes_a_look_for_each_256_bytes() {
    let mut region = Region::new(40_000);
    let heap: Heap<Comprehensive> = region.heap();
    let few = looks_at_lists(&heap) + 2;
    let pieces = heap.largest_free_block() as usize / 256;
    let calls = calls(&heap, 1);
    assert!(
        (pieces..pieces + few).contains(&calls),
        "{calls} calls, {pieces} pieces"
    );
    let mut region = Region::new(40_000);
    let heap: Heap<Unpoisoned> = region.heap();
    assert!(
        self::calls(&heap, 1) < few,
        "its bytes mean nothing without the pattern"
    );
}

/// Every byte that the check knows anything about.
fn guarded_bytes<P: Poison>(heap: &Heap<P>) -> Vec<usize> {
    let region = 0..heap.region_bytes() as usize;
    let minimum = 4..8; // wrong only if it is more than there is
    let ceiling = 16..20; // wrong only if it is less than there is
    let used = heap
        .blocks()
        .filter(|block| block.state == BlockState::Used)
        .map(|block| {
            let user = block.offset.get() as usize;
            let end = (block.start + block.bytes) as usize;
            let guard = if P::OVERHEAD == 0 { 0 } else { 4 };
            (
                user..user + block.size as usize,
                user + block.size as usize + guard..end,
            )
        });
    let (contents, slack): (Vec<_>, Vec<_>) = used.unzip();
    let free = heap
        .blocks()
        .filter(|block| block.state == BlockState::Free && block.bytes > 16 && !P::FILLS)
        .map(|block| (block.start + 12) as usize..(block.start + block.bytes - 4) as usize);
    let apart: Vec<_> = contents
        .into_iter()
        .chain(slack)
        .chain(free)
        .chain([minimum, ceiling])
        .collect();
    region
        .filter(|byte| !apart.iter().any(|apart| apart.contains(byte)))
        .collect()
}

fn damage_is_found_within_two_passes<P: Poison>() {
    let mut region = Region::new(2000);
    let (heap, _) = striped::<P>(&mut region);
    let looks = heap.blocks().count() + looks_at_lists(&heap) + 2000 / 256;
    for place in guarded_bytes(&heap) {
        let kept = region.bytes()[place];
        for change in [0x01, 0x10, 0xFF] {
            region.bytes()[place] = kept ^ change;
            let mut scrub = Scrubber::new();
            let found = (0..2 * looks.div_ceil(2)).find_map(|_| heap.scrub(&mut scrub, 2).err());
            assert_eq!(found, heap.check().err(), "{}: byte {place}", P::NAME);
            assert!(found.is_some(), "{}: byte {place} ^ {change:#x}", P::NAME);
        }
        region.bytes()[place] = kept;
    }
    assert_eq!(heap.check(), Ok(()));
}

#[test]
fn damage_to_any_byte_is_found_within_two_passes_and_reported_as_by_the_check() {
    damage_is_found_within_two_passes::<Unpoisoned>();
    damage_is_found_within_two_passes::<Light>();
    damage_is_found_within_two_passes::<Comprehensive>();
}

#[test]
fn a_list_that_has_lost_its_head_is_found_by_its_blocks() {
    let mut region = Region::new(2000);
    let (heap, _) = striped::<Unpoisoned>(&mut region);
    let map_and_heads = 24..heap.control_bytes() as usize - 4;
    region.bytes()[map_and_heads].fill(0);
    assert!(heap.check().is_err());
    let mut scrub = Scrubber::new();
    let found = (0..2).find_map(|_| heap.scrub(&mut scrub, 2).err());
    assert_eq!(found, heap.check().err(), "at the first free block");
}

/// Damages a link of a free block, then allocates and frees between the steps: small blocks, which
/// the damaged list does not serve.
fn links_are_found_in_a_heap_in_use<P: Poison>(link: u32, looks: u32) {
    let mut region = Region::new(16_384);
    let mut heap: Heap<P> = region.heap();
    let blocks: Vec<Offset> = (0..40)
        .map(|rank| allocate(&mut heap, request(20 + rank % 3 * 300)).unwrap())
        .collect();
    for rank in [10, 31] {
        free(&mut heap, blocks[rank]); // of 320 bytes, in one list
    }
    let hole = heap
        .blocks()
        .find(|block| block.state == BlockState::Free && block.bytes > 320);
    let header = hole.unwrap().start;
    region.bytes()[(header + link) as usize] ^= 0x55;
    let (mut scrub, mut small) = (Scrubber::new(), Vec::new());
    let bound = 2 * (heap.blocks().count() + looks_at_lists(&heap) + 16_384 / 256);
    let found = (0..bound.div_ceil(looks as usize)).find(|step| {
        match step % 3 {
            2 => small.drain(..).for_each(|block| {
                free(&mut heap, block);
            }),
            _ => small.extend(allocate(&mut heap, request(12))),
        }
        heap.scrub(&mut scrub, looks).is_err()
    });
    assert!(
        found.is_some(),
        "{}: link at {link}, {looks} looks",
        P::NAME
    );
}

#[test]
fn a_damaged_link_is_found_while_the_heap_is_in_use() {
    for looks in [1, 4, 16] {
        for link in [4, 8] {
            links_are_found_in_a_heap_in_use::<Unpoisoned>(link, looks);
            links_are_found_in_a_heap_in_use::<Light>(link, looks);
            links_are_found_in_a_heap_in_use::<Comprehensive>(link, looks);
        }
    }
}

#[test]
fn a_write_into_a_large_free_block_is_found_while_the_heap_is_in_use() {
    let mut region = Region::new(40_000);
    let mut heap: Heap<Comprehensive> = region.heap();
    let pinned = [
        allocate(&mut heap, request(30_000)),
        allocate(&mut heap, request(40)),
    ];
    free(&mut heap, pinned[0].unwrap());
    region.bytes()[25_000] = 0;
    let mut scrub = Scrubber::new();
    let found = (0..400).find(|_| {
        let block = allocate(&mut heap, request(64)).unwrap();
        free(&mut heap, block);
        heap.scrub(&mut scrub, 1).is_err()
    });
    let least = 24_000 / 256; // no call looks at more
    assert!(found.is_some_and(|call| call > least), "{found:?}");
}

#[test]
fn damage_behind_the_scrub_is_found_in_the_next_pass() {
    let mut region = Region::new(4096);
    let (heap, _) = striped::<Unpoisoned>(&mut region);
    let first = heap.blocks().next().unwrap().start as usize;
    let mut scrub = Scrubber::new();
    assert_eq!(heap.scrub(&mut scrub, 4), Ok(ScrubStep::Underway));
    region.bytes()[first] ^= 0x10;
    let mut found = None;
    for _ in 0..10 {
        found = found.or(heap.scrub(&mut scrub, 4).err());
    }
    assert_eq!(found, heap.check().err());
}

#[test]
fn a_word_in_the_head_of_any_empty_list_is_found() {
    for size in (300..3000).step_by(68) {
        let mut region = Region::new(size);
        let mut heap: Heap<Unpoisoned> = region.heap();
        let largest = heap.largest_free_block();
        allocate(&mut heap, request(largest / 2)).unwrap();
        let heads_end = heap.control_bytes() as usize / 4 - 1;
        for word in 12..heads_end {
            let bytes = word * 4..word * 4 + 4;
            let kept = region.bytes()[bytes.clone()].to_vec();
            region.bytes()[bytes.start] ^= 1;
            let mut scrub = Scrubber::new();
            let found = (0..2).find_map(|_| heap.scrub(&mut scrub, 100).err());
            assert!(found.is_some(), "word {word} of {heads_end}, {size} bytes");
            region.bytes()[bytes].copy_from_slice(&kept);
        }
    }
}

#[test]
fn a_pass_ends_although_blocks_behind_it_are_freed_all_the_time() {
    let mut region = Region::new(16_384);
    let mut heap: Heap<Unpoisoned> = region.heap();
    let blocks: Vec<Offset> = core::iter::from_fn(|| allocate(&mut heap, request(20))).collect();
    let steps = blocks.len() + looks_at_lists(&heap);
    let mut visited = blocks.into_iter().step_by(2);
    let mut scrub = Scrubber::new();
    let calls = (1..).find(|&call| {
        let step = heap.scrub(&mut scrub, 4);
        if call > 1 {
            free(&mut heap, visited.next().unwrap());
        }
        step == Ok(ScrubStep::PassDone)
    });
    assert!(
        calls.unwrap() <= steps.div_ceil(4) + 1,
        "{calls:?} of {steps}"
    );
}

/// What happens between two calls of a scrub.
type Steps = Vec<(bool, usize, u32, u32)>;

fn no_false_alarm<P: Poison>(steps: &Steps) {
    let mut region = Region::dirty(8192, 0, 0xF8); // bytes that look like headers of used blocks
    let mut heap: Heap<P> = region.heap();
    let mut live = Vec::new();
    let mut scrub = Scrubber::new();
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
            heap.scrub(&mut scrub, step).is_ok(),
            "{}: {:?}",
            P::NAME,
            heap.check()
        );
    }
    let state = |block: &multi_heap::Block| block.state == BlockState::Used;
    assert_eq!(heap.blocks().filter(state).count(), live.len());
    let rounds = (0..2000).filter(|_| heap.scrub(&mut scrub, 2) == Ok(ScrubStep::PassDone));
    assert!(rounds.count() > 2, "a scrub of a heap at rest gets round");
}

proptest! {
    #[test]
    fn a_heap_that_lives_on_between_the_steps_raises_no_false_alarm(
        steps in proptest::collection::vec(
            (any::<bool>(), any::<usize>(), 1..200u32, 1..6u32),
            1..300,
        )
    ) {
        no_false_alarm::<Unpoisoned>(&steps);
        no_false_alarm::<Light>(&steps);
        no_false_alarm::<Comprehensive>(&steps);
    }
}
