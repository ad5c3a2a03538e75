//! The whole demonstration, over the trait of what a board brings to it.

use core::fmt::Write;
use core::ops::ControlFlow;

use heap_caps::Observer;
use heap_caps_alloc::{CapsHeap, RawLock};
use multi_heap::Unpoisoned;
use target_suite::Machine;

use crate::events::{SOAK_OWNER, as_owner};
use crate::soak::Soak;
use crate::{cost, suite, tables};

/// What a program stands on.
pub trait Board {
    /// Keeps interrupts and other cores away from the heap.
    type Lock: RawLock + 'static;
    /// Observers of the heap.
    type Observer: Observer + 'static;
    /// The chip's memory, for the checks.
    type Machine: Machine;

    /// What it is called.
    const NAME: &'static str;
    /// How many blocks come or go between two reports.
    const STEPS_A_REPORT: u32;

    /// Returns the program's global allocator.
    fn heap() -> &'static CapsHeap<Self::Lock, Unpoisoned, Self::Observer>;

    /// Returns where people read; never fails.
    fn console() -> impl Write;

    /// Makes what the linker left over heaps. Called once, when the checks are through.
    fn boot();

    /// Calls `round` on all cores at once, thousands of times, with the number of the core and that
    /// of the call. Returns when all are done, with the participants, for people.
    fn on_all_cores(round: fn(u32, u32)) -> &'static str;

    /// Cycles of the processor so far, where it counts them; wraps.
    fn cycles() -> Option<u32> {
        None
    }

    /// Called now and then while blocks come and go.
    fn between_steps() {}

    /// Returns whether to go on behind a report: for ever, on a board.
    fn reported() -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Steps between two calls of [`Board::between_steps`].
const STEPS_AT_A_TIME: u32 = 8;

/// Shows everything, and ends when the board says so.
///
/// # Panics
/// A check fails, or memory is not what it was.
pub fn demonstrate<B: Board>() {
    let mut out = B::console();
    let psram = <B::Machine as Machine>::psram() >> 10;
    let _ = writeln!(out, "{}, PSRAM: {psram} KiB", B::NAME);
    let checks = suite::run::<B::Machine>(&mut out);
    let _ = writeln!(out, "{checks} checks passed");
    B::boot();
    tables::tables(B::heap(), &mut out);
    cost::show::<B>(&mut out);
    #[cfg(target_has_atomic = "ptr")]
    crate::stress::run::<B>(&mut out);
    soak::<B>(&mut out);
}

fn soak<B: Board>(out: &mut impl Write) {
    let mut soak = Soak::new();
    loop {
        as_owner(SOAK_OWNER, || steps::<B>(&mut soak));
        tables::report(B::heap(), &soak, out);
        if B::reported().is_break() {
            return;
        }
    }
}

fn steps<B: Board>(soak: &mut Soak) {
    for step in 0..B::STEPS_A_REPORT {
        soak.step();
        if step.is_multiple_of(STEPS_AT_A_TIME) {
            B::between_steps();
        }
    }
}
