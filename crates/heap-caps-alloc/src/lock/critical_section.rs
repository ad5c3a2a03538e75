//! The critical section that the program provides.

use core::cell::Cell;

use critical_section::RestoreState;

use super::{RawLock, reentered};

/// A critical section as the lock: what `esp-hal`, `cortex-m` and the like provide through the
/// crate `critical-section`.
///
/// Allocation and free work from every interrupt handler that the critical section masks. Critical
/// sections nest, a lock must not: the holder that comes in again (an observer that allocates) gets
/// a panic.
#[derive(Debug, Default)]
pub struct CriticalSectionLock {
    /// Read and written inside the critical section only.
    held: Cell<bool>,
}

// SAFETY: `held` is accessed between `acquire` and `release` of the critical section only, which
// excludes everybody else.
unsafe impl Sync for CriticalSectionLock {}

// SAFETY: the critical section excludes other contexts and orders their memory accesses, `held`
// excludes the holder itself.
unsafe impl RawLock for CriticalSectionLock {
    const INIT: Self = Self {
        held: Cell::new(false),
    };

    type Token = RestoreState;

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn acquire(&self) -> RestoreState {
        // SAFETY: `release` follows, in reverse order where sections nest, with the state returned
        // here.
        let state = unsafe { critical_section::acquire() };
        if self.held.replace(true) {
            // SAFETY: the innermost section, with its own state.
            unsafe { critical_section::release(state) };
            reentered();
        }
        state
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn release(&self, state: RestoreState) {
        self.held.set(false);
        // SAFETY: the caller hands back the state of `acquire`, in the same context.
        unsafe { critical_section::release(state) };
    }
}
