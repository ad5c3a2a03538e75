//! Parts of tables that several chips share.

use crate::common::{
    MEMORY_PROTECTION, PSRAM, RTC_HEAP, SECURE_BOOT, TEE, TEE_DRAM, TEE_IRAM, ULP_IN_RAM,
};
use crate::{
    Access, Bound, Caps, Columns, Region, Reservation, SampleSymbol, Span, Term, TypeIndex, When,
    Window, access, caps,
};

pub(super) const KIB: u32 = 1024;

pub(super) const NONE: Caps = Caps::empty();

/// Memory that the data bus and DMA reach, and malloc hands out.
pub(super) const DATA: Caps = caps(&[
    Caps::DEFAULT,
    Caps::INTERNAL,
    Caps::BIT32,
    Caps::BIT8,
    Caps::DMA,
]);

/// The same without DMA: RTC memory, scratch-pad memory.
pub(super) const DATA_NO_DMA: Caps =
    caps(&[Caps::DEFAULT, Caps::INTERNAL, Caps::BIT32, Caps::BIT8]);

/// PSRAM as the heap that ESP-IDF makes of it at start-up, SIMD aside. Its tables say less, see the
/// chips' files.
pub(super) const PSRAM_COLUMNS: Columns = [
    caps(&[Caps::SPIRAM, Caps::DEFAULT]),
    NONE,
    caps(&[Caps::BIT8, Caps::BIT32]),
];

/// The same on a chip with SIMD instructions.
pub(super) const PSRAM_SIMD_COLUMNS: Columns = [
    caps(&[Caps::SPIRAM, Caps::DEFAULT]),
    NONE,
    caps(&[Caps::BIT8, Caps::BIT32, Caps::SIMD]),
];

/// Without memory protection, code can be run from data memory …
pub(super) const UNPROTECTED: When = When::off(MEMORY_PROTECTION);
/// … as first choice,
pub(super) const EXEC_FIRST: Columns = [Caps::EXEC, NONE, NONE];
/// second choice
pub(super) const EXEC_SECOND: Columns = [NONE, Caps::EXEC, NONE];
/// or last resort.
pub(super) const EXEC_LAST: Columns = [NONE, NONE, Caps::EXEC];

/// RAM that both buses see at one address.
pub(super) const UNIFIED: Access = access(&[
    Access::DRAM,
    Access::IRAM,
    Access::BYTES,
    Access::DMA,
    Access::EXECUTE,
]);
/// RAM on the data bus.
pub(super) const DATA_BUS: Access = access(&[Access::DRAM, Access::BYTES, Access::DMA]);
/// RAM on the instruction bus.
pub(super) const INSTRUCTION_BUS: Access = access(&[Access::IRAM, Access::EXECUTE]);
/// RTC memory that both buses see at one address.
pub(super) const RTC_UNIFIED: Access = access(&[Access::RTC, Access::BYTES, Access::EXECUTE]);
/// RTC memory for data.
pub(super) const RTC_DATA: Access = access(&[Access::RTC, Access::BYTES]);
/// PSRAM that a DMA engine reaches.
const PSRAM_WITH_DMA: Access = access(&[Access::EXTERNAL, Access::BYTES, Access::DMA]);

pub(super) const WITH_RTC_HEAP: When = When::on(RTC_HEAP);

/// Low-power memory as a heap: all of it, or less the digest of 32 or 48 bytes that secure boot
/// keeps at its end.
pub(super) const fn lp_heap(lp: Span, heap: TypeIndex) -> [Region; 3] {
    const WITHOUT_DIGEST: When = When::all(&[WITH_RTC_HEAP, When::is(SECURE_BOOT.value("off"))]);
    const WITH_DIGEST: When = When::all(&[WITH_RTC_HEAP, When::is(SECURE_BOOT.value("on"))]);
    const WITH_LONG_DIGEST: When =
        When::all(&[WITH_RTC_HEAP, When::is(SECURE_BOOT.value("ecdsa-384"))]);
    [
        Region::new(lp, heap).only(WITHOUT_DIGEST),
        Region::new(without_end(lp, 32), heap).only(WITH_DIGEST),
        Region::new(without_end(lp, 48), heap).only(WITH_LONG_DIGEST),
    ]
}

const fn without_end(span: Span, bytes: u32) -> Span {
    match Span::new(span.start(), span.end() - bytes) {
        Some(rest) => rest,
        None => span, // the three rows overlap, so the table is refused
    }
}

pub(super) const DRAM_DATA: Reservation =
    Reservation::between("dram_data", "_data_start", "_heap_start");

