//! What one operation of a heap costs: workloads, and heaps to run them on.
//!
//! ```text
//!   Subject   a heap behind four plain functions, as C code would call it      subjects/*.rs, one heap each
//!   Meter     what a single call costs: instructions, nanoseconds              the caller's
//!   run       every workload on every subject, figure by figure                workloads/*.rs, one workload each
//! ```

#![no_std]

#[cfg(test)]
extern crate std;

mod costs;
mod figure;
mod meter;
mod random;
mod stand;
mod subject;
pub mod subjects;
mod tape;
mod workloads;

pub use figure::{Figure, Quantity};
pub use meter::{Meter, Operation};
pub use subject::{Call, Operations, Request, Subject, layout, operations};
pub use tape::{Step, Tape};
pub use workloads::{
    REGION_ALIGNMENT, REGION_BYTES, REPLAYED, Slot, completes, run, run_guest, run_guest_trace,
    run_single, run_trace,
};
