//! The ESP32-P4: two RISC-V cores with SIMD behind caches, 768 KiB at one address on both buses,
//! scratch-pad memory, PSRAM.
//!
//! ```text
//!   0x3010_0000 scratch pad (SPM), 8 KiB, beside the caches
//!   0x4800_0000 PSRAM, up to 64 MiB
//!   0x4FF0_0000 RAM, 768 KiB                       silicon v3                      below v3
//!     the level-2 cache, 128 to 512 KiB            from the start                  from the end
//!     kept over light sleep (RETENTION)            behind it to 0x4FFB_AFC0        0x4FF0_0000 to 0x4FF3_AFC0
//!     start-up stack, then the ROM's               0x4FFB_AFC0, 0x4FFB_FBB0        0x4FF3_AFC0, 0x4FF3_FBA4 to 0x4FF4_0000
//!   0x5010_8000 LP memory, 32 KiB; the LP core's ROM takes the last 1408 bytes when it runs
//! ```
//!
//! Source: ESP-IDF v6.2 (2026), `heap/port/esp32p4`, `soc/esp32p4`.
//!
//! What differs from ESP-IDF, on purpose: PSRAM is available at once, from where it is mapped
//! (`psram:start`, else the window's start) up to its size, with the capabilities of the heap that
//! ESP-IDF adds when it starts. Its table says `DEFAULT` as a last resort there.

use super::parts::{
    DATA_NO_DMA, DRAM_DATA, EXEC_FIRST, EXEC_LAST, EXEC_SECOND, IRAM_CODE, KIB, NONE,
    PSRAM_SIMD_COLUMNS, RTC_RESERVED, ULP_HP_MEM, UNPROTECTED, WITH_RTC_HEAP, above_psram,
    below_psram, lp_memory, psram, rom_layout, symbol, unified_ram, window,
};
use crate::common::{FLASH_ENCRYPTION, MEMORY_PROTECTION, PSRAM, RTC_HEAP, ULP_IN_RAM};
use crate::{
    Access, Caps, Chip, Choice, DualBus, Flag, HardwareTable, Line, MemoryType, Order, Region,
    Reservation, SampleSymbol, Span, Table, Total, TypeIndex, Value, When, Window, WordOrder,
    access, chip, span,
};

/// The ESP32-P4.
pub static ESP32P4: Chip = chip!(Table {
    name: "esp32p4",
    generation: "ESP32-P4, ESP-IDF v6.2 (2026)",
    options: &[
        MEMORY_PROTECTION.declared(),
        SILICON.declared(),
        L2_CACHE.declared(),
        RTC_HEAP.declared(),
        ULP.declared(),
        ULP_IN_RAM.declared(),
        MSPI_WORKAROUND.declared(),
        PSRAM.declared(),
        FLASH_ENCRYPTION.declared(),
    ],
    types: &TYPES,
    regions: &REGIONS,
    order: Order::AscendingByType,
    reservations: &RESERVATIONS,
    totals: &TOTALS,
    windows: &WINDOWS,
    dual_buses: &[DualBus::new(SRAM, SRAM, WordOrder::Linear).unwrap()],
    hardware: HardwareTable {
        cores: 2,
        internal_line: Line::of(64),
        external_line: Line::of(64).but(&[(CACHE_512K, 128)]),
        axi_descriptor: 8,
        simd: 16,
        cipher_block: 16,
        encrypted: When::on(FLASH_ENCRYPTION),
        ..HardwareTable::PLAIN
    },
    max_contiguous_bytes: 0x400_0000,
    sample_symbols: &SAMPLE_SYMBOLS,
});

/// Which revision of the silicon: below v3 the ROM lies in the middle of the RAM.
pub const SILICON: Choice = Choice::new(
    "silicon",
    "revision of the silicon",
    &[
        Value::new("v3", &[]),
        Value::new("below-v3", &[("CONFIG_ESP32P4_SELECTS_REV_LESS_V3", 1)]),
    ],
);

/// The level-2 cache is part of the RAM.
pub const L2_CACHE: Choice = Choice::new(
    "l2-cache",
    "size of the level-2 cache",
    &[
        Value::new("128K", &[("CONFIG_CACHE_L2_CACHE_SIZE", 0x2_0000)]),
        Value::new("256K", &[("CONFIG_CACHE_L2_CACHE_SIZE", 0x4_0000)]),
        Value::new("512K", &[("CONFIG_CACHE_L2_CACHE_SIZE", 0x8_0000)]),
    ],
);

/// The low-power core runs, and its ROM needs memory.
pub const ULP: Flag = Flag::new(
    "ulp",
    "CONFIG_ULP_COPROC_ENABLED",
    "the low-power core runs and its ROM takes the end of LP memory",
);

