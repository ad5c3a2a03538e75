//! The ESP32-H21: one RISC-V core, 320 KiB at one address on both buses.
//!
//! ```text
//!   0x4080_0000 RAM, 320 KiB        0x4084_D380 start-up stack    0x4084_FEE0 the ROM's, as documented
//!   0x5000_0000 LP memory, 4 KiB   the last 32 or 48 bytes are secure boot's digest
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32h21`, `soc/esp32h21`. Its table reserves nothing
//! for a trusted execution environment, unlike the otherwise equal one of the ESP32-H2; so there is
//! no such option here.

use super::parts::{
    DATA, DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_SECOND, IRAM_CODE, KIB, NONE, RTC_RESERVED,
    UNPROTECTED, lp_heap, lp_memory, lp_symbols, rom_layout, rtc_data_to, symbol, unified_ram,
};
use crate::common::{MEMORY_PROTECTION, RTC_HEAP, SECURE_BOOT};
use crate::{
    Caps, Chip, DualBus, MemoryType, Region, Reservation, SampleSymbol, Span, Table, Total,
    TypeIndex, Window, WordOrder, bank, chip, rows, span,
};

/// The ESP32-H21.
pub static ESP32H21: Chip = chip!(Table {
    name: "esp32h21",
    generation: "ESP32-H21, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        RTC_HEAP.declared(),
        SECURE_BOOT.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 320 * KIB),
        Total::new(RTCRAM, 4 * KIB),
        Total::with(&[SECURE_BOOT.value("on")], RTCRAM, 4 * KIB - 32),
        Total::with(&[SECURE_BOOT.value("ecdsa-384")], RTCRAM, 4 * KIB - 48),
    ],
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(SRAM, SRAM, WordOrder::Linear).unwrap()],
    max_contiguous_bytes: 320 * KIB,
    sample_symbols: &SAMPLE_SYMBOLS,
    ..Table::EMPTY
});

const RAM: TypeIndex = TypeIndex(0);
const RTCRAM: TypeIndex = TypeIndex(1);

const TYPES: [MemoryType; 2] = [
    MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("RTCRAM", [Caps::RTCRAM, DATA_NO_DMA, NONE])
        .with_extra(UNPROTECTED, EXEC_SECOND),
];

const SRAM: Span = span!(0x4080_0000, 0x4085_0000);
const LP: Span = span!(0x5000_0000, 0x5000_1000);

const REGIONS: [Region; 9] = rows(&[
    &bank::<4>(Region::new(span!(0x4080_0000, 0x4081_0000), RAM)),
    &[
        Region::new(span!(0x4084_0000, 0x4084_D380), RAM),
        Region::new(span!(0x4084_D380, 0x4085_0000), RAM).with_startup_stack(),
    ],
    &lp_heap(LP, RTCRAM),
]);

const RESERVATIONS: [Reservation; 5] = [
    rom_layout(0x4084_FEE0, 0x4085_0000),
    DRAM_DATA,
    IRAM_CODE,
    rtc_data_to(LP.start(), "_rtc_force_slow_end"),
    RTC_RESERVED,
];

const WINDOWS: [Window; 2] = [unified_ram(SRAM), lp_memory(LP)];

/// A small program: code first, data behind it.
const SAMPLE_SYMBOLS: [SampleSymbol; 7] = rows(&[
    &[
        symbol("_iram_start", 0x4080_0000),
        symbol("_iram_end", 0x4081_8400),
        symbol("_data_start", 0x4081_8400),
        symbol("_heap_start", 0x4081_B9C0),
    ],
    &lp_symbols(0x5000_0F00),
]);
