//! esp-hal's linker scripts, configuration and drivers, in the terms of a chip's table.
//!
//! ```text
//!   table          esp-hal 1.2, RISC-V           esp-hal 1.2, Xtensa
//!   _iram_start    _trap_section_origin          _init_start              where code in RAM begins
//!   _iram_end      _rwtext_end                   _rwtext_end
//!   _data_start    _data_start                   _data_start
//!   _heap_start    __stack_chk_guard + 4         __stack_chk_guard + 4    behind the guard of esp-hal's stack
//!                  _stack_start                  _stack_start             the end of DRAM for the program
//! ```

use core::mem;

use soc_regions::{Bound, Options, Reservation, Setting, common, esp32s3};

use super::macros::address_of;
use super::tokens::{Psram, SecondCore, apply_known};

/// What esp-hal 1.2 configures where nobody says otherwise (`ESP_HAL_CONFIG_…`), and the tables'
/// defaults do not: the caches of the ESP32-S3, which take RAM. It keeps RTC memory for statics.
/// Settings that a chip lacks do not count.
const CONFIGURED: [Setting; 3] = [
    common::RTC_HEAP.off(),
    esp32s3::INSTRUCTION_CACHE.value("32K"),
    esp32s3::DATA_CACHE.value("64K"),
];

/// Returns a chip's options under esp-hal's default configuration.
#[must_use]
pub const fn configured(options: Options) -> Options {
    apply_known(options, &CONFIGURED)
}

/// Returns the stack that stays a stack: this many bytes below its start. The rest of what
/// esp-hal's linker script calls stack is heap.
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

/// Returns where the heap begins: the guard word below the stack stays what it is, so that the
/// watchpoint on it never fires for a block.
#[must_use]
pub const fn behind_guard(guard: u32) -> u32 {
    guard.wrapping_add(4) // in RAM, which ends below 2^32
}

/// The second core's token in exchange for esp-hal's: `Some` of the claim's
/// [`SecondCore`](crate::SecondCore), to be [added](crate::Ram::with) to the heaps. `None` where
/// the core runs: it was started before, or has outlived a restart of the first core.
///
/// The second argument is `peripherals.CPU_CTRL`, by value and for ever. esp-hal's `CpuControl` and
/// esp-rtos start a core with it only, so none is started on memory of a heap.
///
/// For the ESP32 and ESP32-S3, on esp-hal 1.2 with its feature `unstable`; on the ESP32-S3 the core
/// has no memory of its own, and nothing is won.
///
/// ```ignore
/// let parts = RAM.take(&HEAP)?;
/// let idle = esp_hal_second_core!(parts.second_core, peripherals.CPU_CTRL);
/// parts.ram.with(idle).boot()?;
/// ```
#[macro_export]
macro_rules! esp_hal_second_core {
    ($token:expr, $control:expr $(,)?) => {{
        let control: ::esp_hal::peripherals::CPU_CTRL<'static> = $control;
        let runs = ::esp_hal::system::is_running(::esp_hal::system::Cpu::AppCpu);
        $crate::claim_macro::second_core($token, control, runs)
    }};
}

/// External memory as esp-hal's driver has mapped it: `Some` of a
/// [`MappedPsram`](crate::MappedPsram), to be [added](crate::Ram::with) to the heaps. `None` where
/// the driver has found none.
///
/// The second argument is the driver, `esp_hal::psram::Psram`, by value and for ever: nobody else
/// can ask it for the memory. There is one of it, made of `peripherals.PSRAM`.
///
/// For every chip on which esp-hal 1.2 has that driver, with its feature `unstable`.
///
/// ```ignore
/// let parts = RAM.take(&HEAP)?;
/// let driver = Psram::new(peripherals.PSRAM, PsramConfig::default());
/// parts.ram.with(esp_hal_psram!(parts.psram, driver)).boot()?;
/// ```
#[macro_export]
macro_rules! esp_hal_psram {
    ($token:expr, $driver:expr $(,)?) => {{
        let driver: ::esp_hal::psram::Psram = $driver;
        let (start, bytes) = driver.raw_parts();
        let mapped = $crate::claim_macro::mapped($token, driver, start, bytes);
        // SAFETY: esp-hal's driver, of which there is one, has mapped that many bytes there; on
        // the ESP32 and ESP32-S2 at the start of the window. It is gone.
        mapped.map(|(token, start, bytes)| unsafe { token.mapped_at(start, bytes) })
    }};
}

/// For [`esp_hal_second_core!`](crate::esp_hal_second_core!).
#[must_use]
pub fn second_core<C: 'static>(
    token: SecondCore,
    control: C,
    is_running: bool,
) -> Option<SecondCore> {
    mem::forget(control);
    (!is_running).then_some(token)
}

/// For [`esp_hal_psram!`](crate::esp_hal_psram!): whole KiB.
#[must_use]
pub fn mapped<D: 'static>(
    token: Psram,
    driver: D,
    start: *mut u8,
    bytes: usize,
) -> Option<(Psram, u32, u32)> {
    mem::forget(driver);
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX) & !0x3FF;
    (bytes > 0).then(|| (token, address_of(start), bytes))
}
