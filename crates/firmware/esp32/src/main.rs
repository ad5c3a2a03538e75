//! Demonstration without an operating system or driver crate: all of an ESP32's RAM as heaps.
//!
//! ```text
//!   second core held ─> watchdogs off ─> checks ─> claim all RAM, boot the heaps ─> ESP-IDF's tables on the serial port
//!                          ─> both cores at once ─> blocks that come and go for ever
//! ```
//! What is shown is `heap-demo`'s; this program is what it stands on. Clocks stay as the boot
//! loader leaves them, 80 MHz.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod chip;
mod console;
mod cores;
mod cycles;
mod descriptor;
mod exceptions;
mod heap;
mod interrupts;
mod last_words;
#[cfg(feature = "defmt")]
mod log;
mod psram;
#[cfg(feature = "events")]
mod stack;
mod watchdogs;

use core::fmt::Write;

use heap_caps_alloc::CapsHeap;
use heap_demo::{Board, demonstrate};
use multi_heap::Unpoisoned;

use chip::Esp32;
use console::Console;
use cores::SecondCore;
use heap::{HEAP, HeapLock, Observer};

/// Returns `true`: the boot loader has put `.data` in its place already.
#[unsafe(export_name = "__init_data")]
extern "C" fn data_is_there() -> bool {
    false
}

#[xtensa_lx_rt::entry]
fn main() -> ! {
    watchdogs::off();
    cores::share_mapping();
    psram::explain();
    demonstrate::<Esp32>();
    last_words::end()
}

impl Board for Esp32 {
    type Lock = HeapLock;
    type Observer = Observer;
    type Machine = Esp32;

    const NAME: &'static str = "ESP32";
    /// A few seconds: with events the serial port sets the pace.
    const STEPS_A_REPORT: u32 = if cfg!(feature = "events") {
        500
    } else {
        20_000
    };

    fn heap() -> &'static CapsHeap<HeapLock, Unpoisoned, Observer> {
        &HEAP
    }

    fn console() -> impl Write {
        Console
    }

    fn boot() {
        let second_core = cores::start();
        if second_core == SecondCore::Silent {
            console::say!("the second core does not answer: its memory is left alone");
        }
        heap::boot(second_core);
    }

    fn on_all_cores(round: fn(u32, u32)) -> &'static str {
        cores::on_both(round)
    }

    fn cycles() -> Option<u32> {
        Some(cycles::now())
    }

    #[cfg(feature = "defmt")]
    fn reported() -> core::ops::ControlFlow<()> {
        log::report();
        core::ops::ControlFlow::Continue(())
    }

    fn between_steps() {
        #[cfg(feature = "events")]
        heap_demo::drain(&HEAP, &mut Console);
    }
}
