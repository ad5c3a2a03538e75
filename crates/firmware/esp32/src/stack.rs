//! Trace context of the chip: call stack, clock and core, for the event stream.

use core::arch::asm;
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

/// All windows of callers go to the stack: each step writes to a register that a caller's window
/// may have, which stores that one. Interrupts are masked here: events happen under the heap's
/// lock.
#[inline(never)]
fn start() -> Start {
    let (counter, stack);
    // SAFETY: sixteen steps of four registers lead around the whole file, back to where they began.
    unsafe {
        asm!(
            "and a12, a12, a12",
            "rotw 3",
            "and a12, a12, a12",
            "rotw 3",
            "and a12, a12, a12",
            "rotw 3",
            "and a12, a12, a12",
            "rotw 3",
            "and a12, a12, a12",
            "rotw 4",
            "mov {0}, a0",
            "mov {1}, a1",
            out(reg) counter,
            out(reg) stack,
        )
    };
    Start { counter, stack }
}
