//! A lock for a processor without atomic exchange: one core, interrupts away.

use core::sync::atomic::{AtomicBool, Ordering};

use heap_caps_alloc::RawLock;

/// Only ever acquired with interrupts masked: a context that finds it held holds it itself.
#[derive(Debug)]
pub struct OneCore {
    held: AtomicBool,
}

// SAFETY: nothing runs between the load and the store: there is one core, and interrupts are away.
// To its holder `acquire` does not return.
unsafe impl RawLock for OneCore {
    const INIT: Self = Self {
        held: AtomicBool::new(false),
    };

    type Token = ();

    fn acquire(&self) {
        assert!(
            !self.held.load(Ordering::Acquire),
            "the heap was used while its lock was held by the same context"
        );
        self.held.store(true, Ordering::Relaxed);
    }

    unsafe fn release(&self, (): ()) {
        self.held.store(false, Ordering::Release);
    }
}

/// Interrupts away: what a claim needs besides the heap's lock. C programs bring their own.
#[cfg(not(feature = "c-names"))]
mod section {
    use crate::machine;

    struct Section;
    critical_section::set_impl!(Section);

    // SAFETY: nothing else runs on the one core while its interrupts are away; sections nest,
    // because each brings back what was before.
    unsafe impl critical_section::Impl for Section {
        unsafe fn acquire() -> critical_section::RawRestoreState {
            machine::mask_interrupts()
        }

        unsafe fn release(state: critical_section::RawRestoreState) {
            machine::restore_interrupts(state);
        }
    }
}
