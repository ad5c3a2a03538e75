//! Parts that the programs of this package share: the chip, a console, the panic handler.

#![no_std]

#[cfg(any(feature = "wifi", feature = "wifi_esp_alloc"))]
mod radio;
#[cfg(any(feature = "wifi", feature = "wifi_esp_alloc"))]
pub use radio::scan_for_ever;

use core::cell::Cell;
use core::fmt::{self, Write as _};
use core::panic::PanicInfo;

use critical_section::Mutex;
use heap_caps::Observer;
use heap_caps_alloc::{CapsHeap, RawLock};
use multi_heap::Poison;

macro_rules! chips {
    ($($feature:literal: $table:ident, $name:literal;)*) => {
        $(
            /// The memory of the chip that the program is built for.
            #[cfg(feature = $feature)]
            pub use soc_regions::$table as TABLE;
            /// As people write it.
            #[cfg(feature = $feature)]
            pub const NAME: &str = $name;
        )*
        #[cfg(not(any($(feature = $feature),*)))]
        compile_error!("no chip is chosen: `cargo xtask build --chip …`, or one of this package's features");
    };
}

chips! {
    "esp32": ESP32, "ESP32";
    "esp32s2": ESP32S2, "ESP32-S2";
    "esp32s3": ESP32S3, "ESP32-S3";
    "esp32c2": ESP32C2, "ESP32-C2";
    "esp32c3": ESP32C3, "ESP32-C3";
    "esp32c5": ESP32C5, "ESP32-C5";
    "esp32c6": ESP32C6, "ESP32-C6";
    "esp32c61": ESP32C61, "ESP32-C61";
    "esp32h2": ESP32H2, "ESP32-H2";
}

/// Where esp-println prints.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        esp_println::print!("{text}");
        Ok(())
    }
}

/// A panic while the heaps are looked at must not look at them again.
static PANICKED: Mutex<Cell<bool>> = Mutex::new(Cell::new(false));

/// Says what went wrong, where, and how the heaps are; then nothing any more. esp-hal makes a panic
/// of an exception: its sentence has the cause, the instruction, the address and the registers.
pub fn last_words<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
    info: &PanicInfo<'_>,
    heap: &CapsHeap<L, P, O, HEAPS>,
) -> ! {
    let is_second = critical_section::with(|key| PANICKED.borrow(key).replace(true));
    let _ = writeln!(Console, "{info}");
    if !is_second {
        heap_demo::tables(heap, &mut Console);
    }
    loop {
        core::hint::spin_loop();
    }
}
