//! Guards on the processor's triggers: who writes where nobody may, on a RISC-V chip.

use esp_hal::trapframe::TrapFrame;
use esp_println::println;
use heap_caps_alloc::CriticalSectionLock;
use heap_demo::{Owned, planted_bugs};
use heap_guard::riscv::{Exception, Triggers};
use heap_guard::{GuardedHeap, Sampling};
use multi_heap::Unpoisoned;

use crate::heap::{HEAP, Observer};

/// In front of the heap, for what it guards.
static GUARDED: GuardedHeap<CriticalSectionLock, Triggers, Owned<()>, 64, Unpoisoned, Observer> =
    GuardedHeap::new(&HEAP, Triggers, Owned(()));

/// Rounds until both bugs have happened a hundred times.
const ROUNDS: u32 = 4000;

/// Runs a program with two bugs; what is caught is printed for `cargo esp-heap report`.
pub(crate) fn show() {
    GUARDED.set_handler(Some(|caught| println!("{caught}")));
    println!("{}", planted_bugs(&GUARDED, Sampling::one_of(10), ROUNDS));
}

/// Instead of esp-hal's handler, which is a feature of esp-hal that this program leaves out.
#[unsafe(export_name = "ExceptionHandler")]
extern "C" fn exception(frame: &TrapFrame) {
    let exception = Exception::current();
    let stop = exception.stop(frame.ra as u32, |access| GUARDED.watches(access));
    let is_ours = stop.is_some_and(|stop| GUARDED.on_debug_exception(&stop));
    assert!(is_ours, "{exception:x?}, {frame:x?}");
}
