//! Symbols of a program: memory that it keeps, and errors found before it is linked.

use soc_regions::{
    Bound, Caps, ESP32, ESP32C3, LayoutError, Linked, Options, Reservation, Span, Symbols, common,
    options, span,
};

const NAMES: [&str; 4] = ["_data_start", "_heap_start", "_iram_start", "_iram_end"];
const STACK: Reservation = Reservation::new(
    "stack",
    Bound::symbol("_stack_top").plus(-0x4000),
    Bound::symbol("_stack_top"),
);

const fn frame(span: Span) -> Reservation {
    Reservation::fixed("frame", span)
}

fn missing(reservation: &'static str, symbol: &'static str) -> Result<(), LayoutError> {
    Err(LayoutError::MissingSymbol {
        reservation,
        symbol,
    })
}

#[test]
fn every_symbol_that_counts_under_the_options_must_be_named() {
    let check = |options: Options, names: &[&str], own: &[Reservation]| {
        ESP32.check_program(&options, names, own)
    };
    let plain = options!(ESP32);
    assert_eq!(check(plain, &NAMES, &[]), Ok(()));
    assert_eq!(
        check(plain, &NAMES[..3], &[]),
        missing("iram_code", "_iram_end")
    );
    let rtc = options!(ESP32, common::RTC_HEAP.on());
    assert_eq!(
        check(rtc, &NAMES, &[]),
        missing("rtcram_data", "_rtc_force_fast_end")
    );
    assert_eq!(
        check(plain, &NAMES, &[STACK]),
        missing("stack", "_stack_top")
    );
    let other = ESP32.check_program(&options!(ESP32C3), &NAMES, &[]);
    assert!(matches!(other, Err(LayoutError::OtherChip { .. })));
}

#[test]
fn what_is_stated_at_run_time_need_not_be_named() {
    let options = options!(ESP32C3, common::RTC_HEAP.off());
    assert_eq!(ESP32C3.check_program(&options, &NAMES, &[]), Ok(()));
}

#[test]
fn memory_at_fixed_addresses_is_compared_before_anything_is_linked() {
    let check = |own: &[Reservation]| ESP32.check_program(&options!(ESP32), &NAMES, own);
    assert_eq!(check(&[frame(span!(0x3FFE_0440, 0x3FFE_3F20))]), Ok(()));
    let conflict = LayoutError::Conflict {
        first: "frame",
        second: "rom_app_data",
        shared: span!(0x3FFE_3F20, 0x3FFE_3F24),
    };
    assert_eq!(
        check(&[frame(span!(0x3FFE_0440, 0x3FFE_3F24))]),
        Err(conflict)
    );
    let twice = [frame(span!(0x3FFD_0000, 0x3FFD_0010)); 2];
    assert!(matches!(check(&twice), Err(LayoutError::Conflict { .. })));
}

#[test]
fn what_a_program_keeps_is_taken_like_what_the_chip_keeps() {
    let options = options!(ESP32);
    let plain = ESP32
        .layout(&options, &ESP32.sample_symbols(&options))
        .unwrap();
    let symbols = (
        [("_stack_top", 0x3FFE_0000)],
        ESP32.sample_symbols(&options),
    );
    let program = Linked {
        symbols,
        reservations: &[STACK, frame(span!(0x3FFD_0000, 0x3FFD_0100))],
    };
    // also behind a list that knows better where something lies
    let moved = ([("_heap_start", 0x3FFC_0000)], program);
    assert_eq!(moved.address("_heap_start"), Some(0x3FFC_0000));
    let kept = ESP32.layout(&options, &moved).unwrap();
    let data = 0x3FFC_0000 - 0x3FFB_2EC8;
    assert_eq!(
        kept.available_bytes(Caps::DMA),
        plain.available_bytes(Caps::DMA) - data - 0x4000 - 0x100
    );
    let names: Vec<_> = kept.reserved().map(|taken| taken.name).collect();
    assert!(names.contains(&"stack") && names.contains(&"frame"));
}
