//! The heaps that are measured: one file each.

mod buddy;
mod empty;
mod linked_list;
mod multi_heap;
mod rlsf;
mod talc4;
mod talc5;

pub use buddy::Buddy;
pub use empty::Empty;
pub use linked_list::LinkedList;
pub use multi_heap::{Level, MultiHeap};
pub use rlsf::Rlsf;
pub use talc4::Talc4;
pub use talc5::Talc5;
