//! Failure record: what is kept of a request that was not served, and how it is read.
//!
//! ```text
//!   request fails ─► FailureRecord in the set: request, cause, number; free and largest of a few heaps
//!   last_failure  ─► Failure: the same, and of every heap the reason why it did not serve (Candidate)
//! ```
//!
//! Recording is O(1) a heap and runs under the lock; reasons are computed when a record is read. A
//! later failure replaces the record: [`HeapCaps::failure`] then says so by a count of candidates.

use multi_heap::Poison;
use soc_regions::Caps;

use crate::allocate::charge;
use crate::failure::{Candidate, Failure, FailureKind, HeapState, SkipReason};
use crate::heap_caps::HeapCaps;
use crate::inspect::Inspection;
use crate::misuse::Corrupt;
use crate::observer::Observer;
use crate::policy::first_column;
use crate::registry::{Entry, HeapIndex};
use crate::request::{AllocRequest, Placement};
use crate::reserve::Reserve;
use crate::route::{RouteEntry, RouteIndex};

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// See [`Phases::record_corrupt`](crate::Phases::record_corrupt).
    #[cold]
    #[inline(never)]
    pub(crate) fn record_corrupt(&mut self, request: &AllocRequest<'_>, corrupt: Corrupt) {
        self.fail_because(request, FailureKind::Corrupt(corrupt));
    }

    /// See [`Inspection::failure`](crate::Inspection::failure).
    #[cold]
    pub(crate) fn failure(&self, request: &AllocRequest<'_>) -> Failure {
        let is_of = |failure: &Failure| failure.is_of(request);
        let recorded = if request.size == 0 {
            None
        } else {
            self.inspect().last_failure().filter(is_of) // another core may have failed since
        };
        recorded.unwrap_or_else(|| {
            let caps = self.first_set(request.placement, request.size);
            let caps = caps.unwrap_or(Caps::empty());
            match request.size {
                0 => Failure::of(request, caps, FailureKind::ZeroSize),
                _ => self.failure_without_reasons(request, caps),
            }
        })
    }

    /// Returns the record of a request whose reasons a later failure has replaced.
    fn failure_without_reasons(&self, request: &AllocRequest<'_>, caps: Caps) -> Failure {
        let cause = self.cause(request, caps);
        let mut failure = Failure::of(request, caps, cause);
        if cause == FailureKind::NoMemory {
            failure.omit_candidates(self.registry.len());
        }
        failure
    }

    /// See [`Phases::last_cause`](crate::Phases::last_cause).
    pub(crate) fn last_cause(&self, request: &AllocRequest<'_>) -> FailureKind {
        if request.size == 0 {
            FailureKind::ZeroSize
        } else {
            self.last_failure.cause()
        }
    }

    /// Returns why a request fails that no heap serves.
    pub(crate) fn cause(&self, request: &AllocRequest<'_>, caps: Caps) -> FailureKind {
        if let Some(cause) = request.early_failure() {
            return cause;
        }
        match (request.placement, self.rules.caps(caps)) {
            (Placement::Tag(tag), _) => FailureKind::TagExhausted(tag),
            (_, Err(cause)) => cause,
            (_, Ok(_)) => FailureKind::NoMemory,
        }
    }

    /// Begins the record of a failure and counts it; returns its number.
    #[inline(always)]
    pub(crate) fn begin_record(
        &mut self,
        request: &AllocRequest<'_>,
        caps: Caps,
        cause: FailureKind,
        attempts: u8,
    ) -> u32 {
        self.last_failure.begin(request, caps, cause, attempts);
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// Records what the heap at an entry of the route has free; returns whether there was anything
    /// to record. A heap that is smaller than the request needs no figures: its size says enough.
    #[inline(always)]
    pub(crate) fn record_state(
        &mut self,
        request: &AllocRequest<'_>,
        route: RouteIndex,
        entry: RouteEntry,
    ) -> bool {
        let Some(slot) = self.registry.slots.get(entry.heap().get()) else {
            return false;
        };
        let Some(heap) = slot.heap.as_ref().filter(|_| slot.may_hold(request.size)) else {
            return false;
        };
        let (free, largest) = (heap.free_bytes(), heap.largest_free_block());
        let mut state = HeapState::new(entry.heap(), free, largest, heap.free_block_count());
        if entry.is_reserved() && request.size <= state.largest() as usize {
            let bits = self.routes.bits(route);
            if let Some(reserve) = self.reserve_against(request, entry, bits) {
                state = HeapState::reserved(entry.heap(), reserve);
            }
        }
        self.last_failure.describe(state);
        true
    }

    /// Returns the reserve that keeps a heap with a hole that fits from serving a request.
    fn reserve_against(
        &self,
        request: &AllocRequest<'_>,
        entry: RouteEntry,
        bits: Caps,
    ) -> Option<Reserve> {
        let bytes = charge::<P>(request.layout()?);
        (self.rulings?.forbidding)(self, entry.heap(), bytes, bits)
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the record of the last failure with the reason of each heap, those that have the
    /// capabilities first; `None` before the first failure. O(heaps).
    #[must_use]
    pub fn last_failure(self) -> Option<Failure> {
        let mut failure = self.heaps.last_failure.without_candidates()?;
        let bits = self.heaps.rules.caps(failure.caps);
        if let (FailureKind::NoMemory, Ok(bits)) = (failure.cause, bits) {
            for matching in [true, false] {
                let heaps = self.heaps.registry.in_order();
                for (heap, entry) in
                    heaps.filter(|(_, entry)| entry.caps.contains(bits) == matching)
                {
                    if matching {
                        let granularity = self.heaps.rules.granularity(failure.caps, entry.caps);
                        failure.granularity = failure.granularity.max(granularity);
                    }
                    let why = self.why_not(heap, &entry, bits, failure.size);
                    failure.describe(Candidate {
                        heap,
                        start: entry.span.start(),
                        name: entry.name,
                        why,
                    });
                }
            }
            failure.whole_lines = self.heaps.rules.is_cache_line(failure.granularity);
        }
        Some(failure)
    }

    /// Returns why a heap did not serve the last request that failed.
    fn why_not(self, heap: HeapIndex, entry: &Entry<'_, P>, bits: Caps, size: usize) -> SkipReason {
        if !entry.caps.contains(bits) {
            return SkipReason::Lacks(bits.difference(entry.caps));
        }
        if first_column(&entry.columns, bits).is_none() {
            return SkipReason::NotOffered;
        }
        let bytes = entry.span.size();
        if size > bytes as usize {
            return SkipReason::TooSmall { bytes }; // widening
        }
        let record = &self.heaps.last_failure;
        match record.state_of(heap) {
            None => SkipReason::Inactive,
            Some(state) if size <= state.largest() as usize => {
                record.why_closed(heap).unwrap_or(state.into())
            }
            Some(state) => state.into(),
        }
    }
}
