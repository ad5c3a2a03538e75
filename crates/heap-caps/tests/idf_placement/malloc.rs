//! Placement of plain `malloc` and its relatives: threshold for PSRAM, lists of preferences.
//!
//! Without a threshold: `DEFAULT|INTERNAL`, and nothing else. With one: up to it
//! `DEFAULT|INTERNAL`, above it `DEFAULT|SPIRAM`, and `DEFAULT` where that failed. Lists of
//! preferences know no policy.

use soc_regions::Caps;

use super::bench::{Ask, Board, C3, DUAL, DUAL_PSRAM, Expect, P4, Row, S3, check};
use Ask::{
    AlignedDefault, CallocDefault, CallocPrefer, Default, Prefer, ReallocDefault, ReallocPrefer,
};
use Expect::{In, Moves, Refused, Stays};

const BYTES: Caps = Caps::BIT8;
const DEFAULT: Caps = Caps::DEFAULT;
const INTERNAL: Caps = Caps::INTERNAL;
const DMA: Caps = Caps::DMA;
const SPIRAM: Caps = Caps::SPIRAM;
const INSIDE: Caps = DEFAULT.union(INTERNAL);
const POOL: [Caps; 3] = [
    Caps::empty(),
    DMA.union(INTERNAL),
    DEFAULT.union(BYTES).union(Caps::BIT32),
];

