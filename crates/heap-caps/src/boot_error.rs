//! Errors of registration and boot.

use multi_heap::NewHeapError;
use soc_regions::{LayoutError, Span, TypeIndex};

/// Why a chip can't be booted. No heap was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootError {
    /// There are heaps already.
    AlreadyBooted,
    /// Memory of a chip can be added to a chip that was booted only.
    NotBooted,
    /// Options, program and chip do not fit together.
    Layout(LayoutError),
    /// The chip has more memory regions than this type has places for heaps.
    TableFull {
        /// Heaps that the chip needs.
        needed: usize,
        /// Heaps that there is room for.
        places: usize,
    },
    /// The program can't reach this memory.
    Unreachable(Span),
    /// The program's own table names no memory.
    NoRegions,
    /// A region of the program's own table does not become a heap.
    Region {
        /// Which, counted from 0.
        number: usize,
        /// Why.
        why: AddRegionError,
    },
}

impl From<LayoutError> for BootError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}

multi_heap::texts!(BootError {
    Self::AlreadyBooted => "the heaps of a chip are registered already";
    Self::NotBooted => "no chip was booted: there is nothing to add memory to";
    Self::Layout(error) => "{}", error;
    Self::TableFull { needed, places } =>
        "the chip has {} heaps, but there is room for {}: raise HEAPS", needed, places;
    Self::Unreachable(span) => "the memory at {} can't be reached", span;
    Self::NoRegions => "the table of regions names no memory";
    Self::Region { number, why } => "region {} of the table: {}", number, why;
});

impl core::error::Error for BootError {}

/// Why a region does not become a heap. Nothing was registered.
///
/// An inverted or empty range can't be asked for: a [`Span`] has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddRegionError {
    /// Exactly this region is a heap already.
    Duplicate,
    /// It shares addresses with this heap.
    Overlap(Span),
    /// It is too small for a heap, which needs this many bytes.
    TooSmall {
        /// Bytes needed.
        needed: u32,
    },
    /// It is larger than 128 MiB, the most that one heap can be.
    TooLarge,
    /// No memory of the booted chip is at this address.
    UnknownAddress(u32),
    /// Memory of another type begins at this address.
    MixedTypes(u32),
    /// The capabilities are empty in every column: nobody could ever be served.
    NoCaps,
    /// The chip's table has no memory type with this tag.
    UnknownTag(TypeIndex),
    /// It does not lie above the region before it.
    NotAscending,
    /// The instruction bus can't see it there: that side is not whole words, or other memory is
    /// there already.
    InstructionSide(u32),
    /// There are as many heaps as there is room for.
    TableFull {
        /// That many.
        places: usize,
    },
    /// The program can't reach this memory, or handed it over before.
    Unreachable,
}

multi_heap::texts!(AddRegionError {
    Self::Duplicate => "the region is a heap already";
    Self::Overlap(span) => "the region overlaps the heap at {}", span;
    Self::TooSmall { needed } => "the region is too small: a heap needs {} bytes", needed;
    Self::TooLarge => "the region is larger than 128 MiB, the most that a heap can be";
    Self::UnknownAddress(address) => "the chip has no memory at 0x{:08X}", address;
    Self::MixedTypes(address) => "memory of another type begins at 0x{:08X}", address;
    Self::NoCaps => "memory without capabilities would never serve anybody";
    Self::UnknownTag(tag) => "no memory type has tag {}", tag.0;
    Self::NotAscending => "the region does not lie above the one before it";
    Self::InstructionSide(address) =>
        "the instruction side at 0x{:08X} is not whole words, or is taken", address;
    Self::TableFull { places } => "there are {} heaps already: raise HEAPS", places;
    Self::Unreachable => "the memory can't be reached or was given away before";
});

impl core::error::Error for AddRegionError {}

impl From<NewHeapError> for AddRegionError {
    fn from(error: NewHeapError) -> Self {
        match error {
            NewHeapError::TooSmall { needed, .. } => Self::TooSmall { needed },
            _ => Self::TooLarge,
        }
    }
}
