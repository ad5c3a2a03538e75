//! esp-hal's linker scripts and configuration, in the terms of a chip's table.
//!
//! ```text
//!   table          esp-hal 1.2, RISC-V           esp-hal 1.2, Xtensa
//!   _iram_start    _trap_section_origin          _init_start              where code in RAM begins
//!   _iram_end      _rwtext_end                   _rwtext_end
//!   _data_start    _data_start                   _data_start
//!   _heap_start    __stack_chk_guard + 4         __stack_chk_guard + 4    behind the guard of esp-hal's stack
//!                  _stack_start                  _stack_start             the end of DRAM for the program
//! ```

use soc_regions::{Bound, Options, Reservation, Setting, common, esp32s3};

use super::tokens::apply_known;

/// What esp-hal 1.2 configures where nobody says otherwise (`ESP_HAL_CONFIG_…`), and the tables'
/// defaults do not: the caches of the ESP32-S3, which take RAM. It keeps RTC memory for statics.
/// Settings that a chip lacks do not count.
const CONFIGURED: [Setting; 3] = [
    common::RTC_HEAP.off(),
    esp32s3::INSTRUCTION_CACHE.value("32K"),
    esp32s3::DATA_CACHE.value("64K"),
];

/// A chip's options under esp-hal's default configuration.
#[must_use]
pub const fn configured(options: Options) -> Options {
    apply_known(options, &CONFIGURED)
}

/// The stack that stays a stack: this many bytes below its start. The rest of what esp-hal's linker
/// script calls stack is heap.
///
/// ```text
///   program's data │ guard │            heap             │ stack, `bytes` │ boot loader's: heap
///             _stack_end   __stack_chk_guard + 4               _stack_start
/// ```
#[must_use]
pub const fn stack(bytes: u32) -> Reservation {
    #[expect(clippy::cast_possible_wrap, reason = "checked the line before")]
    let below = {
        assert!(bytes <= i32::MAX as u32, "a stack larger than any chip");
        -(bytes as i32)
    };
    Reservation::new(
        "stack",
        Bound::symbol("_stack_start").plus(below),
        Bound::symbol("_stack_start"),
    )
}

/// Where the heap begins: the guard word below the stack stays what it is, so that the watchpoint
/// on it never fires for a block.
#[must_use]
pub const fn behind_guard(guard: u32) -> u32 {
    guard.wrapping_add(4) // in RAM, which ends below 2^32
}
