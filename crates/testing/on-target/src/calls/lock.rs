//! The locks of the measured heaps: esp-sync's, as esp-alloc has it, and esp-hal's critical section
//! around C's functions.

use esp_sync::{RawMutex, RestoreState};
use heap_caps_alloc::RawLock;

/// Interrupts masked, and a lock word against the other core: esp-alloc's lock.
#[derive(Debug)]
pub(crate) struct EspLock(RawMutex);

// SAFETY: esp-sync's lock keeps out interrupts and the other core, with the memory order of a lock;
// the holder itself gets a panic.
unsafe impl RawLock for EspLock {
    const INIT: Self = Self(RawMutex::new());

    type Token = RestoreState;

    #[inline]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn acquire(&self) -> RestoreState {
        // SAFETY: `release` follows with this state.
        let state = unsafe { self.0.acquire() };
        if state.is_reentry() {
            reentered();
        }
        state
    }

    #[inline]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn release(&self, state: RestoreState) {
        // SAFETY: the caller hands back the state of `acquire`.
        unsafe { self.0.release(state) };
    }
}

#[cold]
#[inline(never)]
fn reentered() -> ! {
    panic!("the heap was used while its lock was held by the same context")
}

#[cfg(feature = "c-names")]
mod section {
    use super::{RawMutex, RestoreState};

    /// As in esp-hal: one lock for all critical sections. A call each way, as from a static
    /// library.
    struct Section;
    critical_section::set_impl!(Section);

    static MUTEX: RawMutex = RawMutex::new();

    // SAFETY: esp-sync's lock is re-entrant and keeps out interrupts and the other core.
    unsafe impl critical_section::Impl for Section {
        #[inline(never)]
        #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
        unsafe fn acquire() -> critical_section::RawRestoreState {
            // SAFETY: the caller releases, in reverse order.
            unsafe { MUTEX.acquire() }.inner()
        }

        #[inline(never)]
        #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
        unsafe fn release(state: critical_section::RawRestoreState) {
            // SAFETY: a state of `acquire`.
            let state = unsafe { RestoreState::new(state) };
            // SAFETY: the caller hands it back.
            unsafe { MUTEX.release(state) };
        }
    }
}
