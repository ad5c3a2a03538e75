//! `defmt::Format` of failures, views and events; errors have theirs from `texts!`.
//!
//! ```text
//!  98304 B aligned to 64 with 8BIT|DMA: no heap could serve it; DRAM at 0x3FFB2EC8: largest of 12 holes 71828 B, 180300 B free;
//!  IRAM at 0x4008944C: lacks 8BIT|DMA
//! ```

use defmt::{Format, Formatter, write};

use crate::sentence::Listed;
use crate::{
    Allocated, BlockView, Booted, Candidate, Failure, Finding, Freed, HeapView, Policy,
    ReallocateError, Reallocated, ReliefStep, Reserve, SkipReason,
};

impl Format for Failure {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=usize} B", self.size);
        if self.alignment > 4 {
            write!(out, " aligned to {=usize}", self.alignment);
        }
        if self.granularity > 4 {
            write!(out, " in whole units of {=u32} B", self.granularity);
        }
        write!(out, " with {}: {}", self.caps, self.cause);
        for candidate in self.candidates() {
            write!(out, "; {}", candidate);
        }
        if self.not_described() > 0 {
            write!(out, "; {=u8} more heaps", self.not_described());
        }
        for step in self.relief.steps() {
            write!(out, "; {}", step);
        }
        if self.attempts > 1 {
            write!(out, " (last of {=u8} tries)", self.attempts);
        }
        if let Some(caller) = self.caller {
            write!(
                out,
                " (asked for at {=str}:{=u32})",
                caller.file(),
                caller.line()
            );
        }
    }
}

impl Format for ReliefStep {
    fn format(&self, out: Formatter<'_>) {
        let Self { name, calls, bytes } = *self;
        write!(
            out,
            "{=str} gave {=u32} B in {=u16} calls",
            name, bytes, calls
        );
    }
}

impl Format for Candidate {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "{=str} at 0x{=u32:08X}: {}",
            self.name, self.start, self.why
        );
    }
}

impl Format for SkipReason {
    fn format(&self, out: Formatter<'_>) {
        match *self {
            Self::Lacks(caps) => write!(out, "lacks {}", caps),
            Self::NotOffered => write!(out, "does not offer them"),
            Self::Inactive => write!(out, "is still the start-up stack"),
            Self::TooSmall { bytes } => write!(out, "has {=u32} B in all", bytes),
            Self::Fragmented {
                free,
                largest,
                holes,
            } => write!(
                out,
                "largest of {=u32} holes {=u32} B, {=u32} B free",
                holes, largest, free
            ),
            Self::Reserved { caps, bytes } => write!(out, "keeps {=u32} B for {}", bytes, caps),
            Self::OverLimit => write!(out, "is closed by a limit of the owner"),
            Self::Guaranteed { bytes } => write!(out, "keeps {=u32} B for other owners", bytes),
        }
    }
}

/// `DRAM, 0x3FFB3010: …; in the block 0x3FFB2FB0: used, 96 B; behind the block 0x3FFB2F9C: used, 16
/// B`
impl Format for Finding {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=str}, {}", self.memory, self.corrupt);
        match (self.block, self.next) {
            (Some(block), _) => write!(out, "; in the block {}", block),
            (None, Some(next)) => write!(out, "; in the header of the block {=u32:#010x}", next),
            (None, None) => write!(out, "; in the heap's own structure"),
        }
        if let Some(left) = self.left {
            write!(out, "; behind the block {}", left);
        }
        if let (Some(_), Some(next)) = (self.block, self.next) {
            write!(out, "; in front of the block {=u32:#010x}", next);
        }
    }
}

impl<F: Format> Format for ReallocateError<F> {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::Misuse(misuse) => write!(out, "{}", misuse),
            Self::Failure(failure) => write!(out, "{}", failure),
        }
    }
}

/// `heap 1: DRAM 0x3FFB2EC8..0x3FFE0000, 8BIT|DMA|…: free 1204 of …`
impl Format for HeapView {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "heap {}: {=str} {}, {}: ",
            self.index, self.name, self.span, self.caps
        );
        if self.active {
            write!(out, "{}", self.info);
        } else {
            write!(out, "not enabled");
        }
    }
}

impl Format for BlockView {
    fn format(&self, out: Formatter<'_>) {
        let state = if self.used { "used" } else { "free" };
        write!(
            out,
            "0x{=u32:08X}: {=str}, {=u32} B",
            self.address, state, self.size
        );
    }
}

impl Format for Policy {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::IdfExact => write!(out, "IdfExact"),
            Self::Guaranteed => write!(out, "Guaranteed"),
            Self::Tagged2016 => write!(out, "Tagged2016"),
        }
    }
}

impl Format for Reserve {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=u32} B for {}", self.bytes, self.caps);
    }
}

impl Format for Booted {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "{=u8} heaps, {=u32} B; {=u8} regions of {=u32} B too small",
            self.heaps, self.bytes, self.too_small, self.too_small_bytes
        );
    }
}

/// `+0x3FFB3000 96 B 8BIT|DMA`
impl Format for Allocated {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "+0x{=u32:08X} {=u32} B {}",
            self.address, self.size, self.caps
        );
    }
}

/// `-0x3FFB3000`
impl Format for Freed {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "-0x{=u32:08X}", self.address);
    }
}

/// `0x3FFB3000 to 0x3FFB3400 192 B 8BIT|DMA`
impl Format for Reallocated {
    fn format(&self, out: Formatter<'_>) {
        let now = &self.now;
        write!(
            out,
            "0x{=u32:08X} to 0x{=u32:08X} {=u32} B {}",
            self.old_address, now.address, now.size, now.caps
        );
    }
}

/// As capabilities alone: `8BIT|DMA`.
impl Format for Listed {
    fn format(&self, out: Formatter<'_>) {
        self.0.format(out);
    }
}
