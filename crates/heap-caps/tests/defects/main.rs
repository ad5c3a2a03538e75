//! Defects of ESP-IDF's heaps together, absent here; `docs/defects.md` lists them all.
//!
//! `/// Defects: …` before a test names what it would find: an issue or a commit of ESP-IDF, or a
//! number of ours for what has none (`head_NN`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would"
)]

#[path = "../support/mod.rs"]
mod support;

mod aliases;
mod checks;
mod failures;
mod figures;
mod placement;
mod regions;
mod sizes;
