//! The processor's cycle counter: waiting, and giving up.

use core::arch::asm;

/// Cycles so far; wraps.
pub(crate) fn now() -> u32 {
    let cycles;
    // SAFETY: reads a counter.
    unsafe { asm!("rsr.ccount {0}", out(reg) cycles, options(nomem, nostack)) };
    cycles
}

/// Returns after this many cycles.
pub(crate) fn wait(cycles: u32) {
    until(cycles, || false);
}

/// Returns whether `is_done` said so within this many cycles.
pub(crate) fn until(cycles: u32, is_done: impl Fn() -> bool) -> bool {
    let start = now();
    while now().wrapping_sub(start) < cycles {
        if is_done() {
            return true;
        }
        core::hint::spin_loop();
    }
    is_done()
}
