//! Conversion between the chip's addresses and pointers.
//!
//! ```text
//!   chip      address 0x3FFB_2F00  =  pointer                      nothing to look up
//!   host      address 0x3FFB_2F00 ◄─► buffer + 0x38                looked up in the heaps, O(heaps)
//!   both      instruction-side address = pointer                   a host can free and measure it, but not follow it
//! ```

use core::num::NonZero;
use core::ptr::NonNull;

use heap_caps::{Misuse, MisuseKind, Observer};
use multi_heap::Poison;

use crate::heap::State;
use crate::lock::RawLock;

/// On a chip without an operating system the bytes of a heap are where its addresses say: no other
/// memory is taken.
pub(crate) const ADDRESSES_ARE_POINTERS: bool =
    cfg!(all(target_os = "none", target_pointer_width = "32"));

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Returns whether bytes of some heap can be elsewhere than its addresses say.
    #[inline(always)]
    const fn is_displaced(&self) -> bool {
        !ADDRESSES_ARE_POINTERS && self.displaced
    }

    /// Returns the address that the heaps know `pointer` by. O(1) on a chip, O(heaps) on a host. On
    /// a chip every user of the address checks it; on a host `None` says that it lies in no heap.
    #[inline(always)]
    pub(crate) fn known_address(&self, pointer: NonNull<u8>) -> Option<u32> {
        if self.is_displaced() {
            return self.looked_up_address(pointer);
        }
        u32::try_from(pointer.addr().get()).ok()
    }

    #[inline(never)]
    fn looked_up_address(&self, pointer: NonNull<u8>) -> Option<u32> {
        let number = u32::try_from(pointer.addr().get()).ok();
        let outside = || number.filter(|&number| self.heaps.inspect().heap_at(number).is_none());
        self.heaps
            .inspect()
            .address_of(pointer.as_ptr())
            .or_else(outside)
    }

    /// As [`State::known_address`].
    ///
    /// # Errors
    /// On a host, the pointer lies in no heap.
    pub(crate) fn address_of(&self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        self.known_address(pointer).ok_or_else(|| foreign(pointer))
    }

    /// Returns the pointer to a block by its address. On the instruction side the chip's address is
    /// the pointer, on a host too.
    #[inline(always)]
    pub(crate) fn pointer_to(&self, address: u32) -> NonNull<u8> {
        if self.is_displaced() {
            return self.looked_up_pointer(address);
        }
        exposed(address)
    }

    #[inline(never)]
    fn looked_up_pointer(&self, address: u32) -> NonNull<u8> {
        self.heaps
            .inspect()
            .pointer(address)
            .unwrap_or_else(|| exposed(address))
    }
}

/// Returns an address as a pointer: the chip's memory has been exposed to it all along. No block
/// begins at address 0.
#[inline(always)]
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
