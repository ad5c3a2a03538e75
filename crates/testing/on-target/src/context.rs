//! Trace context of the emulated chip: time and call stack.

use core::ops::Range;

use heap_trace::{StackMemory, TraceContext};

use crate::machine;

/// Where code lies, see the linker scripts: IRAM and flash.
const CODE: Range<u32> = 0x4008_0000..0x4040_0000;
/// The stack.
const STACK: Range<usize> = 0x3F40_0000..0x3F44_0000;

unsafe extern "C" {
    static _heap_code_start: u8;
    static _heap_code_end: u8;
}

/// The clock of the chip, and its stack.
#[derive(Debug)]
pub struct ChipContext(());

impl ChipContext {
    /// Returns the chip this program runs on.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// [`TraceContext::callers`] from the first one on that is not the heap's, as the linker script
    /// has them: all of the depth is the program's.
    pub fn callers_outside_of_the_heap(&self, stack: &mut [u32]) -> usize {
        let address = |symbol: *const u8| symbol.addr() as u32;
        let own = address(&raw const _heap_code_start)..address(&raw const _heap_code_end);
        // SAFETY: the linker script has RAM for the stack there.
        let memory = unsafe { StackMemory::new(STACK) };
        machine::call_stack(&memory, &CODE, &own, stack)
    }
}

impl Default for ChipContext {
    fn default() -> Self {
        Self::new()
    }
}

impl TraceContext for ChipContext {
    fn ticks(&self) -> u32 {
        machine::ticks()
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        // SAFETY: the linker script has RAM for the stack there.
        let memory = unsafe { StackMemory::new(STACK) };
        machine::call_stack(&memory, &CODE, &(0..0), stack)
    }
}
