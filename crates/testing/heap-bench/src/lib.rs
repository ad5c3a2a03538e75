//! Cost of single operations of a heap: workloads, and allocators to run them on.
//!
//! ```text
//!   Allocator   a heap behind four plain functions, as C code would call it      allocators/*.rs, one heap each
//!   Counter     what a single call costs: instructions, nanoseconds              the caller's
//!   run         every workload on every allocator, figure by figure              workloads/*.rs, one workload each
//! ```

#![no_std]

#[cfg(test)]
extern crate std;

mod allocator;
pub mod allocators;
mod costs;
mod counter;
mod figure;
mod fixture;
mod random;
mod trace;
mod workloads;

pub use allocator::{Allocator, Call, Operations, Request, layout, operations};
pub use counter::{Counter, Operation};
pub use figure::{Figure, Quantity};
pub use trace::{Trace, TraceStep};
pub use workloads::{
    REGION_ALIGNMENT, REGION_BYTES, REPLAYED, Slot, completes, run, run_guest, run_guest_trace,
    run_single, run_trace,
};
