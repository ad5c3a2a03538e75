#![doc = include_str!("../README.md")]

pub mod cells;
mod history;
mod rebuild;

pub use history::{Event, Frame, Gaps, HeapDescription, History, Measured, Moment, Site, Source};
pub use rebuild::{
    Account, Block, Change, FailureNote, HeapSample, Leak, Live, Mark, Peak, Rebuilt, Sample,
};
