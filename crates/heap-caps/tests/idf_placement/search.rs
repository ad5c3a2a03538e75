//! The heaps that serve a set of capabilities, and their order.
//!
//! A memory type has three columns of capabilities. All heaps are looked at for the first column,
//! then for the second, then for the third; a heap serves at the first column that has a requested
//! bit, if its columns together have all of them. At boot heaps are ordered by ascending size;
//! PSRAM and whatever is added later goes in front.

use soc_regions::{
    Caps, ESP32C2, ESP32C5, ESP32C6, ESP32C61, ESP32H2, ESP32H4, ESP32H21, ESP32S2, ESP32S31,
};

use super::bench::{
    BYTES_IN_IRAM, Board, C3, C3_EXEC, DUAL, DUAL_PSRAM, Heap, P4, P4_EXEC, S3, S3_EXEC, SINGLE,
    board, order, with_psram,
};

const EXEC: Caps = Caps::EXEC;
const BYTES: Caps = Caps::BIT8;
const WORDS: Caps = Caps::BIT32;
const DEFAULT: Caps = Caps::DEFAULT;
const INTERNAL: Caps = Caps::INTERNAL;
const DMA: Caps = Caps::DMA;
const NONE: Caps = Caps::empty();
const SPIRAM: Caps = Caps::SPIRAM;
const RTC: Caps = Caps::RTCRAM;

/// A region whose first column has bytes.
const PLAIN: [Caps; 3] = [BYTES.union(DEFAULT), NONE, NONE];
/// ESP-IDF's pool of DMA memory: nothing in the first column.
const POOL: [Caps; 3] = [NONE, DMA.union(INTERNAL), DEFAULT.union(BYTES).union(WORDS)];
/// PSRAM of the ESP32-S2 that is for words only.
const WORD_PSRAM: [Caps; 3] = [SPIRAM.union(DEFAULT), NONE, WORDS];

/// The rule that decides, in words; the board; what is asked for; who serves.
type Row = (&'static str, Board, Caps, &'static [Heap]);