/// Code that keeps flash alive after power-up of v3 silicon.
pub const MSPI_WORKAROUND: Flag = Flag::new(
    "mspi-workaround",
    "CONFIG_P4_REV3_MSPI_CRASH_AFTER_POWER_UP_WORKAROUND",
    "a workaround for flash after power-up takes LP memory",
);

const RAM: TypeIndex = TypeIndex(0);
const RETENTION: TypeIndex = TypeIndex(1);
const SPIRAM: TypeIndex = TypeIndex(2);
const SPM: TypeIndex = TypeIndex(3);
const RTCRAM: TypeIndex = TypeIndex(4);

/// Data that DMA reaches.
const DATA: Caps = super::parts::DATA;

const TYPES: [MemoryType; 5] = [
    MemoryType::new("RAM", [DATA.union(Caps::SIMD), NONE, NONE])
        .with_extra(UNPROTECTED, EXEC_FIRST),
    MemoryType::new(
        "RETENT_RAM",
        [Caps::RETENTION.union(Caps::SIMD), DATA, NONE],
    )
    .with_extra(UNPROTECTED, EXEC_SECOND),
    MemoryType::new("SPIRAM", PSRAM_SIMD_COLUMNS),
    MemoryType::new("SPM", [Caps::SPM, NONE, DATA_NO_DMA]),
    MemoryType::new("RTCRAM", [Caps::RTCRAM, NONE, DATA_NO_DMA]).with_extra(UNPROTECTED, EXEC_LAST),
];

const SCRATCH_PAD: Span = span!(0x3010_0000, 0x3010_2000);
const EXTRAM: Span = span!(0x4800_0000, 0x4C00_0000);
const SRAM: Span = span!(0x4FF0_0000, 0x4FFC_0000);
const LP: Span = span!(0x5010_8000, 0x5011_0000);

const V3: When = When::is(SILICON.value("v3"));
const BELOW_V3: When = When::is(SILICON.value("below-v3"));
const CACHE_128K: When = When::is(L2_CACHE.value("128K"));
const CACHE_256K: When = When::is(L2_CACHE.value("256K"));
const CACHE_512K: When = When::is(L2_CACHE.value("512K"));

const V3_128K: When = When::all(&[V3, CACHE_128K]);
const V3_256K: When = When::all(&[V3, CACHE_256K]);
const V3_512K: When = When::all(&[V3, CACHE_512K]);
const BELOW_V3_128K: When = When::all(&[BELOW_V3, CACHE_128K]);
const BELOW_V3_256K: When = When::all(&[BELOW_V3, CACHE_256K]);
const BELOW_V3_512K: When = When::all(&[BELOW_V3, CACHE_512K]);

const REGIONS: [Region; 12] = [
    Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
    Region::new(span!(0x4FF2_0000, 0x4FFB_AFC0), RETENTION).only(V3_128K),
    Region::new(span!(0x4FF4_0000, 0x4FFB_AFC0), RETENTION).only(V3_256K),
    Region::new(span!(0x4FF8_0000, 0x4FFB_AFC0), RETENTION).only(V3_512K),
    Region::new(span!(0x4FFB_AFC0, 0x4FFC_0000), RAM)
        .with_startup_stack()
        .only(V3),
    Region::new(span!(0x4FF0_0000, 0x4FF3_AFC0), RETENTION).only(BELOW_V3),
    Region::new(span!(0x4FF3_AFC0, 0x4FFA_0000), RAM)
        .with_startup_stack()
        .only(BELOW_V3_128K),
    Region::new(span!(0x4FF3_AFC0, 0x4FF8_0000), RAM)
        .with_startup_stack()
        .only(BELOW_V3_256K),
    Region::new(span!(0x4FF3_AFC0, 0x4FF4_0000), RAM)
        .with_startup_stack()
        .only(BELOW_V3_512K),
    Region::new(LP, RTCRAM).only(When::all(&[WITH_RTC_HEAP, When::off(ULP)])),
    Region::new(span!(0x5010_8000, 0x5010_FA80), RTCRAM)
        .only(When::all(&[WITH_RTC_HEAP, When::on(ULP)])),
    Region::new(SCRATCH_PAD, SPM),
];

const OLD: crate::Setting = SILICON.value("below-v3");

