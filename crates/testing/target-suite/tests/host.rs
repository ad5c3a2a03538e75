//! Every check, on the memory of simulated chips.

use heap_caps::SimulatedMemory;
use soc_regions::{Chip, ESP32C3, Options, Symbols, common, options};
use target_suite::Machine;

struct Host;

impl Machine for Host {
    type Memory = SimulatedMemory;

    fn memory() -> SimulatedMemory {
        SimulatedMemory::dirty(0xA5)
    }

    fn symbols() -> impl Symbols {
        [("_heap_start", 0x3FFB_4000)]
    }
}

/// A board without PSRAM.
struct Bare;

impl Machine for Bare {
    type Memory = SimulatedMemory;

    fn psram() -> u32 {
        0
    }

    fn memory() -> SimulatedMemory {
        Host::memory()
    }

    fn symbols() -> impl Symbols {
        Host::symbols()
    }
}

/// Another chip: no memory for words only, none outside.
struct Esp32c3;

impl Machine for Esp32c3 {
    type Memory = SimulatedMemory;

    fn chip() -> &'static Chip {
        &ESP32C3
    }

    fn options() -> Options {
        options!(ESP32C3, common::RTC_HEAP.off())
    }

    fn memory() -> SimulatedMemory {
        Host::memory()
    }

    fn symbols() -> impl Symbols {
        [("_heap_start", 0x3FC8_F000)]
    }
}

macro_rules! on_esp32c3 {
    ($($module:ident::$check:ident,)*) => {
        [$(target_suite::$module::$check::<Esp32c3>,)*]
    };
}

#[test]
fn what_holds_for_any_chip_holds_for_an_esp32c3() {
    let checks: [fn(); _] = target_suite::checks_of_any_chip!(on_esp32c3);
    checks.into_iter().for_each(|check| check());
}

macro_rules! without_psram {
    ($($module:ident::$check:ident,)*) => {
        [$(target_suite::$module::$check::<Bare>,)*]
    };
}

#[test]
fn every_check_passes_without_psram() {
    let checks: [fn(); _] = target_suite::checks!(without_psram);
    checks.into_iter().for_each(|check| check());
}

macro_rules! tests {
    ($($module:ident::$check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                target_suite::$module::$check::<Host>();
            }
        )*
    };
}

target_suite::checks!(tests);
