//! How does a program on esp-hal get the capability heap? In the three statements marked 1, 2 and 3.
//!
//! ```text
//!   0x3FC8_0000 code in RAM, data │ esp-hal's stack, with its guard │ 0x3FCC_E400 RAM.ram │ start-up stacks │ ROM's data
//!                        └ BUFFER, of the program's own data          └─────────── heaps ──────────┘
//! ```
//! The rest is what a heap can show for itself: ESP-IDF's tables, then blocks that come and go for ever, with a report now and then.

#![no_std]
#![no_main]

extern crate alloc;

mod soak;

use core::cell::Cell;
use core::fmt::{self, Write as _};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use critical_section::Mutex;
use esp_hal::time::{Duration, Instant};
use esp_println::println;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use soc_regions::{Caps, ESP32C3, common, options};

esp_bootloader_esp_idf::esp_app_desc!();

/// 1. Every `Box`, `Vec` and `String` of the program lives here.
#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock> = CapsHeap::new(());

heap_caps_alloc::claim! {
    /// 2. The RAM that esp-hal's linker script leaves over. It gives all in front of `_stack_start` to the program.
    static RAM: ESP32C3;
    options: options!(ESP32C3, common::RTC_HEAP.off());
    unsafe symbols: {
        _iram_start = 0x4038_0000,
        _iram_end = _rwtext_end,
        _data_start,
        _heap_start = _stack_start,
    }
}

/// More heap, at the cost of stack: esp-hal's stack has what the program's data leaves over.
const BUFFER_BYTES: usize = 160 * 1024;
const BUFFER_CAPS: [Caps; 3] = [
    Caps::BIT8.union(Caps::DEFAULT),
    Caps::INTERNAL.union(Caps::DMA).union(Caps::BIT32),
    Caps::empty(),
];
static mut BUFFER: [MaybeUninit<u8>; BUFFER_BYTES] = [MaybeUninit::uninit(); BUFFER_BYTES];

#[esp_hal::main]
fn main() -> ! {
    // Clocks; watchdogs off.
    let _peripherals = esp_hal::init(esp_hal::Config::default());
    boot_heap();
    show_heaps();
    let start = Instant::now();
    let mut soak = soak::Soak::new();
    let mut next = Duration::from_secs(1);
    loop {
        soak.step();
        if start.elapsed() > next {
            next += Duration::from_secs(1);
            report(start.elapsed().as_secs(), &soak);
        }
    }
}

fn boot_heap() {
    let parts = RAM.take(&HEAP).unwrap_or_else(|cause| panic!("{cause}"));
    // 3. From here on there is memory.
    let mut claimed = parts.ram.boot().unwrap_or_else(|cause| panic!("{cause}"));
    // SAFETY: the program stands on esp-hal's stack; the boot loader has ended.
    unsafe { claimed.release(parts.startup_stacks) };
    let buffer = &raw mut BUFFER;
    // SAFETY: the only reference that is ever made of it.
    let buffer = unsafe { &mut *buffer };
    if let Err(cause) = HEAP.add_buffer(BUFFER_CAPS, buffer) {
        panic!("{cause}");
    }
}

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        esp_println::print!("{text}");
        Ok(())
    }
}

/// ESP-IDF's start-up table, and its summary.
fn show_heaps() {
    // The console never fails.
    let _ = HEAP.inspect(|heaps| heaps.print_startup_table(&mut Console));
    let _ = HEAP.inspect(|heaps| heaps.print_heap_info(Caps::empty(), &mut Console));
}

fn report(seconds: u64, soak: &soak::Soak) {
    println!(
        "{seconds} s: {} steps, {} blocks, {} refused; free {}, least {}, largest {}",
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

/// A panic while the heaps are looked at must not look at them again.
static PANICKED: Mutex<Cell<bool>> = Mutex::new(Cell::new(false));

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let is_second = critical_section::with(|key| PANICKED.borrow(key).replace(true));
    let _ = writeln!(Console, "{info}");
    if !is_second {
        show_heaps();
    }
    loop {}
}
