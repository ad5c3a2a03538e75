//! No lock at all: one thread, no interrupts.

use core::cell::Cell;

use super::{RawLock, reentered};

/// For one thread: tests, and programs before they start their second core and their interrupts.
///
/// It is not `Sync`, so the compiler refuses it in a `static`. It still notices when its holder
/// comes in again: that panics.
///
/// ```compile_fail,E0277
/// use heap_caps_alloc::{CapsHeap, Unlocked};
///
/// static HEAP: CapsHeap<Unlocked> = CapsHeap::new(());
/// ```
#[derive(Debug, Default)]
pub struct Unlocked {
    held: Cell<bool>,
}

// SAFETY: the type is not `Sync`, so there is one thread; to that thread `acquire` does not return
// while it is held.
unsafe impl RawLock for Unlocked {
    const INIT: Self = Self {
        held: Cell::new(false),
    };

    type Token = ();

    fn acquire(&self) {
        if self.held.replace(true) {
            reentered();
        }
    }

    unsafe fn release(&self, (): ()) {
        self.held.set(false);
    }
}
