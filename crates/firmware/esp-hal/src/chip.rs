//! The chip as the checks see it: its own addresses are pointers.

use esp_hal_demo::TABLE;
use heap_caps::Identity;
use heap_caps_alloc::claim_macro::{configured, stack};
use soc_regions::{Chip, Linked, Options, Reservation, Symbols};
use target_suite::Machine;

/// What stays of esp-hal's stack. A check takes 8 KiB of it.
pub(crate) const STACK_BYTES: u32 = 32 * 1024;
const RESERVATIONS: &[Reservation] = &[stack(STACK_BYTES)];

/// Returns the stack's lowest word.
pub(crate) fn stack_end() -> usize {
    unsafe extern "C" {
        static _stack_start: u8;
    }
    (&raw const _stack_start).addr() - STACK_BYTES as usize
}

/// The chip that this program runs on.
pub(crate) struct Running;

impl Machine for Running {
    type Memory = Identity;

    fn chip() -> &'static Chip {
        &TABLE
    }

    fn options() -> Options {
        configured(TABLE.default_options())
    }

    fn psram() -> u32 {
        crate::psram::bytes()
    }

    fn memory() -> Identity {
        Identity
    }

    /// As the claim in `heap.rs` has them.
    fn symbols() -> impl Symbols {
        unsafe extern "C" {
            #[cfg_attr(target_arch = "xtensa", link_name = "_init_start")]
            static _trap_section_origin: u8;
            static _rwtext_end: u8;
            static _data_start: u8;
            static __stack_chk_guard: u8;
            static _stack_start: u8;
        }
        let address = |place: *const u8| place.addr() as u32;
        Linked {
            symbols: [
                ("_iram_start", address(&raw const _trap_section_origin)),
                ("_iram_end", address(&raw const _rwtext_end)),
                ("_data_start", address(&raw const _data_start)),
                ("_heap_start", address(&raw const __stack_chk_guard) + 4),
                ("_stack_start", address(&raw const _stack_start)),
                ("psram:start", crate::psram::start()),
            ],
            reservations: RESERVATIONS,
        }
    }
}
