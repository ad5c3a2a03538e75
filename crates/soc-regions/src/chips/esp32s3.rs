//! The ESP32-S3: two Xtensa cores with SIMD, 512 KiB, most of which both buses see, a constant
//! apart.
//!
//! ```text
//!   data bus                                              instruction bus
//!   0x3C00_0000 PSRAM, up to 32 MiB, shared with flash    0x4037_0000 SRAM0: cache of 16 or 32 KiB, then IRAM
//!   0x3FC8_8000 SRAM1, 416 KiB ───────── same, linear ─── 0x4037_8000
//!     0x3FCE_9710 start-up stack    0x3FCE_EE34 the ROM's, as documented
//!   0x3FCF_0000 SRAM2, 64 KiB: data cache of 16 to 64 KiB from its end
//!   0x600F_E000 RTC fast memory, 8 KiB, at one address on both
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32s3`, `soc/esp32s3`.
//!
//! What differs from ESP-IDF, on purpose:
//! - PSRAM is available at once, from where it is mapped (`psram:start`, else the window's start)
//!   up to its size, with the capabilities of the heap that ESP-IDF adds when it starts. Its table
//!   says `DEFAULT` as a last resort there.
//! - With a data cache of 16 KiB ESP-IDF makes a heap of 16 KiB at `0x3C00_0000`, where flash and
//!   PSRAM are mapped, too; with PSRAM it reserves that again. Here the row does not exist with
//!   PSRAM. Without, it is ESP-IDF's: whoever maps flash data there must leave the heap out.
//! - That row stands before SRAM2's, where it lies; ESP-IDF lists it behind.

use super::parts::{
    DATA_BUS, DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_LAST, INSTRUCTION_BUS, KIB, NONE,
    PSRAM_SIMD_COLUMNS, RTC_DATA, RTC_RESERVED, RTC_UNIFIED, UNPROTECTED, WITH_RTC_HEAP,
    above_psram, below_psram, iram_code_at, psram, rom_layout, symbol, window,
};
use crate::common::{FLASH_ENCRYPTION, MEMORY_PROTECTION, PSRAM, RTC_HEAP};
use crate::{
    Amount, Bound, Caps, Chip, Choice, DualBus, Flag, HardwareTable, Isa, Line, MemoryType, Order,
    Region, Reservation, SampleSymbol, Span, Table, Term, Total, TypeIndex, Value, When, Window,
    WordOrder, bank, chip, rows, span,
};

/// The ESP32-S3.
pub static ESP32S3: Chip = chip!(Table {
    name: "esp32s3",
    generation: "ESP32-S3, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        INSTRUCTION_CACHE.declared(),
        DATA_CACHE.declared(),
        CACHE_LINE.declared(),
        TRACE_BYTES.declared(),
        RTC_HEAP.declared(),
        RTC_DATA_IN_FAST_MEMORY.declared(),
        PSRAM.declared(),
        FLASH_ENCRYPTION.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &[
        Total::new(RAM, 416 * KIB),
        Total::new(DRAM, 32 * KIB),
        Total::with(&[DATA_CACHE.value("16K")], DRAM, 48 * KIB),
        Total::with(&[MEMORY_PROTECTION.off()], IRAM, 16 * KIB),
        Total::with(&[PSRAM.of(1)], SPIRAM, 32 * 1024 * KIB),
        Total::new(RTCRAM, 8 * KIB),
    ],
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(SRAM1_DATA, SRAM1_INSTRUCTION, WordOrder::Linear).unwrap()],
    hardware: HardwareTable {
        isa: Isa::Xtensa,
        cores: 2,
        external_line: Line::of(32).but(&[
            (When::is(CACHE_LINE.value("16")), 16),
            (When::is(CACHE_LINE.value("64")), 64),
        ]),
        simd: 16,
        cipher_block: 16,
        encrypted: When::on(FLASH_ENCRYPTION),
        external_atomics: false,
        ..HardwareTable::PLAIN
    },
    max_contiguous_bytes: 0x200_0000,
    sample_symbols: &SAMPLE_SYMBOLS,
});

/// The instruction cache takes the start of SRAM0.
pub const INSTRUCTION_CACHE: Choice = Choice::new(
    "instruction-cache",
    "size of the instruction cache",
    &[
        Value::new("16K", &[("CONFIG_ESP32S3_INSTRUCTION_CACHE_16KB", 1)]),
        Value::new("32K", &[("CONFIG_ESP32S3_INSTRUCTION_CACHE_32KB", 1)]),
    ],
);

/// The data cache takes the end of SRAM2.
pub const DATA_CACHE: Choice = Choice::new(
    "data-cache",
    "size of the data cache",
    &[
        Value::new("16K", &[("CONFIG_ESP32S3_DATA_CACHE_16KB", 1)]),
        Value::new("32K", &[("CONFIG_ESP32S3_DATA_CACHE_32KB", 1)]),
        Value::new("64K", &[("CONFIG_ESP32S3_DATA_CACHE_64KB", 1)]),
    ],
)
.by_default("32K");

/// The data cache's lines.
pub const CACHE_LINE: Choice = Choice::new(
    "cache-line",
    "bytes of a line of the data cache",
    &[
        Value::new("16", &[("CONFIG_ESP32S3_DATA_CACHE_LINE_16B", 1)]),
        Value::new("32", &[("CONFIG_ESP32S3_DATA_CACHE_LINE_32B", 1)]),
        Value::new("64", &[("CONFIG_ESP32S3_DATA_CACHE_LINE_64B", 1)]),
    ],
)
.by_default("32");

/// Memory that the trace unit writes to, half of it in each of two blocks.
pub const TRACE_BYTES: Amount = Amount::new(
    "trace-memory",
    "CONFIG_ESP32S3_TRACEMEM_RESERVE_DRAM",
    "bytes that the trace unit takes, up to 32 KiB",
)
.within(0, 0x8000, 0);

/// RTC data is linked to fast memory.
pub const RTC_DATA_IN_FAST_MEMORY: Flag = Flag::new(
    "rtc-data-in-fast-memory",
    "CONFIG_ESP32S3_RTCDATA_IN_FAST_MEM",
    "RTC data is linked to fast memory",
);

const RAM: TypeIndex = TypeIndex(0);
const DRAM: TypeIndex = TypeIndex(1);
const IRAM: TypeIndex = TypeIndex(2);
const SPIRAM: TypeIndex = TypeIndex(3);
const RTCRAM: TypeIndex = TypeIndex(4);

/// Data that DMA and SIMD instructions reach.
const DATA: Caps = super::parts::DATA.union(Caps::SIMD);

const TYPES: [MemoryType; 5] = [
    MemoryType::new("RAM", [DATA.union(Caps::RETENTION), NONE, NONE])
        .with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("DRAM", [NONE, DATA, NONE]),
    MemoryType::new("IRAM", [NONE, Caps::BIT32.union(Caps::INTERNAL), NONE])
        .with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new("SPIRAM", PSRAM_SIMD_COLUMNS),
    MemoryType::new("RTCRAM", [Caps::RTCRAM, NONE, DATA_NO_DMA]).with_extra(UNPROTECTED, EXEC_LAST),
];

const EXTRAM: Span = span!(0x3C00_0000, 0x3E00_0000);
const SRAM1_DATA: Span = span!(0x3FC8_8000, 0x3FCF_0000);
const SRAM1_INSTRUCTION: Span = span!(0x4037_8000, 0x403E_0000);
const RTC: Span = span!(0x600F_E000, 0x6010_0000);

const SMALL_CODE_CACHE: When = When::is(INSTRUCTION_CACHE.value("16K"));
const SMALL_DATA_CACHE: When = When::is(DATA_CACHE.value("16K"));

const REGIONS: [Region; 13] = rows(&[
    &[
        Region::new(span!(0x4037_4000, 0x4037_8000), IRAM)
            .only(When::all(&[SMALL_CODE_CACHE, UNPROTECTED])),
        Region::new(span!(0x3FC8_8000, 0x3FC9_0000), RAM),
    ],
    &bank::<5>(Region::new(span!(0x3FC9_0000, 0x3FCA_0000), RAM)),
    &[
        Region::new(span!(0x3FCE_0000, 0x3FCE_9710), RAM),
        Region::new(span!(0x3FCE_9710, 0x3FCF_0000), RAM).with_startup_stack(),
        Region::new(span!(0x3C00_0000, 0x3C00_4000), DRAM).only(When::all(&[
            SMALL_DATA_CACHE,
            When::not(&When::given(PSRAM)),
        ])),
        Region::new(span!(0x3FCF_0000, 0x3FCF_8000), DRAM).only(When::any(&[
            SMALL_DATA_CACHE,
            When::is(DATA_CACHE.value("32K")),
        ])),
        Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
        Region::new(RTC, RTCRAM).only(WITH_RTC_HEAP),
    ],
]);

const RESERVATIONS: [Reservation; 11] = [
    rom_layout(0x3FCE_EE34, SRAM1_DATA.end()),
    DRAM_DATA,
    iram_code_at(-0x6F_0000),
    Reservation::between("iram_code_2", "_iram_start", "_iram_end").only(SMALL_CODE_CACHE),
    below_psram(EXTRAM),
    above_psram(EXTRAM),
    trace("trace_mem0", 0x3FCD_0000),
    trace("trace_mem1", 0x3FCE_0000),
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

const WINDOWS: [Window; 7] = [
    psram(EXTRAM),
    window("SRAM1, data bus", SRAM1_DATA, DATA_BUS),
    window("SRAM2", span!(0x3FCF_0000, 0x3FD0_0000), DATA_BUS),
    window("SRAM0", span!(0x4037_0000, 0x4037_8000), INSTRUCTION_BUS),
    window("SRAM1, instruction bus", SRAM1_INSTRUCTION, INSTRUCTION_BUS),
    window("RTC slow memory", span!(0x5000_0000, 0x5000_2000), RTC_DATA),
    window("RTC fast memory", RTC, RTC_UNIFIED),
];

/// A small program: code behind the cache, data behind it.
const SAMPLE_SYMBOLS: [SampleSymbol; 9] = [
    symbol("_iram_start", 0x4037_4000).only(SMALL_CODE_CACHE),
    symbol("_iram_start", 0x4037_8000).only(When::is(INSTRUCTION_CACHE.value("32K"))),
    symbol("_iram_end", 0x4038_1C00),
    symbol("_data_start", 0x3FC9_1C00),
    symbol("_heap_start", 0x3FC9_4E80),
    symbol("_rtc_noinit_end", 0x600F_E020),
    symbol("_rtc_force_fast_end", 0x600F_E010),
    symbol("_rtc_reserved_start", 0x600F_FFE8),
    symbol("_rtc_reserved_end", 0x6010_0000),
];