const TOTALS: [Total; 13] = [
    Total::new(RETENTION, 619 * KIB + 960),
    Total::new(RAM, 20 * KIB + 64),
    Total::with(&[L2_CACHE.value("256K")], RETENTION, 491 * KIB + 960),
    Total::with(&[L2_CACHE.value("512K")], RETENTION, 235 * KIB + 960),
    Total::with(&[L2_CACHE.value("512K")], RAM, 20 * KIB + 64),
    Total::with(&[OLD], RETENTION, 235 * KIB + 960),
    Total::with(&[OLD], RAM, 404 * KIB + 64),
    Total::with(&[OLD, L2_CACHE.value("256K")], RAM, 276 * KIB + 64),
    Total::with(&[OLD, L2_CACHE.value("512K")], RAM, 20 * KIB + 64),
    Total::with(&[PSRAM.of(1)], SPIRAM, 64 * 1024 * KIB),
    Total::new(SPM, 8 * KIB),
    Total::new(RTCRAM, 32 * KIB),
    Total::with(&[ULP.on()], RTCRAM, 32 * KIB - 1408),
];

const RESERVATIONS: [Reservation; 13] = [
    rom_layout(0x4FFB_FBB0, 0x4FFC_0000).only(V3),
    rom_layout(0x4FF3_FBA4, 0x4FF4_0000).only(BELOW_V3),
    Reservation {
        name: "dram_data_high",
        ..DRAM_DATA
    }
    .only(V3),
    Reservation::between("dram_data_low", "_data_start_low", "_heap_start_low").only(BELOW_V3),
    Reservation::between("dram_data_high", "_data_start_high", "_heap_start_high").only(BELOW_V3),
    IRAM_CODE,
    ULP_HP_MEM,
    Reservation::between("spm_code_data", "_spm_text_start", "_spm_data_end"),
    below_psram(EXTRAM),
    above_psram(EXTRAM),
    RTC_RESERVED,
    Reservation::between("rtcram_data", "_rtc_reserved_end", "_rtc_force_slow_end")
        .only(WITH_RTC_HEAP),
    Reservation::between(
        "p4_rev3_mspi_workaround",
        "_rtc_p4_rev3_mspi_workaround_start",
        "_rtc_p4_rev3_mspi_workaround_end",
    )
    .only(When::all(&[WITH_RTC_HEAP, V3, When::on(MSPI_WORKAROUND)])),
];

const WINDOWS: [Window; 4] = [
    window(
        "scratch pad",
        SCRATCH_PAD,
        access(&[Access::BYTES, Access::EXECUTE]),
    ),
    psram(EXTRAM),
    unified_ram(SRAM),
    lp_memory(LP),
];

/// A small program: code at the start of what the cache leaves, data behind it; below v3 all of it
/// below the ROM.
const SAMPLE_SYMBOLS: [SampleSymbol; 29] = [
    symbol("_iram_start", 0x4FF2_0000).only(V3_128K),
    symbol("_iram_start", 0x4FF4_0000).only(V3_256K),
    symbol("_iram_start", 0x4FF8_0000).only(V3_512K),
    symbol("_iram_start", 0x4FF0_0000).only(BELOW_V3),
    symbol("_iram_end", 0x4FF2_E400).only(V3_128K),
    symbol("_iram_end", 0x4FF4_E400).only(V3_256K),
    symbol("_iram_end", 0x4FF8_E400).only(V3_512K),
    symbol("_iram_end", 0x4FF0_E400).only(BELOW_V3),
    symbol("_data_start", 0x4FF2_E400).only(V3_128K),
    symbol("_data_start", 0x4FF4_E400).only(V3_256K),
    symbol("_data_start", 0x4FF8_E400).only(V3_512K),
    symbol("_heap_start", 0x4FF3_1D40).only(V3_128K),
    symbol("_heap_start", 0x4FF5_1D40).only(V3_256K),
    symbol("_heap_start", 0x4FF9_1D40).only(V3_512K),
    symbol("_data_start_low", 0x4FF0_E400),
    symbol("_heap_start_low", 0x4FF1_1D40),
    symbol("_data_start_high", 0x4FF4_0000),
    symbol("_heap_start_high", 0x4FF4_0000),
    symbol("_ulp_hp_mem_resv_start", 0x4FFB_8000).only(V3),
    symbol("_ulp_hp_mem_resv_end", 0x4FFB_9000).only(V3),
    symbol("_ulp_hp_mem_resv_start", 0x4FF3_8000).only(BELOW_V3),
    symbol("_ulp_hp_mem_resv_end", 0x4FF3_9000).only(BELOW_V3),
    symbol("_spm_text_start", 0x3010_0000),
    symbol("_spm_data_end", 0x3010_0000),
    symbol("_rtc_reserved_start", 0x5010_8000),
    symbol("_rtc_reserved_end", 0x5010_8028),
    symbol("_rtc_force_slow_end", 0x5010_8040),
    symbol("_rtc_p4_rev3_mspi_workaround_start", 0x5010_8140),
    symbol("_rtc_p4_rev3_mspi_workaround_end", 0x5010_8180),
];
