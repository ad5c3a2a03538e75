//! How a refusal becomes a record.

use multi_heap::Poison;
use soc_regions::Caps;

use crate::demand::Demand;
use crate::failure::{Candidate, Cause, Failure, Why};
use crate::heap_caps::HeapCaps;
use crate::misuse::Corrupt;
use crate::observer::Observer;
use crate::registry::Entry;
use crate::route::offers;
use crate::take::charge;

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Makes the record, keeps it, counts it and tells the observer: the one place where failures are reported. A request
    /// for nothing leaves no trace.
    #[cold]
    pub(crate) fn refuse(
        &mut self,
        demand: &Demand,
        caps: Caps,
        cause: Cause,
        attempts: u8,
    ) -> Cause {
        if cause != Cause::ZeroSize {
            let mut failure = Failure::of(demand, caps, cause);
            failure.attempts = attempts;
            self.describe(&mut failure);
            self.failures = self.failures.saturating_add(1);
            self.observer.on_failure(&failure);
            self.last_failure = Some(failure);
        }
        cause
    }

    /// Reports that the memory found for a demand had been written to after it was freed ([`Fresh::settle`](crate::Fresh::settle),
    /// [`Move::copy`](crate::Move::copy)). For layers that do this work themselves.
    #[cold]
    pub fn note_corrupt(&mut self, demand: &Demand, corrupt: Corrupt) -> Cause {
        self.refuse(demand, demand.caps, Cause::Corrupt(corrupt), 1)
    }

    /// The record of the demand that was just refused with `cause`, by a call that returned the cause alone. For layers with locks, under the same lock.
    #[cold]
    #[must_use]
    pub fn record(&self, demand: &Demand, cause: Cause) -> Failure {
        let reported = self.last_failure.filter(|_| cause != Cause::ZeroSize);
        reported.unwrap_or(Failure::of(demand, demand.caps, cause))
    }

    /// Adds every heap with its reason: those that have the capabilities first, in the order of the search.
    fn describe(&self, failure: &mut Failure) {
        let caps = self.rules.caps(failure.caps);
        let (Cause::NoMemory, Ok(caps)) = (failure.cause, caps) else {
            return;
        };
        let size = u32::try_from(failure.size).unwrap_or(u32::MAX);
        for matching in [true, false] {
            let heaps = self.registry.in_order();
            for (heap, entry) in heaps.filter(|(_, entry)| entry.caps.contains(caps) == matching) {
                let why = self.why_not(entry, caps, size);
                failure.describe(Candidate {
                    heap,
                    start: entry.span.start(),
                    name: entry.name,
                    why,
                });
            }
        }
    }

    fn why_not(&self, entry: &Entry<P>, caps: Caps, size: u32) -> Why {
        if !entry.caps.contains(caps) {
            return Why::Lacks(caps.difference(entry.caps));
        }
        if !offers(self.rules.policy, entry, caps) {
            return Why::NotOffered;
        }
        let Some(heap) = entry.heap.as_ref().filter(|_| !entry.by_tag_only) else {
            return Why::Inactive;
        };
        if size > entry.span.size() {
            return Why::TooSmall {
                bytes: entry.span.size(),
            };
        }
        let info = heap.info();
        let fits = size <= info.largest_free_block;
        match self.reserve_against(entry, caps, size).filter(|_| fits) {
            Some(reserve) => Why::Reserved {
                caps: reserve.caps,
                bytes: reserve.bytes,
            },
            None => Why::Fragmented {
                free: info.total_free_bytes,
                largest: info.largest_free_block,
                holes: info.free_blocks,
            },
        }
    }

    fn reserve_against(&self, entry: &Entry<P>, caps: Caps, size: u32) -> Option<crate::Reserve> {
        let honoured = self.rules.policy.honours_reserves();
        let forbidding = || {
            self.reserves
                .forbidding(caps, entry.caps, charge::<P>(size), &self.registry)
        };
        honoured.then(forbidding)?
    }
}
