//! Names of the processor's exception causes.

/// `EXCCAUSE` in words (Xtensa Instruction Set Architecture, table of exception causes).
pub(super) const fn in_words(cause: u32) -> &'static str {
    match cause {
        0 => "illegal instruction",
        1 => "system call",
        2 => "instruction fetch error",
        3 => "load or store error",
        4 => "interrupt",
        5 => "alloca: moving the stack pointer",
        6 => "integer division by zero",
        8 => "privileged instruction",
        9 => "unaligned load or store",
        16 => "instruction address not mapped",
        20 => "instruction fetch prohibited here",
        24 => "data address not mapped",
        28 => "load prohibited here",
        29 => "store prohibited here",
        _ => "unknown cause",
    }
}
