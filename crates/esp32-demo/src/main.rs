//! How does a program without any operating system or driver crate get all of an ESP32's RAM as heaps?
//!
//! ```text
//!   watchdogs off ─> claim all RAM ─> boot the heaps ─> ESP-IDF's tables on the serial port ─> blocks that come and go for ever
//! ```
//! The second core stays stopped, as the boot loader leaves it: its cache and its ROM data are heap. Clocks stay as they are, 80 MHz.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

extern crate alloc;

mod console;
mod descriptor;
mod exceptions;
mod interrupts;
mod soak;
mod watchdogs;

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use console::{Console, say};
use heap_caps_alloc::{CapsHeap, Masked, SpinLock};
use interrupts::Interrupts;
use soc_regions::{Caps, ESP32};

#[global_allocator]
static HEAP: CapsHeap<Masked<Interrupts, SpinLock>> = CapsHeap::new(());

heap_caps_alloc::claim! {
    /// What memory.x and xtensa-lx-rt's link.x leave over.
    static RAM: ESP32;
    unsafe symbols: {
        _data_start = 0x3FFB_0000,
        _heap_start,
        _iram_start = 0x4008_0000,
        _iram_end = _text_heap_start,
    }
}

/// The boot loader has put `.data` in its place already.
#[unsafe(export_name = "__init_data")]
extern "C" fn data_is_there() -> bool {
    false
}

#[xtensa_lx_rt::entry]
fn main() -> ! {
    watchdogs::off();
    boot_heap();
    show_heaps();
    let mut soak = soak::Soak::new();
    loop {
        for _ in 0..STEPS_A_REPORT {
            soak.step();
        }
        report(&soak);
    }
}

/// A few seconds at 80 MHz.
const STEPS_A_REPORT: u32 = 20_000;

fn boot_heap() {
    let parts = RAM.take(&HEAP).unwrap_or_else(|cause| panic!("{cause}"));
    // No controller is linked, and nobody starts the second core.
    let ram = parts.ram.give(parts.bluetooth).give(parts.second_core);
    let mut claimed = ram.boot().unwrap_or_else(|cause| panic!("{cause}"));
    // SAFETY: the program stands on its own stack, in `.stack`.
    unsafe { claimed.release(parts.startup_stacks) };
}

/// ESP-IDF's start-up table, and its summary.
fn show_heaps() {
    // The console never fails.
    let _ = HEAP.inspect(|heaps| heaps.print_startup_table(&mut Console));
    let _ = HEAP.inspect(|heaps| heaps.print_heap_info(Caps::empty(), &mut Console));
}

fn report(soak: &soak::Soak) {
    say!(
        "{} steps, {} blocks, {} refused; free {}, least {}, largest {}",
        soak.steps(),
        soak.blocks(),
        HEAP.failures(),
        HEAP.free_size(Caps::DEFAULT),
        HEAP.minimum_free_size(Caps::DEFAULT),
        HEAP.largest_free_block(Caps::DEFAULT)
    );
    let sound = HEAP.inspect(|heaps| heaps.check_integrity(Caps::INVALID));
    if let Err(damage) = sound {
        panic!("the heap is damaged: {damage:?}");
    }
}

/// The last words of a program that can't go on: the heaps too, unless looking at them is what went wrong.
fn end() -> ! {
    static ENDED: AtomicBool = AtomicBool::new(false);
    if !ENDED.swap(true, Ordering::Relaxed) {
        show_heaps();
    }
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("{info}");
    end()
}
