//! A simulated ESP32 whose heap threads can share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::alloc::Layout;

use heap_caps::{Observer, SimulatedMemory};
use heap_caps_alloc::{CapsHeap, RawLock};
use multi_heap::Poison;
use soc_regions::{Caps, ESP32, common};

pub const PSRAM_BYTES: u32 = 0x20_0000;

/// A heap with the memory of an ESP32 with 2 MiB of PSRAM. It lives as long as the test program.
pub fn esp32<L, P, O>(observer: O) -> &'static CapsHeap<L, P, O>
where
    L: RawLock + 'static,
    P: Poison + 'static,
    O: Observer + 'static,
{
    let memory = Box::leak(Box::new(SimulatedMemory::dirty(0xA5)));
    let heap = Box::leak(Box::new(CapsHeap::new(observer)));
    let options = ESP32.options(&[common::PSRAM.of(PSRAM_BYTES)]).unwrap();
    // SAFETY: nothing else uses the simulated memory, and it is never dropped.
    unsafe { heap.boot(&ESP32, &options, &ESP32.sample_symbols(&options), memory) }.unwrap();
    // SAFETY: nobody stands on simulated stacks.
    unsafe { heap.enable_startup_stack_heaps(memory) };
    heap
}

pub fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// A generator that repeats itself from the same seed (xorshift).
pub struct Rng(pub u32);

impl Rng {
    pub fn roll(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    pub fn below(&mut self, end: u32) -> usize {
        (self.roll() % end) as usize
    }
}

/// Everything is free again, and nothing is broken.
pub fn assert_pristine<L: RawLock, P: Poison, O: Observer>(heap: &CapsHeap<L, P, O>, free: u32) {
    assert_eq!(
        heap.inspect()
            .locked(|heaps| heaps.check_integrity(Caps::INVALID)),
        Ok(())
    );
    assert_eq!(heap.inspect().info(Caps::empty()).allocated_blocks, 0);
    assert_eq!(heap.inspect().free_size(Caps::empty()), free);
    assert_eq!(heap.faults().last_report(), None);
}
