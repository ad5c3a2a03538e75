//! A simulated ESP32 with an observer.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use heap_caps::{HeapCaps, Observer, SimulatedMemory};
use heap_trace::{CurrentOwner, Owner, TraceContext};
use multi_heap::{Poison, Unpoisoned};
use soc_regions::{Caps, ESP32, Options, common};

pub const BYTES: Caps = Caps::BIT8;

/// What the clock of [`ByOwner`] always says.
pub const TICKS: u32 = 77;

thread_local! {
    /// Tests run side by side, each on a thread.
    static OWNER: CurrentOwner = const { CurrentOwner::new() };
}

pub fn on_behalf_of<R>(owner: Owner, work: impl FnOnce() -> R) -> R {
    OWNER.with(|current| current.with(owner, work))
}

/// Knows on whose behalf the test's thread works.
#[derive(Debug)]
pub struct ByOwner;

impl TraceContext for ByOwner {
    fn ticks(&self) -> u32 {
        TICKS
    }

    fn owner(&self) -> Owner {
        OWNER.with(CurrentOwner::get)
    }
}

pub struct Sim<O: Observer, P: Poison = Unpoisoned> {
    pub heaps: HeapCaps<P, O>,
    _memory: SimulatedMemory, // dropped after the heaps
}

impl<O: Observer, P: Poison> Sim<O, P> {
    pub fn new(observer: O) -> Self {
        Self::with(observer, &ESP32.default_options())
    }

    /// With RTC memory, and all of D/IRAM.
    pub fn whole(observer: O) -> Self {
        let mut sim = Self::with(observer, &ESP32.options(&[common::RTC_HEAP.on()]).unwrap());
        // SAFETY: no program stands on the simulated stacks.
        unsafe { sim.heaps.enable_startup_stack_heaps(&sim._memory) };
        sim
    }

    fn with(observer: O, options: &Options) -> Self {
        let memory = SimulatedMemory::dirty(0xA5);
        let mut heaps = HeapCaps::new(observer);
        // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
        unsafe { heaps.boot(&ESP32, options, &ESP32.sample_symbols(options), &memory) }.unwrap();
        Self {
            heaps,
            _memory: memory,
        }
    }

    pub fn observer(&mut self) -> &mut O {
        self.heaps.observer_mut()
    }

    #[track_caller]
    pub fn malloc(&mut self, size: usize) -> u32 {
        self.heaps.malloc(size, BYTES).unwrap()
    }

    #[track_caller]
    pub fn realloc(&mut self, address: u32, size: usize) -> u32 {
        self.heaps.realloc(address, size, BYTES).unwrap()
    }

    pub fn free(&mut self, address: u32) {
        self.heaps.free(address).unwrap();
    }
}
