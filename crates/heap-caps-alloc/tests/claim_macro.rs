//! The names of a linker script, as the macro accepts them.

use heap_caps::SimulatedMemory;
use heap_caps_alloc::{CapsHeap, SpinLock};
use soc_regions::{Bound, Caps, ESP32, Reservation, common, options, span};

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
static MEMORY: SimulatedMemory = SimulatedMemory::new();

const IRAM_END: u32 = 0x4008_944C;

/// What stands for a linker symbol on a host. Its address is cut off to 32 bits.
#[unsafe(no_mangle)]
static _a_linker_symbol: u8 = 0;

heap_caps_alloc::claim! {
    /// A name alone, a symbol of another name, a number, an expression.
    pub static RAM: ESP32;
    options: options!(ESP32, common::RTC_HEAP.on());
    reserved: [
        Reservation::fixed("frame", span!(0x3FFD_0000, 0x3FFD_1000)),
        Reservation::new("stack", Bound::symbol("_stack_top").plus(-0x1000), Bound::symbol("_stack_top")),
    ];
    unsafe symbols: {
        _data_start = 0x3FFB_0000,
        _heap_start = (0x3FFB_0000 + 0x2EC8),
        _iram_start = 0x4008_0000,
        _iram_end = (IRAM_END),
        _rtc_force_fast_end = 0x3FF8_0100,
        _rtc_fast_reserved_start = 0x3FF8_2000,
        _rtc_fast_reserved_end = 0x3FF8_2000,
        _rtc_slow_reserved_start = 0x5000_1FE8,
        _rtc_slow_reserved_end = 0x5000_2000,
        "_stack_top" = 0x3FFE_0000,
    }
}

#[test]
fn a_claim_reads_names_numbers_and_expressions() {
    let parts = RAM.take_in(&HEAP, &MEMORY).unwrap();
    let claimed = parts.ram.with(parts.bluetooth).boot().unwrap();
    let mut spans = claimed
        .heap()
        .inspect()
        .locked(|heaps| heaps.heaps().map(|heap| heap.span).collect::<Vec<_>>());
    spans.sort_unstable_by_key(|span| span.start());
    let dram: Vec<_> = spans
        .iter()
        .filter(|span| ESP32.is_dma_capable(span.start()))
        .collect();
    assert_eq!(
        dram,
        [
            &span!(0x3FFA_E6E0, 0x3FFB_0000),
            &span!(0x3FFB_2EC8, 0x3FFD_0000),
            &span!(0x3FFD_1000, 0x3FFD_F000),
            &span!(0x3FFE_0440, 0x3FFE_3F20),
            &span!(0x3FFE_4350, 0x4000_0000),
        ]
    );
    assert!(
        spans.contains(&span!(0x3FF8_0100, 0x3FF8_2000)),
        "{spans:?}"
    );
    assert!(RAM.take(&HEAP).is_err());
    assert!(HEAP.malloc(100, Caps::RTCRAM).is_ok());
}

#[test]
fn a_name_is_the_address_of_its_symbol() {
    let address = (&raw const _a_linker_symbol).addr() & 0xFFFF_FFFF;
    let same = heap_caps_alloc::claim!(@address _a_linker_symbol);
    let translated = heap_caps_alloc::claim!(@address _heap_start = _a_linker_symbol);
    assert_eq!([same as usize, translated as usize], [address; 2]);
}
