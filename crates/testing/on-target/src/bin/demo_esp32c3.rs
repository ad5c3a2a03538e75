//! The ESP32-C3's demonstration (`crates/firmware/esp-hal`) in the emulator: the same checks, heaps
//! and blocks at that chip's own addresses, on another start-up.

#![no_std]
#![no_main]

use core::fmt::Write;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU32, Ordering};

use heap_caps::Identity;
use heap_demo::{Board, demonstrate};
use on_target::{Console, HEAP, Heap, HeapLock, exit_code};
use soc_regions::{Bound, Chip, ESP32C3, Linked, Options, Reservation, Symbols, common, options};
use target_suite::Machine;

on_target::program!(main);

fn main() -> u8 {
    demonstrate::<Emulator>();
    exit_code::SUCCESS
}

struct Emulator;

const REPORTS: u32 = 3;
static REPORTED: AtomicU32 = AtomicU32::new(0);

/// As in the firmware.
const RESERVATIONS: &[Reservation] = &[Reservation::new(
    "stack",
    Bound::symbol("_stack_start").plus(-0x8000),
    Bound::symbol("_stack_start"),
)];

impl Machine for Emulator {
    type Memory = Identity;

    fn chip() -> &'static Chip {
        &ESP32C3
    }

    fn options() -> Options {
        options!(ESP32C3, common::RTC_HEAP.off())
    }

    fn psram() -> u32 {
        0
    }

    fn memory() -> Identity {
        Identity
    }

    /// Where the firmware lies when it is built. This program lies elsewhere, from 0x3FFB0000 on:
    /// that RAM is all its own.
    fn symbols() -> impl Symbols {
        Linked {
            symbols: [
                ("_iram_start", 0x4038_0000),
                ("_iram_end", 0x4038_0B28),
                ("_data_start", 0x3FC8_0B28),
                ("_heap_start", 0x3FC8_1A7C),
                ("_stack_start", 0x3FCC_E400),
            ],
            reservations: RESERVATIONS,
        }
    }
}

impl Board for Emulator {
    type Lock = HeapLock;
    type Observer = ();
    type Machine = Emulator;

    const NAME: &'static str = "emulated ESP32-C3";
    const STEPS_A_REPORT: u32 = 2_000;

    fn heap() -> &'static Heap {
        &HEAP
    }

    fn console() -> impl Write {
        Console
    }

    fn boot() {
        let (chip, options, symbols) = (Self::chip(), Self::options(), Self::symbols());
        // SAFETY: the checks are through, and nothing else uses the chip's memory.
        let booted = unsafe { HEAP.boot(chip, &options, &symbols, &Identity) };
        booted.unwrap_or_else(|cause| panic!("{cause}"));
        // SAFETY: this program stands on a stack in flash's window.
        unsafe { HEAP.enable_startup_stack_heaps(&Identity) };
    }

    fn on_all_cores(round: fn(u32, u32)) -> &'static str {
        (0..3_000).for_each(|number| round(0, number));
        "the core"
    }

    fn reported() -> ControlFlow<()> {
        let reports = REPORTED.load(Ordering::Relaxed) + 1;
        REPORTED.store(reports, Ordering::Relaxed);
        if reports == REPORTS {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
