//! Do locks and languages have the defects that ESP-IDF's and esp-alloc's had? `docs/defects.md`
//! lists them all.
//!
//! A test's name begins with the number of what it would find: an issue or commit of ESP-IDF
//! (`idf_`), or of esp-alloc (`esp_alloc_`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

#[path = "../support/mod.rs"]
mod support;

mod interrupts;
mod threads;
