//! How many instructions a call executes, exactly.

use core::mem::MaybeUninit;

use heap_bench::{Meter, Operation};

/// Counts executed instructions: from the call to the return, the call itself included, one at a time, so a trap would count too
/// (none is possible: older register windows are stored before).
#[derive(Clone, Copy, Debug, Default)]
pub struct Instructions;

impl Meter for Instructions {
    fn measure(&self, operation: Operation, arguments: [usize; 4]) -> (MaybeUninit<usize>, u32) {
        crate::machine::timed(operation, arguments)
    }
}
