//! The second core's memory, where there is such a core: this program starts none.

#[cfg(two_cores)]
mod control {
    use core::cell::Cell;

    use critical_section::Mutex;
    use esp_hal::peripherals::CPU_CTRL;
    use heap_caps_alloc::{SecondCore, esp_hal_second_core};

    /// What starts a core, until its memory is heap.
    static CONTROL: Mutex<Cell<Option<CPU_CTRL<'static>>>> = Mutex::new(Cell::new(None));

    /// Keeps what starts the core.
    pub(crate) fn never_start(control: CPU_CTRL<'static>) {
        critical_section::with(|key| CONTROL.borrow(key).set(Some(control)));
    }

    /// Returns the core's memory, for the claim, where nothing started the core before.
    pub(crate) fn idle(token: SecondCore) -> Option<SecondCore> {
        let control = critical_section::with(|key| CONTROL.borrow(key).take())?;
        esp_hal_second_core!(token, control)
    }
}

#[cfg(two_cores)]
pub(crate) use control::{idle, never_start};

/// Returns `None`: the chip has one core.
#[cfg(not(two_cores))]
pub(crate) fn idle(_: heap_caps_alloc::SecondCore) -> Option<heap_caps_alloc::SecondCore> {
    None
}
