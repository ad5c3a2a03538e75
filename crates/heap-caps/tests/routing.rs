//! Heaps of the real ESP32 by request.
//!
//! The expectations are ESP-IDF's: "effective preference" of the current tables, and the order of
//! the five heaps that its start-up code was measured to register: ascending size.

use crate::support::*;
use heap_caps::{HeapCaps, Policy};
use soc_regions::{Caps, ESP32, common, esp32};

#[test]
fn the_measured_five_heaps_are_registered_in_ascending_size() {
    for policy in [Policy::Guaranteed, Policy::IdfExact] {
        let sim = Sim::<multi_heap::Unpoisoned>::with(policy, &ESP32.default_options(), ());
        let order: Vec<_> = sim
            .heaps
            .inspect()
            .heaps_in_order()
            .map(|heap| (heap.span.start(), heap.span.size()))
            .collect();
        assert_eq!(
            order,
            [
                (DRAM_LOW, 6432),
                (DIRAM_LOW, 15072),
                (IRAM, 93108),
                (DIRAM, 113_840),
                (DRAM, 184_632)
            ]
        );
    }
}

#[test]
fn every_capability_finds_its_memory_in_esp_idfs_order() {
    let mut sim = Sim::esp32();
    let dram_first = [DRAM_LOW, DRAM, DIRAM_LOW, DIRAM];
    assert_eq!(sim.order_of(Caps::DEFAULT), dram_first);
    assert_eq!(sim.order_of(Caps::BIT8), dram_first);
    assert_eq!(
        sim.order_of(Caps::BIT32),
        [IRAM, DRAM_LOW, DRAM, DIRAM_LOW, DIRAM]
    );
    assert_eq!(
        sim.order_of(Caps::INTERNAL),
        [IRAM, DRAM_LOW, DIRAM_LOW, DIRAM, DRAM]
    );
    assert_eq!(sim.order_of(Caps::DMA), [DRAM_LOW, DIRAM_LOW, DIRAM, DRAM]);
    assert_eq!(sim.order_of(Caps::EXEC), [IRAM, DIRAM_LOW, DIRAM]);
    assert_eq!(
        sim.order_of(Caps::DMA_DESC_AHB),
        [DRAM_LOW, DIRAM_LOW, DIRAM, DRAM]
    );
    for never in [
        Caps::SPIRAM,
        Caps::RTCRAM,
        Caps::RETENTION,
        Caps::SPM,
        Caps::PID2,
        Caps::IRAM_8BIT,
        Caps::SIMD,
    ] {
        assert_eq!(sim.order_of(never), [0; 0], "{never}");
    }
    assert_eq!(
        sim.order_of(Caps::from_bits_retain(1 << 29)),
        [0; 0],
        "an unassigned bit"
    );
}

#[test]
fn rtc_memory_stands_beside_diram_in_the_second_column() {
    let mut sim = Sim::esp32_with_rtc_heap();
    let order = sim.order_of(Caps::DEFAULT);
    let place = |start| order.iter().position(|&heap| heap == start).unwrap();
    assert!(
        place(DRAM) < place(RTC) && place(RTC) < place(DIRAM_LOW),
        "the smaller heap first: {order:X?}"
    );
    assert_eq!(sim.served_by(100, Caps::RTCRAM), Some(RTC));
    assert_eq!(
        sim.order_of(Caps::EXEC).last(),
        Some(&DIRAM_LOW),
        "RTC and D/IRAM last, by size"
    );
}

#[test]
fn all_bits_asked_for_are_there_whatever_the_column() {
    let mut sim = Sim::esp32();
    assert_eq!(
        sim.served_by(8, Caps::BIT32 | Caps::BIT8),
        Some(DRAM_LOW),
        "8BIT in the first column, 32BIT in the second"
    );
    assert_eq!(sim.served_by(8, Caps::EXEC | Caps::INTERNAL), Some(IRAM));
    assert_eq!(
        sim.served_by(8, Caps::EXEC | Caps::DEFAULT),
        Some(DIRAM_LOW)
    );
}

/// Defects: 0db8b00.
#[test]
fn memory_of_the_startup_stacks_serves_nobody_before_it_is_enabled() {
    let mut sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &ESP32.default_options(), ());
    assert_eq!(sim.order_of(Caps::DMA), [DRAM_LOW, DRAM]);
    assert_eq!(sim.heaps.inspect().total_size(Caps::DMA), 6432 + 184_632);
    assert_eq!(sim.enable_stacks(), 2);
    assert_eq!(sim.order_of(Caps::DMA), [DRAM_LOW, DIRAM_LOW, DIRAM, DRAM]);
    assert_eq!(
        sim.heaps.inspect().total_size(Caps::DMA),
        6432 + 184_632 + 15072 + 113_840
    );
    assert_eq!(sim.enable_stacks(), 0, "nothing is left to enable");
}

#[test]
fn external_memory_is_a_last_resort_for_bytes_and_a_first_choice_for_default() {
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    assert_eq!(
        sim.order_of(Caps::BIT8),
        [DRAM_LOW, DRAM, DIRAM_LOW, DIRAM, PSRAM]
    );
    assert_eq!(
        sim.order_of(Caps::DEFAULT),
        [DRAM_LOW, DRAM, PSRAM, DIRAM_LOW, DIRAM],
        "by size"
    );
    assert_eq!(sim.order_of(Caps::SPIRAM), [PSRAM]);
    let mut exact: Sim = Sim::with(Policy::IdfExact, &psram(0x40_0000), ());
    assert_eq!(
        exact.order_of(Caps::DEFAULT),
        [PSRAM, DRAM_LOW, DRAM, DIRAM_LOW, DIRAM],
        "registered last, looked at first"
    );
}

