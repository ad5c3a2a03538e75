//! The ESP32-C2: one RISC-V core, 256 KiB that both buses see, a constant apart.
//!
//! ```text
//!   data bus                                          instruction bus
//!                                                     0x4037_C000 cache, 16 KiB
//!   0x3FCA_0000 RAM, 256 KiB ─── same memory, linear ─── 0x4038_0000
//!       0x3FCD_CB70 start-up stack    0x3FCD_F4BC the ROM's, as documented
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32c2`, `soc/esp32c2`.

use super::parts::{
    DATA, DATA_BUS, DRAM_DATA, EXEC_FIRST, INSTRUCTION_BUS, KIB, NONE, UNPROTECTED, iram_code_at,
    rom_layout, symbol, window,
};
use crate::common::MEMORY_PROTECTION;
use crate::{
    Chip, DualBus, MemoryType, Region, Reservation, SampleSymbol, Span, Table, Total, TypeIndex,
    Window, WordOrder, bank, chip, rows, span,
};

/// The ESP32-C2.
pub static ESP32C2: Chip = chip!(Table {
    name: "esp32c2",
    generation: "ESP32-C2, ESP-IDF v6.2 (2026)",
    options: &[MEMORY_PROTECTION.declared()],
    types: &[MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST)],
    regions: &REGIONS,
    reservations: &RESERVATIONS,
    totals: &[Total::new(RAM, 256 * KIB)],
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(RAM_DATA, RAM_INSTRUCTION, WordOrder::Linear).unwrap()],
    max_contiguous_bytes: 0x4_4000,
    sample_symbols: &SAMPLE_SYMBOLS,
    ..Table::EMPTY
});

const RAM: TypeIndex = TypeIndex(0);
const RAM_DATA: Span = span!(0x3FCA_0000, 0x3FCE_0000);
const RAM_INSTRUCTION: Span = span!(0x4038_0000, 0x403C_0000);

const REGIONS: [Region; 4] = rows(&[
    &bank::<2>(Region::new(span!(0x3FCA_0000, 0x3FCB_0000), RAM)),
    &[
        Region::new(span!(0x3FCC_0000, 0x3FCD_CB70), RAM),
        Region::new(span!(0x3FCD_CB70, 0x3FCE_0000), RAM).with_startup_stack(),
    ],
]);

const RESERVATIONS: [Reservation; 3] = [
    rom_layout(0x3FCD_F4BC, 0x3FCE_0000),
    DRAM_DATA,
    iram_code_at(-0x6E_0000),
];

const WINDOWS: [Window; 3] = [
    window("RAM, data bus", RAM_DATA, DATA_BUS),
    window("cache", span!(0x4037_C000, 0x4038_0000), INSTRUCTION_BUS),
    window("RAM, instruction bus", RAM_INSTRUCTION, INSTRUCTION_BUS),
];

/// A small program: code first, data behind it.
const SAMPLE_SYMBOLS: [SampleSymbol; 4] = [
    symbol("_iram_start", 0x4037_C000),
    symbol("_iram_end", 0x4038_A000),
    symbol("_data_start", 0x3FCA_A000),
    symbol("_heap_start", 0x3FCA_D2C0),
];
