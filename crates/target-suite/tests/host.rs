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
