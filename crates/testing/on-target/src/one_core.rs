//! A lock for a processor without atomic exchange: one core, interrupts away.

use core::sync::atomic::{AtomicBool, Ordering};

use heap_caps_alloc::RawLock;

/// Only ever taken with interrupts masked: whoever finds it held holds it himself.
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
