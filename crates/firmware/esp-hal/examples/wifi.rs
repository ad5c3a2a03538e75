//! Wi-Fi on the capability heap: esp-radio allocates by the heap's C names, Rust by the same heap.
//!
//! ```text
//!   esp-radio, its libraries ── malloc_internal, calloc, free … ──┐
//!   esp-rtos, this program ──── GlobalHeap ───────────────────────┴─► heap(): all RAM of the claim
//! ```
//! A scan of what is on the air, again and again, with what it costs.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use embassy_executor::Spawner;
use esp_hal::timer::timg::TimerGroup;
use esp_println::println;
use heap_caps_c::{GlobalHeap, heap};
use soc_regions::Caps;

esp_bootloader_esp_idf::esp_app_desc!();

#[global_allocator]
static GLOBAL: GlobalHeap = GlobalHeap;

heap_caps_alloc::claim! { static RAM: esp_hal_demo::TABLE; unsafe esp_hal: { stack: 32 * 1024 } }

#[esp_rtos::main]
async fn main(_spawner: Spawner) {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    RAM.take(heap()).unwrap().ram.boot().unwrap();
    let timers = TimerGroup::new(peripherals.TIMG0);
    esp_rtos::start(timers.timer0, peripherals.FROM_CPU_INTR0);
    esp_hal_demo::scan_for_ever(peripherals.WIFI, || {
        let info = heap().inspect().info(Caps::INTERNAL);
        println!(
            "free {}, least {}, largest {}",
            info.total_free_bytes, info.minimum_free_bytes, info.largest_free_block
        );
    })
    .await
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    esp_hal_demo::last_words(info, heap())
}
