//! The ESP32 as ESP-IDF v2.1 (2017) knew it: the tagged table of 2016, where a memory type is a
//! tag.
//!
//! Against v3.0 ([`ESP32_V3_0`](crate::ESP32_V3_0)):
//! - no `INTERNAL` and no `DEFAULT`: plain `malloc` asks for `8BIT`;
//! - Bluetooth can release what it does not need of its 64 KiB;
//! - the ROM's data ends at `0x3FFA_E2A0`;
//! - PSRAM (then 128 KiB, "SPISRAM") is always reserved: the code for it was never compiled.
//!
//! What differs from ESP-IDF v2.1, on purpose:
//! - A reservation inside a row splits it. v2.1 disabled the row and logged an error.
//! - The start-up-stack flag is the row's. In v2.1 it is tag 1, D/IRAM, with the same effect.

use super::esp32::{BLUETOOTH, DIRAM, DRAM, DUAL_BUSES, HARDWARE, IRAM, SRAM, WINDOWS};
use super::esp32_v3_0::{
    CPU0_CACHE, CPU1_CACHE, IRAM_CODE, ROM_AND_BLUETOOTH_DATA, ROM_APP_DATA, ROM_PRO_DATA,
    SAMPLE_SYMBOLS, TRACE_MEMORY, TRACE_ONE_BANK, TRACE_TWO_BANKS, pid_iram,
};
use super::parts::{DRAM_DATA, KIB, NONE};
use crate::{
    Caps, Chip, Declared, Flag, MemoryType, Order, Region, Reservation, Span, Table, Total,
    TypeIndex, When, chip, rows, span,
};

/// The ESP32 as ESP-IDF v2.1 knew it.
pub static ESP32_V2_1: Chip = chip!(Table {
    name: "esp32-v2.1",
    generation: "ESP32, ESP-IDF v2.1 (2017)",
    options: &OPTIONS,
    types: &TAGS,
    regions: &REGIONS,
    order: Order::Ascending,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(DRAM, 200 * KIB),
        Total::new(DIRAM, 128 * KIB),
        Total::new(IRAM, 192 * KIB),
        Total::new(SPISRAM, 128 * KIB),
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
    BLUETOOTH_DRAM_RELEASE.declared(),
];

/// What Bluetooth does not need of its 64 KiB goes to the heap.
pub const BLUETOOTH_DRAM_RELEASE: Flag = Flag::new(
    "bluetooth-dram-release",
    "CONFIG_BT_DRAM_RELEASE",
    "Bluetooth releases what it does not need",
);

const SPISRAM: TypeIndex = TypeIndex(15);
const SPISRAM_WINDOW: Span = span!(0x3F80_0000, 0x3F82_0000);

const TAGS: [MemoryType; 16] = [
    MemoryType::new("DRAM", [Caps::DMA.union(Caps::BIT8), Caps::BIT32, NONE]),
    MemoryType::new(
        "D/IRAM",
        [
            NONE,
            Caps::DMA.union(Caps::BIT8),
            Caps::BIT32.union(Caps::EXEC),
        ],
    ),
    MemoryType::new("IRAM", [Caps::EXEC.union(Caps::BIT32), NONE, NONE]),
    pid_iram("PID2IRAM", Caps::PID2),
    pid_iram("PID3IRAM", Caps::PID3),
    pid_iram("PID4IRAM", Caps::PID4),
    pid_iram("PID5IRAM", Caps::PID5),
    pid_iram("PID6IRAM", Caps::PID6),
    pid_iram("PID7IRAM", Caps::PID7),
    pid_dram("PID2DRAM", Caps::PID2),
    pid_dram("PID3DRAM", Caps::PID3),
    pid_dram("PID4DRAM", Caps::PID4),
    pid_dram("PID5DRAM", Caps::PID5),
    pid_dram("PID6DRAM", Caps::PID6),
    pid_dram("PID7DRAM", Caps::PID7),
    MemoryType::new(
        "SPISRAM",
        [
            Caps::SPIRAM,
            NONE,
            Caps::DMA.union(Caps::BIT8).union(Caps::BIT32),
        ],
    ),
];

const fn pid_dram(name: &'static str, pid: Caps) -> MemoryType {
    MemoryType::new(name, [pid, Caps::BIT8, Caps::BIT32])
}

const REGIONS: [Region; 44] = rows(&[&[Region::new(SPISRAM_WINDOW, SPISRAM)], &SRAM]);

const BLUETOOTH_RELEASES: When =
    When::all(&[When::on(BLUETOOTH), When::on(BLUETOOTH_DRAM_RELEASE)]);

const RESERVATIONS: [Reservation; 15] = [
    DRAM_DATA,
    IRAM_CODE,
    CPU0_CACHE,
    CPU1_CACHE,
    ROM_PRO_DATA,
    ROM_APP_DATA,
    Reservation::fixed("bt", span!(0x3FFB_0000, 0x3FFB_3000)).only(BLUETOOTH_RELEASES),
    Reservation::fixed("bt", span!(0x3FFB_8000, 0x3FFB_BB28)).only(BLUETOOTH_RELEASES),
    Reservation::fixed("bt", span!(0x3FFB_DB28, 0x3FFC_0000)).only(BLUETOOTH_RELEASES),
    Reservation::fixed("bt", span!(0x3FFB_0000, 0x3FFC_0000)).only(When::all(&[
        When::on(BLUETOOTH),
        When::off(BLUETOOTH_DRAM_RELEASE),
    ])),
    ROM_AND_BLUETOOTH_DATA,
    Reservation::fixed("rom_data", span!(0x3FFA_E000, 0x3FFA_E2A0)).only(When::off(BLUETOOTH)),
    TRACE_TWO_BANKS,
    TRACE_ONE_BANK,
    Reservation::fixed("spi_sram", SPISRAM_WINDOW),
];
