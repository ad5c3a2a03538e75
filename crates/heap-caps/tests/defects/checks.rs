//! Class H over many heaps: every way to ask for a check leads to it, at every level.

use heap_caps::{ALL_HEAPS, AllocRequest, Corrupt, FailureKind, Policy, Scrubber};
use multi_heap::{Comprehensive, CorruptionKind, Light, Poison, ScrubStep, Unpoisoned};
use soc_regions::{Caps, ESP32};

use crate::support::*;

fn sim<P: Poison>() -> Sim<P> {
    Sim::with(Policy::Guaranteed, &ESP32.default_options(), ())
}

/// A block of 40 bytes whose next byte was overwritten.
fn overrun<P: Poison>() -> (Sim<P>, u32) {
    let mut sim = sim::<P>();
    let block = sim.heaps.malloc(40, Caps::DMA).unwrap();
    sim.heaps.malloc(40, Caps::DMA).unwrap();
    sim.fill(block, 41, 0x77);
    (sim, block)
}

fn scrubbed<P: Poison>(sim: &Sim<P>) -> Option<Corrupt> {
    let mut scrub = Scrubber::new();
    loop {
        match sim.heaps.inspect().scrub(&mut scrub, 3) {
            Ok(ScrubStep::Underway) => {}
            Ok(ScrubStep::PassDone) => return None,
            Err(corrupt) => return Some(corrupt),
        }
    }
}

fn every_way_finds_it<P: Poison>() {
    let (mut sim, block) = overrun::<P>();
    let expected = sim.heaps.inspect().check_integrity(Caps::DMA).unwrap_err();
    assert_eq!(expected.address, block + 40);
    assert_eq!(expected.corruption.kind, CorruptionKind::TailCanary);
    assert_eq!(
        sim.heaps.inspect().check_integrity(ALL_HEAPS),
        Err(expected)
    );
    assert_eq!(
        sim.heaps.inspect().check_integrity(Caps::INVALID),
        Err(expected)
    );
    assert_eq!(
        sim.heaps.inspect().check_integrity_at(block),
        Some(Err(expected))
    );
    let mut each = Vec::new();
    sim.heaps
        .inspect()
        .check_each(ALL_HEAPS, |corrupt| each.push(corrupt));
    assert_eq!(each, [expected]);
    assert_eq!(scrubbed(&sim), Some(expected));
    assert!(sim.heaps.free(block).is_err() && sim.heaps.inspect().usable_size(block).is_err());
    assert!(sim.heaps.realloc(block, 80, Caps::DMA).is_err());
}

/// Defects: b9abad7, 0b5ab94, 93d4b0b, 39f789d, da81ec6.
#[test]
fn every_way_to_ask_leads_to_the_check() {
    every_way_finds_it::<Light>();
    every_way_finds_it::<Comprehensive>();
}

fn asked_for_nothing<P: Poison>() -> [FailureKind; 4] {
    let mut sim = sim::<P>();
    let causes = [
        sim.heaps.malloc(0, Caps::DMA),
        sim.heaps.calloc(0, 4, Caps::DMA),
        sim.heaps.aligned_alloc(16, 0, Caps::DMA),
        sim.heaps.allocate(&AllocRequest::in_default_memory(0)),
    ];
    assert_eq!(sim.heaps.inspect().info(Caps::empty()).allocated_blocks, 0);
    causes.map(|result| result.unwrap_err().cause)
}

/// Defects: 481379f.
#[test]
fn nothing_is_refused_alike_at_every_level() {
    assert_eq!(
        asked_for_nothing::<Unpoisoned>(),
        [FailureKind::ZeroSize; 4]
    );
    assert_eq!(asked_for_nothing::<Light>(), [FailureKind::ZeroSize; 4]);
    assert_eq!(
        asked_for_nothing::<Comprehensive>(),
        [FailureKind::ZeroSize; 4]
    );
}

/// Defects: 383e9ad.
#[test]
fn a_free_in_two_steps_belongs_to_its_block_whoever_comes_in_between() {
    // ESP-IDF noted it for each core: a task that moved between the steps freed what was in
    // quarantine, and swallowed another's free.
    let mut sim = sim::<Comprehensive>();
    let [first, second] = [64, 200].map(|size| sim.heaps.malloc(size, Caps::DMA).unwrap());
    let [one, other] = [first, second].map(|block| sim.heaps.phases().begin_free(block).unwrap());
    assert_eq!(
        sim.heaps.inspect().usable_size(first),
        Ok(64),
        "not before the second step"
    );
    // SAFETY: the test uses the block no more.
    let other = unsafe { other.fill() };
    // SAFETY: as above.
    let one = unsafe { one.fill() };
    assert_eq!(sim.heaps.phases().finish_free(other), Ok(()));
    assert_eq!(sim.heaps.inspect().usable_size(first), Ok(64));
    assert_eq!(sim.heaps.phases().finish_free(one), Ok(()));
    assert!(sim.heaps.free(first).is_err(), "once");
    assert_eq!(sim.heaps.inspect().info(Caps::empty()).allocated_blocks, 0);
    assert_eq!(sim.heaps.inspect().check_integrity(ALL_HEAPS), Ok(()));
}
