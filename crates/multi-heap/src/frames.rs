//! How figures and errors look in a defmt log: as `Display` writes them, where they have one.

use defmt::{Format, Formatter, write};

use crate::{Block, BlockState, Corruption, CorruptionKind, Info, Misuse, NewHeapError, Offset};

impl Format for Offset {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=u32:#x}", self.get());
    }
}

impl Format for BlockState {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::Used => write!(out, "used"),
            Self::Free => write!(out, "free"),
        }
    }
}

/// `0x148: used, 96 B`
impl Format for Block {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{}: {}, {=u32} B", self.offset, self.state, self.size);
    }
}

/// `free 1204 of 4096 B in 3 of 10 blocks, largest 800, least 400`
impl Format for Info {
    fn format(&self, out: Formatter<'_>) {
        let all = self
            .total_free_bytes
            .saturating_add(self.total_allocated_bytes);
        write!(
            out,
            "free {=u32} of {=u32} B in {=u32} of {=u32} blocks, largest {=u32}, least {=u32}",
            self.total_free_bytes,
            all,
            self.free_blocks,
            self.total_blocks,
            self.largest_free_block,
            self.minimum_free_bytes
        );
    }
}

impl Format for CorruptionKind {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::Header => write!(out, "bad block header"),
            Self::PreviousBlock => write!(out, "bad note about the previous block"),
            Self::AdjacentFreeBlocks => write!(out, "two free blocks side by side"),
            Self::Footer => write!(out, "bad size at the end of a free block"),
            Self::Link => write!(out, "bad link in a free list"),
            Self::Bitmap => write!(out, "bitmap of free lists differs from the lists"),
            Self::Counter => write!(out, "counter differs from the blocks"),
            Self::HeadCanary => write!(out, "bad head canary (write before the start of a block)"),
            Self::TailCanary => write!(out, "bad tail canary (write past the end of a block)"),
            Self::SizeWord => write!(out, "recorded size and block size contradict each other"),
            Self::FreedByte => write!(out, "freed memory was written"),
            Self::Noticed => write!(out, "an operation came across damage that has gone since"),
        }
    }
}

impl Format for Corruption {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "CORRUPT HEAP: {} at offset {=u32:#x}: expected {=u32:#010x}, got {=u32:#010x}",
            self.kind, self.offset, self.expected, self.found
        );
    }
}

impl Format for Misuse {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::OutsideHeap => write!(out, "the address lies outside the heap"),
            Self::Unaligned => write!(out, "the address is not a multiple of 4"),
            Self::AlreadyFree => write!(out, "the block is already free (double free)"),
            Self::NotABlock => write!(out, "no allocated block begins at the address"),
            Self::Corrupt(corruption) => write!(out, "{}", corruption),
        }
    }
}

impl Format for NewHeapError {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::TooSmall { bytes, needed } => write!(
                out,
                "region of {=u32} bytes is too small for a heap, which needs {=u32}",
                bytes, needed
            ),
            Self::TooLarge => write!(out, "region is larger than 128 MiB"),
        }
    }
}
