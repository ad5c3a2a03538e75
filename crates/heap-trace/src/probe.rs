//! Trace context of an event: time, core, owner, call stack.

use crate::owner::Owner;

/// The program's knowledge about the moment. Every question has an answer that costs nothing, so
/// one implements what one has.
///
/// All are called under the heap's lock: they must be short, and must neither allocate nor wait.
pub trait Probe {
    /// A clock of the program's choice: cycles, microseconds. It may wrap.
    fn ticks(&self) -> u32 {
        0
    }

    /// The core that is running.
    fn core(&self) -> u8 {
        0
    }

    /// On whose behalf the program runs: a task, a subsystem.
    fn owner(&self) -> Owner {
        Owner::NOBODY
    }

    /// Fills `stack` with return addresses, the innermost first; returns how many there were. The
    /// rest stays as it is.
    fn callers(&self, stack: &mut [u32]) -> usize {
        let _ = stack;
        0
    }
}

/// Knows nothing.
impl Probe for () {}

/// The call stack of this moment, 0 where it ended before.
pub(crate) fn call_stack<const DEPTH: usize>(probe: &impl Probe) -> [u32; DEPTH] {
    let mut stack = [0; DEPTH];
    if DEPTH > 0 {
        probe.callers(&mut stack);
    }
    stack
}
