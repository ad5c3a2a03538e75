//! The emulated chip as the suite sees it: its own addresses are pointers.

use heap_caps::Identity;
use soc_regions::Symbols;
use target_suite::Machine;

/// The chip that this program runs on.
#[derive(Clone, Copy, Debug)]
pub struct Emulated;

impl Machine for Emulated {
    type Memory = Identity;

    fn memory() -> Identity {
        Identity
    }

    fn symbols() -> impl Symbols {
        linker_symbols()
    }
}

/// Returns which memory the program itself takes, as the linker script says.
pub(crate) fn linker_symbols() -> [(&'static str, u32); 4] {
    unsafe extern "C" {
        static _data_start: u8;
        static _heap_start: u8;
        static _iram_start: u8;
        static _iram_end: u8;
    }
    let address = |place: *const u8| place.addr() as u32;
    [
        ("_data_start", address(&raw const _data_start)),
        ("_heap_start", address(&raw const _heap_start)),
        ("_iram_start", address(&raw const _iram_start)),
        ("_iram_end", address(&raw const _iram_end)),
    ]
}
