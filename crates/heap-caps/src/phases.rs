//! The phases of the operations, for layers with locks: each of these under the lock, what is left
//! to do to a block's bytes (see `pending.rs`) without.

use core::panic::Location;

use multi_heap::{Poison, Request, Unpoisoned};
use soc_regions::Caps;

use crate::allocate::AllocatedBlock;
use crate::attempt::{ClosedHeaps, HeapMask, ResizeWithin};
use crate::failure::{Failure, FailureKind, ReallocateError};
use crate::free::Inquiry;
use crate::heap_caps::HeapCaps;
use crate::inspect::Inspection;
use crate::misuse::{Corrupt, Misuse};
use crate::observer::Observer;
#[cfg(doc)]
use crate::pending::PendingMove;
use crate::pending::{CopiedMove, FilledFree, PendingAllocation, PendingFree, Reallocation};
use crate::pressure::PressureEvent;
use crate::reallocate::{OrdinaryMove, Stay};
use crate::relief::Relief;
use crate::request::{AllocRequest, Placement};
use crate::search::{NotServed, Progress, Search};

/// The heaps of a chip under the caller's lock: the short parts of every operation.
///
/// Programs call [`HeapCaps::allocate`], [`HeapCaps::free`] and [`HeapCaps::reallocate`], which do
/// all phases. A layer with a lock takes it, calls one of these, releases it, and goes on with the
/// value it got.
pub struct Phases<'h, P: Poison = Unpoisoned, O: Observer = (), const HEAPS: usize = 16> {
    heaps: &'h mut HeapCaps<P, O, HEAPS>,
}

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Returns the phases of the operations, for a layer with a lock.
    #[inline(always)]
    pub const fn phases(&mut self) -> Phases<'_, P, O, HEAPS> {
        Phases { heaps: self }
    }
}

/// Allocation.
impl<P: Poison, O: Observer, const HEAPS: usize> Phases<'_, P, O, HEAPS> {
    /// Allocates a block of `layout` of the first heap that has `caps` and is worth asking, and
    /// notifies the observer. O(heaps), one of them asked.
    ///
    /// The block is ready, but for comprehensive poisoning and zeros.
    ///
    /// # Errors
    /// That says nothing: a [`Search`] finds other memory, or the reason.
    #[inline(always)]
    pub fn allocate_ordinary(
        self,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Result<AllocatedBlock, NotServed> {
        self.heaps.allocate_ordinary(layout, caps, caller)
    }

    /// Does the next piece of a search. Each takes a few hundred instructions at most.
    #[inline(always)]
    pub fn advance(self, search: &mut Search<'_, HEAPS>) -> Progress {
        self.heaps.advance(search)
    }

    /// What is left to do for a block that was just taken for `request`, without the lock.
    #[inline(always)]
    pub fn pending(
        self,
        allocated: AllocatedBlock,
        request: &AllocRequest<'_>,
    ) -> PendingAllocation<P> {
        self.heaps.pending(allocated, request)
    }

    /// Allocates what `request` asks for. [`Phases::pending`] and [`PendingAllocation::finish`]
    /// have to follow. Returns `None` if no heap can serve it; [`Inspection::failure`] has the
    /// record then. O(heaps).
    ///
    /// A layer with a lock does the same in pieces: [`Phases::allocate_ordinary`], then
    /// [`Phases::advance`].
    #[inline(always)]
    pub fn allocate_any(self, request: &AllocRequest<'_>) -> Option<AllocatedBlock> {
        self.heaps.allocate_any(request)
    }
}

/// Free.
impl<P: Poison, O: Observer, const HEAPS: usize> Phases<'_, P, O, HEAPS> {
    /// Frees the block at `address` if that is an ordinary one: on the data side, without filling.
    /// Returns `false` if not; [`Phases::begin_free`] then frees it, or finds the reason.
    /// O(heaps).
    #[inline(always)]
    pub fn free_ordinary(self, address: u32) -> bool {
        self.heaps.free_ordinary(address)
    }

    /// First phase of a free: finds and validates the block. O(heaps). [`PendingFree::fill`] and
    /// [`Phases::finish_free`] have to follow.
    ///
    /// # Errors
    /// As [`HeapCaps::free`].
    #[inline(always)]
    pub fn begin_free(self, address: u32) -> Result<PendingFree<P>, Misuse> {
        self.heaps.begin_free(address)
    }

    /// Last phase of a free: frees the block. O(1).
    ///
    /// # Errors
    /// As [`HeapCaps::free`]: the block may have been freed or overwritten since the first
    /// phase.
    #[inline(always)]
    pub fn finish_free(self, filled: FilledFree<P>) -> Result<(), Misuse> {
        self.heaps.finish_free(filled)
    }
}

