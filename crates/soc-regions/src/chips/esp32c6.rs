//! The ESP32-C6: one RISC-V core, 512 KiB at one address on both buses.
//!
//! ```text
//!   0x4080_0000 RAM, 512 KiB        0x4087_C610 start-up stack    0x4087_F564 the ROM's, as documented
//!   0x5000_0000 LP memory, 16 KiB   the last 32 or 48 bytes are secure boot's digest
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32c6`, `soc/esp32c6`.

use super::parts::{
    CODE_BEHIND_TEE, DATA, DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_SECOND, IRAM_CODE, KIB, NONE,
    RTC_RESERVED, TEE_DIRAM, ULP_HP_MEM, UNPROTECTED, lp_heap, lp_memory, lp_symbols, rom_layout,
    rtc_data_to, symbol, unified_ram,
};
use crate::common::{
    MEMORY_PROTECTION, RTC_HEAP, SECURE_BOOT, TEE, TEE_DRAM, TEE_IRAM, ULP_IN_RAM,
};
use crate::{
    Caps, Chip, DualBus, HardwareTable, Line, MemoryType, Region, Reservation, SampleSymbol, Span,
    Table, Total, TypeIndex, Window, WordOrder, bank, chip, rows, span,
};

/// The ESP32-C6.
pub static ESP32C6: Chip = chip!(Table {
    name: "esp32c6",
    generation: "ESP32-C6, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        RTC_HEAP.declared(),
        TEE.declared(),
        TEE_IRAM.declared(),
        TEE_DRAM.declared(),
        ULP_IN_RAM.declared(),
        SECURE_BOOT.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 512 * KIB),
        Total::new(RTCRAM, 16 * KIB),
        Total::with(&[SECURE_BOOT.value("on")], RTCRAM, 16 * KIB - 32),
        Total::with(&[SECURE_BOOT.value("ecdsa-384")], RTCRAM, 16 * KIB - 48),
    ],
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(SRAM, SRAM, WordOrder::Linear).unwrap()],
    hardware: HardwareTable {
        external_line: Line::of(32),
        ..HardwareTable::PLAIN
    },
    max_contiguous_bytes: 512 * KIB,
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

const SRAM: Span = span!(0x4080_0000, 0x4088_0000);
const LP: Span = span!(0x5000_0000, 0x5000_4000);

const REGIONS: [Region; 8] = rows(&[
    &bank::<3>(Region::new(span!(0x4080_0000, 0x4082_0000), RAM)),
    &[
        Region::new(span!(0x4086_0000, 0x4087_C610), RAM),
        Region::new(span!(0x4087_C610, 0x4088_0000), RAM).with_startup_stack(),
    ],
    &lp_heap(LP, RTCRAM),
]);

const RESERVATIONS: [Reservation; 7] = [
    rom_layout(0x4087_F564, 0x4088_0000),
    DRAM_DATA,
    IRAM_CODE,
    ULP_HP_MEM,
    TEE_DIRAM,
    rtc_data_to(LP.start(), "_rtc_force_slow_end"),
    RTC_RESERVED,
];

const WINDOWS: [Window; 2] = [unified_ram(SRAM), lp_memory(LP)];

const SAMPLE_SYMBOLS: [SampleSymbol; 10] = rows(&[
    &CODE_BEHIND_TEE,
    &[
        symbol("_ulp_hp_mem_resv_start", 0x4087_B000),
        symbol("_ulp_hp_mem_resv_end", 0x4087_C000),
    ],
    &lp_symbols(0x5000_3F00),
]);
