//! PSRAM, brought up by esp-hal's driver on the chips that can have some.

use core::sync::atomic::{AtomicU32, Ordering};

static START: AtomicU32 = AtomicU32::new(0);
static BYTES: AtomicU32 = AtomicU32::new(0);

#[cfg(can_have_psram)]
mod driver {
    use core::cell::Cell;
    use core::sync::atomic::Ordering;

    use critical_section::Mutex;
    use esp_hal::psram::{Psram as Driver, PsramConfig};
    use esp_println::println;
    use heap_caps_alloc::{MappedPsram, Psram, esp_hal_psram};

    /// The driver, until its memory is heap.
    static DRIVER: Mutex<Cell<Option<Driver>>> = Mutex::new(Cell::new(None));

    /// Brings PSRAM up, with its size as the driver finds it. None is no error, but a line says
    /// so.
    pub(crate) fn bring_up(psram: esp_hal::peripherals::PSRAM<'static>) {
        let driver = Driver::new(psram, PsramConfig::default());
        let (start, bytes) = driver.raw_parts();
        super::START.store(start.addr() as u32, Ordering::Relaxed);
        super::BYTES.store(bytes as u32, Ordering::Relaxed);
        critical_section::with(|key| DRIVER.borrow(key).set(Some(driver)));
        if bytes == 0 {
            println!("PSRAM: esp-hal's driver has found none. If the board has some, build with");
            println!("  --release, and let `PsramConfig` in src/psram.rs say its kind and size");
        }
    }

    /// Returns what the driver has mapped, for the claim.
    pub(crate) fn mapped(psram: Psram) -> Option<MappedPsram> {
        let driver = critical_section::with(|key| DRIVER.borrow(key).take())?;
        esp_hal_psram!(psram, driver)
    }
}

#[cfg(can_have_psram)]
pub(crate) use driver::{bring_up, mapped};

/// Returns `None`: the chip can have no PSRAM.
#[cfg(not(can_have_psram))]
pub(crate) fn mapped(_: heap_caps_alloc::Psram) -> Option<heap_caps_alloc::MappedPsram> {
    None
}

/// Returns where the driver has mapped it: behind flash on some chips.
pub(crate) fn start() -> u32 {
    START.load(Ordering::Relaxed)
}

/// Whole KiB of it.
pub(crate) fn bytes() -> u32 {
    BYTES.load(Ordering::Relaxed) & !0x3FF
}
