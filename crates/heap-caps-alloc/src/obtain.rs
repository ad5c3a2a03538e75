//! How memory is obtained: a block under the lock, its bytes without.

use core::panic::Location;
use core::ptr::NonNull;

use heap_caps::{Cause, Corrupt, Demand, Failure, Fresh, HeapCaps, Observer};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::addresses;
use crate::heap::{CapsHeap, State};
use crate::lock::{Guard, RawLock};
use crate::report::{Action, Fault};

/// What a caller wants to know about a refusal: everything, or (cheaper to return) its cause.
pub trait Refusal {
    /// What of `failure` the caller gets.
    fn of(failure: &Failure) -> Self;
}

impl Refusal for Failure {
    fn of(failure: &Failure) -> Self {
        *failure
    }
}

impl Refusal for Cause {
    fn of(failure: &Failure) -> Self {
        failure.cause
    }
}

/// Allocation. All are O(heaps) under the lock, plus O(size) outside of it where bytes are zeroed or poisoned.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; GlobalAlloc and the typed allocators use the cause alone"
)]
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Allocates `size` bytes, 4-aligned, of memory that has all of `caps`.
    ///
    /// The pointer is good for what the memory can do: without `8BIT` among the `caps`, only aligned words may be accessed.
    ///
    /// # Errors
    /// The [`Failure`] says which heaps were considered and why none served. The failure handler was told. `size` 0 is refused, but not told.
    #[track_caller]
    pub fn malloc(&self, size: usize, caps: Caps) -> Result<NonNull<u8>, Failure> {
        self.obtain(&Demand::new(size, caps).from(Location::caller()))
    }

    /// As [`CapsHeap::malloc`] for `count` times `size` bytes filled with zeros.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`]; also where the product overflows.
    #[track_caller]
    pub fn calloc(&self, count: usize, size: usize, caps: Caps) -> Result<NonNull<u8>, Failure> {
        let demand = Demand::array(count, size, caps).zeroed();
        self.obtain(&demand.from(Location::caller()))
    }

    /// As [`CapsHeap::malloc`] at a multiple of `alignment`.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`]; also where `alignment` is not a power of two.
    #[track_caller]
    pub fn aligned_alloc(
        &self,
        alignment: usize,
        size: usize,
        caps: Caps,
    ) -> Result<NonNull<u8>, Failure> {
        let demand = Demand::new(size, caps).aligned_to(alignment);
        self.obtain(&demand.from(Location::caller()))
    }

    /// As [`CapsHeap::malloc`] with the first of `choices` that can be met.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`], once, about the last choice.
    #[track_caller]
    pub fn malloc_prefer(&self, size: usize, choices: &[Caps]) -> Result<NonNull<u8>, Failure> {
        let demand = Demand::new(size, Caps::empty()).from(Location::caller());
        self.obtain_preferring(&demand, choices)
    }

    /// What C's `malloc` does, see [`HeapCaps::malloc_default`]: internal memory; external memory only from the size on that
    /// [`CapsHeap::set_external_threshold`] tells.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`], once, about the last set tried.
    #[track_caller]
    pub fn malloc_default(&self, size: usize) -> Result<NonNull<u8>, Failure> {
        let demand = Demand::new(size, Caps::empty()).from(Location::caller());
        self.obtained(&demand, |heaps| heaps.allocate_default(&demand))
    }

    /// Any of the above but `malloc_default`: size, alignment, zeros and caller as `demand` says.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`].
    pub fn obtain(&self, demand: &Demand) -> Result<NonNull<u8>, Failure> {
        self.obtained(demand, |heaps| heaps.allocate(demand))
    }

    /// As [`CapsHeap::obtain`] with the first of `choices` (instead of the demand's capabilities) that can be met.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc_prefer`].
    pub fn obtain_preferring(
        &self,
        demand: &Demand,
        choices: &[Caps],
    ) -> Result<NonNull<u8>, Failure> {
        self.obtained(demand, |heaps| heaps.allocate_preferring(demand, choices))
    }
}

/// The phases.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Takes a block as `take` does, then makes it ready without the lock.
    #[doc(hidden)]
    pub fn obtained<E: Refusal>(
        &self,
        demand: &Demand,
        take: impl FnOnce(&mut HeapCaps<P, O, HEAPS>) -> Result<Fresh<P>, Cause>,
    ) -> Result<NonNull<u8>, E> {
        let mut state = self.state.acquire();
        let taken = take(&mut state.heaps);
        let fresh = match &taken {
            Ok(fresh) => fresh,
            Err(cause) => return Err(self.refused(state, demand, *cause)),
        };
        drop(state);
        match fresh.settle() {
            Ok(_) => Ok(addresses::of_fresh(fresh)),
            Err(corrupt) => Err(self.refused_as_corrupt(demand, corrupt)),
        }
    }

    /// Tells the handler of a refusal that `state` was just told of, after the lock is open again.
    #[cold]
    pub(crate) fn refused<E: Refusal>(
        &self,
        state: Guard<'_, L, State<P, O, HEAPS>>,
        demand: &Demand,
        cause: Cause,
    ) -> E {
        let failure = state.heaps.record(demand, cause);
        let handler = state.desk.on_failure.filter(|_| cause != Cause::ZeroSize);
        drop(state);
        if let Some(handler) = handler {
            handler(&failure);
        }
        E::of(&failure)
    }

    /// Memory was found, but somebody had written to it after it was freed: told to both handlers.
    #[cold]
    pub(crate) fn refused_as_corrupt<E: Refusal>(&self, demand: &Demand, corrupt: Corrupt) -> E {
        self.report(Action::Allocate, Fault::Corrupt(corrupt));
        let mut state = self.state.acquire();
        let cause = state.heaps.note_corrupt(demand, corrupt);
        self.refused(state, demand, cause)
    }
}
