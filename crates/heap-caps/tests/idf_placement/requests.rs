//! Placement of one request where heaps are full, too small or excluded; of a resized block.

use soc_regions::{Caps, ESP32S3, Setting, common};

use super::bench::{
    Ask, Board, C3, DUAL, DUAL_PSRAM, Expect, P4, Row, S3, S3_EXEC, SINGLE, board, check, heap_of,
};
use Ask::{Aligned, Calloc, Malloc, Realloc};
use Expect::{In, Moves, Refused, Stays};

const EXEC: Caps = Caps::EXEC;
const BYTES: Caps = Caps::BIT8;
const WORDS: Caps = Caps::BIT32;
const DEFAULT: Caps = Caps::DEFAULT;
const INTERNAL: Caps = Caps::INTERNAL;
const DMA: Caps = Caps::DMA;
const NONE: Caps = Caps::empty();
const SPIRAM: Caps = Caps::SPIRAM;

#[rustfmt::skip]
const STATES: &[Row] = &[
    ("the first heap of the order",                    DUAL, Malloc(16, BYTES),             In("DRAM 6")),
    ("too large for the first heap",                   DUAL, Malloc(8192, BYTES),           In("DRAM 180")),
    ("cleared memory as any other",                    DUAL, Calloc(8, 1024, BYTES),        In("DRAM 180")),
    ("aligned memory as any other",                    DUAL, Aligned(64, 16, BYTES),        In("DRAM 6")),
    ("the alignment has to fit, too",                  DUAL, Aligned(16384, 16, DMA),       In("D/IRAM 111")),
    ("full heaps are passed over",                     DUAL.full(&["DRAM 6"]), Malloc(16, BYTES), In("DRAM 180")),
    ("the next column when the first is full",         DUAL.full(&["DRAM 6", "DRAM 180"]), Malloc(16, BYTES), In("D/IRAM 14")),
    ("the next column, too large for its first heap",  DUAL.full(&["DRAM 6", "DRAM 180"]), Malloc(16384, BYTES), In("D/IRAM 111")),
    ("IRAM is no substitute for bytes",                DUAL.full(&["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]), Malloc(4, DEFAULT), Refused(DEFAULT)),
    ("but serves words",                               DUAL.full(&["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]), Malloc(4, WORDS), In("IRAM 90")),
    ("words go to DRAM when IRAM is full",             DUAL.full(&["IRAM 90"]), Malloc(4, WORDS),   In("DRAM 6")),
    ("code goes to D/IRAM when IRAM is full",          DUAL.full(&["IRAM 90"]), Malloc(5, EXEC),    In("D/IRAM 14")),
    ("code never goes to DRAM",                        DUAL.full(&["IRAM 90", "D/IRAM 14", "D/IRAM 111"]), Malloc(4, EXEC), Refused(EXEC)),
    ("code in D/IRAM is too large for the first heap", DUAL, Malloc(16384, EXEC.union(DEFAULT)), In("D/IRAM 111")),
    ("code goes to RTC memory before larger D/IRAM",   SINGLE.full(&["IRAM 32", "IRAM 90"]), Malloc(64, EXEC), In("RTCRAM 8")),
    ("code goes to D/IRAM when RTC memory is full",    SINGLE.full(&["IRAM 32", "IRAM 90", "RTCRAM 8"]), Malloc(64, EXEC), In("D/IRAM 126")),
    ("start-up stacks are no reserve",                 DUAL.starting().full(&["DRAM 6", "DRAM 180"]), Malloc(4, DMA), Refused(DMA)),
    ("PSRAM when all bytes inside are gone",           DUAL_PSRAM.full(&["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]), Malloc(4, BYTES), In("SPIRAM 4096")),
    ("larger than all inside",                         DUAL_PSRAM, Malloc(1 << 20, BYTES),  In("SPIRAM 4096")),
    ("INTERNAL never spills into PSRAM",               DUAL_PSRAM, Malloc(1 << 20, INTERNAL), Refused(INTERNAL)),
    ("SPIRAM never spills inside",                     DUAL_PSRAM.full(&["SPIRAM 4096"]), Malloc(4, SPIRAM), Refused(SPIRAM)),
    ("DEFAULT goes inside when PSRAM is full",         DUAL_PSRAM.full(&["SPIRAM 4096"]), Malloc(4, DEFAULT), In("DRAM 6")),
    ("nothing is no size",                             DUAL, Malloc(0, BYTES),              Refused(BYTES)),
    ("larger than any heap can be",                    DUAL, Malloc(0x40_0001, BYTES),      Refused(BYTES)),
    ("sizes that wrap when rounded",                   P4,   Malloc(u32::MAX as usize - 10, DMA), Refused(DMA)),
    ("products that overflow",                         DUAL, Calloc(usize::MAX, 2, BYTES),  Refused(BYTES)),
    ("the cache's DRAM when RAM is full",              S3.full(&["RAM 21", "RAM 338"]), Malloc(16, DMA), In("DRAM 32")),
    ("no DMA when both are full",                      S3.full(&["RAM 21", "RAM 338", "DRAM 32"]), Malloc(16, DMA), Refused(DMA)),
    ("RTC memory is the last INTERNAL",                S3.full(&["RAM 21", "RAM 338", "DRAM 32"]), Malloc(16, INTERNAL), In("RTCRAM 7")),
    ("code: RTC memory when RAM is full",              S3_EXEC.full(&["RAM 21", "RAM 338"]), Malloc(16, EXEC), In("RTCRAM 7")),
    ("retention RAM when RAM is full",                 C3.full(&["RAM 198"]), Malloc(16, DEFAULT), In("Retention RAM 10")),
    ("RTC memory when all else is full",               C3.full(&["RAM 198", "Retention RAM 10", "Retention RAM 113"]), Malloc(16, DEFAULT), In("RTCRAM 7")),
    ("no DMA from RTC memory",                         C3.full(&["RAM 198", "Retention RAM 10", "Retention RAM 113"]), Malloc(16, DMA), Refused(DMA)),
    ("retention RAM when RAM is full",                 P4.full(&["RAM 18"]), Malloc(10, DMA), In("RETENT_RAM 548")),
    ("scratch pad before larger RTC memory",           P4.full(&["RAM 18", "RETENT_RAM 548"]), Malloc(10, INTERNAL), In("SPM 8")),
    ("PSRAM before scratch pad for bytes",             P4.full(&["RAM 18", "RETENT_RAM 548"]), Malloc(10, BYTES), In("SPIRAM 4096")),
];

#[rustfmt::skip]
const RESIZED: &[Row] = &[
    ("its heap has the capabilities",                  DUAL, Realloc([(100, BYTES), (200, BYTES)]), Stays("DRAM 6")),
    ("in any column",                                  DUAL, Realloc([(100, BYTES), (200, DMA)]),   Stays("DRAM 6")),
    ("other memory would be preferred, but it fits",   DUAL, Realloc([(100, BYTES), (200, WORDS)]), Stays("DRAM 6")),
    ("no capabilities always fit",                     DUAL, Realloc([(100, WORDS), (200, NONE)]),  Stays("IRAM 90")),
    ("its heap lacks bytes",                           DUAL, Realloc([(100, WORDS), (200, BYTES)]), Moves("DRAM 6")),
    ("its heap lacks EXEC",                            DUAL, Realloc([(100, BYTES), (100, EXEC)]),  Moves("IRAM 90")),
    ("its heap is too small",                          DUAL, Realloc([(100, BYTES), (8192, BYTES)]), Moves("DRAM 180")),
    ("its heap is too small, and the next is full",    DUAL.full(&["DRAM 180"]), Realloc([(100, BYTES), (8192, BYTES)]), Moves("D/IRAM 14")),
    ("code in D/IRAM grows by moving",                 DUAL, Realloc([(100, EXEC.union(DEFAULT)), (200, EXEC.union(DEFAULT))]), Moves("D/IRAM 14")),
    ("code in D/IRAM moves to where EXEC is first",    DUAL, Realloc([(100, EXEC.union(DEFAULT)), (200, EXEC)]), Moves("IRAM 90")),
    ("PSRAM has bytes, so it stays",                   DUAL_PSRAM, Realloc([(100, SPIRAM), (200, BYTES)]), Stays("SPIRAM 4096")),
    ("PSRAM is not INTERNAL",                          DUAL_PSRAM, Realloc([(100, SPIRAM), (200, INTERNAL)]), Moves("IRAM 90")),
    ("DRAM is not SPIRAM",                             DUAL_PSRAM, Realloc([(100, DMA), (200, SPIRAM)]), Moves("SPIRAM 4096")),
    ("nowhere to go",                                  DUAL_PSRAM, Realloc([(100, SPIRAM), (1 << 20, DMA)]), Refused(DMA)),
    ("RAM has what retention asks for",                S3, Realloc([(100, DMA), (200, Caps::RETENTION)]), Stays("RAM 21")),
    ("RAM is not retained",                            C3, Realloc([(100, DMA), (200, Caps::RETENTION)]), Moves("Retention RAM 10")),
    ("the hardware wants lines, so it moves",          P4, Realloc([(100, Caps::RETENTION), (200, DMA)]), Moves("RAM 18")),
    ("no lines, so it stays",                          P4, Realloc([(100, Caps::RETENTION), (200, INTERNAL)]), Stays("RETENT_RAM 548")),
];

/// Not ESP-IDF's, on purpose: what ESP-IDF does instead.
#[rustfmt::skip]
const OURS: &[Row] = &[
    ("a descriptor in plain PSRAM, against its comment", S3, Malloc(16, Caps::DMA_DESC_AHB.union(SPIRAM)), Refused(Caps::DMA_DESC_AHB.union(SPIRAM))),
    ("null: no capabilities are those of no heap",     DUAL, Realloc([(100, BYTES), (8192, NONE)]), Moves("DRAM 180")),
    ("code in D/IRAM moves even to shrink",            DUAL, Realloc([(200, EXEC.union(DEFAULT)), (100, EXEC.union(DEFAULT))]), Stays("D/IRAM 14")),
    ("and so to IRAM, if EXEC is all it needs",        DUAL, Realloc([(200, EXEC.union(DEFAULT)), (100, EXEC)]), Stays("D/IRAM 14")),
    ("what has lines moves even if it keeps them",     P4, Realloc([(100, DMA.union(Caps::RETENTION)), (300, DMA)]), Stays("RETENT_RAM 548")),
];

#[test]
fn a_request_goes_where_esp_idf_sends_it() {
    check(STATES);
}

#[test]
fn a_resized_block_goes_where_esp_idf_sends_it() {
    check(RESIZED);
}

#[test]
fn where_esp_idf_refuses_in_vain_or_moves_in_vain_it_is_not_copied() {
    check(OURS);
}

const ENCRYPTED: Board = board(&ESP32S3, FLASH_ENCRYPTION);
const FLASH_ENCRYPTION: &[Setting] = &[common::FLASH_ENCRYPTION.on()];

/// The rule; the board, what is asked for; the heap, the alignment and the size that follow.
type Line = (&'static str, Board, (usize, Caps), (&'static str, u32, u32));

#[rustfmt::skip]
const LINES: &[Line] = &[
    ("no cache in front of RAM",                       DUAL,       (10, DMA),                             ("DRAM 6", 4, 10)),
    ("no cache in front of RAM",                       S3,         (10, DMA),                             ("RAM 21", 4, 10)),
    ("no cache in front of RAM",                       C3,         (10, Caps::DMA_DESC_AHB),              ("RAM 198", 4, 10)),
    ("the line of internal RAM",                       P4,         (10, DMA),                             ("RAM 18", 64, 64)),
    ("the line of internal RAM",                       P4,         (65, Caps::CACHE_ALIGNED.union(BYTES)), ("RAM 18", 64, 128)),
    ("the line is more than a descriptor wants",       P4,         (10, Caps::DMA_DESC_AXI),              ("RAM 18", 64, 64)),
    ("the line of PSRAM where SPIRAM is named",        S3,         (33, DMA.union(SPIRAM)),               ("SPIRAM 4096", 32, 64)),
    ("the line of PSRAM where SPIRAM is named",        P4,         (10, DMA.union(SPIRAM)),               ("SPIRAM 4096", 64, 64)),
    ("SIMD wants 16",                                  S3,         (20, Caps::SIMD),                      ("RAM 21", 16, 32)),
    ("SIMD in PSRAM: its line",                        S3,         (20, Caps::SIMD.union(SPIRAM)),        ("SPIRAM 4096", 32, 32)),
    ("DMA of encrypted flash wants 16",                ENCRYPTED,  (10, DMA),                             ("RAM 21", 16, 16)),
    ("who asks for none of these has no line",         P4,         (10, INTERNAL),                        ("RAM 18", 4, 10)),
];

#[test]
fn hardware_aligns_what_esp_idf_aligns() {
    for &(rule, board, (size, caps), (heap, alignment, bytes)) in LINES {
        let mut sim = board.boot();
        let blocks = [(); 5].map(|()| sim.heaps.malloc(size, caps).unwrap());
        let what = format!("{}, {caps}: {rule}: {blocks:X?}", board.chip.name());
        let common = blocks.iter().fold(0, |bits, block| bits | block);
        assert!(common.is_multiple_of(alignment), "{what}");
        for block in blocks {
            assert_eq!(heap_of(&sim, block), heap, "{what}");
            let usable = sim.heaps.inspect().usable_size(block).unwrap();
            assert!((bytes..bytes + 16).contains(&usable), "{what}: {usable}");
        }
    }
}
