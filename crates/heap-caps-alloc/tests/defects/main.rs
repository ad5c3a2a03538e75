//! Defects of ESP-IDF's and esp-alloc's locks and languages, absent here; `docs/defects.md` lists
//! them all.
//!
//! `/// Defects: …` before a test names what it would find: an issue or a commit of ESP-IDF, its
//! TLSF or esp-alloc.
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
