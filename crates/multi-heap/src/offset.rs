//! Offsets: places inside a heap's region.

use core::fmt;
use core::num::NonZeroU32;

/// Distance in bytes from the first byte of a heap's region: the heap's name of a block.
///
/// Having one says that a distance was computed, not that a block lies there: every operation
/// of the heap validates the offsets it is given. It is never zero, because the region begins with
/// the heap's own control structure, so `Option<Offset>` is four bytes. Offsets instead of pointers
/// make a 64-bit host lay out a heap exactly as a 32-bit chip does.
///
/// A heap is asked about places, so a pointer in the place of a block does not compile
/// (defect 6c25dd4, `a_pointer_is_not_a_block`):
/// ```compile_fail,E0308
/// # fn ask(heap: &multi_heap::Heap<multi_heap::Light>, block: multi_heap::Offset) {
/// let size = heap.usable_size(heap.pointer(block));
/// # }
/// ```
/// ```
/// # fn ask(heap: &multi_heap::Heap<multi_heap::Light>, block: multi_heap::Offset) {
/// let size = heap.usable_size(block);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Offset(NonZeroU32);

impl Offset {
    /// Returns the place `bytes` behind the start of the region; `None` for 0, where no block can
    /// lie.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        match NonZeroU32::new(bytes) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// Returns the distance in bytes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The place `bytes` further up; `None` where 32 bits do not reach.
    #[must_use]
    pub const fn checked_add(self, bytes: u32) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The place `bytes` further down; `None` at or below the region's start.
    #[must_use]
    pub const fn checked_sub(self, bytes: u32) -> Option<Self> {
        match self.get().checked_sub(bytes) {
            Some(difference) => Self::new(difference),
            None => None,
        }
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Offset({:#x})", self.get())
    }
}

crate::texts!(Offset {
    offset => "{:#x}", offset.get();
});
