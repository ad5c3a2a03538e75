//! The heaps that are measured: one file each.

mod empty;
mod multi_heap;
mod rlsf;

pub(crate) use empty::Empty;
pub(crate) use multi_heap::MultiHeap;
pub(crate) use rlsf::Rlsf;
