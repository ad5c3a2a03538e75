//! Refusal: how a request that was not served becomes the record of a failure.

use multi_heap::Poison;
use soc_regions::Caps;

use crate::allocate::charge;
use crate::failure::{Cause, Failure, Why};
use crate::heap_caps::HeapCaps;
use crate::misuse::Corrupt;
use crate::observer::Observer;
use crate::registry::Facts;
use crate::request::{AllocRequest, Placement};
use crate::reserve::Reserve;

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Records that a request was not served, counts it and notifies the observer: the one place where that is done. A
    /// request for nothing leaves no trace. O(heaps).
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&mut self, request: &AllocRequest<'_>, caps: Caps, attempts: u8) -> Cause {
        let cause = self.cause(request, caps);
        self.record(request, caps, cause, attempts);
        cause
    }

    /// Records that the memory found for a request had been written to after it was freed
    /// ([`PendingAllocation::finish`](crate::PendingAllocation::finish), [`PendingMove::copy`](crate::PendingMove::copy)).
    #[cold]
    #[inline(never)]
    pub fn record_corrupt(&mut self, request: &AllocRequest<'_>, corrupt: Corrupt) -> Cause {
        let caps = self.first_set(request.placement, request.size);
        let cause = Cause::Corrupt(corrupt);
        self.record(request, caps.unwrap_or(Caps::empty()), cause, 1);
        cause
    }

    /// Returns the whole record of the request that was just refused with `cause`. For layers with locks, under the
    /// same lock.
    #[cold]
    #[must_use]
    pub fn failure(&self, request: &AllocRequest<'_>, cause: Cause) -> Failure {
        let recorded = if cause == Cause::ZeroSize {
            None
        } else {
            self.last_failure()
        };
        recorded.unwrap_or_else(|| {
            let caps = self.first_set(request.placement, request.size);
            Failure::of(request, caps.unwrap_or(Caps::empty()), cause)
        })
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

    fn record(&mut self, request: &AllocRequest<'_>, caps: Caps, cause: Cause, attempts: u8) {
        if cause == Cause::ZeroSize {
            return;
        }
        self.last_failure.begin(request, caps, cause, attempts);
        if cause == Cause::NoMemory {
            self.describe(request, caps);
        }
        self.failures = self.failures.saturating_add(1);
        if O::LISTENS
            && let Some(failure) = self.last_failure()
        {
            self.observer.on_failure(&failure);
        }
    }

    /// Adds every heap with its reason: those that have the capabilities first, in the order of the search.
    fn describe(&mut self, request: &AllocRequest<'_>, caps: Caps) {
        let Ok(bits) = self.rules.caps(caps) else {
            return;
        };
        let size = u32::try_from(request.size).unwrap_or(u32::MAX);
        let Self {
            registry,
            last_failure,
            reserves,
            rules,
            ..
        } = self;
        for matching in [true, false] {
            for facts in registry.facts() {
                if facts.caps.contains(bits) != matching {
                    continue;
                }
                let why = if !matching {
                    Why::Lacks(bits.difference(facts.caps))
                } else if rules.policy.column(facts.columns, bits).is_none() {
                    Why::NotOffered
                } else {
                    why_not(&facts, size, || {
                        let honoured = rules.policy.honours_reserves();
                        let bytes = charge::<P>(request.layout()?);
                        let forbidding = || reserves.forbidding(bits, facts.caps, bytes, registry);
                        honoured.then(forbidding).flatten()
                    })
                };
                last_failure.describe(facts.index, why);
            }
        }
    }
}

/// Why a heap that has the capabilities did not serve. `reserve` finds the reserve that forbids it, if a hole is large
/// enough.
fn why_not<P: Poison>(
    facts: &Facts<'_, P>,
    size: u32,
    reserve: impl FnOnce() -> Option<Reserve>,
) -> Why {
    let Some(heap) = facts.heap else {
        return Why::Inactive;
    };
    if size > facts.size {
        return Why::TooSmall { bytes: facts.size };
    }
    let largest = heap.largest_free_block();
    let reserve = if size <= largest { reserve() } else { None };
    match reserve {
        Some(Reserve { caps, bytes }) => Why::Reserved { caps, bytes },
        None => Why::Fragmented {
            free: heap.free_bytes(),
            largest,
            holes: heap.free_block_count(),
        },
    }
}
