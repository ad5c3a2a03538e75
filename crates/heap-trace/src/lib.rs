#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(any(test, feature = "std"))]
extern crate std;

mod build_id;
mod context;
#[cfg(feature = "defmt")]
mod defmt;
mod failures;
mod ledger;
mod metrics;
mod recent;
mod stack;
mod stream;
mod trace;

pub use build_id::BuildId;
pub use context::TraceContext;
pub use failures::{FailureLog, FailureRecord, HeapThen};
pub use ledger::{
    EventContext, EventSink, Explained, Leak, Ledger, LedgerDescription, PressureFigures, Site,
    SiteId, StillOwns, Usage,
};
pub use metrics::{BufferTooSmall, CapabilityMetrics, Metrics, MetricsFormat};
pub use recent::{PastEvent, PastEventKind, Recent, RecentLayout, Scene};
#[cfg(feature = "std")]
pub use stack::HostStack;
pub use stack::{
    StackMemory, Start, Words, frame_pointers, frame_pointers_outside, windowed, windowed_outside,
};
pub use stream::{
    BrokenFrame, ByteSink, Callers, Decoder, Event, Frame, Port, Ring, Sink, SiteNumber, Stream,
    VERSION, WhenFull,
};
pub use trace::{DumpFilter, MemoryKind, Mode, Record, Slot, State, Summary, Trace, TraceError};

pub use heap_caps::{CurrentOwner, Instrumented, Owner};
