#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(any(test, feature = "std"))]
extern crate std;

mod owner;
mod probe;
mod trace;

pub use owner::{Carried, CurrentOwner, Owner};
pub use probe::Probe;
pub use trace::{Memory, Mode, Record, Shown, Slot, State, Summary, Trace, TraceError};
