//! Memory access: the bytes behind a chip's addresses.

use core::ptr::NonNull;

use soc_regions::Span;

/// The way from a chip's addresses to bytes that this program can touch.
///
/// # Safety
/// For every span that [`Memory::region`] answers with a slice:
/// - the slice has exactly `span.size()` bytes, readable and writable by aligned 32-bit words,
///   until the last use of a heap made from it;
/// - no part of it is given out twice, and nothing else accesses it meanwhile, except users of
///   allocated blocks;
/// - the slice's address and `span.start()` leave the same rest when divided by any alignment up to
///   [`Memory::CONGRUENT`].
pub unsafe trait Memory {
    /// Largest power of two up to which alignments of chip addresses are alignments of the bytes
    /// too.
    const CONGRUENT: u32;

    /// Returns the bytes of `span`; `None` where there are none, or where they were given out
    /// before.
    fn region(&self, span: Span) -> Option<NonNull<[u8]>>;
}

/// The chip itself: an address is a pointer.
///
/// On a 64-bit host these addresses mean nothing: there, use `SimulatedMemory` (feature `std`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

// SAFETY: on the chip a span's bytes are at its addresses; that nobody else uses them is what the
// callers of `boot`, `add_region` and `enable_startup_stack_heaps` promise (they are `unsafe fn`s
// for this reason).
unsafe impl Memory for Identity {
    const CONGRUENT: u32 = 1 << 31;

    fn region(&self, span: Span) -> Option<NonNull<[u8]>> {
        let start = usize::try_from(span.start()).ok()?;
        let size = usize::try_from(span.size()).ok()?;
        let first = NonNull::new(core::ptr::with_exposed_provenance_mut(start))?;
        Some(NonNull::slice_from_raw_parts(first, size))
    }
}

/// Memory is often described once and lent.
// SAFETY: the promises of the lent memory.
unsafe impl<M: Memory + ?Sized> Memory for &M {
    const CONGRUENT: u32 = M::CONGRUENT;

    fn region(&self, span: Span) -> Option<NonNull<[u8]>> {
        (**self).region(span)
    }
}
