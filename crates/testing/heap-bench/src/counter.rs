//! Counters: the cost of a single call.

use core::mem::MaybeUninit;

/// A function under measurement: machine words in, a machine word out, never inlined into its
/// caller. A function without a result leaves the word uninitialised, so that it pays for none.
pub type Operation = extern "C" fn(usize, usize, usize, usize) -> MaybeUninit<usize>;

/// Measures single calls, in instructions, nanoseconds or whatever it can read.
pub trait Counter {
    /// Calls `operation`; returns its result and its cost.
    fn measure(&self, operation: Operation, arguments: [usize; 4]) -> (MaybeUninit<usize>, u32);
}

/// Measures nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unmeasured;

impl Counter for Unmeasured {
    fn measure(&self, operation: Operation, [a, b, c, d]: [usize; 4]) -> (MaybeUninit<usize>, u32) {
        (operation(a, b, c, d), 0)
    }
}