/// ESP-IDF's start-up code sets this threshold for `malloc`.
const AT_16K: Board = DUAL_PSRAM.above(16384);
const NO_BYTES_INSIDE: Board = DUAL_PSRAM.full(&["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]);
const NOTHING: Board = DUAL_PSRAM.full(&[
    "DRAM 6",
    "DRAM 180",
    "D/IRAM 14",
    "D/IRAM 111",
    "SPIRAM 4096",
]);

#[rustfmt::skip]
const POLICY: &[Row] = &[
    ("no threshold: inside",                           DUAL_PSRAM, Default(16),             In("DRAM 6")),
    ("no threshold: inside, however large",            DUAL_PSRAM, Default(100_000),        In("DRAM 180")),
    ("no threshold: never PSRAM",                      DUAL_PSRAM, Default(1 << 20),        Refused(INSIDE)),
    ("no threshold: never PSRAM",                      NO_BYTES_INSIDE, Default(16),        Refused(INSIDE)),
    ("no threshold: not IRAM either",                  NO_BYTES_INSIDE, Default(4),         Refused(INSIDE)),
    ("no threshold, no PSRAM",                         DUAL, Default(16),                   In("DRAM 6")),
    ("the threshold itself is inside",                 AT_16K, Default(16384),              In("DRAM 180")),
    ("one byte more is not",                           AT_16K, Default(16385),              In("SPIRAM 4096")),
    ("a threshold of 0: everything",                   DUAL_PSRAM.above(0), Default(1),     In("SPIRAM 4096")),
    ("fallback to PSRAM",                              NO_BYTES_INSIDE.above(16384), Default(16), In("SPIRAM 4096")),
    ("fallback to inside: full",                       AT_16K.full(&["SPIRAM 4096"]), Default(20_000), In("DRAM 180")),
    ("fallback to inside: no PSRAM at all",            DUAL.above(100), Default(101),       In("DRAM 6")),
    ("fallback knows columns, too",                    AT_16K.full(&["SPIRAM 4096", "DRAM 180"]), Default(20_000), In("D/IRAM 111")),
    ("nowhere: reported for DEFAULT",                  NOTHING.above(16384), Default(16),   Refused(DEFAULT)),
    ("nowhere: reported for DEFAULT",                  NOTHING.above(16384), Default(20_000), Refused(DEFAULT)),
    ("larger than PSRAM",                              AT_16K, Default(5 << 20),            Refused(DEFAULT)),
    ("calloc: the product counts",                     AT_16K, CallocDefault(2, 8192),      In("DRAM 180")),
    ("calloc: the product counts",                     AT_16K, CallocDefault(5, 3277),      In("SPIRAM 4096")),
    ("aligned: the size counts",                       AT_16K, AlignedDefault(4096, 16384), In("DRAM 180")),
    ("aligned: the size counts",                       AT_16K, AlignedDefault(64, 16385),   In("SPIRAM 4096")),
    ("aligned: fallback, too",                         NO_BYTES_INSIDE.above(16384), AlignedDefault(64, 16), In("SPIRAM 4096")),
    ("a pool of DMA memory is inside, before D/IRAM",  DUAL_PSRAM.adding(&[(POOL, 24)]).full(&["DRAM 6", "DRAM 180"]), Default(16), In("added 24")),
    ("and is drained before PSRAM is used",            AT_16K.adding(&[(POOL, 24)]).full(&["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]), Default(16), In("added 24")),
    ("no threshold: inside",                           S3, Default(16),                     In("RAM 21")),
    ("no threshold: to the last of RTC memory",        S3.full(&["RAM 21", "RAM 338", "DRAM 32"]), Default(16), In("RTCRAM 7")),
    ("the threshold itself is inside",                 S3.above(16384), Default(16384),     In("RAM 21")),
    ("one byte more is not",                           S3.above(16384), Default(16385),     In("SPIRAM 4096")),
    ("RTC memory is inside: before PSRAM",             S3.above(16384).full(&["RAM 21", "RAM 338", "DRAM 32"]), Default(16), In("RTCRAM 7")),
    ("fallback to PSRAM",                              S3.above(16384).full(&["RAM 21", "RAM 338", "DRAM 32", "RTCRAM 7"]), Default(16), In("SPIRAM 4096")),
    ("no PSRAM: the threshold changes nothing",        C3.above(16), Default(17),           In("RAM 198")),
    ("no PSRAM: nowhere",                              C3.above(16), Default(1 << 20),      Refused(DEFAULT)),
    ("the threshold itself is inside",                 P4.above(16384), Default(16384),     In("RAM 18")),
    ("one byte more is not",                           P4.above(16384), Default(16385),     In("SPIRAM 4096")),
    ("fallback to inside: full",                       P4.above(16384).full(&["SPIRAM 4096"]), Default(20_000), In("RETENT_RAM 548")),
];

#[rustfmt::skip]
const RESIZED: &[Row] = &[
    ("no threshold: stays inside",                     DUAL_PSRAM, ReallocDefault((100, BYTES), 1000),  Stays("DRAM 6")),
    ("no threshold: is brought inside",                DUAL_PSRAM, ReallocDefault((100, SPIRAM), 1000), Moves("DRAM 6")),
    ("no threshold: can't be brought inside",          NO_BYTES_INSIDE, ReallocDefault((100, SPIRAM), 1000), Refused(INSIDE)),
    ("IRAM is not DEFAULT",                            DUAL_PSRAM, ReallocDefault((100, Caps::BIT32), 1000), Moves("DRAM 6")),
    ("up to the threshold: stays inside",              AT_16K, ReallocDefault((100, BYTES), 1000),      Stays("DRAM 6")),
    ("up to the threshold: is brought inside",         AT_16K, ReallocDefault((20_000, SPIRAM), 16384), Moves("DRAM 180")),
    ("above: goes to PSRAM",                           AT_16K, ReallocDefault((16384, BYTES), 16385),   Moves("SPIRAM 4096")),
    ("above: stays in PSRAM",                          AT_16K, ReallocDefault((100, SPIRAM), 20_000),   Stays("SPIRAM 4096")),
    ("fallback: stays in PSRAM, inside is full",       NO_BYTES_INSIDE.above(16384), ReallocDefault((100, SPIRAM), 1000), Stays("SPIRAM 4096")),
    ("fallback: stays inside, PSRAM is full",          AT_16K.full(&["SPIRAM 4096"]), ReallocDefault((16384, BYTES), 20_000), Stays("DRAM 180")),
    ("nowhere: reported for DEFAULT",                  AT_16K, ReallocDefault((100, BYTES), 5 << 20),   Refused(DEFAULT)),
    ("above: goes to PSRAM",                           P4.above(1000), ReallocDefault((100, INTERNAL), 1001), Moves("SPIRAM 4096")),
];

#[rustfmt::skip]
const PREFERENCES: &[Row] = &[
    ("the first that can be met",                      DUAL_PSRAM, Prefer(100, &[SPIRAM, DMA]),         In("SPIRAM 4096")),
    ("not in the order of the search",                 DUAL_PSRAM, Prefer(100, &[DMA, SPIRAM]),         In("DRAM 6")),
    ("the next when the first is full",                DUAL_PSRAM.full(&["SPIRAM 4096"]), Prefer(100, &[SPIRAM, DMA]), In("DRAM 6")),
    ("all heaps of the first before the second",       DUAL_PSRAM.full(&["DRAM 6"]), Prefer(100, &[DMA, SPIRAM]), In("D/IRAM 14")),
    ("impossible ones are passed over",                DUAL, Prefer(100, &[Caps::EXEC.union(BYTES), Caps::empty(), Caps::BIT32]), In("IRAM 90")),
    ("the threshold is not asked",                     DUAL_PSRAM.above(0), Prefer(100, &[INTERNAL, SPIRAM]), In("IRAM 90")),
    ("nor is there a fallback",                        NO_BYTES_INSIDE.above(0), Prefer(100, &[DMA, BYTES.union(INTERNAL)]), Refused(BYTES.union(INTERNAL))),
    ("reported for the last",                          DUAL, Prefer(100, &[SPIRAM, Caps::RETENTION]),   Refused(Caps::RETENTION)),
    ("cleared memory, too",                            DUAL_PSRAM, CallocPrefer(10, 1000, &[SPIRAM, DMA]), In("SPIRAM 4096")),
    ("too large for the first",                        P4, CallocPrefer(8, 1 << 17, &[DMA, SPIRAM]),    In("SPIRAM 4096")),
    ("DMA memory of a chip with lines",                P4, Prefer(40, &[DMA]),                          In("RAM 18")),
    ("retention first",                                S3, Prefer(40, &[Caps::RETENTION, DEFAULT]),     In("RAM 21")),
    ("retention first",                                C3, Prefer(40, &[Caps::RETENTION, DEFAULT]),     In("Retention RAM 10")),
    ("a block stays where the first has it",           DUAL_PSRAM, ReallocPrefer((100, DMA), 90, &[BYTES, SPIRAM]), Stays("DRAM 6")),
    ("a block moves to the first",                     DUAL_PSRAM, ReallocPrefer((100, DMA), 90, &[SPIRAM, BYTES]), Moves("SPIRAM 4096")),
    ("a block stays for the second",                   DUAL_PSRAM, ReallocPrefer((100, DMA), 200, &[Caps::RETENTION, BYTES]), Stays("DRAM 6")),
];

#[test]
fn malloc_goes_where_esp_idf_sends_it() {
    check(POLICY);
}

#[test]
fn a_block_resized_by_malloc_goes_where_esp_idf_sends_it() {
    check(RESIZED);
}

#[test]
fn preferences_go_where_esp_idf_sends_them() {
    check(PREFERENCES);
}