/// Code where both buses have one address.
pub(super) const IRAM_CODE: Reservation =
    Reservation::between("iram_code", "_iram_start", "_iram_end");

/// Returns the code as the data bus sees it.
pub(super) const fn iram_code_at(plus: i32) -> Reservation {
    Reservation::new(
        "iram_code",
        Bound::symbol("_iram_start").plus(plus),
        Bound::symbol("_iram_end").plus(plus),
    )
}

/// Returns what the ROM keeps for itself at the end of the RAM. ESP-IDF asks the ROM when it
/// starts; `documented` is what it answers.
pub(super) const fn rom_layout(documented: u32, end: u32) -> Reservation {
    Reservation::new(
        "rom_layout",
        Bound::stated("rom:dram0_rtos_reserved_start", documented),
        Bound::at(end),
    )
}

/// The start of the RAM belongs to the trusted execution environment.
pub(super) const TEE_DIRAM: Reservation = Reservation::new(
    "tee_diram",
    Bound::at(0x4080_0000),
    Bound::at(0x4080_0000).and_each(&[Term::of(TEE_IRAM), Term::of(TEE_DRAM)]),
)
.only(When::on(TEE));

pub(super) const ULP_HP_MEM: Reservation = Reservation::between(
    "ulp_hp_mem",
    "_ulp_hp_mem_resv_start",
    "_ulp_hp_mem_resv_end",
)
.only(When::on(ULP_IN_RAM));

/// Returns what the program keeps at the start of RTC memory, of which a heap is made.
pub(super) const fn rtc_data_to(start: u32, symbol: &'static str) -> Reservation {
    Reservation::new("rtcram_data", Bound::at(start), Bound::symbol(symbol)).only(WITH_RTC_HEAP)
}

/// What the boot loader and the timers keep. Counts with an RTC heap only: otherwise no row
/// contains it.
pub(super) const RTC_RESERVED: Reservation = Reservation::between(
    "rtc_reserved_data",
    "_rtc_reserved_start",
    "_rtc_reserved_end",
)
.only(WITH_RTC_HEAP);

/// Returns the part of PSRAM's window below the PSRAM: none, or what flash takes of a window that
/// it shares.
pub(super) const fn below_psram(window: Span) -> Reservation {
    Reservation::new(
        "extram_below",
        Bound::at(window.start()),
        Bound::stated(PSRAM_START, window.start()),
    )
    .only(When::given(PSRAM))
}

/// Returns the part of PSRAM's window above the PSRAM.
pub(super) const fn above_psram(window: Span) -> Reservation {
    Reservation::new(
        "extram_above",
        Bound::stated(PSRAM_START, window.start())
            .and_each(const { &[Term::of(PSRAM)] })
            .at_most(window.end()),
        Bound::at(window.end()),
    )
    .only(When::given(PSRAM))
}

/// Where PSRAM is mapped. Flash may share the window, so only the running program knows.
const PSRAM_START: &str = "psram:start";

/// RAM that both buses see at one address.
pub(super) const fn unified_ram(span: Span) -> Window {
    window("RAM", span, UNIFIED)
}

/// Low-power memory that both buses see at one address.
pub(super) const fn lp_memory(span: Span) -> Window {
    window("LP memory", span, RTC_UNIFIED)
}

/// PSRAM that a DMA engine reaches.
pub(super) const fn psram(span: Span) -> Window {
    window("PSRAM", span, PSRAM_WITH_DMA)
}

pub(super) const fn window(name: &'static str, span: Span, access: Access) -> Window {
    Window { name, span, access }
}

/// A small program at 0x4080_0000: code first, behind the TEE if there is one, then data.
pub(super) const CODE_BEHIND_TEE: [SampleSymbol; 5] = [
    symbol("_iram_start", 0x4080_0000).only(When::off(TEE)),
    symbol("_iram_start", 0x4081_6000).only(When::on(TEE)),
    symbol("_iram_end", 0x4081_8400),
    symbol("_data_start", 0x4081_8400),
    symbol("_heap_start", 0x4081_B9C0),
];

/// Returns what that program keeps in low-power memory at 0x5000_0000.
pub(super) const fn lp_symbols(reserved: u32) -> [SampleSymbol; 3] {
    [
        symbol("_rtc_force_slow_end", 0x5000_0010),
        symbol("_rtc_reserved_start", reserved),
        symbol("_rtc_reserved_end", reserved + 0x18),
    ]
}

/// Returns a sample symbol.
pub(super) const fn symbol(name: &'static str, address: u32) -> SampleSymbol {
    SampleSymbol::new(name, address)
}
