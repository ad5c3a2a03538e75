//! All of the RAM, and each piece of it once: tokens, reservations, errors.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use heap_caps::{BootError, SimulatedMemory};
use heap_caps_alloc::{CapsHeap, Claim, Claimed, Parts, SecondCore, SpinLock, TakeError};
use soc_regions::{
    Bound, Caps, ESP32, LayoutError, Linked, Options, Reservation, Span, common, esp32, options,
    span,
};

type Heap = CapsHeap<SpinLock>;
type All<'h> = Parts<'h, Heap, &'h SimulatedMemory>;

/// Segments of a small program: with a Bluetooth controller its data lies behind the controller's
/// memory.
const PLAIN: [(&str, u32); 4] = [
    ("_data_start", 0x3FFB_0000),
    ("_heap_start", 0x3FFB_2EC8),
    ("_iram_start", 0x4008_0000),
    ("_iram_end", 0x4008_944C),
];
const BLUETOOTH: [(&str, u32); 4] = [
    ("_data_start", 0x3FFB_DB5C),
    ("_heap_start", 0x3FFC_0A24),
    PLAIN[2],
    PLAIN[3],
];

fn heap() -> &'static Heap {
    Box::leak(Box::new(CapsHeap::new(())))
}

fn claim(
    options: Options,
    symbols: [(&'static str, u32); 4],
    reservations: &'static [Reservation],
) -> &'static Claim {
    let linked = Box::leak(Box::new(Linked {
        symbols,
        reservations,
    }));
    // SAFETY: simulated memory, which each claim gets afresh.
    Box::leak(Box::new(unsafe { Claim::new(&ESP32, options, linked) }))
}

/// The parts of a program's claim, on memory of its own.
fn parts(
    options: Options,
    symbols: [(&'static str, u32); 4],
    own: &'static [Reservation],
) -> All<'static> {
    let memory: &SimulatedMemory = Box::leak(Box::new(SimulatedMemory::dirty(0xA5)));
    claim(options, symbols, own)
        .take_in(heap(), memory)
        .unwrap()
}

/// The spans of all heaps, ascending.
fn heaps(claimed: &Claimed<'_, Heap, &SimulatedMemory>) -> Vec<Span> {
    let collect =
        |heaps: heap_caps::Inspection<'_, _, _, _>| heaps.heaps().map(|heap| heap.span).collect();
    let mut spans: Vec<Span> = claimed.heap().inspect().locked(collect);
    spans.sort_unstable_by_key(|span| span.start());
    spans
}

#[test]
fn with_every_token_added_all_that_the_program_leaves_is_heap() {
    let all = parts(options!(ESP32), PLAIN, &[]);
    let ram = all.ram.with(all.bluetooth).with(all.second_core);
    // SAFETY: the simulated memory is there.
    let psram = unsafe { all.psram.mapped(0x20_0000) };
    let mut claimed = ram.with(all.trace_memory).with(psram).boot().unwrap();
    let expected = [
        span!(0x3F80_0000, 0x3FA0_0000),
        span!(0x3FFA_E6E0, 0x3FFB_0000),
        span!(0x3FFB_2EC8, 0x3FFE_0000),
        span!(0x3FFE_0440, 0x4000_0000), // in one piece: no ROM data of a second core in between
        span!(0x4007_8000, 0x4008_0000),
        span!(0x4008_944C, 0x400A_0000),
    ];
    assert_eq!(heaps(&claimed), expected);
    assert_eq!(claimed.booted().heaps, 6);
    // SAFETY: nobody stands on simulated stacks.
    assert_eq!(unsafe { claimed.release(all.startup_stacks) }, 1);
    assert!(claimed.heap().inspect().largest_free_block(Caps::DMA) > 180_000);
}

#[test]
fn a_claim_that_was_taken_leads_tools_to_the_heaps() {
    let (claim, first, second) = (claim(options!(ESP32), PLAIN, &[]), heap(), heap());
    let memory: &SimulatedMemory = Box::leak(Box::new(SimulatedMemory::dirty(0xA5)));
    assert!(claim.image_header().heaps().is_null());
    let _parts = claim.take_in(first, memory).unwrap();
    assert_eq!(
        claim.image_header().heaps(),
        first.inspect().heaps_in_memory().cast::<()>()
    );
    assert!(claim.take_in(second, memory).is_err());
    assert_eq!(
        claim.image_header().heaps(),
        first.inspect().heaps_in_memory().cast::<()>(),
        "a claim that is refused changes nothing"
    );
}

#[test]
fn what_tokens_stand_for_is_in_no_heap() {
    let all = parts(options!(ESP32), BLUETOOTH, &[]);
    let claimed = all.ram.boot().unwrap();
    let kept = [
        span!(0x3F80_0000, 0x3FC0_0000), // PSRAM
        span!(0x3FFA_E6E0, 0x3FFA_FF10), // Bluetooth
        span!(0x3FFB_0000, 0x3FFB_6388),
        span!(0x3FFB_8000, 0x3FFB_9A20),
        span!(0x3FFB_DB28, 0x3FFB_DB5C),
        span!(0x3FFE_3F20, 0x3FFE_4350), // second core
        span!(0x4007_8000, 0x4008_0000),
    ];
    for heap in heaps(&claimed) {
        assert!(kept.iter().all(|kept| !kept.overlaps(heap)), "{heap}");
    }
}

#[test]
fn options_can_not_take_what_tokens_stand_for() {
    let all_off = options!(ESP32, common::SINGLE_CORE.on(), common::PSRAM.of(4 << 20));
    let kept = parts(all_off, BLUETOOTH, &[]).ram.boot().unwrap();
    let plain = parts(options!(ESP32), BLUETOOTH, &[]).ram.boot().unwrap();
    assert_eq!(heaps(&kept), heaps(&plain));
}

#[test]
fn tokens_added_later_become_heaps_of_their_own() {
    let all = parts(options!(ESP32), BLUETOOTH, &[]);
    let mut claimed = all.ram.boot().unwrap();
    let before = heaps(&claimed);
    let made = claimed.add(all.bluetooth).unwrap();
    let bluetooth = [
        span!(0x3FFA_E6E0, 0x3FFA_FF10),
        span!(0x3FFB_0000, 0x3FFB_6388),
        span!(0x3FFB_8000, 0x3FFB_9A20),
    ];
    let bytes: u32 = bluetooth.iter().map(|span| span.size()).sum();
    assert_eq!((made.heaps, made.bytes), (3, bytes));
    assert_eq!(
        (made.too_small, made.too_small_bytes),
        (1, 52),
        "rom_bt_misc"
    );
    let made = claimed.add(all.second_core).unwrap();
    assert_eq!(made.heaps, 2);
    // SAFETY: the simulated memory is there.
    let psram = unsafe { all.psram.mapped(0x10_0000) };
    assert_eq!(claimed.add(psram).unwrap().bytes, 0x10_0000);
    let layout = claimed.layout().unwrap();
    assert!(
        layout
            .reserved()
            .all(|taken| !["cpu1_cache", "rom_bt_em"].contains(&taken.name))
    );
    let after = heaps(&claimed);
    assert!(
        before
            .iter()
            .chain(&bluetooth)
            .all(|span| after.contains(span))
    );
    assert_eq!(after.len(), before.len() + 6);
    assert!(claimed.heap().malloc(0x8_0000, Caps::SPIRAM).is_ok());
}

#[test]
fn a_program_linked_without_a_controller_gives_its_memory_before_boot() {
    let all = parts(options!(ESP32), PLAIN, &[]);
    let conflict = all.ram.boot().unwrap_err();
    let BootError::Layout(LayoutError::Conflict { first, second, .. }) = conflict else {
        panic!("{conflict}");
    };
    assert_eq!([first, second], ["dram_data", "rom_bt_em"]);
    let all = parts(options!(ESP32), PLAIN, &[]);
    assert!(all.ram.with(all.bluetooth).boot().is_ok());
}

#[test]
fn memory_for_a_trace_unit_is_kept_as_the_options_say_until_it_is_added() {
    let options = options!(ESP32, esp32::TRACE_MEMORY.value("two-banks"));
    let all = parts(options, BLUETOOTH, &[]);
    let mut claimed = all.ram.boot().unwrap();
    assert!(heaps(&claimed).contains(&span!(0x3FFE_4350, 0x3FFF_8000)));
    assert_eq!(claimed.add(all.trace_memory).unwrap().bytes, 0x8000);
    assert!(heaps(&claimed).contains(&span!(0x3FFF_8000, 0x4000_0000)));
}

#[test]
fn startup_stacks_serve_when_they_are_released() {
    let all = parts(options!(ESP32), BLUETOOTH, &[]);
    let mut claimed = all.ram.boot().unwrap();
    let diram = Caps::EXEC | Caps::BIT32;
    let before = claimed.heap().inspect().free_size(diram);
    // SAFETY: nobody stands on simulated stacks.
    assert_eq!(unsafe { claimed.release(all.startup_stacks) }, 2);
    assert!(claimed.heap().inspect().free_size(diram) > before + 120_000);
}

#[test]
fn what_a_program_reserves_is_in_no_heap() {
    const STACK: Reservation = Reservation::new(
        "stack",
        Bound::symbol("_data_start").plus(0x2_8000),
        Bound::symbol("_data_start").plus(0x3_0000),
    );
    let all = parts(options!(ESP32), PLAIN, &[STACK]);
    let ram = all.ram.with(all.bluetooth);
    let reserved: Vec<_> = ram
        .layout()
        .unwrap()
        .reserved()
        .map(|taken| taken.name)
        .collect();
    assert!(reserved.contains(&"stack"));
    let claimed = ram.boot().unwrap();
    assert!(heaps(&claimed).contains(&span!(0x3FFB_2EC8, 0x3FFD_8000)));
}

#[test]
fn a_symbol_that_is_missing_is_named() {
    let all = parts(options!(ESP32, common::RTC_HEAP.on()), BLUETOOTH, &[]);
    let missing = all.ram.boot().unwrap_err().to_string();
    let expected = "reservation `rtcram_data` needs the linker symbol `_rtc_force_fast_end`, which is not known";
    assert_eq!(missing, expected);
}

#[test]
fn a_claim_is_taken_once_whoever_comes() {
    let claim = claim(options!(ESP32), PLAIN, &[]);
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let parts = claim.take(heap());
                taken.fetch_add(usize::from(parts.is_ok()), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(taken.into_inner(), 1);
    let refusal = claim.take(heap()).unwrap_err();
    assert_eq!(refusal, TakeError::AlreadyTaken);
    assert_eq!(
        format!("{refusal:?}"),
        refusal.to_string(),
        "what unwrap prints"
    );
}

#[test]
fn a_heap_that_has_memory_of_a_chip_boots_no_other() {
    let shared = heap();
    let boot = || {
        let memory: &SimulatedMemory = Box::leak(Box::new(SimulatedMemory::new()));
        let all = claim(options!(ESP32), BLUETOOTH, &[]).take_in(shared, memory);
        all.unwrap().ram.boot().map(|claimed| claimed.booted())
    };
    assert!(boot().is_ok());
    assert_eq!(boot(), Err(BootError::AlreadyBooted));
}

#[test]
fn a_driver_that_takes_a_token_keeps_its_memory_from_the_heap() {
    fn start_second_core(token: SecondCore) -> SecondCore {
        token // while it runs
    }
    let all = parts(options!(ESP32), BLUETOOTH, &[]);
    let mut claimed = all.ram.boot().unwrap();
    let before = heaps(&claimed);
    let token = start_second_core(all.second_core);
    assert_eq!(heaps(&claimed), before);
    assert!(claimed.add(token).is_ok(), "when it was stopped for good");
}
