//! The ESP32-C61: one RISC-V core, 320 KiB at one address on both buses, PSRAM.
//!
//! ```text
//!   0x4080_0000 RAM, 320 KiB        0x4084_C670 start-up stack    0x4084_F5C8 the ROM's, as documented
//!   0x4200_0000 PSRAM, up to 32 MiB, in a window that flash shares
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32c61`, `soc/esp32c61`.
//!
//! What differs from ESP-IDF, on purpose: PSRAM is available at once, from where it is mapped
//! (`psram:start`, else the window's start) up to its size. ESP-IDF's table does not mention it:
//! the driver adds the heap, with the same capabilities.

use super::parts::{
    CODE_BEHIND_TEE, DATA, DRAM_DATA, EXEC_FIRST, IRAM_CODE, KIB, NONE, PSRAM_COLUMNS, TEE_DIRAM,
    UNPROTECTED, above_psram, below_psram, psram, rom_layout, unified_ram,
};
use crate::common::{FLASH_ENCRYPTION, MEMORY_PROTECTION, PSRAM, TEE, TEE_DRAM, TEE_IRAM};
use crate::{
    Chip, DualBus, HardwareTable, Line, MemoryType, Order, Region, Reservation, Span, Table, Total,
    TypeIndex, When, Window, WordOrder, chip, span,
};

/// The ESP32-C61.
pub static ESP32C61: Chip = chip!(Table {
    name: "esp32c61",
    generation: "ESP32-C61, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        TEE.declared(),
        TEE_IRAM.declared(),
        TEE_DRAM.declared(),
        PSRAM.declared(),
        FLASH_ENCRYPTION.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 320 * KIB),
        Total::with(&[PSRAM.of(1)], SPIRAM, 32 * 1024 * KIB),
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
    sample_symbols: &CODE_BEHIND_TEE,
});

const RAM: TypeIndex = TypeIndex(0);

const SPIRAM: TypeIndex = TypeIndex(1);

const TYPES: [MemoryType; 2] = [
    MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("SPIRAM", PSRAM_COLUMNS),
];

const SRAM: Span = span!(0x4080_0000, 0x4085_0000);
const EXTRAM: Span = span!(0x4200_0000, 0x4400_0000);

const REGIONS: [Region; 3] = [
    Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
    Region::new(span!(0x4080_0000, 0x4084_C670), RAM),
    Region::new(span!(0x4084_C670, 0x4085_0000), RAM).with_startup_stack(),
];

const RESERVATIONS: [Reservation; 6] = [
    rom_layout(0x4084_F5C8, 0x4085_0000),
    DRAM_DATA,
    IRAM_CODE,
    TEE_DIRAM,
    below_psram(EXTRAM),
    above_psram(EXTRAM),
];

const WINDOWS: [Window; 2] = [unified_ram(SRAM), psram(EXTRAM)];
