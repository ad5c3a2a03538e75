//! Every chip's RAM through a claim.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use heap_caps::SimulatedMemory;
use heap_caps_alloc::claim_macro::{behind_guard, stack};
use heap_caps_alloc::{CapsHeap, Claim, Claimed, Parts, SpinLock};
use soc_regions::{
    Caps, Chip, ESP32C3, ESP32P4, ESP32S3, Linked, Options, Reservation, Setting, SettingValue,
    Span, Symbols, chips, common, esp32, esp32s3, span,
};

type Heap = CapsHeap<SpinLock, multi_heap::Unpoisoned, (), 32>;
type All = Parts<'static, Heap, &'static SimulatedMemory>;

fn parts(chip: &'static Chip, options: Options, linked: impl Symbols + Sync + 'static) -> All {
    // SAFETY: simulated memory, which each claim gets anew.
    let claim = unsafe { Claim::new(chip, options, Box::leak(Box::new(linked))) };
    let memory = Box::leak(Box::new(SimulatedMemory::dirty(0xA5)));
    let heap = Box::leak(Box::new(CapsHeap::new(())));
    Box::leak(Box::new(claim)).take_in(heap, &*memory).unwrap()
}

/// The spans of all heaps, ascending.
fn heaps(claimed: &Claimed<'_, Heap, &SimulatedMemory>) -> Vec<Span> {
    let mut spans: Vec<Span> = claimed
        .heap()
        .inspect(|heaps| heaps.heaps().map(|heap| heap.span).collect());
    spans.sort_unstable_by_key(|span| span.start());
    spans
}

/// The default options, but for those of `settings` that the chip has.
fn with(chip: &Chip, settings: &[Setting]) -> Options {
    let known = |options: Options, setting: &Setting| options.with(*setting).unwrap_or(options);
    settings.iter().fold(chip.default_options(), known)
}

/// As `Chip::available`, without what is too small for a heap.
fn available(chip: &'static Chip, options: &Options) -> Vec<Span> {
    let symbols = chip.sample_symbols(options);
    let available = chip.available(options, &symbols).unwrap();
    let mut spans: Vec<Span> = available.map(|memory| memory.span).collect();
    spans.retain(|span| span.size() >= 64);
    spans.sort_unstable_by_key(|span| span.start());
    spans
}

const NO_TRACE: Setting = Setting {
    option: "trace-memory",
    value: SettingValue::Number(0),
};

#[test]
fn every_chip_gives_all_that_its_table_leaves_when_every_token_is_given() {
    for chip in chips::all() {
        let all = [
            common::SINGLE_CORE.on(),
            esp32::BLUETOOTH.off(),
            NO_TRACE,
            common::PSRAM.of(1 << 20),
        ];
        let options = with(chip, &all);
        let parts = parts(chip, chip.default_options(), chip.sample_symbols(&options));
        // SAFETY: the simulated memory is there.
        let psram = unsafe { parts.psram.mapped(1 << 20) };
        let ram = parts.ram.give(parts.bluetooth).give(parts.second_core);
        let mut claimed = ram.give(parts.trace_memory).give(psram).boot().unwrap();
        assert_eq!(
            heaps(&claimed),
            available(chip, &options),
            "{}",
            chip.name()
        );
        // SAFETY: nobody stands on simulated stacks.
        unsafe { claimed.release(parts.startup_stacks) };
        let waiting = |heaps: &heap_caps::HeapCaps<_, _, 32>| {
            heaps.heaps().filter(|heap| !heap.active).count()
        };
        assert_eq!(claimed.heap().inspect(waiting), 0, "{}", chip.name());
    }
}

