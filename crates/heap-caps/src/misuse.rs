//! Misuse: faults of a freed or resized address, in the chip's addresses.

use multi_heap::Corruption;

use crate::HeapIndex;

/// A broken promise of a heap: where it lies on the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// Which heap.
    pub heap: HeapIndex,
    /// Address of the damaged word or byte, on the data side.
    pub address: u32,
    /// What the heap found.
    pub corruption: Corruption,
}

impl Corrupt {
    pub(crate) const fn new(heap: HeapIndex, base: u32, corruption: Corruption) -> Self {
        Self {
            heap,
            address: base.wrapping_add(corruption.offset),
            corruption,
        }
    }
}

multi_heap::texts!(Corrupt {
    Self { address, corruption, .. } => "0x{:08X}: {}", address, corruption;
});

impl core::error::Error for Corrupt {}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MisuseKind {
    /// It lies in no heap (0 included).
    OutsideEveryHeap,
    /// It lies in a heap that is not enabled yet.
    Inactive,
    /// It is not a multiple of 4.
    Unaligned,
    /// The block is free already.
    AlreadyFree,
    /// No allocated block begins there.
    NotABlock,
    /// The block, or the heap around it, has been overwritten.
    Corrupt(Corrupt),
}

/// An address that was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// The address as it was given.
    pub address: u32,
    /// First address of the heap in which it lies, if any.
    pub heap_start: Option<u32>,
    /// Why it is refused.
    pub kind: MisuseKind,
}

impl Misuse {
    /// Returns the refusal of the heap at `base`, in the chip's addresses.
    pub(crate) fn in_heap(
        address: u32,
        heap: HeapIndex,
        base: u32,
        misuse: multi_heap::Misuse,
    ) -> Self {
        use multi_heap::Misuse as Below;
        let kind = match misuse {
            Below::Unaligned => MisuseKind::Unaligned,
            Below::AlreadyFree => MisuseKind::AlreadyFree,
            Below::Corrupt(corruption) => MisuseKind::Corrupt(Corrupt::new(heap, base, corruption)),
            // Inside the span, but among the heap's own bookkeeping or in the middle of a block.
            _ => MisuseKind::NotABlock,
        };
        Self {
            address,
            heap_start: Some(base),
            kind,
        }
    }

    pub(crate) const fn outside(address: u32) -> Self {
        Self {
            address,
            heap_start: None,
            kind: MisuseKind::OutsideEveryHeap,
        }
    }
}

multi_heap::texts!(Misuse {
    Self { address, kind, heap_start: Some(start) } =>
        "0x{:08X}: {} (heap at 0x{:08X})", address, kind, start;
    Self { address, kind, heap_start: None } => "0x{:08X}: {}", address, kind;
});

multi_heap::texts!(MisuseKind {
    Self::OutsideEveryHeap => "not in any heap";
    Self::Inactive => "in a heap that is not enabled yet";
    Self::Unaligned => "not a multiple of 4, so never handed out";
    Self::AlreadyFree => "already free (double free)";
    Self::NotABlock => "no allocated block begins here";
    Self::Corrupt(corrupt) => "{}", corrupt;
});

impl core::error::Error for Misuse {}
