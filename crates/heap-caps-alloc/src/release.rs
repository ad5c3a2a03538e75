//! How memory is given back or resized: validated under the lock, filled and copied without.

use core::panic::Location;
use core::ptr::NonNull;

use heap_caps::{
    Cause, Demand, Failure, HeapCaps, Misuse, Move, Observer, ReallocateError, Reallocation,
};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::addresses;
use crate::heap::CapsHeap;
use crate::lock::RawLock;
use crate::obtain::Refusal;
use crate::report::{Action, Fault};

/// Free and reallocation.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; GlobalAlloc and the typed allocators use the cause alone"
)]
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Frees a block, whichever function it came from. O(heaps) under the lock; under comprehensive poisoning also O(size) without it.
    ///
    /// # Errors
    /// The heaps did not hand the pointer out, it was freed before, or the block was overwritten. Nothing is changed then.
    ///
    /// # Safety
    /// - If `pointer` is that of an allocated block of this heap, nobody uses the block any more.
    ///
    /// Any other pointer is an error, not a danger.
    pub unsafe fn free(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        let mut state = self.state.acquire();
        let address = state.address_of(pointer)?;
        if !HeapCaps::<P, O, HEAPS>::FREES_IN_PHASES {
            return state.heaps.free(address);
        }
        let freeing = state.heaps.begin_free(address)?;
        drop(state);
        freeing.fill();
        self.state.acquire().heaps.finish_free(freeing)
    }

    /// Resizes a block to `size` bytes of memory that has all of `caps`, where it lies if possible; returns the pointer to use from now on.
    /// The first `min(old, new)` bytes are kept. Empty `caps` mean those of the memory in which the block lies. O(heaps)
    /// under the lock, O(size) without it if the block moves or is filled (comprehensive poisoning).
    ///
    /// # Errors
    /// [`ReallocateError::Misuse`] as for [`CapsHeap::free`], [`ReallocateError::Failure`] if there is no memory; the latter was told
    /// to the failure handler. The block is as it was in both cases.
    ///
    /// # Safety
    /// - If `pointer` is that of an allocated block of this heap, nobody uses the block by the old pointer after a success, and
    ///   nobody else uses it during the call.
    #[track_caller]
    pub unsafe fn realloc(
        &self,
        pointer: NonNull<u8>,
        size: usize,
        caps: Caps,
    ) -> Result<NonNull<u8>, ReallocateError> {
        let demand = Demand::new(size, caps).from(Location::caller());
        // SAFETY: the caller keeps the same contract.
        unsafe { self.resize(pointer, &demand) }
    }

    /// As [`CapsHeap::realloc`], with size, alignment, capabilities and caller as `demand` says.
    ///
    /// # Errors
    /// As [`CapsHeap::realloc`].
    ///
    /// # Safety
    /// As [`CapsHeap::realloc`].
    pub unsafe fn resize(
        &self,
        pointer: NonNull<u8>,
        demand: &Demand,
    ) -> Result<NonNull<u8>, ReallocateError> {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.resized::<Failure>(pointer, demand, Choice::Asked) }
    }

    /// Bytes that can be used at `pointer`, at least those asked for. O(heaps).
    ///
    /// # Errors
    /// As [`CapsHeap::free`].
    pub fn usable_size(&self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        let state = self.state.acquire();
        state.heaps.usable_size(state.address_of(pointer)?)
    }

    /// The chip's address of a byte in a heap: what a DMA descriptor wants to know. O(heaps).
    ///
    /// # Errors
    /// The pointer lies in no heap.
    pub fn address_of(&self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        self.state.acquire().address_of(pointer)
    }
}

/// Where a resized block may lie.
#[derive(Clone, Copy)]
pub enum Choice<'a> {
    /// Where the demand says.
    Asked,
    /// Where `malloc` would allocate the new size.
    Default,
    /// In the first of these that can be met.
    Preferring(&'a [Caps]),
}

/// The phases.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// # Safety
    /// As [`CapsHeap::realloc`].
    #[doc(hidden)]
    pub unsafe fn resized<E: Refusal>(
        &self,
        pointer: NonNull<u8>,
        demand: &Demand,
        choice: Choice<'_>,
    ) -> Result<NonNull<u8>, ReallocateError<E>> {
        let mut state = self.state.acquire();
        let address = state.address_of(pointer)?;
        let heaps = &mut state.heaps;
        let outcome = match choice {
            Choice::Asked => heaps.reallocate(address, demand),
            Choice::Default => heaps.reallocate_default(address, demand),
            Choice::Preferring(choices) => heaps.reallocate_preferring(address, demand, choices),
        };
        match outcome {
            Ok(Reallocation::InPlace(_)) => Ok(pointer),
            Ok(Reallocation::Moving(moving)) => {
                drop(state);
                self.moved(&moving, demand)
            }
            Err(ReallocateError::Misuse(misuse)) => Err(ReallocateError::Misuse(misuse)),
            Err(ReallocateError::Failure(cause)) => {
                Err(ReallocateError::Failure(self.refused(state, demand, cause)))
            }
        }
    }

    /// Copies a block to its new place (or fills it where it lies) without the lock, and gives up the old one.
    fn moved<E: Refusal>(
        &self,
        moving: &Move<P>,
        demand: &Demand,
    ) -> Result<NonNull<u8>, ReallocateError<E>> {
        if let Err(corrupt) = moving.copy() {
            return Err(ReallocateError::Failure(
                self.refused_as_corrupt(demand, corrupt),
            ));
        }
        let finished = self.state.acquire().heaps.finish_move(*moving);
        if let Err(misuse) = finished {
            // The old block was damaged meanwhile, the new one has the contents: it is what the caller needs.
            self.report(Action::Reallocate, Fault::Misuse(misuse));
        }
        Ok(addresses::of_move(moving))
    }

    /// A free whose caller can't be told of faults.
    ///
    /// # Safety
    /// As [`CapsHeap::free`].
    pub(crate) unsafe fn free_or_report(&self, pointer: NonNull<u8>) {
        // SAFETY: the caller keeps the same contract.
        if let Err(misuse) = unsafe { self.free(pointer) } {
            self.report(Action::Free, Fault::Misuse(misuse));
        }
    }

    /// A reallocation whose caller can't be told of faults; `None` if the block is as it was.
    ///
    /// # Safety
    /// As [`CapsHeap::realloc`].
    pub(crate) unsafe fn resize_or_report(
        &self,
        pointer: NonNull<u8>,
        demand: &Demand,
        choice: Choice<'_>,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller keeps the same contract.
        match unsafe { self.resized::<Cause>(pointer, demand, choice) } {
            Ok(resized) => Some(resized),
            Err(ReallocateError::Failure(_)) => None,
            Err(ReallocateError::Misuse(misuse)) => {
                self.report(Action::Reallocate, Fault::Misuse(misuse));
                None
            }
        }
    }
}
