//! Class C over many heaps: which memory requests use up, and what is kept for requests that need
//! it.

use heap_caps::{AllocRequest, Policy, Reserve, SkipReason};
use soc_regions::{Caps, ESP32};

use crate::support::*;

const BYTES: Caps = Caps::BIT8;
const INTERNAL: Caps = Caps::DEFAULT.union(Caps::INTERNAL);

fn reserve(sim: &mut Sim, caps: Caps, bytes: u32) {
    sim.heaps.set_reserve(Reserve { caps, bytes }).unwrap();
}

/// Defects: 13588.
#[test]
fn small_requests_do_not_eat_the_biggest_heap() {
    for policy in [Policy::Guaranteed, Policy::IdfExact] {
        let mut sim: Sim = Sim::with(policy, &ESP32.default_options(), ());
        let whole = sim
            .heaps
            .inspect()
            .heap_at(DRAM)
            .unwrap()
            .info
            .largest_free_block;
        let small: Vec<u32> = [Caps::INTERNAL, Caps::DMA]
            .into_iter()
            .cycle()
            .take(600)
            .map(|caps| sim.heaps.malloc(16, caps).unwrap())
            .collect();
        assert!(
            small
                .iter()
                .all(|&block| sim.heaps.inspect().heap_at(block).unwrap().span.start() != DRAM)
        );
        let largest = sim.heaps.inspect().largest_free_block(BYTES);
        assert_eq!(largest, whole, "{policy:?}: it is still there in one piece");
        assert!(sim.heaps.malloc(whole as usize, BYTES).is_ok());
    }
}

/// Defects: c4ed9d1.
#[test]
fn ordinary_requests_stop_where_the_reserve_begins_and_dma_goes_on() {
    let mut sim = Sim::esp32();
    reserve(&mut sim, Caps::DMA, 32 * 1024);
    let ordinary = sim.exhaust(500, Caps::DEFAULT);
    assert!(!ordinary.is_empty() && sim.heaps.inspect().free_size(Caps::DMA) >= 32 * 1024);
    let failure = sim.heaps.malloc(500, Caps::DEFAULT).unwrap_err();
    let kept = |why| matches!(why, SkipReason::Reserved { caps, .. } if caps == Caps::DMA);
    assert!(failure.candidates().any(|heap| kept(heap.why)), "{failure}");
    let dma = sim.exhaust(500, Caps::DMA).len() * 504;
    assert!(dma + 1000 > 32 * 1024, "{dma} bytes");
}

/// Defects: 304e908, f0e93ed.
#[test]
fn a_reserve_need_not_fit_into_one_block() {
    let mut sim = Sim::esp32();
    let kept = 250 * 1024;
    assert!(sim.heaps.inspect().largest_free_block(Caps::DMA) < kept);
    reserve(&mut sim, Caps::DMA, kept);
    sim.exhaust(1000, Caps::DEFAULT);
    let free = sim.heaps.inspect().free_size(Caps::DMA);
    assert!((kept..kept + 1004).contains(&free), "{free} bytes are kept");
    let mut heaps: Vec<u32> = sim
        .exhaust(1000, Caps::DMA)
        .iter()
        .map(|&block| sim.heaps.inspect().heap_at(block).unwrap().span.start())
        .collect();
    heaps.dedup();
    assert!(heaps.len() > 1, "over several heaps: {heaps:X?}");
}

/// Defects: 6558.
#[test]
fn a_reserve_is_a_number_and_takes_no_block() {
    let mut sim = Sim::esp32_with_psram(0x10_0000);
    let before = sim.heaps.inspect().info(Caps::empty());
    for bytes in [1, 24 * 1024, 400 * 1024, u32::MAX] {
        reserve(&mut sim, Caps::DMA, bytes);
        assert_eq!(sim.heaps.inspect().info(Caps::empty()), before, "{bytes}");
    }
    assert!(
        sim.heaps
            .malloc(64, Caps::DEFAULT)
            .is_ok_and(|block| ESP32.is_external(block)),
        "all internal memory is kept, PSRAM is not"
    );
}

/// Defects: 96391ef.
#[test]
fn no_failure_is_reported_while_psram_is_free() {
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    sim.heaps.set_external_threshold(Some(16 * 1024));
    sim.exhaust(64, INTERNAL);
    let counted = sim.heaps.inspect().failures();
    let block = sim
        .heaps
        .allocate(&AllocRequest::in_default_memory(1000))
        .unwrap();
    let grown = sim
        .heaps
        .reallocate(block, &AllocRequest::in_default_memory(2000))
        .unwrap();
    assert!(ESP32.is_external(block) && ESP32.is_external(grown));
    assert_eq!(
        sim.heaps.inspect().failures(),
        counted,
        "trying is no failure"
    );
}

/// Defects: 18444.
#[test]
fn an_internal_calloc_after_psram_was_added_is_served_and_zero() {
    use soc_regions::{ESP32S3, common};
    let options = ESP32S3.default_options();
    let mut sim: Sim = Sim::booted(&ESP32S3, Policy::Guaranteed, &options, ());
    let octal = options.with(common::PSRAM.of(8 << 20)).unwrap();
    let symbols = ESP32S3.sample_symbols(&octal);
    // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
    let made = unsafe { sim.heaps.extend(&octal, &symbols, &sim.memory) }.unwrap();
    assert_eq!((made.heaps, made.bytes), (1, 8 << 20));
    for size in [1, 16, 100, 4000, 100_000] {
        let block = sim.heaps.calloc(1, size, INTERNAL | BYTES).unwrap();
        assert!(!ESP32S3.is_external(block));
        assert_eq!(sim.bytes(block, size), vec![0; size]);
    }
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
}

/// Defects: esp_alloc_08.
#[test]
fn what_was_added_first_does_not_decide_but_priority_size_and_reserve_do() {
    let large = [Caps::DEFAULT | BYTES, Caps::empty(), Caps::empty()];
    let last_resort = [Caps::SPM, Caps::empty(), Caps::DEFAULT | BYTES];
    let memory = heap_caps::SimulatedMemory::new();
    let mut heaps: heap_caps::HeapCaps = heap_caps::HeapCaps::new(());
    for (columns, start, size) in [
        (last_resort, 0x1000, 0x800), // the smallest, and added first
        (large, 0x1_0000, 0x4000),
        (large, 0x2_0000, 0x1000),
    ] {
        // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
        unsafe { heaps.add_region_with_caps(columns, span(start, start + size), &memory) }.unwrap();
    }
    let mut order: Vec<u32> = Vec::new();
    while let Ok(block) = heaps.malloc(200, Caps::DEFAULT) {
        order.push(heaps.inspect().heap_at(block).unwrap().span.start());
    }
    order.dedup();
    assert_eq!(order, [0x2_0000, 0x1_0000, 0x1000]);
}
