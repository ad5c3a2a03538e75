#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod caught;
mod contents;
mod global;
mod guardable;
mod guards;
mod heap;
mod origin;
mod quarantine;
pub mod riscv;
mod sampling;
mod slots;
mod stop;
mod watch;
pub mod xtensa;

pub use caught::{Caught, CaughtBlock, Change, Hit};
pub use contents::PATTERN;
pub use guardable::GuardableHeap;
pub use heap::{CaughtHandler, GuardFigures, Guarded, GuardedHeap};
pub use origin::{CALLERS, Origin};
pub use sampling::{Candidate, Sampling};
pub use slots::SLOTS;
pub use stop::{Access, Stop};
pub use watch::{Watch, Watchpoints};
