//! Class D over many heaps: sums and minima mean what their names say.

use heap_caps::{HeapCaps, Policy};
use multi_heap::{Comprehensive, Info, Light, Poison, Unpoisoned};
use soc_regions::{Caps, ESP32, common, options};

use crate::support::*;

/// Defects: 293ad4c.
#[test]
fn free_and_minimum_are_reported_for_each_capability() {
    let mut sim = Sim::esp32();
    let figures = |sim: &Sim, caps| {
        (
            sim.heaps.inspect().free_size(caps),
            sim.heaps.inspect().minimum_free_size(caps),
        )
    };
    let before = [Caps::EXEC, Caps::DMA, Caps::BIT32].map(|caps| figures(&sim, caps));
    let words = sim.heaps.malloc(1000, Caps::BIT32).unwrap(); // IRAM
    sim.heaps.free(words).unwrap();
    let after = [Caps::EXEC, Caps::DMA, Caps::BIT32].map(|caps| figures(&sim, caps));
    assert_eq!(after[1], before[1], "IRAM has no DMA");
    for place in [0, 2] {
        let ((free, least), (was_free, _)) = (after[place], before[place]);
        assert_eq!((free, least), (was_free, was_free - 1004));
    }
}

/// Defects: 882f164.
#[test]
fn figures_asked_for_one_by_one_are_those_of_the_whole() {
    let mut sim = Sim::esp32_with_psram(0x10_0000);
    sim.heaps.malloc(5000, Caps::DMA).unwrap();
    sim.heaps.malloc(70_000, Caps::SPIRAM).unwrap();
    for caps in [
        Caps::DEFAULT,
        Caps::DMA,
        Caps::SPIRAM,
        Caps::EXEC,
        Caps::empty(),
    ] {
        let info = sim.heaps.inspect().info(caps);
        assert_eq!(
            info.total_free_bytes,
            sim.heaps.inspect().free_size(caps),
            "{caps}"
        );
        let [least, largest] = [
            sim.heaps.inspect().minimum_free_size(caps),
            sim.heaps.inspect().largest_free_block(caps),
        ];
        assert_eq!(
            (info.minimum_free_bytes, info.largest_free_block),
            (least, largest)
        );
    }
    assert_ne!(
        sim.heaps.inspect().info(Caps::DMA),
        sim.heaps.inspect().info(Caps::SPIRAM)
    );
}

/// Defects: 18849.
#[test]
fn psram_added_at_run_time_does_not_pin_the_minimum_at_zero() {
    for policy in [Policy::IdfExact, Policy::Guaranteed] {
        let mut sim: Sim = Sim::with(policy, &ESP32.default_options(), ());
        let found = options!(ESP32, common::PSRAM.of(0x20_0000));
        let symbols = ESP32.sample_symbols(&found);
        // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
        unsafe { sim.heaps.extend(&found, &symbols, &sim.memory) }.unwrap();
        let free = sim.heaps.inspect().free_size(Caps::SPIRAM);
        assert!(free > 0x1F_0000);
        assert_eq!(sim.heaps.inspect().minimum_free_size(Caps::SPIRAM), free);
        let block = sim.heaps.malloc(100_000, Caps::SPIRAM).unwrap();
        sim.heaps.free(block).unwrap();
        assert_eq!(
            sim.heaps.inspect().minimum_free_size(Caps::SPIRAM),
            free - 100_004
        );
    }
}

fn a_full_heap_says_zero<P: Poison>() {
    let mut sim: Sim<P> = Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
    for size in [4096, 256, 16, 4, 1] {
        sim.exhaust(size, Caps::BIT32);
    }
    let info = sim.heaps.inspect().info(Caps::BIT32);
    assert_eq!(info.largest_free_block, 0, "{}", P::NAME);
    assert!(info.total_free_bytes < 5 * 20, "{}: {info:?}", P::NAME);
    assert!(info.minimum_free_bytes <= info.total_free_bytes);
    let block = sim
        .heaps
        .inspect()
        .blocks(sim.heaps.inspect().heap_at(DRAM).unwrap().index)
        .find(|block| block.used);
    let block = block.unwrap();
    sim.heaps.free(block.address).unwrap();
    assert_eq!(
        sim.heaps.inspect().largest_free_block(Caps::BIT32),
        block.size,
        "{}: taken off once",
        P::NAME
    );
}

/// Defects: head_03.
#[test]
fn the_largest_block_of_full_heaps_is_nothing_and_never_wraps() {
    a_full_heap_says_zero::<Unpoisoned>();
    a_full_heap_says_zero::<Light>();
    a_full_heap_says_zero::<Comprehensive>();
}

/// Defects: 3d5023b.
#[test]
fn before_there_is_a_heap_every_question_has_an_answer() {
    let mut none: HeapCaps = HeapCaps::new(());
    assert_eq!(none.inspect().info(Caps::empty()), Info::default());
    let figures = [
        none.inspect().free_size(Caps::DMA),
        none.inspect().minimum_free_size(Caps::DMA),
        none.inspect().largest_free_block(Caps::DMA),
        none.inspect().total_size(Caps::empty()),
    ];
    assert_eq!(figures, [0; 4]);
    assert!(
        none.inspect().heap_at(DRAM).is_none()
            && none.inspect().check_integrity(Caps::INVALID).is_ok()
    );
    assert!(none.malloc(4, Caps::DMA).is_err() && none.free(DRAM).is_err());
    assert_eq!(none.inspect().snapshot(Caps::empty()).fragmentation(), 0);
}