/// Ordinary reallocation: the copy happens without the lock.
impl<P: Poison, O: Observer, const HEAPS: usize> Phases<'_, P, O, HEAPS> {
    /// Resizes the block at `address` where it lies, if it is ordinary and may stay there with
    /// `caps`. O(heaps).
    #[inline(always)]
    pub fn stay(
        self,
        address: u32,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Stay {
        self.heaps.stay(address, layout, caps, caller)
    }

    /// Allocates a block for an ordinary one that moves: as [`Phases::allocate_ordinary`], but no
    /// observer is notified.
    ///
    /// # Errors
    /// As [`Phases::allocate_ordinary`].
    #[inline(always)]
    pub fn allocate_unnotified(
        self,
        layout: Request,
        caps: Caps,
    ) -> Result<AllocatedBlock, NotServed> {
        self.heaps.allocate_unnotified(layout, caps)
    }

    /// Last phase of an ordinary move from `address`, after the copy: gives up the old block, or
    /// what is too much of the new one. O(1).
    ///
    /// # Errors
    /// The old block was overwritten or freed since the first phase. Both blocks stay allocated, as
    /// evidence.
    #[inline(always)]
    pub fn finish_ordinary(
        self,
        address: u32,
        moved: OrdinaryMove,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Result<(), Misuse> {
        self.heaps
            .finish_ordinary(address, moved, layout, caps, caller)
    }
}

/// Reallocation of any kind: [`PendingMove::copy`] happens without the lock.
impl<P: Poison, O: Observer, const HEAPS: usize> Phases<'_, P, O, HEAPS> {
    /// Resizes the block at `address` where it lies, or allocates the block to which it has to
    /// move. O(heaps).
    ///
    /// # Errors
    /// As [`HeapCaps::reallocate`].
    #[inline(always)]
    pub fn begin_reallocate(
        self,
        address: u32,
        request: &AllocRequest<'_>,
    ) -> Result<Reallocation<P>, ReallocateError<FailureKind>> {
        self.heaps.begin_reallocate(address, request)
    }

    /// As [`Phases::begin_reallocate`], where `within` allows it; that there is no memory (`None`)
    /// is neither recorded nor counted, and the observer is not notified. O(heaps).
    ///
    /// # Errors
    /// The address was not handed out.
    #[inline(always)]
    pub fn attempt_reallocate(
        self,
        address: u32,
        request: &AllocRequest<'_>,
        within: ResizeWithin,
    ) -> Result<Option<Reallocation<P>>, Misuse> {
        self.heaps
            .attempt_reallocate(address, request, Some(&within))
    }

    /// Last phase of a move: gives up the old block, or what is too much of it. Returns the new
    /// address. O(1).
    ///
    /// # Errors
    /// The old block was overwritten or freed since the first phase. Both blocks stay allocated, as
    /// evidence.
    #[inline(always)]
    pub fn finish_move(
        self,
        copied: CopiedMove<P>,
        request: &AllocRequest<'_>,
    ) -> Result<u32, Misuse> {
        self.heaps.finish_move(copied, request)
    }
}

/// Refusal.
impl<P: Poison, O: Observer, const HEAPS: usize> Phases<'_, P, O, HEAPS> {
    /// Returns the cause of the request that was just refused, without the rest of the record.
    /// O(1).
    #[must_use]
    #[inline(always)]
    pub fn last_cause(self, request: &AllocRequest<'_>) -> FailureKind {
        self.heaps.last_cause(request)
    }

    /// Records that the memory found for a request had been written to after it was freed
    /// ([`PendingAllocation::finish`],
    /// [`PendingMove::copy`]).
    #[inline(always)]
    pub fn record_corrupt(self, request: &AllocRequest<'_>, corrupt: Corrupt) {
        self.heaps.record_corrupt(request, corrupt);
    }
}

