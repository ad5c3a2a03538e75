//! Interrupt masking around the heap, up to level 5: where C code and Rust handlers run.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use heap_caps_alloc::InterruptMask;

pub(crate) struct Interrupts;

/// How many are in the heap, or wait for it: one a core at most.
static IN_THE_HEAP: AtomicU32 = AtomicU32::new(0);

/// Returns whether the heap's lock is held or waited for.
pub(crate) fn heap_is_in_use() -> bool {
    IN_THE_HEAP.load(Ordering::Relaxed) != 0
}

// SAFETY: `rsil` raises the level and returns the old state in one instruction, and `wsr.ps` brings
// that back; neither is moved over accesses to memory, since both may touch it as far as the
// compiler knows.
unsafe impl InterruptMask for Interrupts {
    type State = u32;

    fn mask() -> u32 {
        let state;
        // SAFETY: changes the interrupt level only.
        unsafe { asm!("rsil {0}, 5", out(reg) state) };
        IN_THE_HEAP.fetch_add(1, Ordering::Relaxed);
        state
    }

    unsafe fn restore(state: u32) {
        IN_THE_HEAP.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller passes what `mask` returned: the same state but for the level.
        unsafe { asm!("wsr.ps {0}", "rsync", in(reg) state) };
    }
}

/// No interrupt wakes this core up.
pub(crate) fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: waits with every interrupt masked.
        unsafe { asm!("waiti 5") };
    }
}
