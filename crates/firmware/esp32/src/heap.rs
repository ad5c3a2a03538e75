//! The heap: all memory that memory.x and xtensa-lx-rt's link.x leave over.

use heap_caps_alloc::{CapsHeap, Masked, SpinLock};
use multi_heap::Unpoisoned;
use soc_regions::ESP32;

use crate::cores::SecondCore;
use crate::interrupts::Interrupts;
use crate::psram;

/// Keeps this core's interrupts away, then the other core.
pub(crate) type HeapLock = Masked<Interrupts, SpinLock>;

/// Observers of the heap.
#[cfg(feature = "events")]
pub(crate) type Observer = heap_demo::Watcher<crate::stack::ChipContext>;
#[cfg(not(feature = "events"))]
pub(crate) type Observer = ();

#[cfg(feature = "events")]
const OBSERVER: Observer = heap_trace::Ledger::new(
    heap_demo::Owned(crate::stack::ChipContext),
    heap_trace::Stream::new(heap_trace::Ring::new(heap_trace::WhenFull::Refuse)),
);
#[cfg(not(feature = "events"))]
const OBSERVER: Observer = ();

#[global_allocator]
pub(crate) static HEAP: CapsHeap<HeapLock, Unpoisoned, Observer> = CapsHeap::new(OBSERVER);

heap_caps_alloc::claim! {
    static RAM: ESP32;
    unsafe symbols: {
        _data_start = 0x3FFB_0000,
        _heap_start,
        _iram_start = 0x4008_0000,
        _iram_end = _text_heap_start,
    }
}

/// Boots all of the memory, the second core's too where the chip has none.
pub(crate) fn boot(second_core: SecondCore) {
    let parts = RAM.take(&HEAP).unwrap_or_else(|cause| panic!("{cause}"));
    // SAFETY: that many bytes answer as memory does, and the program stands on its own stacks, in
    // `.stack` and `cores`.
    let booted = unsafe { heap_demo::boot(parts, psram::mapped_bytes()) };
    let (mut claimed, memory) = booted.unwrap_or_else(|cause| panic!("{cause}"));
    if second_core == SecondCore::Absent {
        let added = claimed.add(memory);
        added.unwrap_or_else(|cause| panic!("{cause}"));
    }
    #[cfg(feature = "events")]
    heap_demo::introduce(&HEAP, "esp32-demo", crate::stack::TICKS_PER_SECOND);
}
