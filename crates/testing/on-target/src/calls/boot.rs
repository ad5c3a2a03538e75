//! Start-up of the heaps of a static: with PSRAM, RTC memory and the memory of the start-up stacks.

use heap_caps::Identity;
use heap_caps_alloc::{CapsHeap, RawLock};
use multi_heap::Poison;
use soc_regions::ESP32;

use crate::chip::linker_symbols;

/// Boots `heap`; a second time, nothing happens.
///
/// # Safety
/// - Nothing but this heap uses the chip's memory.
pub(super) unsafe fn boot<L: RawLock, P: Poison, O: heap_caps::Observer>(heap: &CapsHeap<L, P, O>) {
    let options = target_suite::options();
    let symbols = (linker_symbols(), ESP32.sample_symbols(&options));
    // SAFETY: the caller hands the chip's memory to the heap.
    let booted = unsafe { heap.boot(&ESP32, &options, &symbols, &Identity) };
    if booted.is_ok() {
        // SAFETY: the same; the emulated program's stack is elsewhere.
        unsafe { heap.enable_startup_stack_heaps(&Identity) };
    }
}
