//! The record of a refused request, for a caller who wants it.
//!
//! ```text
//!   allocate ─► Record on the stack ─► … ─► refused, recorded ─► Record::take ─► unlock ─► handlers
//!                                           └────── under one lock ──────┘
//! ```
//!
//! The heaps keep one record, the last: as soon as the lock is open, another core, an interrupt
//! handler or the failure handler may replace it.

use heap_caps::{AllocRequest, Failure, Observer};
use multi_heap::Poison;

use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;

/// Where a request that is refused leaves its record; `None` for callers who do without. They do
/// not link what makes it, either.
pub(crate) type RecordWanted<'r, S> = Option<&'r mut Record<S>>;

/// The record of one request, once that is refused. `S` is what the lock protects.
pub(crate) struct Record<S> {
    failure: Option<Failure>,
    make: fn(&S, &AllocRequest<'_>) -> Failure,
}

impl<S> Record<S> {
    /// Takes the record of the request that was refused under the same lock.
    #[inline(always)]
    pub(crate) fn take(&mut self, state: &S, request: &AllocRequest<'_>) {
        self.failure = Some((self.make)(state, request));
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Record<State<L, P, O, HEAPS>> {
    /// Of a request that was not refused yet.
    pub(crate) const fn new() -> Self {
        Self {
            failure: None,
            make: |state, request| state.heaps.inspect().failure(request),
        }
    }

    /// Returns the record of a refused request. Where none was taken (an ordinary block that could
    /// not move), the heaps say what they still know of it.
    pub(crate) fn of_refused(
        self,
        heap: &CapsHeap<L, P, O, HEAPS>,
        request: &AllocRequest<'_>,
    ) -> Failure {
        let known = || heap.state.acquire().heaps.inspect().failure(request);
        self.failure.unwrap_or_else(known)
    }
}
