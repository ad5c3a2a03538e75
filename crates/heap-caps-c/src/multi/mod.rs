//! `multi_heap.h`: heaps in memory of the caller, each by its handle.
//!
//! ```text
//!   memory of the caller   | .. | Handle | control | blocks ..                        |
//!                               ^ the handle is a pointer: first place that suits a `Handle`
//! ```
//!
//! Any start and size will do. What is too small for a heap (about 100 bytes, some more with
//! canaries) is null, and so is more than 128 MiB.
//!
//! **Locks.** A heap without lock (`multi_heap_set_lock` was not called, or with null) is its
//! caller's to protect. Any other lock means the library's own, one for all such heaps: what the
//! pointer leads to, nobody here knows. It is held for O(1) work, and O(blocks) for checks; no
//! bytes are filled or copied under it, and no visitor is called.
//!
//! **Faults** (a double free, a foreign pointer, a smashed block) change nothing and are reported,
//! see `heap_caps_register_fault_callback`.

mod blocks;
mod figures;
mod handle;
mod inspect;
mod poison;

pub use blocks::*;
pub use figures::*;
pub use handle::{Handle, multi_heap_register, multi_heap_set_lock};
pub use inspect::*;
pub use poison::*;

/// `multi_heap_handle_t`.
pub type CHandle = *mut Handle;
