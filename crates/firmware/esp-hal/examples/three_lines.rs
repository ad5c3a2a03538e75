//! The three lines, 1, 2 and 3, that set up the capability heap in an esp-hal program, on any chip.

#![no_std]
#![no_main]

extern crate alloc;

use core::panic::PanicInfo;

use esp_println::println;
use heap_caps_alloc::{Caps, CapsHeap, CriticalSectionLock, DmaBuffer};

esp_bootloader_esp_idf::esp_app_desc!();

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock> = CapsHeap::new(()); // 1
// 2
heap_caps_alloc::claim! { static RAM: esp_hal_demo::TABLE; unsafe esp_hal: { stack: 32 * 1024 } }

#[esp_hal::main]
fn main() -> ! {
    let _peripherals = esp_hal::init(esp_hal::Config::default());
    RAM.take(&HEAP).unwrap().ram.boot().unwrap(); // 3

    let words = alloc::vec!["every", "collection"];
    let frame = DmaBuffer::new(&HEAP, 1500).unwrap();
    println!(
        "{words:?}, and {frame:?}: {} bytes free",
        HEAP.inspect().free_size(Caps::DEFAULT)
    );
    println!("{}", DmaBuffer::new(&HEAP, 500_000).unwrap_err());
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
