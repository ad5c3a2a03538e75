//! Every test of the crate's interface in one program, which is compiled and linked once.
#![allow(
    clippy::unwrap_used,
    clippy::result_large_err,
    clippy::panic,
    reason = "a helper that fails fails its test; errors are compared as they are"
)]

mod support;

mod defects;
mod failures;
mod findings;
mod ledger;
mod metrics;
mod recent;
mod stream;
mod trace;
mod trace_model;
