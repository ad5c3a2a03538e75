#![doc = include_str!("../README.md")]

pub mod caught;
pub mod compare;
mod crash;
mod decode;
mod error;
pub mod export;
pub mod gate;
mod history;
pub mod image;
pub mod page;
mod program;
pub mod read;
pub mod recorded;
mod replay;
pub mod simulate;
pub mod summary;
pub mod symbols;
pub mod terminal;
mod unpack;
pub mod verdict;
pub mod watch;
pub mod what_if;

pub use crash::{Crash, Damage, NearbyBlock};
pub use decode::StreamDecoder;
pub use error::Error;
pub use history::{
    Event, Frame, Gaps, HeapDescription, History, Measured, Site, Source, TimedEvent,
};
pub use program::{Program, ProgramStep};
pub use replay::{
    Account, AdjacentBlock, Change, Confidence, FailureNote, Growth, HeapSample, Holders, Leak,
    LevelBand, Live, LiveBlock, Mark, Peak, Pin, PressureNote, RefusalCause, Replayed, Sample,
    Shortage, Space, Waits,
};

/// The programs of `docs/debugging.md` compile, and do what the page says.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/debugging.md")]
mod debugging {}
