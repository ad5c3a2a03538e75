//! Alignments that C asked for, which `realloc` keeps where a block has to move.
//!
//! A block has no room to store its alignment, but it lies at a multiple of it. So the library
//! stores which alignments were ever asked for, and a block that moves keeps the largest of them
//! that divides its address:
//!
//! ```text
//!   asked for so far       16 and 4096
//!   a block at 0x..A0B4    an ordinary one: 4 divides it, 16 does not
//!   a block at 0x..A0C0    moves to a multiple of 16
//!   a block at 0x..B000    moves to a multiple of 4096
//! ```
//!
//! An ordinary block that lies at such a place by chance is moved to one like it. A program that
//! asks for no alignment pays three instructions for each reallocation.

use core::sync::atomic::{AtomicUsize, Ordering};

use heap_caps_alloc::ffi::Locked;

use crate::heap::CLock;

/// What every block is aligned to.
const EVERY_BLOCK: usize = 4;
/// What the blocks of `malloc` are aligned to on chips, and those of `realloc` without our help.
const FOR_ANYTHING: usize = 8;

/// Alignments that were asked for, each a bit.
///
/// Chips without an atomic exchange have loads and stores, so writers take turns.
static ASKED: AtomicUsize = AtomicUsize::new(0);
static WRITERS: Locked<CLock, ()> = Locked::new(());

/// Stores that a block was given `alignment`, a power of two. O(1).
#[inline]
pub(super) fn remember(alignment: usize) {
    if alignment > EVERY_BLOCK && ASKED.load(Ordering::Relaxed) & alignment == 0 {
        add(alignment);
    }
}

#[cold]
#[inline(never)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
fn add(alignment: usize) {
    let _turn = WRITERS.acquire();
    let asked = ASKED.load(Ordering::Relaxed) | alignment;
    ASKED.store(asked, Ordering::Relaxed);
    BY_CAPABILITY.update(asked);
    LIKE_MALLOC.update(asked & !FOR_ANYTHING);
}

/// Marks an address of a block without an alignment of its own: it has one of these bits, those
/// below the smallest alignment that counts.
pub(super) struct OffGrid(AtomicUsize);

/// For functions that align to 4: `heap_caps_realloc` and its like.
pub(super) static BY_CAPABILITY: OffGrid = OffGrid::new();
/// For functions that align to 8 themselves: `realloc` and its like.
pub(super) static LIKE_MALLOC: OffGrid = OffGrid::new();

impl OffGrid {
    /// Nothing was asked for yet.
    const fn new() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }

    /// Returns whether the block at `address` may have an alignment to keep; `true` for 0.
    #[inline(always)]
    pub(super) fn is_on_grid(&self, address: usize) -> bool {
        address & self.0.load(Ordering::Relaxed) == 0
    }

    fn update(&self, asked: usize) {
        let below_smallest = lowest_bit(asked).wrapping_sub(1);
        self.0.store(below_smallest, Ordering::Relaxed);
    }
}

/// Returns the alignment that the block at `address` keeps; 1 where there is none.
#[inline(never)]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub(super) fn kept(address: usize) -> usize {
    largest_of(ASKED.load(Ordering::Relaxed), address)
}

/// Returns the largest of the alignments `asked` for that divides `address`, else 1.
pub(super) fn largest_of(asked: usize, address: usize) -> usize {
    let own = lowest_bit(address);
    let dividing = asked & (own | own.wrapping_sub(1));
    dividing.checked_ilog2().map_or(1, |bit| 1 << bit)
}

const fn lowest_bit(bits: usize) -> usize {
    bits & bits.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_the_largest_alignment_that_divides_its_address() {
        let asked = 16 | 4096;
        for (address, alignment) in [
            (0xA0B4, 1),
            (0xA0B8, 1),
            (0xA0C0, 16),
            (0xA800, 16),
            (0xB000, 4096),
            (0x2_0000, 4096),
        ] {
            assert_eq!(largest_of(asked, address), alignment, "{address:#x}");
        }
        assert_eq!(largest_of(0, 0xB000), 1);
    }

    #[test]
    fn what_every_block_has_is_not_stored() {
        remember(4);
        assert_eq!(ASKED.load(Ordering::Relaxed) & 4, 0);
        remember(1024);
        for grid in [&BY_CAPABILITY, &LIKE_MALLOC] {
            assert!(grid.is_on_grid(0x7_0400) && !grid.is_on_grid(0x7_0408));
        }
        assert_eq!(kept(0x7_0C00), 1024);
        remember(8);
        assert!(BY_CAPABILITY.is_on_grid(0x7_0408) && !LIKE_MALLOC.is_on_grid(0x7_0408));
        assert_eq!(kept(0x7_0408), 8);
    }
}
