#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(feature = "defmt")]
mod defmt;
mod failures;
mod ledger;
mod metrics;
mod owner;
mod probe;
mod stack;
mod stream;
mod trace;

pub use failures::{FailureLog, FailureRecord, HeapThen};
pub use ledger::{
    Explained, Leak, Ledger, LedgerDescription, Listener, Moment, Site, SiteId, StillOwns, Tally,
};
pub use metrics::{BufferTooSmall, CapabilityMetrics, Metrics, MetricsFormat};
pub use owner::{Carried, CurrentOwner, Owner};
pub use probe::Probe;
#[cfg(feature = "std")]
pub use stack::HostStack;
pub use stack::{
    StackMemory, Start, Words, frame_pointers, frame_pointers_outside, windowed, windowed_outside,
};
pub use stream::{
    BrokenFrame, ByteSink, Callers, Decoder, Event, Frame, Port, Ring, Sink, SiteNumber, Stream,
    VERSION, WhenFull,
};
pub use trace::{Memory, Mode, Record, Shown, Slot, State, Summary, Trace, TraceError};
