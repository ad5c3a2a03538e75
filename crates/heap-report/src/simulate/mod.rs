//! A chip's heaps on the host: boot them, replay a trace, record what happens, draw it.
//!
//! ```text
//!   trace ──► replay ──► machine (HeapCaps on simulated memory)     every byte written and verified
//!                │           │ blocks, figures
//!                └──► recording ◄── cells                           240 samples
//!                         │
//!                         └──► crate::page ──► heap.html            one file, no other
//! ```

pub mod cells;
pub mod machine;
mod pattern;
pub mod recording;
pub mod replay;
mod symbols;

pub use symbols::LinkerSymbols;
