//! Kinds of faults.

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Writes 1 to 64 bytes past the end of a block.
    Overrun,
    /// Writes 1 to 64 bytes before the start of a block.
    Underrun,
    /// Writes 1 to 64 bytes into a block that it has freed.
    WriteAfterFree,
    /// The same after the memory has become another block's.
    StaleWrite,
    /// Frees a block twice.
    DoubleFree,
    /// Frees a block a second time after its memory has become another block's.
    LateDoubleFree,
    /// Frees an address that it was not given.
    ForeignFree,
    /// Flips 1 to 3 bits in a block's header.
    HeaderBits,
    /// Overwrites a block's header.
    HeaderWord,
    /// Overwrites a link or the last word of a free block.
    FreeBlock,
    /// Flips 1 to 3 bits of a counter, of the bitmap, of a list's head, or overwrites it.
    Control,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Overrun,
        Self::Underrun,
        Self::WriteAfterFree,
        Self::StaleWrite,
        Self::DoubleFree,
        Self::LateDoubleFree,
        Self::ForeignFree,
        Self::HeaderBits,
        Self::HeaderWord,
        Self::FreeBlock,
        Self::Control,
    ];

    /// Returns its name, as on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overrun => "overrun",
            Self::Underrun => "underrun",
            Self::WriteAfterFree => "write-after-free",
            Self::StaleWrite => "stale-write",
            Self::DoubleFree => "double-free",
            Self::LateDoubleFree => "late-double-free",
            Self::ForeignFree => "foreign-free",
            Self::HeaderBits => "header-bits",
            Self::HeaderWord => "header-word",
            Self::FreeBlock => "free-block",
            Self::Control => "control",
        }
    }

    /// Returns what the program does, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Overrun => "writes 1 to 64 bytes past the end of a block",
            Self::Underrun => "writes 1 to 64 bytes before the start of a block",
            Self::WriteAfterFree => "writes 1 to 64 bytes into a block that it has freed",
            Self::StaleWrite => "the same after the memory has become another block's",
            Self::DoubleFree => "frees a block twice, up to three other frees in between",
            Self::LateDoubleFree => "the same after the memory has become another block's",
            Self::ForeignFree => {
                "frees an address inside a block, 4 or 8 bytes beside one, off the word grid, in another heap, or in none"
            }
            Self::HeaderBits => "flips 1 to 3 bits in the header of a block",
            Self::HeaderWord => "overwrites the header of a block",
            Self::FreeBlock => "overwrites a link or the last word of a free block",
            Self::Control => "flips bits in or overwrites a counter, the bitmap or a list's head",
        }
    }
}

impl core::fmt::Display for FaultKind {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.pad(self.name())
    }
}