/// Defects: head_01.
#[test]
fn a_heap_added_later_is_first_in_esp_idf_and_in_its_place_by_size_here() {
    let columns = [Caps::BIT8, Caps::empty(), Caps::empty()];
    for (policy, order) in [
        (
            Policy::IdfExact,
            [0x5000_0000, DRAM_LOW, DRAM, DIRAM_LOW, DIRAM],
        ),
        (
            Policy::Guaranteed,
            [DRAM_LOW, 0x5000_0000, DRAM, DIRAM_LOW, DIRAM],
        ),
    ] {
        let mut sim: Sim = Sim::with(policy, &ESP32.default_options(), ());
        sim.add_with_caps(columns, 0x5000_0000, 0x5000_2000)
            .unwrap();
        assert_eq!(sim.order_of(Caps::BIT8), order, "{policy:?}");
    }
}

#[test]
fn of_equal_heaps_the_later_one_is_looked_at_first() {
    let columns = [Caps::BIT8, Caps::empty(), Caps::empty()];
    let mut sim = Sim::esp32();
    sim.add_with_caps(columns, 0x5000_0000, 0x5000_1400)
        .unwrap();
    sim.add_with_caps(columns, 0x5001_0000, 0x5001_1400)
        .unwrap();
    assert_eq!(sim.order_of(Caps::BIT8)[..2], [0x5001_0000, 0x5000_0000]);
}

#[test]
fn more_sets_than_routes_are_kept_still_find_their_memory() {
    let mut sim = Sim::esp32();
    let first = [
        (Caps::DEFAULT, DRAM_LOW),
        (Caps::BIT32, IRAM),
        (Caps::DMA, DRAM_LOW),
        (Caps::EXEC, IRAM),
    ];
    let more = [
        (Caps::INTERNAL, IRAM),
        (Caps::BIT8, DRAM_LOW),
        (Caps::EXEC | Caps::DEFAULT, DIRAM_LOW),
    ];
    for _ in 0..3 {
        for (caps, heap) in first.iter().chain(&more) {
            assert_eq!(sim.served_by(40, *caps), Some(*heap), "{caps}");
        }
    }
}

#[test]
fn sizes_in_word_only_memory_are_whole_words() {
    let mut sim: Sim<multi_heap::Light> =
        Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
    let iram = sim.heaps.malloc(5, Caps::BIT32).unwrap();
    assert_eq!(
        sim.heaps.inspect().usable_size(iram),
        Ok(8),
        "IRAM has no bytes"
    );
    let dram = sim.heaps.malloc(5, Caps::BIT32 | Caps::BIT8).unwrap();
    assert_eq!(
        sim.heaps.inspect().usable_size(dram),
        Ok(5),
        "DRAM has, whatever was asked for"
    );
}

#[test]
fn emulated_bytes_are_served_only_to_those_who_ask_for_them() {
    let options = ESP32
        .options(&[esp32::IRAM_8BIT.on(), common::SINGLE_CORE.on()])
        .unwrap();
    let mut sim: Sim = Sim::with(Policy::Guaranteed, &options, ());
    assert_eq!(
        sim.order_of(Caps::IRAM_8BIT).len(),
        2,
        "IRAM and the sibling's cache"
    );
    assert!(!sim.order_of(Caps::BIT8).contains(&IRAM));
}

#[test]
fn heaps_can_be_a_static_and_boot_where_there_are_none_serves_nobody() {
    static EMPTY: HeapCaps = HeapCaps::new(());
    assert_eq!(EMPTY.inspect().heaps().count(), 0);
    let mut none: HeapCaps = HeapCaps::new(());
    let failure = none.malloc(4, Caps::BIT8).unwrap_err();
    assert!(
        failure
            .to_string()
            .starts_with("4 B with 8BIT: there is no heap yet"),
        "{failure}"
    );
}

#[test]
fn a_request_on_a_detour_leaves_the_kept_routes_as_they_were() {
    let (byte, dma, word) = (Caps::BIT8, Caps::DMA, Caps::BIT32);
    let (internal, default) = (Caps::INTERNAL, Caps::DEFAULT);
    // More sets than are kept: the next one takes the second place.
    let sets = [
        byte | default,
        byte,
        dma,
        word,
        internal,
        default,
        dma | byte,
        dma | internal,
        byte | internal,
        default | internal,
        word | internal,
        byte | word,
        dma | word,
        dma | default,
        word | default,
    ];
    let mut sim = Sim::esp32();
    for caps in sets {
        sim.heaps.malloc(4, caps).unwrap();
    }
    sim.heaps.phases().set_detoured(true);
    let code = sim.heaps.malloc(4, Caps::EXEC).unwrap();
    sim.heaps.phases().set_detoured(false);
    assert_eq!(
        sim.heaps.inspect().heap_at(code).unwrap().span.start(),
        IRAM
    );
    for caps in sets {
        let block = sim.heaps.malloc(4, caps).unwrap();
        let heap = sim.heaps.inspect().heap_at(block).unwrap();
        assert!(heap.caps.contains(caps), "{caps} at {block:#x}");
    }
}
