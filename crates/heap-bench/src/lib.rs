//! What one operation of a heap costs: workloads, and heaps to run them on.
//!
//! ```text
//!   Subject   a heap behind four plain functions, as C code would call it      subjects/*.rs, one heap each
//!   Meter     what a single call costs: instructions, nanoseconds              the caller's
//!   run       every workload on every subject, figure by figure                workloads.rs
//! ```

#![no_std]

mod figure;
mod meter;
mod random;
mod subject;
mod subjects;
mod workloads;

pub use figure::Figure;
pub use meter::{Meter, Operation};
pub use workloads::{REGION_BYTES, run};
