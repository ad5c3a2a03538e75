//! A chip's heaps on the host: boot them, replay a trace, record what happens, draw it.
//!
//! ```text
//!   trace ──► replay ──► machine (HeapCaps on simulated memory)     every byte written and verified
//!                │           │ blocks, figures
//!                └──► recording ◄── cells                           240 moments
//!                         │
//!                         └──► page ──► heap.html                   one file, no other
//! ```

pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod pattern;
pub(crate) mod recording;
pub(crate) mod replay;
