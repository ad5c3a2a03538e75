//! How interrupts are kept away from the heap: the levels that C code and Rust handlers run at, 1 to 5.

use core::arch::asm;

use heap_caps_alloc::InterruptMask;

pub(crate) struct Interrupts;

// SAFETY: `rsil` raises the level and gives the old state in one instruction, and `wsr.ps` brings that back; neither is moved over
// accesses to memory, since both may touch it as far as the compiler knows.
unsafe impl InterruptMask for Interrupts {
    type State = u32;

    fn mask() -> u32 {
        let state;
        // SAFETY: changes the interrupt level only.
        unsafe { asm!("rsil {0}, 5", out(reg) state) };
        state
    }

    unsafe fn restore(state: u32) {
        // SAFETY: the caller gives what `mask` returned: the same state but for the level.
        unsafe { asm!("wsr.ps {0}", "rsync", in(reg) state) };
    }
}
