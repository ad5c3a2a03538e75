//! PSRAM, brought up by esp-hal's driver on the chips that can have some.

use core::sync::atomic::{AtomicU32, Ordering};

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

/// Whole KiB of it.
pub(crate) fn bytes() -> u32 {
    BYTES.load(Ordering::Relaxed) & !0x3FF
}
