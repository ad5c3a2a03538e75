//! A chip's memory in buffers of the host.

use core::ptr::NonNull;
use std::sync::Mutex;
use std::vec;
use std::vec::Vec;

use soc_regions::Span;

use crate::memory::Memory;

/// What memory contains before anybody writes to it.
#[derive(Clone, Copy, Debug)]
enum Contents {
    /// Zeros.
    Zero,
    /// This byte everywhere. Real RAM contains anything at power-on.
    Dirty(u8),
}

/// Host memory for any spans of a chip's addresses, each asked for at most once.
///
/// ```text
///   host buffer   | .... | bytes of the span ........ | .. |
///                        ^ host address ≡ chip address modulo CONGRUENT: what is aligned on the chip is aligned here
/// ```
///
/// The buffers live as long as this value: heaps made from it must not outlive it.
#[derive(Debug)]
pub struct SimulatedMemory {
    contents: Contents,
    regions: Mutex<Vec<Region>>,
}

#[derive(Debug)]
struct Region {
    span: Span,
    /// Kept alive, accessed only through the slice that was given out.
    _buffer: Vec<u8>,
}

impl SimulatedMemory {
    /// Returns the memory that contains zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            contents: Contents::Zero,
            regions: Mutex::new(Vec::new()),
        }
    }

    /// Returns the memory that contains `byte` everywhere.
    #[must_use]
    pub const fn dirty(byte: u8) -> Self {
        Self {
            contents: Contents::Dirty(byte),
            regions: Mutex::new(Vec::new()),
        }
    }

    fn buffer(&self, bytes: usize) -> Vec<u8> {
        match self.contents {
            Contents::Zero => vec![0; bytes],
            Contents::Dirty(byte) => vec![byte; bytes],
        }
    }
}

impl Default for SimulatedMemory {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY:
// - each buffer is `span.size()` + `CONGRUENT` bytes and the slice lies inside of it; it is never
//   resized, and freed only with `self`, which the callers keep for as long as they use heaps in
//   it;
// - overlapping spans are refused, so that no byte is given out twice, and this type never touches
//   the bytes again;
// - the slice begins at the first address of the buffer that is congruent to the span's start.
unsafe impl Memory for SimulatedMemory {
    const CONGRUENT: u32 = 0x1_0000;

    fn region(&self, span: Span) -> Option<NonNull<[u8]>> {
        let mut regions = self.regions.lock().ok()?;
        if regions.iter().any(|region| region.span.overlaps(span)) {
            return None;
        }
        let size = usize::try_from(span.size()).ok()?;
        let mask = usize::try_from(Self::CONGRUENT - 1).ok()?;
        let mut buffer = self.buffer(size.checked_add(mask)?);
        let start = usize::try_from(span.start()).ok()?;
        let lead = start.wrapping_sub(buffer.as_ptr().addr()) & mask;
        let slice = NonNull::from(buffer.get_mut(lead..)?.get_mut(..size)?);
        regions.push(Region {
            span,
            _buffer: buffer,
        });
        Some(slice)
    }
}
