//! Do many heaps together have the defects that ESP-IDF's had? `docs/defects.md` lists them all.
//!
//! A test's name begins with the number of what it would find: an issue or commit of ESP-IDF
//! (`idf_`), or ours for what has none (`idf_head_`).
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
