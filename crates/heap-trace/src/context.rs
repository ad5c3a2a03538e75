//! Trace context of an event: time, core, owner, call stack.

use crate::build_id::BuildId;
use heap_caps::Owner;

/// What the program knows when an event happens. Every method has a default that costs nothing, so
/// a program implements what it has.
///
/// All are called under the heap's lock: they must be short, and must neither allocate nor wait.
pub trait TraceContext {
    /// Returns a clock of the program's choice: cycles, microseconds. It may wrap.
    fn ticks(&self) -> u32 {
        0
    }

    /// Returns the core that is running.
    fn core(&self) -> u8 {
        0
    }

    /// On whose behalf the program runs: a task, a subsystem.
    fn owner(&self) -> Owner {
        Owner::NOBODY
    }

    /// Build of the program, see [`build_id!`](crate::build_id). Dumps contain it, so
    /// that tools refuse the ELF file of another one.
    fn build(&self) -> Option<BuildId<'static>> {
        None
    }

    /// Fills `stack` with return addresses, the innermost first; returns how many there were. The
    /// rest stays as it is.
    fn callers(&self, stack: &mut [u32]) -> usize {
        let _ = stack;
        0
    }
}

/// Knows nothing.
impl TraceContext for () {}

/// Returns the current call stack, 0 where it ended before.
pub(crate) fn call_stack<const DEPTH: usize>(context: &impl TraceContext) -> [u32; DEPTH] {
    let mut stack = [0; DEPTH];
    if DEPTH > 0 {
        context.callers(&mut stack);
    }
    stack
}
