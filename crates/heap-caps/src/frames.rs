//! How failures, misuse and figures look in a defmt log.
//!
//! ```text
//!  98304 B aligned to 64 with 8BIT|DMA: no heap could serve it; DRAM at 0x3FFB2EC8: largest of 12 holes 71828 B, 180300 B free;
//!  IRAM at 0x4008944C: lacks 8BIT|DMA
//! ```

use defmt::{Format, Formatter, write};

use crate::{
    AddRegionError, Allocated, BlockView, BootError, Booted, Candidate, Cause, Corrupt, Failure,
    Finding, Freed, HeapIndex, HeapView, Misuse, MisuseKind, Policy, ReallocateError, Reallocated,
    ReliefStep, Reserve, Why,
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

impl Format for Why {
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
        }
    }
}

impl Format for Cause {
    fn format(&self, out: Formatter<'_>) {
        match *self {
            Self::ZeroSize => write!(out, "nothing was asked for"),
            Self::BadAlignment => write!(out, "the alignment is not a power of two"),
            Self::NoCaps => write!(
                out,
                "a request must name at least one capability that memory has"
            ),
            Self::InvalidCaps => write!(out, "INVALID is a capability that no memory has"),
            Self::Contradictory(caps) => write!(out, "no memory can be {} at once", caps),
            Self::TooLarge => write!(out, "no heap can be that big"),
            Self::NoMemory => write!(out, "no heap could serve it"),
            Self::TagExhausted(tag) => {
                write!(
                    out,
                    "no heap with tag {=usize} has a hole that big",
                    tag.index()
                );
            }
            Self::Corrupt(corrupt) => write!(out, "{}", corrupt),
        }
    }
}

impl Format for Corrupt {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "0x{=u32:08X}: {}", self.address, self.corruption);
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

impl Format for MisuseKind {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::OutsideEveryHeap => write!(out, "not in any heap"),
            Self::Inactive => write!(out, "in a heap that is not enabled yet"),
            Self::Unaligned => write!(out, "not a multiple of 4, so never handed out"),
            Self::AlreadyFree => write!(out, "already free (double free)"),
            Self::NotABlock => write!(out, "no allocated block begins here"),
            Self::Corrupt(corrupt) => write!(out, "{}", corrupt),
        }
    }
}

impl Format for Misuse {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "0x{=u32:08X}: {}", self.address, self.kind);
        if let Some(start) = self.heap_start {
            write!(out, " (heap at 0x{=u32:08X})", start);
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

impl Format for HeapIndex {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=usize}", self.get());
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
        match self.active {
            true => write!(out, "{}", self.info),
            false => write!(out, "not enabled"),
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

impl Format for BootError {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::AlreadyBooted => write!(out, "the heaps of a chip are registered already"),
            Self::NotBooted => write!(out, "no chip was booted: there is nothing to add memory to"),
            Self::Layout(error) => write!(out, "{}", error),
            Self::TableFull { needed, places } => write!(
                out,
                "the chip has {=usize} heaps, but there is room for {=usize}: raise HEAPS",
                needed, places
            ),
            Self::Unreachable(span) => write!(out, "the memory at {} can't be reached", span),
            Self::NoRegions => write!(out, "the table of regions names no memory"),
            Self::Region { number, why } => {
                write!(out, "region {=usize} of the table: {}", number, why);
            }
        }
    }
}

impl Format for AddRegionError {
    fn format(&self, out: Formatter<'_>) {
        match *self {
            Self::Duplicate => write!(out, "the region is a heap already"),
            Self::Overlap(span) => write!(out, "the region overlaps the heap at {}", span),
            Self::TooSmall { needed } => write!(
                out,
                "the region is too small: a heap needs {=u32} bytes",
                needed
            ),
            Self::TooLarge => write!(
                out,
                "the region is larger than 128 MiB, the most that a heap can be"
            ),
            Self::UnknownAddress(address) => {
                write!(out, "the chip has no memory at 0x{=u32:08X}", address);
            }
            Self::MixedTypes(address) => {
                write!(
                    out,
                    "memory of another type begins at 0x{=u32:08X}",
                    address
                );
            }
            Self::NoCaps => write!(out, "memory without capabilities would never serve anybody"),
            Self::UnknownTag(tag) => write!(out, "no memory type has tag {}", tag),
            Self::NotAscending => {
                write!(out, "the region does not lie above the one before it");
            }
            Self::InstructionSide(address) => write!(
                out,
                "the instruction side at 0x{=u32:08X} is not whole words, or is taken",
                address
            ),
            Self::TableFull { places } => {
                write!(out, "there are {=usize} heaps already: raise HEAPS", places);
            }
            Self::Unreachable => {
                write!(out, "the memory can't be reached or was given away before");
            }
        }
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
