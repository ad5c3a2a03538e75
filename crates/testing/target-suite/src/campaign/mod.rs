//! Campaigns: heaps under arbitrary calls, under arbitrary damage and under forged headers, in the
//! millions.
//!
//! ```text
//!   bytes of libFuzzer (crates/heap-caps/fuzz) ──┐
//!   bytes of a seed (`cargo xtask campaign`)   ──┴─► Input ─► operations    one heap against a model of its blocks
//!                                                          └► damage        one heap whose words change between its calls
//!   seed ──────────────────────────────────────────────────► forge         headers forged to span their neighbours
//! ```
//!
//! What must hold is asserted. An access outside of the heap's region is one of these assertions:
//! builds with debug assertions check the index of every access, and the region lies between
//! guards.

pub mod damage;
#[path = "../../../../multi-heap/tests/common/forge.rs"]
pub mod forge;
mod input;
pub mod operations;
mod region;

pub use input::Input;

use crate::random::mixed;

/// Returns the seed of one input of a batch.
#[must_use]
pub const fn seed_of(seed: u64, batch: u64, number: u64) -> u64 {
    mixed(mixed(mixed(seed) ^ batch) ^ number)
}
