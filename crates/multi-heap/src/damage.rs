//! Damage of a heap, and misuse of a pointer.

use core::fmt;

/// The invariant that was found broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CorruptionKind {
    /// A block's size word leads outside the heap, or contradicts its neighbour.
    Header,
    /// The previous-block bits of a used block are wrong.
    PreviousBlock,
    /// Two free blocks lie side by side.
    AdjacentFreeBlocks,
    /// The size at the end of a free block differs from the one at its start.
    Footer,
    /// A free list's link leads somewhere else than to a free block of that list.
    Link,
    /// The bitmap of non-empty free lists contradicts the lists.
    Bitmap,
    /// A counter differs from what a walk finds.
    Counter,
    /// An operation came across damage before, which has gone since.
    Noticed,
    /// The canary before a block was overwritten (an underrun).
    HeadCanary,
    /// The canary behind a block was overwritten (an overrun).
    TailCanary,
    /// The recorded size of a block is larger than the block, or so much smaller that one of the
    /// two is forged.
    SizeWord,
    /// A freed or never allocated byte was written (a write after free).
    FreedByte,
}

/// One broken invariant: where, what was expected, what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// Place of the damaged word (or byte) in bytes from the region's start.
    pub offset: u32,
    /// The broken invariant.
    pub kind: CorruptionKind,
    /// What should stand there.
    pub expected: u32,
    /// What stands there.
    pub found: u32,
}

crate::texts!(CorruptionKind {
    Self::Header => "bad block header";
    Self::PreviousBlock => "bad previous-block bits";
    Self::AdjacentFreeBlocks => "two free blocks side by side";
    Self::Footer => "bad size at the end of a free block";
    Self::Link => "bad link in a free list";
    Self::Bitmap => "bitmap of free lists differs from the lists";
    Self::Counter => "counter differs from the blocks";
    Self::Noticed => "an operation came across damage that has gone since";
    Self::HeadCanary => "bad head canary (write before the start of a block)";
    Self::TailCanary => "bad tail canary (write past the end of a block)";
    Self::SizeWord => "recorded size and block size contradict each other";
    Self::FreedByte => "freed memory was written";
});

crate::texts!(Corruption {
    Self { offset, kind, expected, found } =>
        "CORRUPT HEAP: {} at offset {:#x}: expected {:#010x}, got {:#010x}",
        kind, offset, expected, found;
});

impl core::error::Error for Corruption {}

/// Why a block that was handed back, resized or asked about is refused. The heap is left as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The place lies outside the heap's blocks.
    OutsideHeap,
    /// The place is not a multiple of 4 and so was never handed out.
    Unaligned,
    /// The block is free already: a double free.
    AlreadyFree,
    /// Nothing that looks like an allocated block begins there.
    NotABlock,
    /// The block, or the heap around it, has been overwritten.
    Corrupt(Corruption),
}

/// A block was refused. [`Heap::explain`](crate::Heap::explain) returns the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the heap refused a block")
    }
}

impl core::error::Error for Refused {}

crate::texts!(Misuse {
    Self::OutsideHeap => "the address lies outside the heap";
    Self::Unaligned => "the address is not a multiple of 4";
    Self::AlreadyFree => "the block is already free (double free)";
    Self::NotABlock => "no allocated block begins at the address";
    Self::Corrupt(corruption) => "{}", corruption;
});

impl core::error::Error for Misuse {}

impl From<Corruption> for Misuse {
    fn from(corruption: Corruption) -> Self {
        Self::Corrupt(corruption)
    }
}

/// Why a region cannot become a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewHeapError {
    /// The region has no room for the control structure and one smallest block.
    TooSmall {
        /// Bytes between the first and the last 4-byte boundary of the region.
        bytes: u32,
        /// Bytes that a region of this size would need at least.
        needed: u32,
    },
    /// The region is larger than a heap's offsets reach.
    TooLarge,
}

crate::texts!(NewHeapError {
    Self::TooSmall { bytes, needed } =>
        "region of {} bytes is too small for a heap, which needs {}", bytes, needed;
    Self::TooLarge => "region is larger than 128 MiB";
});

impl core::error::Error for NewHeapError {}
