//! The ESP32 as ESP-IDF knows it today (July 2026, version 6.2).
//!
//! ```text
//!   data bus                                                          instruction bus
//!   0x3F80_0000 PSRAM, up to 4 MiB                                    0x4007_0000 caches of core 0 and 1, 2 × 32 KiB ┐
//!   0x3FF8_0000 RTC fast memory, 8 KiB ───── same memory, linear ──── 0x400C_0000                                    │ SRAM0
//!   0x3FFA_E000 ROM data, Bluetooth ┐                                 0x4008_0000 IRAM, 128 KiB                      ┘
//!   0x3FFB_0000 DRAM                ┘ SRAM2, 200 KiB
//!   0x3FFE_0000 D/IRAM, 128 KiB: SRAM1 ─── same memory, inverted ──── 0x400A_0000
//! ```
//!
//! Source of the tables: ESP-IDF, `components/heap/port/esp32/memory_layout.c` and
//! `components/bt/controller/esp32`. Source of the windows: `soc/esp32/include/soc/soc.h` and the
//! ESP32 Technical Reference Manual, chapter "System and Memory".
//!
//! What differs from ESP-IDF, on purpose:
//! - PSRAM up to its configured size is available at once and marked as external. ESP-IDF reserves
//!   the whole window (`spi_ram`) and adds the heap later.
//! - RTC memory has its alias on the instruction bus. ESP-IDF's table has none, and takes D/IRAM's
//!   inverted formula instead.
//! - The two reservations at the top of RTC memory count only when RTC memory is a heap. Otherwise
//!   no row contains them, and a program without RTC data need not have their symbols.

use super::parts::{
    DATA_BUS, DRAM_DATA, INSTRUCTION_BUS, IRAM_CODE, KIB, NONE, RTC_DATA, WITH_RTC_HEAP, symbol,
    window,
};
use crate::common::{PSRAM, RTC_HEAP, SINGLE_CORE};
use crate::{
    Access, Amount, Bound, Caps, Chip, Choice, Columns, DualBus, Flag, HardwareTable, Isa,
    MemoryType, Order, Region, Reservation, SampleSymbol, Span, Table, Term, Total, TypeIndex,
    Value, When, Window, WordOrder, bank, chip, rows, span,
};

/// The ESP32 as ESP-IDF knows it today.
pub static ESP32: Chip = chip!(Table {
    name: "esp32",
    generation: "ESP32, ESP-IDF v6.2 (2026)",
    options: &[
        SINGLE_CORE.declared(),
        IRAM_8BIT.declared(),
        TRACE_MEMORY.declared(),
        BLUETOOTH.declared(),
        SYNC_CONNECTIONS.declared(),
        RTC_HEAP_HERE.declared(),
        RTC_DATA_IN_FAST_MEMORY.declared(),
        SRAM1_AS_IRAM.declared(),
        PSRAM.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(DRAM, 200 * KIB),
        Total::new(DIRAM, 128 * KIB),
        Total::new(IRAM, 192 * KIB),
        Total::with(&[PSRAM.of(1)], SPIRAM, 4096 * KIB),
        Total::with(&[RTC_HEAP.on()], RTCRAM, 8 * KIB),
    ],
    windows: &WINDOWS,
    dual_buses: &DUAL_BUSES,
    hardware: HARDWARE,
    max_contiguous_bytes: 4096 * KIB,
    sample_symbols: &SAMPLE_SYMBOLS,
});

/// Two cores; DMA goes past the caches; atomic instructions work on the chip only.
pub(super) const HARDWARE: HardwareTable = HardwareTable {
    cores: 2,
    isa: Isa::Xtensa,
    external_atomics: false,
    ..HardwareTable::PLAIN
};

/// Byte access to IRAM is emulated. ESP-IDF offers it with [`SINGLE_CORE`] only.
pub const IRAM_8BIT: Flag = Flag::new(
    "iram-8bit",
    "CONFIG_ESP32_IRAM_AS_8BIT_ACCESSIBLE_MEMORY",
    "byte access to IRAM is emulated",
);

