//! The heap: all that esp-hal's linker script, its stack and the boot loader leave over.

use esp_hal_demo::TABLE;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use multi_heap::Unpoisoned;

use crate::chip::{STACK_BYTES, stack_end};
use crate::{psram, second_core};

/// Observers of the heap.
#[cfg(feature = "events")]
pub(crate) type Observer = heap_demo::Watcher<Clock>;
#[cfg(not(feature = "events"))]
pub(crate) type Observer = ();

#[cfg(feature = "events")]
const OBSERVER: Observer = heap_trace::Ledger::new(
    heap_demo::Owned(Clock),
    heap_trace::Stream::new(heap_trace::Ring::new(heap_trace::WhenFull::Refuse)),
);
#[cfg(not(feature = "events"))]
const OBSERVER: Observer = ();

/// 1. Every `Box`, `Vec` and `String` of the program lives here.
#[global_allocator]
pub(crate) static HEAP: CapsHeap<CriticalSectionLock, Unpoisoned, Observer> =
    CapsHeap::new(OBSERVER);

heap_caps_alloc::claim! {
    /// 2. The RAM.
    static RAM: TABLE;
    unsafe esp_hal: { stack: STACK_BYTES }
}

/// From here on there is memory.
pub(crate) fn boot() {
    let parts = RAM.take(&HEAP).unwrap_or_else(|cause| panic!("{cause}"));
    // 3. And what else a board has: memory that drivers stand for, and the boot loader's stack.
    let ram = parts.ram.with(parts.bluetooth);
    let ram = ram.with(second_core::idle(parts.second_core));
    let ram = ram.with(psram::mapped(parts.psram));
    let mut claimed = ram.boot().unwrap_or_else(|cause| panic!("{cause}"));
    // SAFETY: the program stands on esp-hal's stack.
    unsafe { claimed.release(parts.startup_stacks) };
    // SAFETY: a word of the stack, which is aligned. The one that esp-hal watches is where its
    // larger stack would end.
    unsafe { esp_hal::debugger::set_stack_watchpoint(stack_end()) };
    #[cfg(feature = "events")]
    heap_demo::introduce(&HEAP, env!("CARGO_PKG_NAME"), Clock::TICKS_PER_SECOND);
    #[cfg(feature = "defmt")]
    HEAP.pressure()
        .set_failure_handler(Some(|failure| defmt::warn!("{}", failure)));
}

/// Microseconds since the start: when events happen.
#[cfg(feature = "events")]
#[derive(Debug)]
pub(crate) struct Clock;

#[cfg(feature = "events")]
impl Clock {
    const TICKS_PER_SECOND: u32 = 1_000_000;
}

#[cfg(feature = "events")]
impl heap_trace::TraceContext for Clock {
    fn ticks(&self) -> u32 {
        let since = esp_hal::time::Instant::now().duration_since_epoch();
        (since.as_micros() & 0xFFFF_FFFF) as u32
    }
}
