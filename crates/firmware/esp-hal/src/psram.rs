//! PSRAM, brought up by esp-hal's driver on the chips that can have some.

use core::sync::atomic::{AtomicU32, Ordering};

use heap_caps_alloc::{MappedPsram, Psram};

static START: AtomicU32 = AtomicU32::new(0);
static BYTES: AtomicU32 = AtomicU32::new(0);

/// Brings PSRAM up, with its size as the driver finds it; none is no error.
#[cfg(any(
    feature = "esp32",
    feature = "esp32s2",
    feature = "esp32s3",
    feature = "esp32c5",
    feature = "esp32c61"
))]
pub(crate) fn bring_up(psram: esp_hal::peripherals::PSRAM<'static>) {
    let driver = esp_hal::psram::Psram::new(psram, esp_hal::psram::PsramConfig::default());
    let (start, bytes) = driver.raw_parts();
    START.store(start.addr() as u32, Ordering::Relaxed);
    BYTES.store(bytes as u32, Ordering::Relaxed);
}

/// Where the driver has mapped it: behind flash on some chips.
pub(crate) fn start() -> u32 {
    START.load(Ordering::Relaxed)
}

/// What the driver has mapped, for the claim: behind flash, where both share a window.
pub(crate) fn mapped(psram: Psram) -> MappedPsram {
    if cfg!(any(feature = "esp32", feature = "esp32s2")) {
        // SAFETY: esp-hal's driver has mapped that many bytes at the start of the window, and
        // nothing else uses them.
        unsafe { psram.mapped(bytes()) }
    } else {
        // SAFETY: it has mapped that many bytes there, on none of these two chips.
        unsafe { psram.mapped_at(start(), bytes()) }
    }
}

/// Whole KiB of it.
pub(crate) fn bytes() -> u32 {
    BYTES.load(Ordering::Relaxed) & !0x3FF
}
