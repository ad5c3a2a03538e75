//! Every check, on the memory of a simulated ESP32.

use heap_caps::SimulatedMemory;
use soc_regions::Symbols;
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
