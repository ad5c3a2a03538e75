//! The ESP32-C5: one RISC-V core, 384 KiB at one address on both buses, PSRAM.
//!
//! ```text
//!   0x4080_0000 RAM, 384 KiB        0x4085_C5A0 start-up stack    0x4085_F4F8 the ROM's, as documented
//!   0x4200_0000 PSRAM, up to 32 MiB, in a window that flash shares
//!   0x5000_0000 LP memory, 16 KiB   the last 32 or 48 bytes are secure boot's digest
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32c5`, `soc/esp32c5`.
//!
//! What differs from ESP-IDF, on purpose: PSRAM is available at once, from where it is mapped
//! (`psram:start`, else the window's start) up to its size.

use super::parts::{
    CODE_BEHIND_TEE, DATA, DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_SECOND, IRAM_CODE, KIB, NONE,
    PSRAM_COLUMNS, RTC_RESERVED, TEE_DIRAM, ULP_HP_MEM, UNPROTECTED, above_psram, below_psram,
    lp_heap, lp_memory, lp_symbols, psram, rom_layout, rtc_data_to, symbol, unified_ram,
};
use crate::common::{
    FLASH_ENCRYPTION, MEMORY_PROTECTION, PSRAM, RTC_HEAP, SECURE_BOOT, TEE, TEE_DRAM, TEE_IRAM,
    ULP_IN_RAM,
};
use crate::{
    Caps, Chip, DualBus, HardwareTable, Line, MemoryType, Order, Region, Reservation, SampleSymbol,
    Span, Table, Total, TypeIndex, When, Window, WordOrder, chip, rows, span,
};

/// The ESP32-C5.
pub static ESP32C5: Chip = chip!(Table {
    name: "esp32c5",
    generation: "ESP32-C5, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        RTC_HEAP.declared(),
        TEE.declared(),
        TEE_IRAM.declared(),
        TEE_DRAM.declared(),
        ULP_IN_RAM.declared(),
        SECURE_BOOT.declared(),
        PSRAM.declared(),
        FLASH_ENCRYPTION.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 384 * KIB),
        Total::new(RTCRAM, 16 * KIB),
        Total::with(&[PSRAM.of(1)], SPIRAM, 32 * 1024 * KIB),
        Total::with(&[SECURE_BOOT.value("on")], RTCRAM, 16 * KIB - 32),
        Total::with(&[SECURE_BOOT.value("ecdsa-384")], RTCRAM, 16 * KIB - 48),
    ],
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(SRAM, SRAM, WordOrder::Linear).unwrap()],
    hardware: HardwareTable {
        external_line: Line::of(32),
        cipher_block: 16,
        encrypted: When::on(FLASH_ENCRYPTION),
        ..HardwareTable::PLAIN
    },
    max_contiguous_bytes: 0x200_0000,
    sample_symbols: &SAMPLE_SYMBOLS,
});

const RAM: TypeIndex = TypeIndex(0);
const RTCRAM: TypeIndex = TypeIndex(1);

const SPIRAM: TypeIndex = TypeIndex(2);

const TYPES: [MemoryType; 3] = [
    MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("RTCRAM", [Caps::RTCRAM, DATA_NO_DMA, NONE])
        .with_extra(UNPROTECTED, EXEC_SECOND),
    MemoryType::new("SPIRAM", PSRAM_COLUMNS),
];

const SRAM: Span = span!(0x4080_0000, 0x4086_0000);
const EXTRAM: Span = span!(0x4200_0000, 0x4400_0000);
const LP: Span = span!(0x5000_0000, 0x5000_4000);

const REGIONS: [Region; 6] = rows(&[
    &[
        Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
        Region::new(span!(0x4080_0000, 0x4085_C5A0), RAM),
        Region::new(span!(0x4085_C5A0, 0x4086_0000), RAM).with_startup_stack(),
    ],
    &lp_heap(LP, RTCRAM),
]);

const RESERVATIONS: [Reservation; 9] = [
    rom_layout(0x4085_F4F8, 0x4086_0000),
    DRAM_DATA,
    IRAM_CODE,
    ULP_HP_MEM,
    TEE_DIRAM,
    rtc_data_to(LP.start(), "_rtc_force_slow_end"),
    RTC_RESERVED,
    below_psram(EXTRAM),
    above_psram(EXTRAM),
];

const WINDOWS: [Window; 3] = [unified_ram(SRAM), psram(EXTRAM), lp_memory(LP)];

const SAMPLE_SYMBOLS: [SampleSymbol; 10] = rows(&[
    &CODE_BEHIND_TEE,
    &[
        symbol("_ulp_hp_mem_resv_start", 0x4085_B000),
        symbol("_ulp_hp_mem_resv_end", 0x4085_C000),
    ],
    &lp_symbols(0x5000_3F00),
]);
