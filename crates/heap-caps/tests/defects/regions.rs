//! Class G: which ranges become heaps, and what is said of the others.

use heap_caps::{AddRegionError, Policy};
use soc_regions::{Caps, ESP32, common};

use crate::support::*;

const BYTES: [Caps; 3] = [Caps::BIT8, Caps::empty(), Caps::empty()];

/// An ESP32 whose Bluetooth keeps its memory.
fn with_bluetooth() -> Sim {
    let options = ESP32
        .options(&[soc_regions::esp32::BLUETOOTH.on()])
        .unwrap();
    let sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &options, ());
    assert!(
        sim.heaps.inspect().heap_at(0x3FFB_0000).is_none(),
        "it is Bluetooth's"
    );
    sim
}

/// Defects: b54719d, 32408b7, 2b5a844, cd805a5, 7de6565, 508194b, 0feb408, 52ebac9.
#[test]
fn two_heaps_never_share_a_byte() {
    // Both ends of a second region go over all places around a first one: before, at and in it, in
    // steps of a word.
    let (first, smallest) = (span(0x5000_1000, 0x5000_1200), 0x100);
    for start in (0x5000_0E00..0x5000_1300).step_by(0x40) {
        for size in [smallest, 0x200, 0x300, 0x600] {
            let mut sim = Sim::esp32();
            sim.add_with_caps(BYTES, first.start(), first.end())
                .unwrap();
            let second = span(start, start + size);
            let added = sim
                .add_with_caps(BYTES, second.start(), second.end())
                .map(|_| ());
            let expected = match (second == first, second.overlaps(first)) {
                (true, _) => Err(AddRegionError::Duplicate),
                (_, true) => Err(AddRegionError::Overlap(first)),
                _ => Ok(()),
            };
            assert_eq!(added, expected, "{second} beside {first}");
            sim.heaps.malloc(40, Caps::BIT8).unwrap();
            assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
        }
    }
}

/// The pieces as `esp_bt_controller_mem_release` releases them: not those of the table, some over
/// several of its rows.
///
/// Defects: 1277, f13e25d.
#[test]
fn memory_of_bluetooth_is_freed_whatever_rows_it_spans() {
    let mut sim = with_bluetooth();
    for (start, end) in [
        (0x3FFA_E6E0, 0x3FFA_FF10),
        (0x3FFB_0000, 0x3FFB_6388),
        (0x3FFB_8000, 0x3FFB_9A20),
    ] {
        assert!(sim.add(start, end).is_ok(), "{start:#X} to {end:#X}");
        let heap = sim.heaps.inspect().heap_at(start).unwrap();
        assert_eq!((heap.span, heap.name), (span(start, end), "DRAM"));
    }
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
}

/// Defects: 2292.
#[test]
fn a_piece_too_small_for_a_heap_is_distinguished_and_stops_nobody() {
    let mut sim = with_bluetooth();
    let heaps = sim.heaps.inspect().heaps().count();
    for (start, end) in [(0x3FFB_DBB4, 0x3FFB_DBD4), (0x3FFB_DB28, 0x3FFB_DB5C)] {
        let refused = sim.add(start, end);
        assert!(
            matches!(refused, Err(AddRegionError::TooSmall { needed }) if needed > end - start),
            "{refused:?}"
        );
    }
    assert_eq!(sim.heaps.inspect().heaps().count(), heaps);
    assert!(
        sim.add(0x3FFB_0000, 0x3FFB_6388).is_ok(),
        "the next is looked at"
    );
}

/// Defects: 776c57e.
#[test]
fn a_heap_keeps_its_books_in_its_own_memory() {
    let mut sim = Sim::esp32();
    let figures = |sim: &Sim| {
        sim.heaps
            .inspect()
            .heaps()
            .map(|heap| heap.info)
            .collect::<Vec<_>>()
    };
    let before = figures(&sim);
    let found = ESP32.options(&[common::PSRAM.of(0x20_0000)]).unwrap();
    let symbols = ESP32.sample_symbols(&found);
    // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
    unsafe { sim.heaps.extend(&found, &symbols, &sim.memory) }.unwrap();
    let after = figures(&sim);
    assert_eq!(
        after[..before.len()],
        before,
        "nothing was allocated for it"
    );
    let external = sim.heaps.inspect().heap_at(PSRAM).unwrap().info;
    assert_eq!((external.allocated_blocks, external.free_blocks), (0, 1));
}
