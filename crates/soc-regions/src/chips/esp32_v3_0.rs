//! The ESP32 as ESP-IDF v3.0 (2018) knew it: 16 types, of which 12 were never used.
//!
//! Against today's table ([`ESP32`](crate::ESP32)):
//! - the ROM data of core 1 starts at `0x3FFE_4000`, 224 bytes later;
//! - one-bank trace memory is the *lower* bank, `0x3FFF_8000`;
//! - Bluetooth takes 64 KiB of DRAM as a whole;
//! - single-core programs get no memory back, RTC memory is never a heap, IRAM never takes bytes.
//!
//! What differs from ESP-IDF v3.0, on purpose:
//! - A reservation inside a row splits it. v3.0 meant to disable such a row, cleared the type of
//!   row 0 instead, and left the reserved memory in the heap.
//! - PSRAM is available at once, see [`ESP32`](crate::ESP32).
//! - The start-up-stack flag is the row's. In v3.0 it is the type's, with the same effect: only
//!   D/IRAM has it.
//! - Remainders of 16 bytes or less are dropped in all generations; v3.0 dropped what could not
//!   hold a heap, below 40.

use super::esp32::{
    BEYOND_PSRAM, BLUETOOTH, DIRAM, DIRAM_CAPS, DRAM, DRAM_CAPS, DUAL_BUSES, HARDWARE, IRAM,
    IRAM_CAPS, SPIRAM_CAPS, SRAM, WINDOWS,
};
use super::parts::{DRAM_DATA, KIB, NONE, symbol};
use crate::common::PSRAM;
use crate::{
    Caps, Chip, Choice, Declared, MemoryType, Order, Region, Reservation, SampleSymbol, Table,
    Total, TypeIndex, Value, When, chip, rows, span,
};

/// The ESP32 as ESP-IDF v3.0 knew it.
pub static ESP32_V3_0: Chip = chip!(Table {
    name: "esp32-v3.0",
    generation: "ESP32, ESP-IDF v3.0 (2018)",
    options: &OPTIONS,
    types: &TYPES,
    regions: &REGIONS,
    order: Order::Ascending,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(DRAM, 200 * KIB),
        Total::new(DIRAM, 128 * KIB),
        Total::new(IRAM, 192 * KIB),
        Total::new(SPIRAM, 4096 * KIB),
    ],
    windows: &WINDOWS,
    dual_buses: &DUAL_BUSES,
    hardware: HARDWARE,
    max_contiguous_bytes: 4096 * KIB,
    sample_symbols: &SAMPLE_SYMBOLS,
});

const OPTIONS: [Declared; 3] = [
    TRACE_MEMORY.declared(),
    BLUETOOTH.declared(),
    PSRAM.declared(),
];

/// Memory that the trace unit writes to: the same option as today's, under its old names.
pub(super) const TRACE_MEMORY: Choice = Choice::new(
    "trace-memory",
    "the trace unit takes banks of SRAM1, of 16 KiB each",
    &[
        Value::new("off", &[]),
        Value::new("one-bank", &[("CONFIG_MEMMAP_TRACEMEM", 1)]),
        Value::new(
            "two-banks",
            &[
                ("CONFIG_MEMMAP_TRACEMEM", 1),
                ("CONFIG_MEMMAP_TRACEMEM_TWOBANKS", 1),
            ],
        ),
    ],
);

const SPIRAM: TypeIndex = TypeIndex(15);

const TYPES: [MemoryType; 16] = [
    MemoryType::new("DRAM", DRAM_CAPS),
    MemoryType::new("D/IRAM", DIRAM_CAPS),
    MemoryType::new("IRAM", IRAM_CAPS),
    pid_iram("PID2IRAM", Caps::PID2.union(Caps::INTERNAL)),
    pid_iram("PID3IRAM", Caps::PID3.union(Caps::INTERNAL)),
    pid_iram("PID4IRAM", Caps::PID4.union(Caps::INTERNAL)),
    pid_iram("PID5IRAM", Caps::PID5.union(Caps::INTERNAL)),
    pid_iram("PID6IRAM", Caps::PID6.union(Caps::INTERNAL)),
    pid_iram("PID7IRAM", Caps::PID7.union(Caps::INTERNAL)),
    pid_dram("PID2DRAM", Caps::PID2.union(Caps::INTERNAL)),
    pid_dram("PID3DRAM", Caps::PID3.union(Caps::INTERNAL)),
    pid_dram("PID4DRAM", Caps::PID4.union(Caps::INTERNAL)),
    pid_dram("PID5DRAM", Caps::PID5.union(Caps::INTERNAL)),
    pid_dram("PID6DRAM", Caps::PID6.union(Caps::INTERNAL)),
    pid_dram("PID7DRAM", Caps::PID7.union(Caps::INTERNAL)),
    MemoryType::new("SPIRAM", SPIRAM_CAPS),
];

