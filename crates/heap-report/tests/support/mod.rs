//! Inputs of the pages.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that fails fails its test"
)]

mod chip;
mod program;

pub use chip::replayed_firmware;
pub use program::program;
