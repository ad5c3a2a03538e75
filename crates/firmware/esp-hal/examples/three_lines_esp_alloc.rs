//! The program of `three_lines.rs` on esp-alloc: what both take is compared in `docs/memory.md`.
//!
//! esp-alloc has one kind of memory here, so the frame is any memory, and a refusal says no more
//! than that there is none.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::panic::PanicInfo;

use esp_println::println;

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_hal::main]
fn main() -> ! {
    let _peripherals = esp_hal::init(esp_hal::Config::default());
    real_esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64_000);

    let words = alloc::vec!["every", "collection"];
    let mut frame = Vec::<u8>::new();
    frame.try_reserve_exact(1500).unwrap();
    println!(
        "{words:?}, and {} bytes: {} bytes free",
        frame.capacity(),
        real_esp_alloc::HEAP.free()
    );
    println!(
        "{}",
        Vec::<u8>::new().try_reserve_exact(500_000).unwrap_err()
    );
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    loop {
        core::hint::spin_loop();
    }
}
