//! Refusal: how a request that was not served becomes the record of a failure.

use multi_heap::Poison;
use soc_regions::Caps;

use crate::allocate::charge;
use crate::failure::{Candidate, Cause, Failure, HeapState, Why};
use crate::heap_caps::HeapCaps;
use crate::misuse::Corrupt;
use crate::observer::Observer;
use crate::registry::{Entry, HeapIndex};
use crate::request::{AllocRequest, Placement};
use crate::reserve::Reserve;
use crate::route::{RouteIndex, Step};

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Records that a request was not served, counts it and notifies the observer: the one place where that is done. A
    /// request for nothing leaves no trace. O(heaps).
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&mut self, request: &AllocRequest<'_>, caps: Caps, attempts: u8) {
        if request.size != 0 {
            let cause = self.cause(request, caps);
            self.record(request, caps, cause, attempts);
        }
    }

    /// Records that the memory found for a request had been written to after it was freed
    /// ([`PendingAllocation::finish`](crate::PendingAllocation::finish), [`PendingMove::copy`](crate::PendingMove::copy)).
    #[cold]
    #[inline(never)]
    pub fn record_corrupt(&mut self, request: &AllocRequest<'_>, corrupt: Corrupt) {
        let caps = self.first_set(request.placement, request.size);
        let cause = Cause::Corrupt(corrupt);
        self.record(request, caps.unwrap_or(Caps::empty()), cause, 1);
    }

    /// Returns the whole record of the request that was just refused. For layers with locks, under the same lock.
    #[cold]
    #[must_use]
    pub fn failure(&self, request: &AllocRequest<'_>) -> Failure {
        let recorded = if request.size == 0 {
            None
        } else {
            self.last_failure()
        };
        recorded.unwrap_or_else(|| {
            let caps = self.first_set(request.placement, request.size);
            Failure::of(request, caps.unwrap_or(Caps::empty()), Cause::ZeroSize)
        })
    }

    /// The cause of the request that was just refused.
    pub(crate) fn last_cause(&self, request: &AllocRequest<'_>) -> Cause {
        if request.size == 0 {
            Cause::ZeroSize
        } else {
            self.last_failure.cause()
        }
    }

    fn cause(&self, request: &AllocRequest<'_>, caps: Caps) -> Cause {
        if let Some(cause) = request.refusal() {
            return cause;
        }
        match (request.placement, self.rules.caps(caps)) {
            (Placement::Tag(tag), _) => Cause::TagExhausted(tag),
            (_, Err(cause)) => cause,
            (_, Ok(_)) => Cause::NoMemory,
        }
    }

    #[inline(always)]
    fn record(&mut self, request: &AllocRequest<'_>, caps: Caps, cause: Cause, attempts: u8) {
        let no_memory = cause == Cause::NoMemory;
        self.last_failure.begin(request, caps, cause, attempts);
        if no_memory && let Some(route) = self.route(caps) {
            self.describe(request, route);
        }
        self.failures = self.failures.saturating_add(1);
        if O::LISTENS
            && let Some(failure) = self.last_failure()
        {
            self.observer.on_failure(&failure);
        }
    }

    /// Notes what the heaps on the route have free: what is known of the others does not change.
    fn describe(&mut self, request: &AllocRequest<'_>, route: RouteIndex) {
        let size = u32::try_from(request.size).unwrap_or(u32::MAX);
        for index in 0..HEAPS {
            let step = self.routes.steps(route).get(index).copied();
            let Some(step) = step.filter(|step| !step.is_end()) else {
                break;
            };
            let slot = self.registry.slots.get(step.heap().get());
            let Some(heap) = slot.and_then(|slot| slot.heap.as_ref()) else {
                continue;
            };
            let mut state = HeapState {
                free: heap.free_bytes(),
                largest: heap.largest_free_block(),
                holes: heap.free_block_count(),
            };
            if step.is_reserved() && size <= state.largest {
                let bits = self.routes.bits(route);
                if let Some(reserve) = self.reserve_against(request, step, bits) {
                    state = HeapState::reserved(reserve);
                }
            }
            self.last_failure.describe(step.heap(), state);
        }
    }

    #[cold]
    #[inline(never)]
    fn reserve_against(
        &self,
        request: &AllocRequest<'_>,
        step: Step,
        bits: Caps,
    ) -> Option<Reserve> {
        let memory = self.registry.caps(step.heap());
        let bytes = charge::<P>(request.layout()?);
        self.reserves
            .forbidding(bits, memory, bytes, &self.registry)
    }

    /// Returns the record of the last failure.
    #[must_use]
    pub fn last_failure(&self) -> Option<Failure> {
        let mut failure = self.last_failure.without_candidates()?;
        let bits = self.rules.caps(failure.caps);
        if let (Cause::NoMemory, Ok(bits)) = (failure.cause, bits) {
            for matching in [true, false] {
                let heaps = self.registry.in_order();
                for (heap, entry) in
                    heaps.filter(|(_, entry)| entry.caps.contains(bits) == matching)
                {
                    let why = self.why_not(heap, &entry, bits, failure.size);
                    failure.describe(Candidate {
                        heap,
                        start: entry.span.start(),
                        name: entry.name,
                        why,
                    });
                }
            }
        }
        Some(failure)
    }

    /// Why a heap did not serve the last request that failed.
    fn why_not(&self, heap: HeapIndex, entry: &Entry<'_, P>, bits: Caps, size: usize) -> Why {
        if !entry.caps.contains(bits) {
            return Why::Lacks(bits.difference(entry.caps));
        }
        if self.rules.policy.column(&entry.columns, bits).is_none() {
            return Why::NotOffered;
        }
        let bytes = entry.span.size();
        match self.last_failure.state_of(heap) {
            None => Why::Inactive,
            Some(_) if size > bytes as usize => Why::TooSmall { bytes }, // widening
            Some(state) => state.into(),
        }
    }
}
