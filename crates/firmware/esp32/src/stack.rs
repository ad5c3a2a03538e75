//! Trace context of the chip: call stack, clock and core, for the event stream.

use core::arch::asm;
use core::hint::black_box;
use core::ops::Range;

use heap_trace::{StackMemory, Start, TraceContext, windowed};

/// Where code lies: IRAM and flash.
const CODE: Range<u32> = 0x4008_0000..0x4040_0000;
/// Where stacks lie: both cores' are in the program's data.
const STACKS: Range<usize> = 0x3FFB_0000..0x3FFE_0000;
/// What the boot loader leaves the processor at.
pub(crate) const TICKS_PER_SECOND: u32 = 80_000_000;

#[derive(Debug)]
pub(crate) struct ChipContext;

impl TraceContext for ChipContext {
    fn ticks(&self) -> u32 {
        crate::cycles::now()
    }

    /// PRID is 0xCDCD for the first core, 0xABAB for the second.
    fn core(&self) -> u8 {
        let identity: u32;
        // SAFETY: reads a constant.
        unsafe { asm!("rsr.prid {0}", out(reg) identity, options(nomem, nostack)) };
        (identity >> 13 & 1) as u8
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        // SAFETY: RAM between these addresses.
        let memory = unsafe { StackMemory::new(STACKS) };
        windowed(&memory, start(), &CODE, stack)
    }
}

/// Returns where the walk begins: in the caller, whose callers' windows are on the stack.
#[inline(never)]
fn start() -> Start {
    store_windows(CALLS);
    let (counter, stack);
    // SAFETY: reads two registers, which calls leave alone: they have windows of their own.
    unsafe { asm!("mov {0}, a0", "mov {1}, a1", out(reg) counter, out(reg) stack) };
    Start { counter, stack }
}

/// Each call has eight of the 64 registers, and the function that asks has as many.
const CALLS: u32 = 7;

/// Stores the windows of all callers on the stack: those of `calls` nested calls take all of the
/// registers.
#[inline(never)]
fn store_windows(calls: u32) -> u32 {
    match black_box(calls).checked_sub(1) {
        Some(0) | None => 0,
        // The result is used, so that the call stays one.
        Some(more) => black_box(store_windows(more)),
    }
}
