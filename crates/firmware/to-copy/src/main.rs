//! A whole program on esp-hal with the capability heap, to copy: `cargo run --release` puts it on
//! an ESP32-C3.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::panic::PanicInfo;

use esp_hal::main;
use esp_println::println;
use heap_caps_alloc::{Caps, CapsHeap, CriticalSectionLock, DmaBuffer, ESP32C3};

esp_bootloader_esp_idf::esp_app_desc!();

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock> = CapsHeap::new(());
heap_caps_alloc::claim! { static RAM: ESP32C3; unsafe esp_hal: { stack: 32 * 1024 } }

#[main]
fn main() -> ! {
    let _peripherals = esp_hal::init(esp_hal::Config::default());
    RAM.take(&HEAP).unwrap().ram.boot().unwrap();

    let squares: Vec<u32> = (0..8).map(|number| number * number).collect();
    println!("{squares:?}: every collection uses the heap");
    match DmaBuffer::new(&HEAP, 1500) {
        Ok(frame) => println!("{frame:?}"),
        Err(failure) => println!("{failure}"), // a sentence: which heap has what free, and why not
    }
    println!("{} bytes free", HEAP.inspect().free_size(Caps::DEFAULT));
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
