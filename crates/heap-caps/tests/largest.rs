//! The largest free block: available for every set of capabilities on every chip, and no byte more.

use crate::support::*;
use heap_caps::{Policy, Reserve};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::{Caps, Chip, ESP32, ESP32P4, ESP32S3, Options, chips, common};

const BITS: [Caps; 14] = [
    Caps::EXEC,
    Caps::BIT32,
    Caps::BIT8,
    Caps::DMA,
    Caps::SPIRAM,
    Caps::INTERNAL,
    Caps::DEFAULT,
    Caps::RTCRAM,
    Caps::SPM,
    Caps::CACHE_ALIGNED,
    Caps::SIMD,
    Caps::DMA_DESC_AHB,
    Caps::DMA_DESC_AXI,
    Caps::RETENTION,
];

/// Every set of up to three of them.
fn sets() -> impl Iterator<Item = Caps> {
    let sets = (1_u32..1 << BITS.len()).filter(|set| set.count_ones() <= 3);
    sets.map(|set| {
        let members = BITS.iter().enumerate();
        let members = members.filter(|(bit, _)| set >> bit & 1 == 1);
        members.map(|(_, caps)| *caps).collect()
    })
}

/// The chip with holes of many sizes.
fn worn<P: Poison>(chip: &'static Chip, policy: Policy, options: &Options) -> Sim<P> {
    let mut sim: Sim<P> = Sim::booted(chip, policy, options, ());
    sim.enable_stacks();
    let mut blocks = Vec::new();
    for turn in 0..300_usize {
        let caps = [
            Caps::DEFAULT,
            Caps::DMA,
            Caps::BIT32,
            Caps::SPIRAM,
            Caps::EXEC,
        ][turn % 5];
        blocks.extend(sim.heaps.malloc(1 + turn * 7919 % 9001, caps).ok());
    }
    for block in blocks.into_iter().step_by(2) {
        sim.heaps.free(block).expect("it was handed out");
    }
    sim
}

/// Sets of whose largest block something else can be had than was said.
fn wrong<P: Poison>(sim: &mut Sim<P>) -> Vec<String> {
    let mut wrong = Vec::new();
    for caps in sets() {
        let largest = sim.heaps.inspect().largest_free_block(caps) as usize;
        let can_be_had = |sim: &mut Sim<P>, size| {
            let block = sim.heaps.malloc(size, caps);
            block.is_ok_and(|block| sim.heaps.free(block).is_ok())
        };
        if largest != 0 && !can_be_had(sim, largest) {
            wrong.push(format!("{caps}: {largest} cannot be had"));
        }
        if can_be_had(sim, largest + 1) {
            wrong.push(format!("{caps}: more than {largest}"));
        }
    }
    wrong
}

#[test]
fn the_largest_block_of_every_set_can_be_had_on_every_chip_and_no_more() {
    for chip in chips::all() {
        let psram = chip.options(&[common::PSRAM.of(0x20_0000)]).ok();
        for options in [Some(chip.default_options()), psram].into_iter().flatten() {
            let mut sim: Sim<Unpoisoned> = worn(chip, Policy::Guaranteed, &options);
            assert_eq!(wrong(&mut sim), [""; 0], "{}", chip.name());
        }
    }
}

#[test]
fn so_it_is_under_poisoning_and_by_esp_idfs_policy() {
    fn holds<P: Poison>() {
        for chip in [&ESP32, &ESP32S3, &ESP32P4] {
            let options = chip.options(&[common::PSRAM.of(0x20_0000)]);
            let options = options.expect("it can have PSRAM");
            let mut sim: Sim<P> = worn(chip, Policy::IdfExact, &options);
            assert_eq!(wrong(&mut sim), [""; 0], "{} {}", chip.name(), P::NAME);
        }
    }
    holds::<Unpoisoned>();
    holds::<Light>();
    holds::<Comprehensive>();
}

#[test]
fn what_a_reserve_keeps_is_not_in_the_largest_block() {
    for chip in [&ESP32, &ESP32P4] {
        let mut sim: Sim = worn(chip, Policy::Guaranteed, &chip.default_options());
        let free = sim.heaps.inspect().free_size(Caps::DMA);
        let before = sim.heaps.inspect().largest_free_block(Caps::DEFAULT);
        for kept in [free - 900, free - 901, free - 70, free - 3, free] {
            let reserve = Reserve {
                caps: Caps::DMA,
                bytes: kept,
            };
            assert_eq!(sim.heaps.set_reserve(reserve), Ok(()));
            assert!(sim.heaps.inspect().largest_free_block(Caps::DEFAULT) < before);
            assert_eq!(wrong(&mut sim), [""; 0], "{} keeps {kept}", chip.name());
        }
    }
}

#[test]
fn sets_that_no_memory_can_have_have_no_largest_block() {
    let sim = Sim::esp32();
    for caps in [Caps::EXEC | Caps::BIT8, Caps::INVALID, Caps::CACHE_ALIGNED] {
        assert_eq!(sim.heaps.inspect().largest_free_block(caps), 0, "{caps}");
    }
}
