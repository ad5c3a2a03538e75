//! Measurement fixture: a counter, and memory for one heap after the other.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::allocator::{Allocator, Measured};
use crate::counter::Counter;

/// A counter and memory. **Invariant:** the memory belongs to the fixture, and to one heap at a
/// time, which borrows the fixture.
pub(crate) struct Fixture<'a, M> {
    counter: &'a M,
    region: NonNull<[u8]>,
}

impl<'a, M: Counter> Fixture<'a, M> {
    /// # Safety
    /// Nothing else uses the region while the fixture lives.
    pub(crate) const unsafe fn new(counter: &'a M, region: NonNull<[u8]>) -> Self {
        Self { counter, region }
    }

    /// Returns how much memory there is.
    pub(crate) const fn bytes(&self) -> usize {
        self.region.len()
    }

    /// Returns a heap in the first `bytes` bytes of the memory; `None` if it is too small.
    pub(crate) fn start<'b, S: Allocator>(
        &'b mut self,
        place: &'b mut MaybeUninit<S>,
        bytes: usize,
    ) -> Option<Measured<'b, S, M>> {
        let bytes = bytes.min(self.region.len());
        let region = NonNull::slice_from_raw_parts(self.region.cast(), bytes);
        // SAFETY: the memory belongs to the heap for as long as the fixture is borrowed.
        unsafe { Measured::start(place, self.counter, region) }
    }
}
