//! Every test of the crate's interface in one program, which is compiled and linked once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

mod common;

mod corruption;
mod defects;
mod edges;
mod exhaustive;
mod image;
mod inquiry;
mod levels;
mod literals;
mod model;
mod placement;
mod refusals;
mod scrub;
