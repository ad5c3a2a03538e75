//! The ESP32-S2: one Xtensa core, 320 KiB that both buses see, a constant apart.
//!
//! ```text
//!   data bus                                              instruction bus
//!   0x3F50_0000 PSRAM, up to 10.5 MiB
//!   0x3FF9_E000 RTC fast memory, 8 KiB ─ same, linear ─── 0x4007_0000
//!   0x3FFB_0000 RAM, 320 KiB ─────────── same, linear ─── 0x4002_0000
//!     the first 8 to 32 KiB are caches; what a smaller cache leaves is heap
//!     0x3FFF_4000, 0x3FFF_8000 trace memory    0x3FFF_C000 start-up stack    0x3FFF_FA10 the ROM's
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32s2`, `soc/esp32s2`.
//!
//! What differs from ESP-IDF, on purpose:
//! - PSRAM is available at once, up to its size, with the capabilities of the heap that ESP-IDF
//!   adds when it starts. Its table says `DEFAULT` as a last resort there.
//! - The window of words-only PSRAM on the instruction bus is left out. ESP-IDF can add it; plain
//!   `malloc` then gets memory that takes no bytes.

use super::parts::{
    DATA, DATA_BUS, DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_LAST, INSTRUCTION_BUS, KIB, NONE,
    PSRAM_COLUMNS, RTC_DATA, RTC_RESERVED, UNPROTECTED, WITH_RTC_HEAP, above_psram, below_psram,
    iram_code_at, psram, symbol, window,
};
use crate::common::{MEMORY_PROTECTION, PSRAM, RTC_HEAP};
use crate::{
    Access, Amount, Bound, Caps, Chip, Choice, DualBus, Flag, HardwareTable, Isa, Line, MemoryType,
    Order, Region, Reservation, SampleSymbol, Span, Table, Term, Total, TypeIndex, Value, When,
    Window, WordOrder, access, bank, chip, rows, span,
};

/// The ESP32-S2.
pub static ESP32S2: Chip = chip!(Table {
    name: "esp32s2",
    generation: "ESP32-S2, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        INSTRUCTION_CACHE.declared(),
        DATA_CACHE.declared(),
        CACHE_LINE.declared(),
        TRACE_BYTES.declared(),
        RTC_HEAP.declared(),
        RTC_DATA_IN_FAST_MEMORY.declared(),
        PSRAM.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 304 * KIB), // 320 less two caches of 8
        Total::with(&[DATA_CACHE.value("0K")], RAM, 312 * KIB),
        Total::with(&[DATA_CACHE.value("16K")], RAM, 296 * KIB),
        Total::with(
            &[INSTRUCTION_CACHE.value("16K"), DATA_CACHE.value("16K")],
            RAM,
            288 * KIB
        ),
        Total::with(&[PSRAM.of(1)], SPIRAM, 10_752 * KIB),
        Total::new(RTCRAM, 8 * KIB),
    ],
    windows: &WINDOWS,
    dual_buses: &[
        DualBus::new(RAM_DATA, RAM_INSTRUCTION, WordOrder::Linear).unwrap(),
        DualBus::new(RTC, RTC_INSTRUCTION, WordOrder::Linear).unwrap(),
    ],
    hardware: HardwareTable {
        isa: Isa::Xtensa,
        external_line: Line::of(32).but(&[(When::is(CACHE_LINE.value("16")), 16)]),
        external_atomics: false,
        ..HardwareTable::PLAIN
    },
    max_contiguous_bytes: 10_752 * KIB,
    sample_symbols: &SAMPLE_SYMBOLS,
});

/// The instruction cache takes the start of the RAM.
pub const INSTRUCTION_CACHE: Choice = Choice::new(
    "instruction-cache",
    "size of the instruction cache",
    &[
        Value::new("8K", &[("CONFIG_ESP32S2_INSTRUCTION_CACHE_8KB", 1)]),
        Value::new("16K", &[("CONFIG_ESP32S2_INSTRUCTION_CACHE_16KB", 1)]),
    ],
);

/// The data cache takes what follows.
pub const DATA_CACHE: Choice = Choice::new(
    "data-cache",
    "size of the data cache",
    &[
        Value::new("0K", &[("CONFIG_ESP32S2_DATA_CACHE_0KB", 1)]),
        Value::new("8K", &[("CONFIG_ESP32S2_DATA_CACHE_8KB", 1)]),
        Value::new("16K", &[("CONFIG_ESP32S2_DATA_CACHE_16KB", 1)]),
    ],
)
.by_default("8K");

/// The data cache's lines.
pub const CACHE_LINE: Choice = Choice::new(
    "cache-line",
    "bytes of a line of the data cache",
    &[
        Value::new("16", &[("CONFIG_ESP32S2_DATA_CACHE_LINE_16B", 1)]),
        Value::new("32", &[("CONFIG_ESP32S2_DATA_CACHE_LINE_32B", 1)]),
    ],
)
.by_default("32");

/// Memory that the trace unit writes to, half of it in each of two blocks.
pub const TRACE_BYTES: Amount = Amount::new(
    "trace-memory",
    "CONFIG_ESP32S2_TRACEMEM_RESERVE_DRAM",
    "bytes that the trace unit takes, up to 32 KiB",
)
.within(0, 0x8000, 0);

/// RTC data is linked to fast memory.
pub const RTC_DATA_IN_FAST_MEMORY: Flag = Flag::new(
    "rtc-data-in-fast-memory",
    "CONFIG_ESP32S2_RTCDATA_IN_FAST_MEM",
    "RTC data is linked to fast memory",
);

const RAM: TypeIndex = TypeIndex(0);
const SPIRAM: TypeIndex = TypeIndex(1);
const RTCRAM: TypeIndex = TypeIndex(2);

const TYPES: [MemoryType; 3] = [
    MemoryType::new("RAM", [DATA, NONE, NONE]).with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("SPIRAM", PSRAM_COLUMNS),
    MemoryType::new("RTCRAM", [Caps::RTCRAM, NONE, DATA_NO_DMA]).with_extra(UNPROTECTED, EXEC_LAST),
];

const EXTRAM: Span = span!(0x3F50_0000, 0x3FF8_0000);
const RTC: Span = span!(0x3FF9_E000, 0x3FFA_0000);
const RTC_INSTRUCTION: Span = span!(0x4007_0000, 0x4007_2000);
const RAM_DATA: Span = span!(0x3FFB_0000, 0x4000_0000);
const RAM_INSTRUCTION: Span = span!(0x4002_0000, 0x4007_0000);

const SMALL_CODE_CACHE: When = When::is(INSTRUCTION_CACHE.value("8K"));
const NO_DATA_CACHE: When = When::is(DATA_CACHE.value("0K"));
const SMALL_DATA_CACHE: When = When::is(DATA_CACHE.value("8K"));

const REGIONS: [Region; 23] = rows(&[
    &[
        Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
        Region::new(span!(0x3FFB_2000, 0x3FFB_4000), RAM)
            .only(When::all(&[SMALL_CODE_CACHE, NO_DATA_CACHE])),
        Region::new(span!(0x3FFB_4000, 0x3FFB_6000), RAM).only(When::any(&[
            NO_DATA_CACHE,
            When::all(&[SMALL_CODE_CACHE, SMALL_DATA_CACHE]),
        ])),
        Region::new(span!(0x3FFB_6000, 0x3FFB_8000), RAM).only(When::any(&[
            SMALL_CODE_CACHE,
            NO_DATA_CACHE,
            SMALL_DATA_CACHE,
        ])),
    ],
    &bank::<17>(Region::new(span!(0x3FFB_8000, 0x3FFB_C000), RAM)),
    &[
        Region::new(span!(0x3FFF_C000, 0x4000_0000), RAM).with_startup_stack(),
        Region::new(RTC, RTCRAM).only(WITH_RTC_HEAP),
    ],
]);

const RESERVATIONS: [Reservation; 10] = [
    Reservation::new(
        "rom_data_region",
        Bound::stated("_dram0_rtos_reserved_start", 0x3FFF_FA10),
        Bound::at(0x4000_0000),
    ),
    DRAM_DATA,
    iram_code_at(-0x7_0000),
    below_psram(EXTRAM),
    above_psram(EXTRAM),
    trace("trace_mem0", 0x3FFF_4000),
    trace("trace_mem1", 0x3FFF_8000),
    Reservation::new(
        "rtcram_data",
        Bound::at(RTC.start()),
        Bound::symbol("_rtc_noinit_end"),
    )
    .only(When::all(&[
        WITH_RTC_HEAP,
        When::on(RTC_DATA_IN_FAST_MEMORY),
    ])),
    Reservation::new(
        "rtcram_data",
        Bound::at(RTC.start()),
        Bound::symbol("_rtc_force_fast_end"),
    )
    .only(When::all(&[
        WITH_RTC_HEAP,
        When::off(RTC_DATA_IN_FAST_MEMORY),
    ])),
    RTC_RESERVED,
];

const fn trace(name: &'static str, start: u32) -> Reservation {
    let end = Bound::at(start).and_each(const { &[Term::half(TRACE_BYTES)] });
    Reservation::new(name, Bound::at(start), end).only(When::given(TRACE_BYTES))
}

const WINDOWS: [Window; 6] = [
    psram(EXTRAM),
    window("RTC fast memory, data bus", RTC, RTC_DATA),
    window("RAM, data bus", RAM_DATA, DATA_BUS),
    window("RAM, instruction bus", RAM_INSTRUCTION, INSTRUCTION_BUS),
    window(
        "RTC fast memory, instruction bus",
        RTC_INSTRUCTION,
        access(&[Access::RTC, Access::EXECUTE]),
    ),
    window("RTC slow memory", span!(0x5000_0000, 0x5000_2000), RTC_DATA),
];

/// A small program: code behind the largest caches, data behind it.
const SAMPLE_SYMBOLS: [SampleSymbol; 9] = [
    symbol("_dram0_rtos_reserved_start", 0x3FFF_FA10),
    symbol("_iram_start", 0x4002_8000),
    symbol("_iram_end", 0x4003_3C00),
    symbol("_data_start", 0x3FFC_3C00),
    symbol("_heap_start", 0x3FFC_6A80),
    symbol("_rtc_noinit_end", 0x3FF9_E020),
    symbol("_rtc_force_fast_end", 0x3FF9_E010),
    symbol("_rtc_reserved_start", 0x3FF9_FFE8),
    symbol("_rtc_reserved_end", 0x3FFA_0000),
];
