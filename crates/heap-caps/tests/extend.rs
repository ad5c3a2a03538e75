//! Memory that was kept at boot, given to the heaps later.

use crate::support::*;
use heap_caps::{BootError, Booted, HeapCaps, Policy, SimulatedMemory};
use multi_heap::Unpoisoned;
use soc_regions::{Caps, ESP32, Options, Span, common, options};

/// What one core leaves alone: its cache, and its ROM's data between the two stacks.
const CACHE: (u32, u32) = (0x4007_8000, 0x4008_0000);
const ROM_DATA: (u32, u32) = (0x3FFE_3F20, 0x3FFE_4350);

fn one_core() -> Options {
    options!(ESP32, common::SINGLE_CORE.on())
}

fn extend(sim: &mut Sim, options: &Options) -> Result<Booted, BootError> {
    let symbols = ESP32.sample_symbols(options);
    // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
    unsafe { sim.heaps.extend(options, &symbols, &sim.memory) }
}

/// Start, end, whether it serves.
fn heaps(sim: &Sim) -> Vec<(u32, u32, bool)> {
    let all = sim.heaps.inspect().heaps();
    let mut all: Vec<_> = all
        .map(|heap| (heap.span.start(), heap.span.end(), heap.active))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn what_a_second_core_kept_becomes_heaps_of_its_own() {
    let mut sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &ESP32.default_options(), ());
    let before = heaps(&sim);
    let made = Booted {
        heaps: 2,
        bytes: 0x8000 + 0x430,
        too_small: 0,
        too_small_bytes: 0,
    };
    assert_eq!(extend(&mut sim, &one_core()), Ok(made));
    let mut after = before.clone();
    after.extend([(CACHE.0, CACHE.1, true), (ROM_DATA.0, ROM_DATA.1, false)]);
    after.sort_unstable();
    assert_eq!(heaps(&sim), after);
    assert_eq!(extend(&mut sim, &one_core()), Ok(Booted::default()), "once");
    assert_eq!(sim.enable_stacks(), 3);
    let code = sim.heaps.malloc(0x7000, Caps::EXEC).unwrap();
    assert_eq!(
        sim.heaps.inspect().check_integrity(Caps::INVALID),
        Ok(()),
        "{code:#X}"
    );
}

#[test]
fn memory_between_the_startup_stacks_serves_at_once_when_they_are_free() {
    let mut sim = Sim::esp32();
    assert!(extend(&mut sim, &one_core()).is_ok());
    assert!(heaps(&sim).contains(&(ROM_DATA.0, ROM_DATA.1, true)));
}

#[test]
fn what_is_a_heap_stays_one_whatever_the_options_say() {
    let mut sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &one_core(), ());
    let before = heaps(&sim);
    assert_eq!(
        extend(&mut sim, &ESP32.default_options()),
        Ok(Booted::default())
    );
    assert_eq!(heaps(&sim), before);
}

#[test]
fn psram_that_is_found_after_boot_is_added() {
    let mut sim = Sim::esp32();
    let found = options!(ESP32, common::PSRAM.of(0x20_0000));
    assert_eq!(
        extend(&mut sim, &found).map(|made| made.bytes),
        Ok(0x20_0000)
    );
    assert_eq!(sim.served_by(0x10_0000, Caps::SPIRAM), Some(PSRAM));
}

#[test]
fn a_part_that_is_a_heap_already_is_left_out() {
    let mut sim = Sim::esp32();
    let (start, end) = (CACHE.0 + 0x1000, CACHE.0 + 0x3000);
    assert!(sim.add(start, end).is_ok());
    let made = extend(&mut sim, &one_core()).unwrap();
    assert_eq!((made.heaps, made.bytes), (3, 0x8000 - 0x2000 + 0x430));
    let iram: Vec<Span> = [(CACHE.0, start), (end, CACHE.1)]
        .map(|(start, end)| span(start, end))
        .into();
    let all: Vec<Span> = sim.heaps.inspect().heaps().map(|heap| heap.span).collect();
    assert!(iram.iter().all(|part| all.contains(part)), "{all:?}");
}

#[test]
fn without_room_for_all_of_it_nothing_is_added() {
    let memory = SimulatedMemory::new();
    let mut heaps: HeapCaps<Unpoisoned, (), 6> = HeapCaps::new(());
    let mut add = |options: &Options, boot: bool| {
        let symbols = ESP32.sample_symbols(options);
        // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
        let boot = boot.then(|| unsafe { heaps.boot(&ESP32, options, &symbols, &memory) });
        // SAFETY: as above.
        boot.unwrap_or_else(|| unsafe { heaps.extend(options, &symbols, &memory) })
    };
    assert_eq!(add(&one_core(), false), Err(BootError::NotBooted));
    assert!(add(&ESP32.default_options(), true).is_ok());
    let full = BootError::TableFull {
        needed: 7,
        places: 6,
    };
    assert_eq!(add(&one_core(), false), Err(full));
    assert_eq!(heaps.inspect().heaps().count(), 5);
}

#[test]
fn memory_that_was_kept_fills_the_last_places_of_the_table() {
    let mut heaps: HeapCaps<Unpoisoned, (), 7> = HeapCaps::new(());
    let memory = SimulatedMemory::new();
    let symbols = ESP32.sample_symbols(&one_core());
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    unsafe { heaps.boot(&ESP32, &ESP32.default_options(), &symbols, &memory) }.unwrap();
    // SAFETY: as above.
    let made = unsafe { heaps.extend(&one_core(), &symbols, &memory) };
    assert_eq!(made.map(|made| made.heaps), Ok(2));
    assert_eq!(heaps.inspect().heaps().count(), 7);
}
