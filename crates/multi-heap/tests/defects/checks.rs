//! Class H: the check looks at everything and leaves everything as it was.

use multi_heap::{
    BlockState, Comprehensive, CorruptionKind, Heap, Light, Offset, Poison, Unpoisoned,
};

use super::Rng;
use crate::common::*;

/// Blocks of many sizes, every third one free.
fn lived_in<P: Poison>(region: &mut Region) -> (Heap<P>, Vec<(Offset, u32)>) {
    let mut heap = region.heap::<P>();
    let sizes = [1, 4, 7, 12, 20, 33, 64, 100, 255, 300, 17, 40];
    let blocks = sizes.map(|size| (allocate(&mut heap, request(size)).unwrap(), size));
    let (mut live, mut number) = (Vec::new(), 0);
    for (block, size) in blocks {
        number += 1;
        if number % 3 == 0 {
            free(&mut heap, block);
        } else {
            live.push((block, size));
        }
    }
    (heap, live)
}

/// What the check says of a byte that was changed.
fn with_changed<P: Poison>(
    region: &mut Region,
    heap: &Heap<P>,
    at: usize,
) -> Option<CorruptionKind> {
    region.bytes()[at] ^= 0x40;
    let found = heap.check().err().map(|found| found.kind);
    region.bytes()[at] ^= 0x40;
    found
}

fn used_blocks_are_looked_at<P: Poison>() {
    let mut region = Region::new(4096);
    let (heap, live) = lived_in::<P>(&mut region);
    for (block, size) in live {
        let (first, behind) = (block.get() as usize, (block.get() + size) as usize);
        let head = with_changed(&mut region, &heap, first - 8);
        assert_eq!(head, Some(CorruptionKind::HeadCanary), "{} {size}", P::NAME);
        let tail = with_changed(&mut region, &heap, behind);
        assert_eq!(tail, Some(CorruptionKind::TailCanary), "{} {size}", P::NAME);
        assert_eq!(with_changed(&mut region, &heap, first), None, "the user's");
    }
}

/// Defects: 7364, 12231, f051da8, 84c5d3e.
#[test]
fn the_check_looks_at_canaries_and_at_free_bytes() {
    used_blocks_are_looked_at::<Light>();
    used_blocks_are_looked_at::<Comprehensive>();
    let mut region = Region::new(4096);
    let (heap, _) = lived_in::<Comprehensive>(&mut region);
    let free = heap
        .blocks()
        .filter(|block| block.state == BlockState::Free && block.bytes > 16);
    let bytes = free.flat_map(|block| block.start + 12..block.start + block.bytes - 4);
    let mut count = 0;
    for at in bytes {
        let found = with_changed(&mut region, &heap, at as usize);
        assert_eq!(found, Some(CorruptionKind::FreedByte), "byte {at}");
        count += 1;
    }
    assert!(count > 1000, "{count} free bytes");
}

fn a_check_changes_nothing<P: Poison>() {
    let mut region = Region::new(2048);
    let (heap, _) = lived_in::<P>(&mut region);
    for at in (0..2048).step_by(3) {
        region.bytes()[at] ^= 0x81;
        let before = region.bytes().to_vec();
        let first = heap.check();
        let _ = (heap.info(), heap.blocks().count());
        assert_eq!(heap.check(), first, "{}: byte {at}", P::NAME);
        assert_eq!(region.bytes(), before, "{}: byte {at}", P::NAME);
        region.bytes()[at] ^= 0x81;
    }
}

/// Defects: 8cbd12b.
#[test]
fn a_check_leaves_the_evidence_as_it_is() {
    a_check_changes_nothing::<Unpoisoned>();
    a_check_changes_nothing::<Light>();
    a_check_changes_nothing::<Comprehensive>();
}

/// Defects: 100578a.
#[test]
fn without_comprehensive_poisoning_registration_leaves_memory_alone() {
    let mut region = Region::dirty(64 << 10, 0, 0x6B);
    let heap = region.heap::<Light>();
    let written = heap.control_bytes() as usize + 12;
    let end = region.bytes().len() - 8;
    assert!(written < 500, "{written} bytes");
    assert!(
        region.bytes()[written..end]
            .iter()
            .all(|&byte| byte == 0x6B)
    );
}

fn any_damage_is_an_answer<P: Poison>() {
    let (mut rng, mut found) = (Rng(99), 0);
    let mut region = Region::new(2048);
    for _ in 0..2000 {
        let (heap, _) = lived_in::<P>(&mut region);
        for _ in 0..=rng.below(6) {
            let at = rng.below(2048) as usize;
            region.bytes()[at] = rng.below(256) as u8;
        }
        found += u32::from(heap.check().is_err());
        assert!(heap.blocks().count() <= 2048 / 4, "a walk ends");
        let _ = heap.info();
    }
    assert!(found > 300, "{found} of 2000 damaged heaps were found");
}

/// Defects: 0fcb10c.
#[test]
fn a_check_answers_whatever_the_damage() {
    any_damage_is_an_answer::<Unpoisoned>();
    any_damage_is_an_answer::<Light>();
    any_damage_is_an_answer::<Comprehensive>();
}
