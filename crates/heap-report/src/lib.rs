#![doc = include_str!("../README.md")]

pub mod cells;
pub mod export;
mod history;
mod program;
mod rebuild;

pub use history::{Event, Frame, Gaps, HeapDescription, History, Measured, Moment, Site, Source};
pub use program::{Program, Step};
pub use rebuild::{
    Account, Block, Change, FailureNote, HeapSample, Leak, Live, Mark, Peak, Rebuilt, Sample,
};