pub(super) const fn pid_iram(name: &'static str, pid: Caps) -> MemoryType {
    MemoryType::new(name, [pid, NONE, Caps::EXEC.union(Caps::BIT32)])
}

const fn pid_dram(name: &'static str, pid: Caps) -> MemoryType {
    MemoryType::new(name, [pid, Caps::BIT8, Caps::BIT32.union(Caps::DEFAULT)])
}

const REGIONS: [Region; 44] = rows(&[
    &[Region::new(span!(0x3F80_0000, 0x3FC0_0000), SPIRAM)],
    &SRAM,
]);

const RESERVATIONS: [Reservation; 12] = [
    DRAM_DATA,
    IRAM_CODE,
    CPU0_CACHE,
    CPU1_CACHE,
    ROM_PRO_DATA,
    ROM_APP_DATA,
    Reservation::fixed("bt", span!(0x3FFB_0000, 0x3FFC_0000)).only(When::on(BLUETOOTH)),
    ROM_AND_BLUETOOTH_DATA,
    Reservation::fixed("rom_data", span!(0x3FFA_E000, 0x3FFA_E6E0)).only(When::off(BLUETOOTH)),
    TRACE_TWO_BANKS,
    TRACE_ONE_BANK,
    BEYOND_PSRAM,
];

// The same in v2.1.
pub(super) const IRAM_CODE: Reservation =
    Reservation::between("iram_code", "_init_start", "_iram_text_end");
pub(super) const CPU0_CACHE: Reservation =
    Reservation::fixed("cpu0_cache", span!(0x4007_0000, 0x4007_8000));
pub(super) const CPU1_CACHE: Reservation =
    Reservation::fixed("cpu1_cache", span!(0x4007_8000, 0x4008_0000));
pub(super) const ROM_PRO_DATA: Reservation =
    Reservation::fixed("rom_pro_data", span!(0x3FFE_0000, 0x3FFE_0440));
pub(super) const ROM_APP_DATA: Reservation =
    Reservation::fixed("rom_app_data", span!(0x3FFE_4000, 0x3FFE_4350));
pub(super) const ROM_AND_BLUETOOTH_DATA: Reservation =
    Reservation::fixed("rom_and_bt_data", span!(0x3FFA_E000, 0x3FFA_FF10))
        .only(When::on(BLUETOOTH));
pub(super) const TRACE_TWO_BANKS: Reservation =
    Reservation::fixed("trace_mem", span!(0x3FFF_8000, 0x4000_0000))
        .only(When::is(TRACE_MEMORY.value("two-banks")));
pub(super) const TRACE_ONE_BANK: Reservation =
    Reservation::fixed("trace_mem", span!(0x3FFF_8000, 0x3FFF_C000))
        .only(When::is(TRACE_MEMORY.value("one-bank")));

/// A "hello world" for two cores; with Bluetooth its data starts behind the controller's.
pub(super) const SAMPLE_SYMBOLS: [SampleSymbol; 6] = [
    symbol("_data_start", 0x3FFB_0000).only(When::off(BLUETOOTH)),
    symbol("_heap_start", 0x3FFB_2EC8).only(When::off(BLUETOOTH)),
    symbol("_data_start", 0x3FFC_0000).only(When::on(BLUETOOTH)),
    symbol("_heap_start", 0x3FFC_2EC8).only(When::on(BLUETOOTH)),
    symbol("_init_start", 0x4008_0000),
    symbol("_iram_text_end", 0x4008_944C),
];
