//! The ESP32-S31: two RISC-V cores with SIMD, 512 KiB at one address on both buses, PSRAM.
//!
//! ```text
//!   0x2E00_0000 LP memory, 32 KiB
//!   0x2F00_0000 RAM, 512 KiB        0x2F07_AFB0 start-up stack    0x2F07_FB20 the ROM's, as documented
//!   0x5000_0000 PSRAM, up to 64 MiB
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32s31`, `soc/esp32s31`.
//!
//! What differs from ESP-IDF, on purpose: PSRAM is available at once, from where it is mapped
//! (`psram:start`, else the window's start) up to its size, with the capabilities of the heap that
//! ESP-IDF adds when it starts. Its table does not say SIMD there.

use super::parts::{
    DATA, DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_SECOND, IRAM_CODE, KIB, NONE,
    PSRAM_SIMD_COLUMNS, RTC_RESERVED, ULP_HP_MEM, UNPROTECTED, WITH_RTC_HEAP, above_psram,
    below_psram, lp_memory, psram, rom_layout, rtc_data_to, symbol, unified_ram,
};
use crate::common::{FLASH_ENCRYPTION, MEMORY_PROTECTION, PSRAM, RTC_HEAP, ULP_IN_RAM};
use crate::{
    Caps, Chip, DualBus, HardwareTable, Line, MemoryType, Order, Region, Reservation, SampleSymbol,
    Span, Table, Total, TypeIndex, When, Window, WordOrder, chip, span,
};

/// The ESP32-S31.
pub static ESP32S31: Chip = chip!(Table {
    name: "esp32s31",
    generation: "ESP32-S31, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        RTC_HEAP.declared(),
        ULP_IN_RAM.declared(),
        PSRAM.declared(),
        FLASH_ENCRYPTION.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 512 * KIB),
        Total::new(RTCRAM, 32 * KIB),
        Total::with(&[PSRAM.of(1)], SPIRAM, 64 * 1024 * KIB),
    ],
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(SRAM, SRAM, WordOrder::Linear).unwrap()],
    hardware: HardwareTable {
        cores: 2,
        external_line: Line::of(64),
        axi_descriptor: 8,
        simd: 16,
        cipher_block: 16,
        encrypted: When::on(FLASH_ENCRYPTION),
        ..HardwareTable::PLAIN
    },
    max_contiguous_bytes: 0x400_0000,
    sample_symbols: &SAMPLE_SYMBOLS,
});

const RAM: TypeIndex = TypeIndex(0);
const RTCRAM: TypeIndex = TypeIndex(1);

const SPIRAM: TypeIndex = TypeIndex(2);

const TYPES: [MemoryType; 3] = [
    MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("RTCRAM", [Caps::RTCRAM, DATA_NO_DMA, NONE])
        .with_extra(UNPROTECTED, EXEC_SECOND),
    MemoryType::new("SPIRAM", PSRAM_SIMD_COLUMNS),
];

const SRAM: Span = span!(0x2F00_0000, 0x2F08_0000);
const EXTRAM: Span = span!(0x5000_0000, 0x5400_0000);
const LP: Span = span!(0x2E00_0000, 0x2E00_8000);

const REGIONS: [Region; 4] = [
    Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
    Region::new(span!(0x2F00_0000, 0x2F07_AFB0), RAM),
    Region::new(span!(0x2F07_AFB0, 0x2F08_0000), RAM).with_startup_stack(),
    Region::new(LP, RTCRAM).only(WITH_RTC_HEAP),
];

const RESERVATIONS: [Reservation; 8] = [
    rom_layout(0x2F07_FB20, 0x2F08_0000),
    DRAM_DATA,
    IRAM_CODE,
    ULP_HP_MEM,
    rtc_data_to(LP.start(), "_rtc_force_slow_end"),
    RTC_RESERVED,
    below_psram(EXTRAM),
    above_psram(EXTRAM),
];

const WINDOWS: [Window; 3] = [lp_memory(LP), unified_ram(SRAM), psram(EXTRAM)];

/// A small program: code first, data behind it.
const SAMPLE_SYMBOLS: [SampleSymbol; 9] = [
    symbol("_iram_start", 0x2F00_0000),
    symbol("_iram_end", 0x2F01_2400),
    symbol("_data_start", 0x2F01_2400),
    symbol("_heap_start", 0x2F01_6A40),
    symbol("_ulp_hp_mem_resv_start", 0x2F07_8000),
    symbol("_ulp_hp_mem_resv_end", 0x2F07_9000),
    symbol("_rtc_force_slow_end", 0x2E00_0010),
    symbol("_rtc_reserved_start", 0x2E00_7FE8),
    symbol("_rtc_reserved_end", 0x2E00_8000),
];
