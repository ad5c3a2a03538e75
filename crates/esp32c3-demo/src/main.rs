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

use core::panic::PanicInfo;

use esp_hal::time::{Duration, Instant};
use esp_println::println;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use soc_regions::{Caps, ESP32C3};

esp_bootloader_esp_idf::esp_app_desc!();

/// 1. Every `Box`, `Vec` and `String` of the program lives here.
#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock> = CapsHeap::new(());

heap_caps_alloc::claim! {
    /// 2. The RAM that esp-hal's linker script and the boot loader leave over.
    static RAM: ESP32C3;
    unsafe esp_hal: { stack: 32 * 1024 }
}

#[esp_hal::main]
fn main() -> ! {
    // Clocks; watchdogs off.
    let _peripherals = esp_hal::init(esp_hal::Config::default());
    boot_heap();
    esp32c3_demo::show_heaps(&HEAP);
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

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    esp32c3_demo::last_words(info, &HEAP)
}
