//! Data breakpoints of the emulated Xtensa: two, as on the chip.

use core::sync::atomic::{AtomicUsize, Ordering};

use heap_guard::{Access, Stop, Watch, Watchpoints, xtensa};

use super::assembly;
use crate::{exit, exit_code, println};

/// DBREAKA and DBREAKC.
#[derive(Clone, Copy, Debug)]
pub struct Breakpoints;

impl Watchpoints for Breakpoints {
    const LARGEST: u32 = xtensa::LARGEST;

    fn slots(&self) -> u8 {
        2
    }

    fn is_free(&self, slot: u8) -> bool {
        assembly::breakpoint_control(slot.into()) == 0
    }

    fn set(&self, slot: u8, watch: Option<Watch>) -> bool {
        let (control, address) =
            watch.map_or((0, 0), |watch| (xtensa::control(watch), watch.start()));
        assembly::set_breakpoint(slot.into(), control, address);
        true
    }
}

/// What `watch.S` saves.
#[repr(C)]
pub(super) struct Record {
    registers: [u32; 16],
    counter: u32,
    status: u32,
    shift: u32,
    loops: [u32; 3],
    compare: u32,
    cause: u32,
}

static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Calls `handler` with each stop at a data breakpoint, with interrupts masked; the program ends if
/// it returns that the stop is not its own. `is_watched` is for processors that do not say what
/// they stopped at: not for this one.
pub fn on_data_breakpoint(handler: fn(&Stop) -> bool, _is_watched: fn(Access) -> bool) {
    HANDLER.store(handler as usize, Ordering::Relaxed);
    assembly::debug_begin(stopped);
}

extern "C" fn stopped(record: &Record) {
    let handler = HANDLER.load(Ordering::Relaxed);
    // SAFETY: `on_data_breakpoint` stored a function of this type before it let exceptions come.
    let handler: fn(&Stop) -> bool = unsafe { core::mem::transmute(handler) };
    // SAFETY: the instruction was fetched from there, and code can be read.
    let instruction = unsafe { xtensa::instruction_at(record.counter) };
    let stop = xtensa::stop(record.counter, &record.registers, record.cause, instruction);
    if !stop.is_some_and(|stop| handler(&stop)) {
        println!("trap: debug exception at {:#010x}", record.counter);
        exit(exit_code::TRAP);
    }
}
