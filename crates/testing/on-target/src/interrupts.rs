//! A timer that interrupts the program, and how the program keeps it away.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use heap_caps_alloc::InterruptMask;

use crate::machine;

static HANDLER: AtomicUsize = AtomicUsize::new(0);
static PERIOD: AtomicU32 = AtomicU32::new(0);

/// Calls `handler` from an interrupt, again and again, `period` instructions apart.
pub fn start_timer(period: u32, handler: fn()) {
    HANDLER.store(handler as usize, Ordering::Relaxed);
    PERIOD.store(period, Ordering::Relaxed);
    machine::timer_after(period);
}

/// Ends the interrupts.
pub fn stop_timer() {
    machine::timer_off();
}

/// What the interrupt calls, with interrupts masked. The next one is set when this one is done, so
/// that slow handlers do not starve the program.
#[unsafe(no_mangle)]
extern "C" fn interrupted() {
    let handler = HANDLER.load(Ordering::Relaxed);
    // SAFETY: `start_timer` stored a function of this type before it let interrupts come.
    let handler: fn() = unsafe { core::mem::transmute(handler) };
    handler();
    machine::timer_after(PERIOD.load(Ordering::Relaxed));
}

/// Keeps the timer away.
#[derive(Clone, Copy, Debug)]
pub struct Interrupts;

// SAFETY: the processor takes no interrupt, by means that the compiler moves no memory
// access over; the state before comes back.
unsafe impl InterruptMask for Interrupts {
    type State = u32;

    fn mask() -> u32 {
        machine::mask_interrupts()
    }

    unsafe fn restore(state: u32) {
        machine::restore_interrupts(state);
    }
}
