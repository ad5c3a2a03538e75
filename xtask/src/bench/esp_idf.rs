//! What ESP-IDF's heap costs on Xtensa, for comparison.
//!
//! Source: `multi_heap.c` of ESP-IDF 6.2-dev with the TLSF of its v5.4, without poisoning, locks stubbed out, asserts off (`-DNDEBUG`), built
//! with `-O2` by the same LLVM for the same instruction set, run in the same emulator on the same workloads, counted in
//! the same way. Control bytes from its formula 20 + 36 + 4·FL + 4·FL·SL, with 11 first-level and 16 second-level lists for 64 KiB.

use esp_heap::figures::Figure;

pub(crate) const SUBJECT: &str = "esp-idf";

const MEASURED: [(&str, &str, u64); 23] = [
    ("malloc 16 B", "instructions", 277),
    ("free 16 B", "instructions", 241),
    ("malloc 64 B", "instructions", 295),
    ("free 64 B", "instructions", 241),
    ("malloc 1024 B", "instructions", 295),
    ("free 1024 B", "instructions", 241),
    ("64 KiB", "control_bytes", 804),
    ("grow", "instructions", 2520),
    ("grow blocked", "instructions", 4470),
    ("malloc mix", "instructions_x100", 23_990),
    ("malloc mix", "instructions", 240),
    ("malloc mix", "instructions_max", 296),
    ("free mix", "instructions_x100", 20_600),
    ("free mix", "instructions", 206),
    ("free mix", "instructions_max", 302),
    ("malloc aligned 64", "instructions_x100", 43_190),
    ("malloc aligned 64", "instructions", 432),
    ("free aligned 64", "instructions_x100", 27_090),
    ("free aligned 64", "instructions", 271),
    ("blocks of 16", "blocks_in_64k", 3236),
    ("blocks of 32", "blocks_in_64k", 1798),
    ("blocks of 100", "blocks_in_64k", 622),
    ("malloc, aligned, free, grow", "code_bytes", 4447),
];

/// All of them.
pub(crate) fn figures() -> Vec<Figure> {
    let of = |&(workload, metric, value): &(&str, &'static str, u64)| {
        Figure::new(SUBJECT, workload, metric, value)
    };
    MEASURED.iter().map(of).collect()
}
