//! Session of a trace: mode, state and summary.

use core::fmt;

/// What a trace keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every allocation, with its free: ESP-IDF's `HEAP_TRACE_ALL`.
    #[default]
    All,
    /// Those that were not freed: `HEAP_TRACE_LEAKS`.
    Leaks,
}

/// Whether events are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started yet.
    Idle,
    /// Allocations and frees.
    Started,
    /// Frees only: what comes to life now is not of interest.
    Paused,
    /// Nothing.
    Stopped,
}

/// Why a call of a trace failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceError {
    /// It has no buffer.
    NoBuffer,
    /// The buffer has no slot.
    EmptyBuffer,
    /// It is started or paused, so the buffer is in use.
    Running,
    /// It is in that state already.
    Already(State),
}

impl fmt::Display for TraceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBuffer => out.write_str("the heap trace has no buffer; give it one first"),
            Self::EmptyBuffer => out.write_str("the buffer has no room for a single record"),
            Self::Running => out.write_str("the heap trace uses its buffer; stop it first"),
            Self::Already(state) => write!(out, "the heap trace is {state:?} already"),
        }
    }
}

impl core::error::Error for TraceError {}

/// A trace in figures: ESP-IDF's `heap_trace_summary_t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What is kept.
    pub mode: Mode,
    /// Allocations recorded since the start.
    pub total_allocations: u32,
    /// Frees seen since the start, of recorded blocks or others.
    pub total_frees: u32,
    /// Records kept.
    pub count: usize,
    /// Records that there is room for.
    pub capacity: usize,
    /// The most records that there were since the start.
    pub high_water_mark: usize,
    /// Records given up because the buffer was full, the oldest first.
    pub dropped: u32,
    /// Frees whose record was found.
    pub hits: u32,
    /// Frees whose record was not found: allocated before the start, while paused, or dropped.
    pub misses: u32,
}

impl Summary {
    /// Returns whether records are missing.
    #[must_use]
    pub const fn has_overflowed(&self) -> bool {
        self.dropped > 0
    }
}
