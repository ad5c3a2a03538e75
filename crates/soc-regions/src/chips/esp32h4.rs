//! The ESP32-H4: two RISC-V cores, 320 KiB at one address on both buses, PSRAM.
//!
//! ```text
//!   0x4081_0000 RAM, 320 KiB        0x4085_B350 start-up stack    0x4085_FEA8 the ROM's, as documented
//!   0x4086_0000 cache of core 1, 32 KiB: a heap if only core 0 runs
//!   0x4200_0000 PSRAM, up to 32 MiB, in a window that flash shares
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32h4`, `soc/esp32h4`.
//!
//! What differs from ESP-IDF, on purpose:
//! - PSRAM is available at once, from where it is mapped (`psram:start`, else the window's start)
//!   up to its size. ESP-IDF's table does not mention it: the driver adds the heap, with the same
//!   capabilities.
//! - Core 1's cache has 32 KiB. ESP-IDF takes its last address, `0x4086_7FFF`, for its end and so
//!   makes a heap of an odd size of it, whose last word is lost and whose free bytes are odd. It
//!   stands behind the RAM here, where it lies; ESP-IDF lists it first.

use super::parts::{
    DATA, DRAM_DATA, EXEC_FIRST, IRAM_CODE, KIB, NONE, PSRAM_COLUMNS, UNIFIED, UNPROTECTED,
    above_psram, below_psram, psram, rom_layout, symbol, unified_ram, window,
};
use crate::common::{FLASH_ENCRYPTION, MEMORY_PROTECTION, PSRAM, SINGLE_CORE};
use crate::{
    Chip, DualBus, HardwareTable, Line, MemoryType, Order, Region, Reservation, SampleSymbol, Span,
    Table, Total, TypeIndex, When, Window, WordOrder, chip, span,
};

/// The ESP32-H4.
pub static ESP32H4: Chip = chip!(Table {
    name: "esp32h4",
    generation: "ESP32-H4, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        SINGLE_CORE.declared(),
        PSRAM.declared(),
        FLASH_ENCRYPTION.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 320 * KIB),
        Total::with(&[SINGLE_CORE.on()], RAM, 352 * KIB),
        Total::with(&[PSRAM.of(1)], SPIRAM, 32 * 1024 * KIB),
    ],
    windows: &WINDOWS,
    dual_buses: &[
        DualBus::new(SRAM, SRAM, WordOrder::Linear).unwrap(),
        DualBus::new(ICACHE1, ICACHE1, WordOrder::Linear).unwrap()
    ],
    hardware: HardwareTable {
        cores: 2,
        external_line: Line::of(32),
        cipher_block: 16,
        encrypted: When::on(FLASH_ENCRYPTION),
        ..HardwareTable::PLAIN
    },
    max_contiguous_bytes: 0x200_0000,
    sample_symbols: &SAMPLE_SYMBOLS,
});

const RAM: TypeIndex = TypeIndex(0);

const SPIRAM: TypeIndex = TypeIndex(1);

const TYPES: [MemoryType; 2] = [
    MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("SPIRAM", PSRAM_COLUMNS),
];

const SRAM: Span = span!(0x4081_0000, 0x4086_0000);
const ICACHE1: Span = span!(0x4086_0000, 0x4086_8000);
const EXTRAM: Span = span!(0x4200_0000, 0x4400_0000);

const REGIONS: [Region; 4] = [
    Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
    Region::new(span!(0x4081_0000, 0x4085_B350), RAM),
    Region::new(span!(0x4085_B350, 0x4086_0000), RAM).with_startup_stack(),
    Region::new(ICACHE1, RAM)
        .with_startup_stack()
        .only(When::on(SINGLE_CORE)),
];

const RESERVATIONS: [Reservation; 5] = [
    rom_layout(0x4085_FEA8, 0x4086_0000),
    DRAM_DATA,
    IRAM_CODE,
    below_psram(EXTRAM),
    above_psram(EXTRAM),
];

const WINDOWS: [Window; 3] = [
    unified_ram(SRAM),
    window("cache of core 1", ICACHE1, UNIFIED),
    psram(EXTRAM),
];

/// A small program: code first, data behind it.
const SAMPLE_SYMBOLS: [SampleSymbol; 4] = [
    symbol("_iram_start", 0x4081_0000),
    symbol("_iram_end", 0x4081_8400),
    symbol("_data_start", 0x4081_8400),
    symbol("_heap_start", 0x4081_B9C0),
];
