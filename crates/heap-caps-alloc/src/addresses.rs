//! Between the chip's addresses and pointers.
//!
//! ```text
//!   chip      address 0x3FFB_2F00  =  pointer                      nothing to look up
//!   host      address 0x3FFB_2F00 ◄─► buffer + 0x38                looked up in the heaps, O(heaps)
//!   both      instruction-side address = pointer                   a host can free and measure it, but not follow it
//! ```

use core::num::NonZero;
use core::ptr::NonNull;

use heap_caps::{Fresh, Misuse, MisuseKind, Move, Observer};
use multi_heap::Poison;

use crate::heap::State;

impl<P: Poison, O: Observer, const HEAPS: usize> State<P, O, HEAPS> {
    /// The address that the heaps know `pointer` by. O(1) on a chip, O(heaps) on a host.
    ///
    /// # Errors
    /// On a host, the pointer lies in no heap. On a chip the address is checked by whoever uses it.
    pub(crate) fn address_of(&self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        let number = u32::try_from(pointer.addr().get()).ok();
        let found = match self.displaced {
            false => number,
            true => self
                .heaps
                .address_of(pointer.as_ptr())
                .or(number.filter(|&number| self.heaps.heap_at(number).is_none())),
        };
        found.ok_or(foreign(pointer))
    }
}

/// The pointer to a block that was just taken.
pub(crate) fn of_fresh<P: Poison>(fresh: &Fresh<P>) -> NonNull<u8> {
    fresh.pointer().unwrap_or_else(|| exposed(fresh.address()))
}

/// The pointer to where a block moves.
pub(crate) fn of_move<P: Poison>(moving: &Move<P>) -> NonNull<u8> {
    moving
        .pointer()
        .unwrap_or_else(|| exposed(moving.address()))
}

/// An instruction-side address as a pointer: the chip's memory has been exposed to it all along. No block begins at address 0.
fn exposed(address: u32) -> NonNull<u8> {
    let address = NonZero::new(address as usize).unwrap_or(NonZero::<usize>::MIN); // widening
    NonNull::with_exposed_provenance(address)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a number for people; on chips nothing is cut off"
)]
fn foreign(pointer: NonNull<u8>) -> Misuse {
    Misuse {
        address: pointer.addr().get() as u32,
        heap_start: None,
        kind: MisuseKind::OutsideEveryHeap,
    }
}
