//! Where heaps are measured, one after the other.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::meter::Meter;
use crate::subject::{Measured, Subject};

/// A meter and memory. **Invariant:** the memory belongs to the stand, and to one heap at a time,
/// which borrows the stand.
pub(crate) struct Stand<'a, M> {
    meter: &'a M,
    region: NonNull<[u8]>,
}

impl<'a, M: Meter> Stand<'a, M> {
    /// # Safety
    /// Nothing else uses the region while the stand lives.
    pub(crate) const unsafe fn new(meter: &'a M, region: NonNull<[u8]>) -> Self {
        Self { meter, region }
    }

    /// How much memory there is.
    pub(crate) const fn bytes(&self) -> usize {
        self.region.len()
    }

    /// A heap in the first `bytes` bytes of the memory; `None` if it is too small.
    pub(crate) fn start<'b, S: Subject>(
        &'b mut self,
        place: &'b mut MaybeUninit<S>,
        bytes: usize,
    ) -> Option<Measured<'b, S, M>> {
        let bytes = bytes.min(self.region.len());
        let region = NonNull::slice_from_raw_parts(self.region.cast(), bytes);
        // SAFETY: the memory belongs to the heap for as long as the stand is borrowed.
        unsafe { Measured::start(place, self.meter, region) }
    }
}
