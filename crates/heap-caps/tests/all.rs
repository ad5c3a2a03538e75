//! Every test of the crate's interface in one program, which is compiled and linked once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    reason = "helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

mod support;

mod allowance;
mod changes;
mod defects;
mod description;
mod diagnosis;
mod exec;
mod extend;
mod failures;
mod hardware;
mod idf_placement;
mod largest;
mod model;
mod phases;
mod placement;
mod regions;
mod requests;
mod routing;
mod statistics;
mod tagged;
mod tagged_regions;
