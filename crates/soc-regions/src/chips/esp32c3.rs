//! The ESP32-C3: one RISC-V core, 384 KiB that both buses see, a constant apart.
//!
//! ```text
//!   data bus                                          instruction bus
//!                                                     0x4037_C000 cache, 16 KiB
//!   0x3FC8_0000 RAM, 384 KiB ─── same memory, linear ─── 0x4038_0000
//!       0x3FCC_0000 kept over light sleep (RETENTION)
//!       0x3FCD_C710 start-up stack    0x3FCD_F060 the ROM's, as documented
//!   0x5000_0000 RTC fast memory, 8 KiB, at one address on both
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32c3`, `soc/esp32c3`.

use super::parts::{
    DATA, DATA_BUS, DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_LAST, EXEC_SECOND, INSTRUCTION_BUS,
    KIB, NONE, RTC_RESERVED, RTC_UNIFIED, UNPROTECTED, WITH_RTC_HEAP, iram_code_at, rom_layout,
    rtc_data_to, symbol, window,
};
use crate::common::{MEMORY_PROTECTION, RTC_HEAP};
use crate::{
    Caps, Chip, DualBus, MemoryType, Region, Reservation, SampleSymbol, Span, Table, Total,
    TypeIndex, Window, WordOrder, bank, chip, rows, span,
};

/// The ESP32-C3.
pub static ESP32C3: Chip = chip!(Table {
    name: "esp32c3",
    generation: "ESP32-C3, ESP-IDF v6.2 (2026)",
    options: &[MEMORY_PROTECTION.declared(), RTC_HEAP.declared()],
    types: &TYPES,
    regions: &REGIONS,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 256 * KIB),
        Total::new(RETENTION, 128 * KIB),
        Total::new(RTCRAM, 8 * KIB),
    ],
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(RAM_DATA, RAM_INSTRUCTION, WordOrder::Linear).unwrap()],
    max_contiguous_bytes: 0x6_4000,
    sample_symbols: &SAMPLE_SYMBOLS,
    ..Table::EMPTY
});

const RAM: TypeIndex = TypeIndex(0);
const RETENTION: TypeIndex = TypeIndex(1);
const RTCRAM: TypeIndex = TypeIndex(2);

const TYPES: [MemoryType; 3] = [
    MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("Retention RAM", [Caps::RETENTION, DATA, NONE])
        .with_extra(UNPROTECTED, EXEC_SECOND),
    MemoryType::new("RTCRAM", [Caps::RTCRAM, NONE, DATA_NO_DMA]).with_extra(UNPROTECTED, EXEC_LAST),
];

const RAM_DATA: Span = span!(0x3FC8_0000, 0x3FCE_0000);
const RAM_INSTRUCTION: Span = span!(0x4038_0000, 0x403E_0000);
const RTC: Span = span!(0x5000_0000, 0x5000_2000);

const REGIONS: [Region; 5] = rows(&[
    &bank::<2>(Region::new(span!(0x3FC8_0000, 0x3FCA_0000), RAM)),
    &[
        Region::new(span!(0x3FCC_0000, 0x3FCD_C710), RETENTION),
        Region::new(span!(0x3FCD_C710, 0x3FCE_0000), RETENTION).with_startup_stack(),
        Region::new(RTC, RTCRAM).only(WITH_RTC_HEAP),
    ],
]);

const RESERVATIONS: [Reservation; 5] = [
    rom_layout(0x3FCD_F060, 0x3FCE_0000),
    DRAM_DATA,
    iram_code_at(-0x70_0000),
    rtc_data_to(RTC.start(), "_rtc_force_slow_end"),
    RTC_RESERVED,
];

const WINDOWS: [Window; 4] = [
    window("RAM, data bus", RAM_DATA, DATA_BUS),
    window("cache", span!(0x4037_C000, 0x4038_0000), INSTRUCTION_BUS),
    window("RAM, instruction bus", RAM_INSTRUCTION, INSTRUCTION_BUS),
    window("RTC fast memory", RTC, RTC_UNIFIED),
];

/// A small program: code first, data behind it.
const SAMPLE_SYMBOLS: [SampleSymbol; 7] = [
    symbol("_iram_start", 0x4038_0000),
    symbol("_iram_end", 0x4038_B200),
    symbol("_data_start", 0x3FC8_B200),
    symbol("_heap_start", 0x3FC8_E4C0),
    symbol("_rtc_force_slow_end", 0x5000_0010),
    symbol("_rtc_reserved_start", 0x5000_1FE8),
    symbol("_rtc_reserved_end", 0x5000_2000),
];