#[test]
fn every_chip_keeps_what_its_tokens_stand_for() {
    for chip in chips::all() {
        let kept = [
            common::SINGLE_CORE.off(),
            esp32::BLUETOOTH.on(),
            common::PSRAM.of(0),
        ];
        let options = with(chip, &kept);
        let parts = parts(chip, chip.default_options(), chip.sample_symbols(&options));
        let mut claimed = parts.ram.boot().unwrap();
        assert_eq!(
            heaps(&claimed),
            available(chip, &options),
            "{}",
            chip.name()
        );
        let before: u32 = heaps(&claimed).iter().map(|span| span.size()).sum();
        let made = claimed.give(parts.second_core).unwrap();
        let after: u32 = heaps(&claimed).iter().map(|span| span.size()).sum();
        assert_eq!(after, before + made.bytes, "{}", chip.name());
    }
}

/// Where flash takes the start of the window.
#[test]
fn psram_of_an_esp32s3_is_where_it_is_mapped() {
    let symbols = ESP32S3.sample_symbols(&ESP32S3.default_options());
    let parts = parts(&ESP32S3, ESP32S3.default_options(), symbols);
    // SAFETY: the simulated memory is there.
    let psram = unsafe { parts.psram.mapped_at(0x3C05_0000, 0x80_0000) };
    let mut claimed = parts.ram.boot().unwrap();
    assert_eq!(claimed.give(psram).unwrap().bytes, 0x80_0000);
    assert!(heaps(&claimed).contains(&span!(0x3C05_0000, 0x3C85_0000)));
    assert!(claimed.heap().malloc(0x40_0000, Caps::SPIRAM).is_ok());
}

#[test]
fn the_trace_memory_of_an_esp32s3_comes_back_in_two_pieces() {
    let options = with(&ESP32S3, &[esp32s3::TRACE_BYTES.of(0x4000)]);
    let parts = parts(&ESP32S3, options, ESP32S3.sample_symbols(&options));
    let mut claimed = parts.ram.boot().unwrap();
    let pieces = [
        span!(0x3FCD_0000, 0x3FCD_2000),
        span!(0x3FCE_0000, 0x3FCE_2000),
    ];
    assert!(
        heaps(&claimed)
            .iter()
            .all(|heap| pieces.iter().all(|piece| !piece.overlaps(*heap)))
    );
    assert_eq!(claimed.give(parts.trace_memory).unwrap().bytes, 0x4000);
    assert!(pieces.iter().all(|piece| heaps(&claimed).contains(piece)));
}

/// esp-hal's linker script: code first, data behind it, and the stack takes all up to 0x3FCC_E400.
#[test]
fn an_esp32c3_gets_what_its_stack_does_not_need() {
    const STACK: Reservation = stack(0x8000);
    let symbols = [
        ("_iram_start", 0x4038_0000),
        ("_iram_end", 0x4038_B200),
        ("_data_start", 0x3FC8_B200),
        ("_heap_start", behind_guard(0x3FC8_E4BC)),
        ("_stack_start", 0x3FCC_E400),
    ];
    let program = Linked {
        symbols,
        reservations: &[STACK],
    };
    let options = with(&ESP32C3, &[common::RTC_HEAP.off()]);
    let claimed = parts(&ESP32C3, options, program).ram.boot().unwrap();
    let expected = [
        span!(0x3FC8_E4C0, 0x3FCC_0000),
        span!(0x3FCC_0000, 0x3FCC_6400), // kept over light sleep: a type of its own
        span!(0x3FCC_E400, 0x3FCD_C710),
        span!(0x3FCD_C710, 0x3FCD_F060), // start-up stacks, up to the ROM's data
    ];
    assert_eq!(heaps(&claimed), expected);
}

/// What the ROM says counts more than what is documented.
#[test]
fn the_rom_states_where_its_data_begins() {
    let options = ESP32P4.default_options();
    let stated = [("rom:dram0_rtos_reserved_start", 0x4FFB_F000)];
    let symbols = (stated, ESP32P4.sample_symbols(&options));
    let claimed = parts(&ESP32P4, options, symbols).ram.boot().unwrap();
    let ends = heaps(&claimed).into_iter().map(Span::end);
    assert!(
        ends.into_iter().any(|end| end == 0x4FFB_F000),
        "{:?}",
        heaps(&claimed)
    );
}
