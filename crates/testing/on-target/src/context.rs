//! Trace context of the emulated chip: time and call stack.

use core::ops::Range;

use heap_trace::{StackMemory, TraceContext};

use crate::machine;

/// Where code lies, see the linker scripts: IRAM and flash.
const CODE: Range<u32> = 0x4008_0000..0x4040_0000;
/// The stack.
const STACK: Range<usize> = 0x3F40_0000..0x3F44_0000;

/// The clock of the chip, and its stack.
#[derive(Debug)]
pub struct ChipContext(());

impl ChipContext {
    /// The chip this program runs on.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
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
        machine::call_stack(&memory, &CODE, stack)
    }
}