/// The detour: for layers that look at every change of free memory.
impl<P: Poison, O: Observer, const HEAPS: usize> Phases<'_, P, O, HEAPS> {
    /// Makes the fast paths ([`Phases::allocate_ordinary`]) find nothing, or lets them work again.
    /// Meanwhile [`Phases::attempt`], [`Phases::attempt_reallocate`] and [`Phases::fail_after`]
    /// do their work. The fast paths have no test for this: they look for a route, and the routes
    /// are hidden.
    #[inline(always)]
    pub fn set_detoured(self, detoured: bool) {
        self.heaps.set_detoured(detoured);
    }

    /// Lets what the fast paths allocate count against an allowance, or no longer. The allowance is
    /// used up then, as it is after every search, attempt and reallocation of the other kind.
    pub fn set_counting(self, counts: bool) {
        self.heaps.set_counting(counts);
    }

    /// Sets how many bytes the fast paths, [`Phases::allocate_kept`] included, may allocate;
    /// beyond that they find nothing. Each block counts with the most that it may take.
    #[inline(always)]
    pub fn set_allowance(self, bytes: u32) {
        self.heaps.allowance = bytes;
    }

    /// As [`Phases::allocate_ordinary`], on the way round too, for the first set of `request`, with
    /// the request's owner for observers; it asks every heap on the route up to the first
    /// constrained one. Returns `None` if none serves, which says nothing. O(heaps).
    #[inline(always)]
    pub fn allocate_kept(
        self,
        layout: Request,
        request: &AllocRequest<'_>,
    ) -> Option<AllocatedBlock> {
        self.heaps.allocate_kept(layout, request)
    }

    /// As [`Phases::free_ordinary`]; returns how many bytes more are free, or `None` for `false`.
    #[inline(always)]
    pub fn free_measured(self, address: u32) -> Option<u32> {
        self.heaps.free_measured(address)
    }

    /// Allocates what `request` asks for of the heaps in `within`; that there is no memory is
    /// neither recorded nor counted, and the observer is not notified. [`Phases::pending`] and
    /// [`PendingAllocation::finish`] have to follow. O(heaps).
    #[inline(always)]
    pub fn attempt(self, request: &AllocRequest<'_>, within: HeapMask) -> Option<AllocatedBlock> {
        self.heaps.attempt(request, within)
    }

    /// Refuses `request` without trying it once more: for one that was attempted without success,
    /// although `relief` was tried, in all heaps that were not `closed` to it. It is recorded,
    /// counted and observed; returns the cause. O(heaps).
    #[inline(always)]
    pub fn fail_after(
        self,
        request: &AllocRequest<'_>,
        relief: &Relief,
        closed: &ClosedHeaps,
    ) -> FailureKind {
        self.heaps.fail_after(request, relief, closed)
    }

    /// Fails `request` for a cause that lies outside of the heaps: it is recorded, counted and
    /// observed. O(1).
    #[inline(always)]
    pub fn fail_because(self, request: &AllocRequest<'_>, cause: FailureKind) {
        self.heaps.fail_because(request, cause);
    }

    /// Returns the heaps that could serve `request` if all of their memory were free. O(heaps).
    #[inline(always)]
    pub fn candidates(self, request: &AllocRequest<'_>) -> HeapMask {
        self.heaps.candidates(request)
    }

    /// Tells the observer what was done when memory was short.
    #[inline(always)]
    pub fn notify_pressure(self, event: &PressureEvent) {
        self.heaps.notify_pressure(event);
    }
}

/// What a layer with a lock looks at.
impl<P: Poison, O: Observer, const HEAPS: usize> Inspection<'_, P, O, HEAPS> {
    /// Returns whether the fast paths find nothing.
    #[must_use]
    #[inline(always)]
    pub fn is_detoured(self) -> bool {
        self.heaps.is_detoured()
    }

    /// Returns the set of capabilities that a request for `size` bytes tries first; `None` where
    /// there are no capabilities.
    #[inline(always)]
    pub fn first_set(self, placement: Placement<'_>, size: usize) -> Option<Caps> {
        self.heaps.first_set(placement, size)
    }

    /// Returns the whole record of the request that was just refused. For layers with locks, under
    /// the same lock.
    #[must_use]
    #[inline(always)]
    pub fn failure(self, request: &AllocRequest<'_>) -> Failure {
        self.heaps.failure(request)
    }

    /// As [`Inspection::data_misuse_of`], for layers that hold a lock meanwhile: walks over at most
    /// `blocks` blocks; `None` if there are more before the address. O(`blocks`), but for a heap in
    /// which damage is found: that is checked as a whole.
    #[must_use]
    #[inline(always)]
    pub fn explain_within(self, inquiry: &mut Inquiry, blocks: u32) -> Option<Misuse> {
        self.heaps.explain_within(inquiry, blocks)
    }

    /// Returns whether no allocated block begins at the address on the data side, or one that was
    /// overwritten: [`Inspection::explain_within`] finds the reason. O(heaps).
    #[must_use]
    #[inline(always)]
    pub fn is_refused(self, address: u32) -> bool {
        self.heaps.is_refused(address)
    }

    /// Returns why the address on the data side was refused by [`Phases::free_ordinary`] or
    /// [`Phases::stay`], for layers that hand out no code. O(blocks) of its heap.
    #[must_use]
    #[inline(always)]
    pub fn data_misuse_of(self, address: u32) -> Misuse {
        self.heaps.data_misuse_of(address)
    }
}
