//! A program on esp-hal, with stand-ins of esp-hal's linker script and drivers.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

extern crate self as esp_hal;

use std::arch::global_asm;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use heap_caps::SimulatedMemory;
use heap_caps_alloc::{
    CapsHeap, Claim, Claimed, Parts, SpinLock, esp_hal_psram, esp_hal_second_core,
};
use soc_regions::{ESP32, ESP32S3, Reservation, Span, span};

// What a linker script for the ESP32 defines, by the names that RISC-V chips have.
global_asm!(
    ".globl _trap_section_origin, _rwtext_end, _data_start, __stack_chk_guard, _stack_start",
    ".set _trap_section_origin, 0x40080000",
    ".set _rwtext_end, 0x40084000",
    ".set _data_start, 0x3FFB0000",
    ".set __stack_chk_guard, 0x3FFB3FFC",
    ".set _stack_start, 0x3FFE0000",
);

heap_caps_alloc::claim! {
    static RAM: ESP32;
    reserved: [Reservation::fixed("frame", span!(0x3FFC_0000, 0x3FFC_8000))];
    unsafe esp_hal: { stack: 32 * 1024 }
}

mod peripherals {
    use super::PhantomData;

    /// The only one by which a core is started.
    #[expect(non_camel_case_types, reason = "esp-hal's name")]
    pub(crate) struct CPU_CTRL<'d>(pub(crate) PhantomData<&'d ()>);
}

mod system {
    use super::{AtomicBool, Ordering};

    pub(crate) static SECOND_CORE_RUNS: AtomicBool = AtomicBool::new(false);

    pub(crate) enum Cpu {
        AppCpu,
    }

    pub(crate) fn is_running(Cpu::AppCpu: Cpu) -> bool {
        SECOND_CORE_RUNS.load(Ordering::Relaxed)
    }
}

mod psram {
    /// A driver that has found this much.
    pub(crate) struct Psram(pub(crate) usize, pub(crate) usize);

    impl Psram {
        pub(crate) fn raw_parts(&self) -> (*mut u8, usize) {
            (std::ptr::without_provenance_mut(self.0), self.1)
        }
    }
}

type Heap = CapsHeap<SpinLock, multi_heap::Unpoisoned, (), 32>;
type All<M> = Parts<'static, Heap, M>;

fn memory() -> &'static SimulatedMemory {
    Box::leak(Box::new(SimulatedMemory::dirty(0xA5)))
}

fn heap() -> &'static Heap {
    Box::leak(Box::new(CapsHeap::new(())))
}

/// The parts of a small program's claim, on memory of its own.
fn parts(chip: &'static soc_regions::Chip) -> All<&'static SimulatedMemory> {
    let linked = chip.sample_symbols(&chip.default_options());
    // SAFETY: simulated memory, which each claim gets afresh.
    let claim = unsafe { Claim::new(chip, chip.default_options(), Box::leak(Box::new(linked))) };
    Box::leak(Box::new(claim))
        .take_in(heap(), memory())
        .unwrap()
}

/// The spans of all heaps, ascending.
fn heaps(claimed: &Claimed<'_, Heap, &SimulatedMemory>) -> Vec<Span> {
    let mut spans: Vec<Span> = claimed
        .heap()
        .inspect()
        .locked(|heaps| heaps.heaps().map(|heap| heap.span).collect());
    spans.sort_unstable_by_key(|span| span.start());
    spans
}

/// What the second core of an ESP32 needs: its cache, which is IRAM otherwise.
const CACHE: Span = span!(0x4007_8000, 0x4008_0000);

#[test]
fn a_program_on_esp_hal_keeps_its_stack_and_what_it_reserves() {
    let parts = RAM.take_in(heap(), memory()).unwrap();
    let claimed = parts.ram.with(parts.bluetooth).boot().unwrap();
    let dram: Vec<Span> = heaps(&claimed);
    let dram = &dram[..3];
    let expected = [
        span!(0x3FFA_E6E0, 0x3FFB_0000),
        span!(0x3FFB_4000, 0x3FFC_0000), // behind the guard of esp-hal's stack
        span!(0x3FFC_8000, 0x3FFD_8000), // up to the stack
    ];
    assert_eq!(dram, expected);
}

#[test]
fn the_second_cores_memory_is_heap_where_the_core_does_not_run() {
    let give = |runs: bool| {
        system::SECOND_CORE_RUNS.store(runs, Ordering::Relaxed);
        let parts = parts(&ESP32);
        let idle = esp_hal_second_core!(parts.second_core, peripherals::CPU_CTRL(PhantomData));
        assert_eq!(idle.is_none(), runs);
        parts.ram.with(parts.bluetooth).with(idle).boot().unwrap()
    };
    let (idle, running) = (heaps(&give(false)), heaps(&give(true)));
    let has_cache = |heaps: &[Span]| heaps.iter().any(|heap| heap.overlaps(CACHE));
    assert!(has_cache(&idle));
    assert!(!has_cache(&running), "it runs: nothing was given");
    let bytes = |heaps: &[Span]| heaps.iter().map(|heap| heap.size()).sum::<u32>();
    assert_eq!(bytes(&idle) - bytes(&running), 33_840, "docs/memory.md");
}

#[test]
fn psram_is_heap_where_the_drivers_window_is() {
    let parts = parts(&ESP32S3);
    let driver = psram::Psram(0x3C05_0000, 0x80_0000);
    let mut claimed = parts.ram.boot().unwrap();
    let made = claimed.add(esp_hal_psram!(parts.psram, driver)).unwrap();
    assert_eq!(made.bytes, 0x80_0000);
    assert!(heaps(&claimed).contains(&span!(0x3C05_0000, 0x3C85_0000)));
}

#[test]
fn a_driver_that_has_found_no_psram_gives_none() {
    let parts = parts(&ESP32S3);
    let mut claimed = parts.ram.boot().unwrap();
    let before = heaps(&claimed);
    let none = esp_hal_psram!(parts.psram, psram::Psram(0, 0));
    assert!(none.is_none());
    assert_eq!(claimed.add(none).unwrap().heaps, 0);
    assert_eq!(heaps(&claimed), before);
}
