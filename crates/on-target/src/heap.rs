//! The program's own heap: the capability heap as Rust's global allocator, shared with interrupt handlers.

use heap_caps::{BootError, Booted, Identity};
use heap_caps_alloc::{CapsHeap, Masked};
use soc_regions::ESP32;

use crate::chip::linker_symbols;
use crate::interrupts::Interrupts;

/// Interrupts are away when it is taken. On Xtensa it exchanges words atomically, as between two cores.
#[cfg(target_has_atomic = "32")]
type Lock = heap_caps_alloc::SpinLock;
#[cfg(not(target_has_atomic = "32"))]
type Lock = crate::one_core::OneCore;

/// All memory of the chip, behind one lock that also keeps interrupts away.
#[global_allocator]
pub static HEAP: CapsHeap<Masked<Interrupts, Lock>> = CapsHeap::new(());

/// Boots [`HEAP`]. Until then it refuses everything.
///
/// # Errors
/// As [`CapsHeap::boot`].
///
/// # Safety
/// Nothing else uses the chip's memory from now on, except what the linker gave the program.
pub unsafe fn boot_heap() -> Result<Booted, BootError> {
    let options = target_suite::options();
    let symbols = (linker_symbols(), ESP32.sample_symbols(&options));
    // SAFETY: the caller keeps the same contract.
    unsafe { HEAP.boot(&ESP32, &options, &symbols, &Identity) }
}
