//! The ESP32's demonstration (`crates/firmware/esp32`) on an emulated chip: the same program on
//! another start-up, with an end.

#![no_std]
#![no_main]

use core::fmt::Write;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use heap_demo::{Board, demonstrate};
use on_target::{Console, Emulated, HEAP, Heap, HeapLock, exit_code, interrupts};
use target_suite::Machine;

on_target::program!(main);

fn main() -> u8 {
    demonstrate::<Emulator>();
    exit_code::SUCCESS
}

struct Emulator;

/// Instructions between interrupts.
const PERIOD: u32 = 3907;
const ROUNDS: u32 = 3_000;
const REPORTS: u32 = 3;

/// Interrupts so far, and what they call.
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static ROUND: AtomicUsize = AtomicUsize::new(0);
static REPORTED: AtomicU32 = AtomicU32::new(0);

impl Board for Emulator {
    type Lock = HeapLock;
    type Observer = ();
    type Machine = Emulated;

    const NAME: &'static str = "emulated ESP32";
    const STEPS_A_REPORT: u32 = 2_000;

    fn heap() -> &'static Heap {
        &HEAP
    }

    fn console() -> impl Write {
        Console
    }

    fn boot() {
        // SAFETY: the checks are through, and nothing else uses the chip's memory.
        let parts = unsafe { on_target::ram() }.unwrap();
        // SAFETY: the emulator maps so much, and this program stands on a stack in flash's window.
        unsafe { heap_demo::boot(parts, Emulated::psram()) }
            .unwrap_or_else(|cause| panic!("{cause}"));
    }

    /// There is one core, which a timer interrupts wherever it is.
    fn on_all_cores(round: fn(u32, u32)) -> &'static str {
        ROUND.store(round as usize, Ordering::Relaxed);
        interrupts::start_timer(PERIOD, interrupted);
        (0..ROUNDS).for_each(|number| round(0, number));
        interrupts::stop_timer();
        "the program and an interrupt handler"
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

fn interrupted() {
    let number = INTERRUPTS.load(Ordering::Relaxed);
    INTERRUPTS.store(number + 1, Ordering::Relaxed);
    let round = ROUND.load(Ordering::Relaxed);
    // SAFETY: `on_all_cores` stored a function of this type before it let interrupts come.
    let round: fn(u32, u32) = unsafe { core::mem::transmute(round) };
    round(1, number);
}
