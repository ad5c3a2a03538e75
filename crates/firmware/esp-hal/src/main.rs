//! Demonstration of the capability heap on esp-hal, on any of its chips. The heap itself is the
//! three lines marked 1, 2 and 3 in `heap.rs`.
//!
//! ```text
//!   esp-hal: clocks, watchdogs off ─> checks in memory that has no heap yet ─> boot ─> ESP-IDF's tables ─> blocks that come and go for ever
//! ```
//! What is shown is `heap-demo`'s, as on the ESP32.

#![no_std]
#![no_main]

mod chip;
#[cfg(all(feature = "guard", not(target_arch = "riscv32")))]
compile_error!("guards reach the registers of RISC-V chips only");
#[cfg(feature = "guard")]
mod guard;
mod heap;
mod psram;
mod second_core;

use core::fmt::Write;
use core::panic::PanicInfo;

use esp_hal_demo::Console;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use heap_demo::{Board, demonstrate};
use multi_heap::Unpoisoned;

use chip::Running;
use heap::{HEAP, Observer};

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_hal::main]
fn main() -> ! {
    let _peripherals = esp_hal::init(esp_hal::Config::default());
    #[cfg(can_have_psram)]
    psram::bring_up(_peripherals.PSRAM);
    #[cfg(two_cores)]
    second_core::never_start(_peripherals.CPU_CTRL);
    demonstrate::<Running>();
    loop {
        core::hint::spin_loop();
    }
}

impl Board for Running {
    type Lock = CriticalSectionLock;
    type Observer = Observer;
    type Machine = Running;

    const NAME: &'static str = esp_hal_demo::NAME;
    /// A second or so: with events the serial port sets the pace.
    const STEPS_A_REPORT: u32 = if cfg!(feature = "events") {
        500
    } else {
        40_000
    };

    fn heap() -> &'static CapsHeap<CriticalSectionLock, Unpoisoned, Observer> {
        &HEAP
    }

    fn console() -> impl Write {
        Console
    }

    fn boot() {
        heap::boot();
        #[cfg(feature = "guard")]
        guard::show();
    }

    /// There is one, and nothing interrupts it.
    fn on_all_cores(round: fn(u32, u32)) -> &'static str {
        (0..10_000).for_each(|number| round(0, number));
        "the core"
    }

    fn between_steps() {
        #[cfg(feature = "events")]
        heap_demo::drain(&HEAP, &mut Console);
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    esp_hal_demo::last_words(info, &HEAP)
}
