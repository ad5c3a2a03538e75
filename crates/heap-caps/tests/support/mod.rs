//! A simulated chip for the tests.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use heap_caps::{HeapCaps, Observer, Policy, SimulatedMemory};
use multi_heap::{Poison, Unpoisoned};
use soc_regions::{Caps, Chip, ESP32, Options, Span, common};

/// Memory of the ESP32 as ESP-IDF's measured example has it: data up to 0x3FFB2EC8, code up to
/// 0x4008944C.
pub const DRAM_LOW: u32 = 0x3FFA_E6E0; // 6432 bytes
pub const DRAM: u32 = 0x3FFB_2EC8; // 184632
pub const DIRAM_LOW: u32 = 0x3FFE_0440; // 15072
pub const DIRAM: u32 = 0x3FFE_4350; // 113840
pub const IRAM: u32 = 0x4008_944C; // 93108
pub const RTC: u32 = 0x3FF8_0000; // 8192
pub const PSRAM: u32 = 0x3F80_0000;

pub struct Sim<P: Poison = Unpoisoned, O: Observer = ()> {
    pub heaps: HeapCaps<P, O>,
    pub memory: SimulatedMemory, // dropped after the heaps
}

impl Sim {
    /// The ESP32 with its default options, the start-up stacks already free.
    pub fn esp32() -> Self {
        Self::with(Policy::Guaranteed, &ESP32.default_options(), ())
    }

    pub fn esp32_with_psram(bytes: u32) -> Self {
        Self::with(Policy::Guaranteed, &psram(bytes), ())
    }

    pub fn esp32_with_rtc_heap() -> Self {
        let options = ESP32
            .options(&[common::RTC_HEAP.on(), common::SINGLE_CORE.on()])
            .unwrap();
        Self::with(Policy::Guaranteed, &options, ())
    }
}

impl<P: Poison, O: Observer> Sim<P, O> {
    pub fn with(policy: Policy, options: &Options, observer: O) -> Self {
        let mut sim = Self::booted(&ESP32, policy, options, observer);
        sim.enable_stacks();
        sim
    }

    pub fn booted(chip: &'static Chip, policy: Policy, options: &Options, observer: O) -> Self {
        let memory = SimulatedMemory::dirty(0xA5);
        let mut heaps = HeapCaps::with_policy(observer, policy);
        // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
        unsafe { heaps.boot(chip, options, &chip.sample_symbols(options), &memory) }.unwrap();
        Self { heaps, memory }
    }

    pub fn enable_stacks(&mut self) -> usize {
        // SAFETY: nobody stands on simulated stacks.
        unsafe { self.heaps.enable_startup_stack_heaps(&self.memory) }
    }

    pub fn add(
        &mut self,
        start: u32,
        end: u32,
    ) -> Result<heap_caps::HeapIndex, heap_caps::AddRegionError> {
        // SAFETY: as for `boot`.
        unsafe { self.heaps.add_region(span(start, end), &self.memory) }
    }

    pub fn add_with_caps(
        &mut self,
        columns: [Caps; 3],
        start: u32,
        end: u32,
    ) -> Result<heap_caps::HeapIndex, heap_caps::AddRegionError> {
        // SAFETY: as for `boot`.
        unsafe {
            self.heaps
                .add_region_with_caps(columns, span(start, end), &self.memory)
        }
    }

    /// First addresses of the heaps that serve `caps`, in the order in which they do: each is
    /// filled up in turn.
    pub fn order_of(&mut self, caps: Caps) -> Vec<u32> {
        let mut starts: Vec<u32> = Vec::new();
        let mut taken = Vec::new();
        for size in [4096, 256, 16, 4] {
            while let Ok(address) = self.heaps.malloc(size, caps) {
                taken.push(address);
                let data = self
                    .heaps
                    .inspect()
                    .chip()
                    .and_then(|chip| chip.to_data_bus(address))
                    .unwrap_or(address);
                let start = self.heaps.inspect().heap_at(data).unwrap().span.start();
                if !starts.contains(&start) {
                    starts.push(start);
                }
            }
        }
        taken
            .into_iter()
            .for_each(|address| self.heaps.free(address).unwrap());
        starts
    }

    /// Start of the heap that serves the next request.
    pub fn served_by(&mut self, size: usize, caps: Caps) -> Option<u32> {
        let address = self.heaps.malloc(size, caps).ok()?;
        let data = self
            .heaps
            .inspect()
            .chip()
            .and_then(|chip| chip.to_data_bus(address))
            .unwrap_or(address);
        let start = self.heaps.inspect().heap_at(data).unwrap().span.start();
        self.heaps.free(address).unwrap();
        Some(start)
    }

    /// Takes blocks of `size` until `caps` have none left.
    pub fn exhaust(&mut self, size: usize, caps: Caps) -> Vec<u32> {
        core::iter::from_fn(|| self.heaps.malloc(size, caps).ok()).collect()
    }

    pub fn fill(&mut self, address: u32, size: usize, byte: u8) {
        let pointer = self.heaps.inspect().pointer(address).unwrap();
        // SAFETY: the block is allocated with at least `size` bytes, and only the test uses it.
        unsafe { pointer.write_bytes(byte, size) };
    }

    pub fn word(&self, address: u32) -> Option<u32> {
        // SAFETY: the test's own blocks, and what lies behind them on purpose; nobody is at work
        // meanwhile.
        unsafe { self.heaps.inspect().word(address) }
    }

    pub fn set_word(&mut self, address: u32, value: u32) -> bool {
        // SAFETY: as for `word`.
        unsafe { self.heaps.set_word(address, value) }
    }

    pub fn bytes(&self, address: u32, size: usize) -> Vec<u8> {
        let pointer = self.heaps.inspect().pointer(address).unwrap();
        // SAFETY: as for `fill`.
        unsafe { core::slice::from_raw_parts(pointer.as_ptr(), size) }.to_vec()
    }
}

pub fn psram(bytes: u32) -> Options {
    ESP32.options(&[common::PSRAM.of(bytes)]).unwrap()
}

pub fn span(start: u32, end: u32) -> Span {
    Span::new(start, end).unwrap()
}