/// Memory that the trace unit writes to.
pub const TRACE_MEMORY: Choice = Choice::new(
    "trace-memory",
    "the trace unit takes banks of SRAM1, of 16 KiB each",
    &[
        Value::new("off", &[]),
        Value::new("one-bank", &[("CONFIG_ESP32_MEMMAP_TRACEMEM", 1)]),
        Value::new(
            "two-banks",
            &[
                ("CONFIG_ESP32_MEMMAP_TRACEMEM", 1),
                ("CONFIG_ESP32_MEMMAP_TRACEMEM_TWOBANKS", 1),
            ],
        ),
    ],
);

/// Whether the Bluetooth controller is linked and keeps memory for itself.
pub const BLUETOOTH: Flag = Flag::new(
    "bluetooth",
    "CONFIG_BT_ENABLED",
    "a Bluetooth controller is linked",
);

/// How many synchronous (audio) connections the controller has room for.
pub const SYNC_CONNECTIONS: Amount = Amount::new(
    "bluetooth-sync-connections",
    "CONFIG_BTDM_CTRL_BR_EDR_MAX_SYNC_CONN",
    "synchronous connections of the Bluetooth controller",
)
.within(0, 3, 0);

/// RTC fast memory as a heap. Only core 0 reaches it, so ESP-IDF offers it with [`SINGLE_CORE`]
/// only.
const RTC_HEAP_HERE: Flag = RTC_HEAP.off_by_default();

/// RTC data is linked to fast memory.
pub const RTC_DATA_IN_FAST_MEMORY: Flag = Flag::new(
    "rtc-data-in-fast-memory",
    "CONFIG_ESP32_RTCDATA_IN_FAST_MEM",
    "RTC data is linked to fast memory",
);

/// The linker places code in the upper part of SRAM1.
pub const SRAM1_AS_IRAM: Flag = Flag::new(
    "sram1-as-iram",
    "CONFIG_ESP_SYSTEM_ESP32_SRAM1_REGION_AS_IRAM",
    "code is linked to the upper part of SRAM1",
);

pub(super) const DRAM: TypeIndex = TypeIndex(0);
pub(super) const DIRAM: TypeIndex = TypeIndex(1);
pub(super) const IRAM: TypeIndex = TypeIndex(2);
const SPIRAM: TypeIndex = TypeIndex(3);
const RTCRAM: TypeIndex = TypeIndex(4);

const TYPES: [MemoryType; 5] = [
    MemoryType::new("DRAM", DRAM_CAPS),
    MemoryType::new("D/IRAM", DIRAM_CAPS),
    MemoryType::new("IRAM", IRAM_CAPS)
        .with_extra(When::on(IRAM_8BIT), [Caps::IRAM_8BIT, NONE, NONE]),
    MemoryType::new("SPIRAM", SPIRAM_CAPS),
    MemoryType::new("RTCRAM", RTCRAM_CAPS),
];

pub(super) const DRAM_CAPS: Columns = [
    Caps::BIT8.union(Caps::DEFAULT),
    Caps::INTERNAL.union(Caps::DMA).union(Caps::BIT32),
    NONE,
];
pub(super) const DIRAM_CAPS: Columns = [
    NONE,
    Caps::DMA
        .union(Caps::BIT8)
        .union(Caps::INTERNAL)
        .union(Caps::DEFAULT),
    Caps::BIT32.union(Caps::EXEC),
];
pub(super) const IRAM_CAPS: Columns = [
    Caps::INTERNAL.union(Caps::EXEC).union(Caps::BIT32),
    NONE,
    NONE,
];
pub(super) const SPIRAM_CAPS: Columns = [
    Caps::SPIRAM.union(Caps::DEFAULT),
    NONE,
    Caps::BIT8.union(Caps::BIT32),
];
const RTCRAM_CAPS: Columns = [
    Caps::RTCRAM,
    Caps::BIT8.union(Caps::DEFAULT),
    Caps::INTERNAL.union(Caps::BIT32).union(Caps::EXEC),
];

