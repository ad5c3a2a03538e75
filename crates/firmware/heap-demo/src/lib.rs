//! Demonstration of a heap, independent of the board.
//!
//! ```text
//!   suite     every check of target-suite, in memory that has no heap yet
//!   boot      what the board's linker left over becomes heaps
//!   tables    ESP-IDF's start-up table and summary
//!   cost      cycles of a block, where the board counts them
//!   stress    every core at once: blocks go from hand to hand, none may be lost or damaged
//!   planted   two bugs that guards catch, where a program asks for them
//!   soak      blocks that come and go for ever, with a report now and then
//! ```
//!
//! A program brings its [`Board`] and calls [`demonstrate`]: `crates/firmware/esp32`,
//! `crates/firmware/esp-hal`.

#![no_std]

extern crate alloc;

mod board;
mod boot;
mod cost;
mod events;
mod planted;
mod random;
mod soak;
#[cfg(target_has_atomic = "ptr")]
mod stress;
mod suite;
mod tables;

pub use board::{Board, demonstrate};
pub use boot::boot;
pub use events::{Owned, Watcher, drain, introduce};
pub use planted::{Planted, planted_bugs};
pub use soak::Soak;
#[cfg(target_has_atomic = "ptr")]
pub use stress::{Damage, Stress};
pub use tables::{report, tables};
