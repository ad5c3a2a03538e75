//! Names of the processor's trap causes.

/// `scause` in words (RISC-V privileged architecture, table of supervisor causes).
pub(super) const fn in_words(cause: u32) -> &'static str {
    match cause {
        0 => "unaligned instruction",
        1 => "no instruction can be fetched here",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "unaligned load",
        5 => "load from where nothing is",
        6 => "unaligned store",
        7 => "store to where nothing is",
        12 => "instruction address not mapped",
        13 => "load from an address that is not mapped",
        15 => "store to an address that is not mapped",
        _ => "unknown cause",
    }
}
