//! The chip as the checks see it: its own addresses are pointers.

use heap_caps::Identity;
use soc_regions::Symbols;
use target_suite::Machine;

use crate::psram;

/// The chip that this program runs on.
pub(crate) struct Esp32;

impl Machine for Esp32 {
    type Memory = Identity;

    fn psram() -> u32 {
        psram::mapped_bytes()
    }

    fn memory() -> Identity {
        Identity
    }

    /// As the claim in `heap.rs` has them.
    fn symbols() -> impl Symbols {
        unsafe extern "C" {
            static _heap_start: u8;
            static _text_heap_start: u8;
        }
        let address = |place: *const u8| place.addr() as u32;
        [
            ("_data_start", 0x3FFB_0000),
            ("_heap_start", address(&raw const _heap_start)),
            ("_iram_start", 0x4008_0000),
            ("_iram_end", address(&raw const _text_heap_start)),
        ]
    }
}
