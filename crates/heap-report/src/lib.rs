#![doc = include_str!("../README.md")]

pub mod compare;
mod error;
pub mod export;
pub mod gate;
mod history;
pub mod image;
mod listen;
pub mod page;
mod program;
pub mod read;
mod rebuild;
pub mod recorded;
pub mod simulate;
pub mod summary;
pub mod symbols;
pub mod terminal;
mod unpack;
pub mod verdict;
pub mod watch;
pub mod what_if;

pub use error::Error;
pub use history::{
    Crash, Event, Frame, Gaps, HeapDescription, History, Measured, Moment, Site, Source,
};
pub use listen::Listener;
pub use program::{Program, Step};
pub use rebuild::{
    Account, Beside, Block, Cause, Change, FailureNote, Growth, HeapSample, Holders, Leak, Live,
    Mark, Peak, Pin, Rebuilt, Sample, Space, Sure,
};

/// The programs of `docs/debugging.md` compile, and do what the page says.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/debugging.md")]
mod debugging {}
