#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(
    all(feature = "nightly", compiler_has_allocator_api),
    feature(allocator_api)
)]

#[cfg(test)]
extern crate std;

mod allocators;
mod capability;
#[cfg(feature = "defmt")]
mod defmt;
mod heap;
mod hooks;
mod macros;
#[cfg(feature = "compat")]
mod malloc;
mod region;
mod stats;

/// Crates whose types are part of this one's interface.
pub mod export {
    pub use enumset;
}

pub use allocators::{
    AnyMemory, DmaCompatibleExternalMemory, DmaCompatibleInternalMemory, ExternalMemory,
    InternalMemory,
};
pub use capability::MemoryCapability;
pub use heap::{EspHeap, Heaps};
pub use region::{HeapRegion, REGIONS};
pub use stats::{HeapStats, RegionStats};

/// The heap of the program; on a chip its global allocator too (feature `global-allocator`).
#[cfg_attr(
    all(feature = "global-allocator", target_os = "none"),
    global_allocator
)]
pub static HEAP: EspHeap = EspHeap::empty();