const REGIONS: [Region; 45] = rows(&[
    &[Region::new(PSRAM_WINDOW, SPIRAM).only(When::given(PSRAM))],
    &SRAM,
    &[Region::new(RTC_FAST, RTCRAM).only(When::on(RTC_HEAP))],
]);

const PSRAM_WINDOW: Span = span!(0x3F80_0000, 0x3FC0_0000);
const RTC_FAST: Span = span!(0x3FF8_0000, 0x3FF8_2000);

/// The RAM on the chip but for the RTC's: the same in all generations.
pub(super) const SRAM: [Region; 43] = rows(&[
    &[Region::new(span!(0x3FFA_E000, 0x3FFB_0000), DRAM)],
    &bank::<2>(Region::new(span!(0x3FFB_0000, 0x3FFB_8000), DRAM)),
    &bank::<16>(Region::new(span!(0x3FFC_0000, 0x3FFC_2000), DRAM)),
    &bank::<2>(Region::new(span!(0x3FFE_0000, 0x3FFE_4000), DIRAM).with_startup_stack()),
    &bank::<2>(Region::new(span!(0x3FFE_8000, 0x3FFF_0000), DIRAM).with_startup_stack()),
    &bank::<2>(Region::new(span!(0x3FFF_8000, 0x3FFF_C000), DIRAM).with_startup_stack()),
    &bank::<2>(Region::new(span!(0x4007_0000, 0x4007_8000), IRAM)),
    &bank::<16>(Region::new(span!(0x4008_0000, 0x4008_2000), IRAM)),
]);

const DUAL_CORE: When = When::off(SINGLE_CORE);

const RESERVATIONS: [Reservation; 19] = [
    Reservation::fixed("cpu0_cache", span!(0x4007_0000, 0x4007_8000)),
    Reservation::fixed("cpu1_cache", span!(0x4007_8000, 0x4008_0000)).only(DUAL_CORE),
    Reservation::fixed("rom_pro_data", span!(0x3FFE_0000, 0x3FFE_0440)),
    Reservation::fixed("rom_app_data", span!(0x3FFE_3F20, 0x3FFE_4350)).only(DUAL_CORE),
    Reservation::fixed("rom_data", span!(0x3FFA_E000, 0x3FFA_E6E0)),
    Reservation::fixed("trace_mem", span!(0x3FFF_8000, 0x4000_0000))
        .only(When::is(TRACE_MEMORY.value("two-banks"))),
    Reservation::fixed("trace_mem", span!(0x3FFF_C000, 0x4000_0000))
        .only(When::is(TRACE_MEMORY.value("one-bank"))),
    BEYOND_PSRAM.only(When::given(PSRAM)),
    DRAM_DATA,
    IRAM_CODE,
    Reservation::new(
        "sram1_iram",
        Bound::symbol("_heap_end"),
        Bound::at(0x4000_0000),
    )
    .only(When::on(SRAM1_AS_IRAM)),
    Reservation::new(
        "rtcram_data",
        Bound::at(0x3FF8_0000),
        Bound::symbol("_rtc_noinit_end"),
    )
    .only(When::all(&[
        When::on(RTC_HEAP),
        When::on(RTC_DATA_IN_FAST_MEMORY),
    ])),
    Reservation::new(
        "rtcram_data",
        Bound::at(0x3FF8_0000),
        Bound::symbol("_rtc_force_fast_end"),
    )
    .only(When::all(&[
        When::on(RTC_HEAP),
        When::off(RTC_DATA_IN_FAST_MEMORY),
    ])),
    Reservation::between(
        "rtc_fast_reserved_data",
        "_rtc_fast_reserved_start",
        "_rtc_fast_reserved_end",
    )
    .only(WITH_RTC_HEAP),
    Reservation::between(
        "rtc_reserved_data",
        "_rtc_slow_reserved_start",
        "_rtc_slow_reserved_end",
    )
    .only(WITH_RTC_HEAP),
    Reservation::new("rom_bt_em", Bound::at(0x3FFB_0000), BLUETOOTH_EXCHANGE_END)
        .only(When::on(BLUETOOTH)),
    Reservation::fixed("rom_bt_bss", span!(0x3FFB_8000, 0x3FFB_9A20)).only(When::on(BLUETOOTH)),
    Reservation::fixed("rom_bt_misc", span!(0x3FFB_DB28, 0x3FFB_DB5C)).only(When::on(BLUETOOTH)),
    Reservation::fixed("rom_bt_data", span!(0x3FFA_E6E0, 0x3FFA_FF10)).only(When::on(BLUETOOTH)),
];