#[rustfmt::skip]
const ESP32_ROWS: &[Row] = &[
    ("a column before the next, within it by size",    DUAL, DEFAULT,               &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("IRAM has no bytes",                              DUAL, BYTES,                 &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("words: IRAM first, D/IRAM's third column last",  DUAL, WORDS,                 &["IRAM 90", "DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("code: IRAM first, D/IRAM last, DRAM never",      DUAL, EXEC,                  &["IRAM 90", "D/IRAM 14", "D/IRAM 111"]),
    ("DRAM and D/IRAM share INTERNAL's column",        DUAL, INTERNAL,              &["IRAM 90", "DRAM 6", "D/IRAM 14", "D/IRAM 111", "DRAM 180"]),
    ("DRAM and D/IRAM share DMA's column",             DUAL, DMA,                   &["DRAM 6", "D/IRAM 14", "D/IRAM 111", "DRAM 180"]),
    ("one bit in the column, the rest in any",         DUAL, BYTES.union(WORDS),    &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("DEFAULT is the earlier column of the two",       DUAL, DEFAULT.union(INTERNAL), &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("a bit that IRAM lacks excludes it",              DUAL, DMA.union(INTERNAL),   &["DRAM 6", "D/IRAM 14", "D/IRAM 111", "DRAM 180"]),
    ("INTERNAL moves D/IRAM's code forward",           DUAL, EXEC.union(INTERNAL),  &["IRAM 90", "D/IRAM 14", "D/IRAM 111"]),
    ("EXEC with DEFAULT is for D/IRAM alone",          DUAL, EXEC.union(DEFAULT),   &["D/IRAM 14", "D/IRAM 111"]),
    ("EXEC with words is EXEC",                        DUAL, EXEC.union(WORDS),     &["IRAM 90", "D/IRAM 14", "D/IRAM 111"]),
    ("EXEC excludes bytes",                            DUAL, EXEC.union(BYTES),     &[]),
    ("EXEC excludes DMA",                              DUAL, EXEC.union(DMA),       &[]),
    ("INVALID is in no column",                        DUAL, EXEC.union(Caps::INVALID), &[]),
    ("INVALID is in no column",                        DUAL, BYTES.union(Caps::INVALID), &[]),
    ("INVALID is in no column",                        DUAL, Caps::INVALID,         &[]),
    ("no bit is shared with no capabilities",          DUAL, NONE,                  &[]),
    ("what is left of it is no capabilities",          DUAL, Caps::CACHE_ALIGNED,   &[]),
    ("no type lists the bit",                          DUAL, SPIRAM,                &[]),
    ("no type lists the bit",                          DUAL, RTC,                   &[]),
    ("no type lists the bit",                          DUAL, Caps::RETENTION,       &[]),
    ("no type lists the bit",                          DUAL, Caps::SPM,             &[]),
    ("no type lists the bit",                          DUAL, Caps::SIMD,            &[]),
    ("no type lists the bit",                          DUAL, Caps::IRAM_8BIT,       &[]),
    ("no type lists the bit",                          DUAL, Caps::SPIRAM_NO_ENC,   &[]),
    ("no type lists the bit",                          DUAL, Caps::PID2,            &[]),
    ("start-up stacks serve nobody yet",               DUAL.starting(), DEFAULT,    &["DRAM 6", "DRAM 180"]),
    ("start-up stacks serve nobody yet",               DUAL.starting(), DMA,        &["DRAM 6", "DRAM 180"]),
    ("start-up stacks serve nobody yet",               DUAL.starting(), WORDS,      &["IRAM 90", "DRAM 6", "DRAM 180"]),
    ("start-up stacks serve nobody yet",               DUAL.starting(), EXEC,       &["IRAM 90"]),
    ("start-up stacks serve nobody yet",               DUAL.starting(), EXEC.union(DEFAULT), &[]),
    ("PSRAM has DEFAULT in the first column, in front", DUAL_PSRAM, DEFAULT,        &["SPIRAM 4096", "DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("PSRAM has bytes in the last column",             DUAL_PSRAM, BYTES,           &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111", "SPIRAM 4096"]),
    ("PSRAM in front of D/IRAM in the last column",    DUAL_PSRAM, WORDS,           &["IRAM 90", "DRAM 6", "DRAM 180", "SPIRAM 4096", "D/IRAM 14", "D/IRAM 111"]),
    ("INTERNAL excludes PSRAM",                        DUAL_PSRAM, DEFAULT.union(INTERNAL), &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("DMA excludes PSRAM",                             DUAL_PSRAM, DMA,             &["DRAM 6", "D/IRAM 14", "D/IRAM 111", "DRAM 180"]),
    ("no code in PSRAM",                               DUAL_PSRAM, EXEC,            &["IRAM 90", "D/IRAM 14", "D/IRAM 111"]),
    ("SPIRAM is PSRAM alone",                          DUAL_PSRAM, SPIRAM,          &["SPIRAM 4096"]),
    ("SPIRAM with bytes is PSRAM alone",               DUAL_PSRAM, SPIRAM.union(BYTES), &["SPIRAM 4096"]),
    ("nothing is both",                                DUAL_PSRAM, SPIRAM.union(INTERNAL), &[]),
    ("DMA is dropped where SPIRAM is named",           DUAL_PSRAM, SPIRAM.union(DMA), &["SPIRAM 4096"]),
    ("RTC memory beside D/IRAM, the smaller first",    SINGLE, DEFAULT,             &["SPIRAM 4096", "DRAM 6", "DRAM 180", "RTCRAM 8", "D/IRAM 126"]),
    ("RTC memory beside D/IRAM, the smaller first",    SINGLE, BYTES,               &["DRAM 6", "DRAM 180", "RTCRAM 8", "D/IRAM 126", "SPIRAM 4096"]),
    ("IRAM by size; RTC memory in the last column",    SINGLE, WORDS,               &["IRAM 32", "IRAM 90", "DRAM 6", "DRAM 180", "SPIRAM 4096", "RTCRAM 8", "D/IRAM 126"]),
    ("RTC memory beside D/IRAM, the smaller first",    SINGLE, EXEC,                &["IRAM 32", "IRAM 90", "RTCRAM 8", "D/IRAM 126"]),
    ("RTC memory is the last that is INTERNAL",        SINGLE, INTERNAL,            &["IRAM 32", "IRAM 90", "DRAM 6", "D/IRAM 126", "DRAM 180", "RTCRAM 8"]),
    ("no DMA from RTC memory",                         SINGLE, DMA,                 &["DRAM 6", "D/IRAM 126", "DRAM 180"]),
    ("only the type that lists the bit",               SINGLE, RTC,                 &["RTCRAM 8"]),
    ("only the type that lists the bit",               SINGLE, RTC.union(EXEC),     &["RTCRAM 8"]),
    ("emulated bytes are for who names them",          BYTES_IN_IRAM, Caps::IRAM_8BIT, &["IRAM 32", "IRAM 90"]),
    ("emulated bytes are for who names them",          BYTES_IN_IRAM, BYTES,        &["DRAM 6", "DRAM 180", "D/IRAM 126"]),
];

#[rustfmt::skip]
const LATER_ROWS: &[Row] = &[
    ("added later, looked at first, latest first",     DUAL.adding(&[(PLAIN, 4), (PLAIN, 9)]), BYTES, &["added 9", "added 4", "DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("whatever its size",                              DUAL.adding(&[(PLAIN, 9), (PLAIN, 4)]), BYTES, &["added 4", "added 9", "DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("in front of PSRAM, too",                         DUAL_PSRAM.adding(&[(PLAIN, 9)]), DEFAULT, &["added 9", "SPIRAM 4096", "DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111"]),
    ("added before the stacks are free, still first",  DUAL.starting().adding(&[(PLAIN, 9)]), BYTES, &["added 9", "DRAM 6", "DRAM 180"]),
    ("a DMA pool is the last resort for bytes",        DUAL.adding(&[(POOL, 24)]), BYTES,   &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111", "added 24"]),
    ("a DMA pool before PSRAM for bytes",              DUAL_PSRAM.adding(&[(POOL, 24)]), BYTES, &["DRAM 6", "DRAM 180", "D/IRAM 14", "D/IRAM 111", "added 24", "SPIRAM 4096"]),
    ("a DMA pool first of those who have DMA second",  DUAL.adding(&[(POOL, 24)]), DMA,     &["added 24", "DRAM 6", "D/IRAM 14", "D/IRAM 111", "DRAM 180"]),
    ("INTERNAL brings malloc to the pool early",       DUAL.adding(&[(POOL, 24)]), DEFAULT.union(INTERNAL), &["DRAM 6", "DRAM 180", "added 24", "D/IRAM 14", "D/IRAM 111"]),
    ("a DMA pool after RAM for DMA",                   S3.adding(&[(POOL, 24)]), DMA,       &["RAM 21", "RAM 338", "added 24", "DRAM 32"]),
    ("DEFAULT is given memory for words only",         with_psram(&ESP32S2).adding(&[(WORD_PSRAM, 64)]), DEFAULT, &["added 64", "SPIRAM 4096", "RAM 14", "RAM 16", "RAM 213", "RTCRAM 7"]),
];

#[rustfmt::skip]
const OTHER_ROWS: &[Row] = &[
    ("PSRAM in front; RTC memory last",                S3, DEFAULT,                 &["SPIRAM 4096", "RAM 21", "RAM 338", "DRAM 32", "RTCRAM 7"]),
    ("the cache's DRAM second; PSRAM before RTC",      S3, BYTES,                   &["RAM 21", "RAM 338", "DRAM 32", "SPIRAM 4096", "RTCRAM 7"]),
    ("words as bytes",                                 S3, WORDS,                   &["RAM 21", "RAM 338", "DRAM 32", "SPIRAM 4096", "RTCRAM 7"]),
    ("INTERNAL excludes PSRAM",                        S3, INTERNAL,                &["RAM 21", "RAM 338", "DRAM 32", "RTCRAM 7"]),
    ("no DMA from RTC memory",                         S3, DMA,                     &["RAM 21", "RAM 338", "DRAM 32"]),
    ("the cache's DRAM is not retained",               S3, Caps::RETENTION,         &["RAM 21", "RAM 338"]),
    ("no SIMD in RTC memory",                          S3, Caps::SIMD,              &["RAM 21", "RAM 338", "DRAM 32", "SPIRAM 4096"]),
    ("only the type that lists the bit",               S3, RTC,                     &["RTCRAM 7"]),
    ("DMA is dropped where SPIRAM is named",           S3, SPIRAM.union(DMA),       &["SPIRAM 4096"]),
    ("no code under memory protection",                S3, EXEC,                    &[]),
    ("code: RAM, RTC memory last, never cache DRAM",   S3_EXEC, EXEC,               &["RAM 21", "RAM 338", "RTCRAM 7"]),
    ("EXEC excludes bytes although RAM has both",      S3_EXEC, EXEC.union(BYTES),  &[]),
    ("start-up stacks serve nobody yet",               S3.starting(), INTERNAL,     &["RAM 338", "DRAM 32", "RTCRAM 7"]),
    ("retention RAM second, smaller first; RTC last",  C3, DEFAULT,                 &["RAM 198", "Retention RAM 10", "Retention RAM 113", "RTCRAM 7"]),
    ("no DMA from RTC memory",                         C3, DMA,                     &["RAM 198", "Retention RAM 10", "Retention RAM 113"]),
    ("INTERNAL as DEFAULT",                            C3, INTERNAL,                &["RAM 198", "Retention RAM 10", "Retention RAM 113", "RTCRAM 7"]),
    ("only the type that lists the bit",               C3, Caps::RETENTION,         &["Retention RAM 10", "Retention RAM 113"]),
    ("RETENTION with bytes is still that type",        C3, Caps::RETENTION.union(BYTES), &["Retention RAM 10", "Retention RAM 113"]),
    ("only the type that lists the bit",               C3, RTC,                     &["RTCRAM 7"]),
    ("no code under memory protection",                C3, EXEC,                    &[]),
    ("no SIMD on this chip",                           C3, Caps::SIMD,              &[]),
    ("code as bytes",                                  C3_EXEC, EXEC,               &["RAM 198", "Retention RAM 10", "Retention RAM 113", "RTCRAM 7"]),
    ("start-up stacks serve nobody yet",               C3.starting(), DEFAULT,      &["RAM 198", "Retention RAM 113", "RTCRAM 7"]),
    ("PSRAM in front; scratch pad and RTC last",       P4, DEFAULT,                 &["SPIRAM 4096", "RAM 18", "RETENT_RAM 548", "SPM 8", "RTCRAM 31"]),
    ("PSRAM in front of the last column",              P4, BYTES,                   &["RAM 18", "RETENT_RAM 548", "SPIRAM 4096", "SPM 8", "RTCRAM 31"]),
    ("INTERNAL excludes PSRAM",                        P4, INTERNAL,                &["RAM 18", "RETENT_RAM 548", "SPM 8", "RTCRAM 31"]),
    ("no DMA from scratch pad and RTC memory",         P4, DMA,                     &["RAM 18", "RETENT_RAM 548"]),
    ("descriptors are DMA memory",                     P4, Caps::DMA_DESC_AXI,      &["RAM 18", "RETENT_RAM 548"]),
    ("retention RAM has SIMD in its first column",     P4, Caps::SIMD,              &["RAM 18", "RETENT_RAM 548", "SPIRAM 4096"]),
    ("only the type that lists the bit",               P4, Caps::SPM,               &["SPM 8"]),
    ("only the type that lists the bit",               P4, Caps::RETENTION,         &["RETENT_RAM 548"]),
    ("only the type that lists the bit",               P4, RTC,                     &["RTCRAM 31"]),
    ("CACHE_ALIGNED is no memory's bit",               P4, Caps::CACHE_ALIGNED.union(INTERNAL), &["RAM 18", "RETENT_RAM 548", "SPM 8", "RTCRAM 31"]),
    ("no code under memory protection",                P4, EXEC,                    &[]),
    ("code: never in the scratch pad",                 P4_EXEC, EXEC,               &["RAM 18", "RETENT_RAM 548", "RTCRAM 31"]),
    ("start-up stacks serve nobody yet",               P4.starting(), DMA,          &["RETENT_RAM 548"]),
    ("RTC memory in the last column",                  with_psram(&ESP32S2), BYTES, &["RAM 14", "RAM 16", "RAM 213", "SPIRAM 4096", "RTCRAM 7"]),
    ("RTC memory in the second column",                board(&ESP32C6, &[]), DEFAULT, &["RAM 11", "RAM 387", "RTCRAM 0", "RTCRAM 15"]),
    ("no DMA from RTC memory",                         board(&ESP32C6, &[]), DMA,   &["RAM 11", "RAM 387"]),
    ("nothing is retained",                            board(&ESP32C6, &[]), Caps::RETENTION, &[]),
    ("RTC memory in the second column",                with_psram(&ESP32C5), BYTES, &["RAM 11", "RAM 258", "RTCRAM 0", "RTCRAM 15", "SPIRAM 4096"]),
    ("RTC memory in the second column",                board(&ESP32H2, &[]), DEFAULT, &["RAM 10", "RAM 198", "RTCRAM 0", "RTCRAM 3"]),
    ("RTC memory in the second column",                board(&ESP32H21, &[]), INTERNAL, &["RAM 10", "RAM 198", "RTCRAM 0", "RTCRAM 3"]),
    ("RTC memory in the second column",                with_psram(&ESP32S31), BYTES, &["RAM 18", "RAM 401", "RTCRAM 31", "SPIRAM 4096"]),
    ("one type",                                       board(&ESP32C2, &[]), DEFAULT, &["RAM 10", "RAM 190"]),
    ("one type and PSRAM",                             with_psram(&ESP32C61), BYTES, &["RAM 11", "RAM 195", "SPIRAM 4096"]),
    ("one type and PSRAM",                             with_psram(&ESP32H4), WORDS, &["RAM 18", "RAM 254", "SPIRAM 4096"]),
];

fn check(rows: &[Row]) {
    for &(rule, board, caps, heaps) in rows {
        let mut sim = board.boot();
        let chip = board.chip.name();
        assert_eq!(order(&mut sim, caps), heaps, "{chip}, {caps}: {rule}");
    }
}

#[test]
fn the_esp32_is_searched_in_esp_idfs_order() {
    check(ESP32_ROWS);
}

#[test]
fn what_is_added_later_is_searched_in_esp_idfs_order() {
    check(LATER_ROWS);
}

#[test]
fn the_other_chips_are_searched_in_esp_idfs_order() {
    check(OTHER_ROWS);
}
