//! Exact counts of the instructions that a call executes.

#[cfg(target_arch = "xtensa")]
use core::cell::Cell;
use core::mem::MaybeUninit;

use heap_bench::{Counter, Operation};

/// Counts executed instructions: from the call to the return, the call itself included, one at a
/// time, so a trap would count too (none is possible: older register windows are stored before).
#[derive(Clone, Copy, Debug, Default)]
pub struct Instructions;

impl Counter for Instructions {
    fn measure(&self, operation: Operation, arguments: [usize; 4]) -> (MaybeUninit<usize>, u32) {
        crate::machine::timed(operation, arguments)
    }
}

/// Counts the instructions of the longest stretch with interrupts masked, in programs whose name
/// begins with `masked`; remembers the longest of all calls.
#[cfg(target_arch = "xtensa")]
#[derive(Debug, Default)]
pub struct MaskedStretch {
    longest: Cell<u32>,
}

#[cfg(target_arch = "xtensa")]
impl MaskedStretch {
    /// Returns the longest stretch of all calls so far.
    #[must_use]
    pub fn longest(&self) -> u32 {
        self.longest.get()
    }
}

#[cfg(target_arch = "xtensa")]
impl Counter for MaskedStretch {
    fn measure(&self, operation: Operation, arguments: [usize; 4]) -> (MaybeUninit<usize>, u32) {
        let (result, stretch) = crate::machine::longest_masked(operation, arguments);
        self.longest.set(self.longest.get().max(stretch));
        (result, stretch)
    }
}