/// The part of the window behind which there is no PSRAM.
pub(super) const BEYOND_PSRAM: Reservation = Reservation::new(
    "spi_ram",
    Bound::at(PSRAM_WINDOW.start())
        .and_each(&[Term::of(PSRAM)])
        .at_most(PSRAM_WINDOW.end()),
    Bound::at(PSRAM_WINDOW.end()),
);

/// The controller's exchange memory: 0x870 bytes more for each synchronous connection.
const BLUETOOTH_EXCHANGE_END: Bound = Bound::at(0x3FFB_6388)
    .and_each(&[Term::times(SYNC_CONNECTIONS, 0x870)])
    .at_most(0x3FFB_7CD8);

pub(super) const WINDOWS: [Window; 8] = [
    window("PSRAM", PSRAM_WINDOW, Access::EXTERNAL.union(Access::BYTES)),
    window("RTC fast memory, data bus", RTC_FAST, RTC_DATA),
    window("SRAM2", span!(0x3FFA_E000, 0x3FFE_0000), DATA_BUS),
    window("SRAM1, data bus", SRAM1_DATA, DATA_BUS),
    window("SRAM0", span!(0x4007_0000, 0x400A_0000), INSTRUCTION_BUS),
    window("SRAM1, instruction bus", SRAM1_INSTRUCTION, INSTRUCTION_BUS),
    window(
        "RTC fast memory, instruction bus",
        RTC_FAST_INSTRUCTION,
        Access::RTC.union(Access::EXECUTE),
    ),
    window("RTC slow memory", span!(0x5000_0000, 0x5000_2000), RTC_DATA),
];

const SRAM1_DATA: Span = span!(0x3FFE_0000, 0x4000_0000);
const SRAM1_INSTRUCTION: Span = span!(0x400A_0000, 0x400C_0000);
const RTC_FAST_INSTRUCTION: Span = span!(0x400C_0000, 0x400C_2000);

pub(super) const DUAL_BUSES: [DualBus; 2] = [
    DualBus::new(SRAM1_DATA, SRAM1_INSTRUCTION, WordOrder::Inverted).unwrap(),
    DualBus::new(RTC_FAST, RTC_FAST_INSTRUCTION, WordOrder::Linear).unwrap(),
];

/// ESP-IDF's "hello world" for two cores; with Bluetooth its data starts behind the controller's.
const SAMPLE_SYMBOLS: [SampleSymbol; 13] = [
    symbol("_data_start", 0x3FFB_0000).only(When::off(BLUETOOTH)),
    symbol("_heap_start", 0x3FFB_2EC8).only(When::off(BLUETOOTH)),
    symbol("_data_start", 0x3FFB_DB5C).only(When::on(BLUETOOTH)),
    symbol("_heap_start", 0x3FFC_0A24).only(When::on(BLUETOOTH)),
    symbol("_heap_end", 0x3FFF_6000),
    symbol("_iram_start", 0x4008_0000),
    symbol("_iram_end", 0x4008_944C),
    symbol("_rtc_noinit_end", 0x3FF8_0000),
    symbol("_rtc_force_fast_end", 0x3FF8_0000),
    symbol("_rtc_fast_reserved_start", 0x3FF8_2000),
    symbol("_rtc_fast_reserved_end", 0x3FF8_2000),
    symbol("_rtc_slow_reserved_start", 0x5000_1FE8),
    symbol("_rtc_slow_reserved_end", 0x5000_2000),
];
