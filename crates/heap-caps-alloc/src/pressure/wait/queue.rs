//! The queue of those who wait for memory: whose turn it is.
//!
//! ```text
//!   first ─► waiter ◄─► waiter ◄─► waiter        by priority, then by arrival; each lives in its future
//! ```
//!
//! **The rule.** When memory is free, the waiters are asked in order, and the first one that can be
//! served is served. One that cannot is *passed by* each time that a waiter behind it is served
//! from a heap that it could use itself. After [`PATIENCE`] times its heaps are closed to all who
//! stand behind it, until it is served or gives up; of other heaps they are served. So the small
//! never starve the large for ever.
//! One that a limit of its owner stops is neither passed by nor in anybody's way.

use core::ptr::NonNull;
use core::task::Waker;

use heap_caps::{AllocRequest, AllocatedBlock, HeapMask};

/// How often a waiter lets others pass by.
pub const PATIENCE: u8 = 8;

/// Where a waiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaiterState {
    /// In no queue.
    Outside,
    Queued,
    /// Served, and not in the queue any more.
    Served(AllocatedBlock),
}

/// A waiting request. It is reached by a queue as long as it is [`WaiterState::Queued`].
pub(super) struct Waiter {
    next: Option<NonNull<Waiter>>,
    previous: Option<NonNull<Waiter>>,
    pub(super) request: AllocRequest<'static>,
    pub(super) priority: u8,
    passed_by: u8,
    /// Whether a limit of its owner stopped it when it was asked last: no memory helps it.
    is_stopped: bool,
    /// Whether observers heard that it waits.
    pub(super) is_announced: bool,
    pub(super) candidates: HeapMask,
    pub(super) place: WaiterState,
    pub(super) waker: Option<Waker>,
}

impl Waiter {
    pub(super) const fn new(request: AllocRequest<'static>) -> Self {
        Self {
            next: None,
            previous: None,
            request,
            priority: 0,
            passed_by: 0,
            is_stopped: false,
            is_announced: false,
            candidates: HeapMask::NONE,
            place: WaiterState::Outside,
            waker: None,
        }
    }
}

/// A waiter was served.
pub(super) struct Served {
    pub(super) waker: Option<Waker>,
    /// Bytes that it had asked for, if observers heard that it waits.
    pub(super) announced: Option<usize>,
}

/// What became of an attempt to serve a waiter.
pub(super) enum Attempt {
    Served(AllocatedBlock),
    NoMemory,
    /// A limit of its owner stops it.
    Stopped,
}

/// The waiters of a heap. **Invariant:** all that can be reached from `first` are pinned, alive and
/// [`WaiterState::Queued`]; `previous` is the inverse of `next`.
pub(crate) struct Queue {
    first: Option<NonNull<Waiter>>,
}

// SAFETY: waiters are reached under the heap's lock only (contract of `insert`); their wakers are
// `Send`, and nothing else of them is bound to a thread.
unsafe impl Send for Queue {}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { first: None }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Queues a waiter behind those of its priority.
    ///
    /// # Safety
    /// - It is in no queue, and stays where it is, and alive, until it was removed or served.
    /// - As long as it is queued, it is accessed only by who has this queue exclusively.
    pub(super) unsafe fn insert(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: the caller has the waiter (contract).
        let priority = unsafe { waiter.as_ref() }.priority;
        let (mut previous, mut next) = (None, self.first);
        while let Some(other) = next {
            // SAFETY: it can be reached (invariant).
            let other_waiter = unsafe { other.as_ref() };
            if other_waiter.priority < priority {
                break;
            }
            (previous, next) = (Some(other), other_waiter.next);
        }
        {
            // SAFETY: as above; no other reference to it exists.
            let waiter = unsafe { &mut *waiter.as_ptr() };
            waiter.previous = previous;
            waiter.next = next;
            waiter.passed_by = 0;
            waiter.place = WaiterState::Queued;
        }
        self.link(previous, next, Some(waiter), Some(waiter));
    }

    /// Takes a waiter out.
    ///
    /// # Safety
    /// - It is in this queue.
    pub(super) unsafe fn remove(&mut self, waiter: NonNull<Waiter>) {
        let (previous, next) = {
            // SAFETY: the caller says that it is queued, so it is alive, and reached by this queue
            // only.
            let waiter = unsafe { &mut *waiter.as_ptr() };
            waiter.place = WaiterState::Outside;
            (waiter.previous.take(), waiter.next.take())
        };
        self.link(previous, next, next, previous);
    }

    /// Lets `previous` (or the queue) go on with `forwards`, and `next` go back to `backwards`.
    fn link(
        &mut self,
        previous: Option<NonNull<Waiter>>,
        next: Option<NonNull<Waiter>>,
        forwards: Option<NonNull<Waiter>>,
        backwards: Option<NonNull<Waiter>>,
    ) {
        match previous {
            // SAFETY: it can be reached (invariant), and no reference to it exists.
            Some(previous) => unsafe { &mut *previous.as_ptr() }.next = forwards,
            None => self.first = forwards,
        }
        if let Some(next) = next {
            // SAFETY: as above.
            unsafe { &mut *next.as_ptr() }.previous = backwards;
        }
    }

    /// Serves the first waiter whose turn it is and that `attempt` finds memory for, in heaps that
    /// are not closed to it; returns what to wake. O(waiters) and as many attempts.
    pub(super) fn serve_next(
        &mut self,
        mut attempt: impl FnMut(&AllocRequest<'static>, HeapMask) -> Attempt,
    ) -> Option<Served> {
        let mut closed = HeapMask::NONE;
        let mut next = self.first;
        while let Some(place) = next {
            // SAFETY: it can be reached (invariant); no other reference to it exists.
            let waiter = unsafe { &mut *place.as_ptr() };
            next = waiter.next;
            let may_be_served = !closed.contains_all(waiter.candidates);
            let asked = may_be_served.then(|| attempt(&waiter.request, closed));
            waiter.is_stopped = matches!(asked, Some(Attempt::Stopped));
            if let Some(Attempt::Served(allocated)) = asked {
                let served = Served {
                    waker: waiter.waker.take(),
                    announced: waiter.is_announced.then(|| waiter.request.size()),
                };
                self.pass_by(place, HeapMask::of(allocated.heap));
                // SAFETY: it was reached from `first`.
                unsafe { self.remove(place) };
                // SAFETY: its future accesses it under the same lock only, which is held.
                unsafe { &mut *place.as_ptr() }.place = WaiterState::Served(allocated);
                return Some(served);
            }
            if waiter.passed_by >= PATIENCE && !waiter.is_stopped {
                closed = closed.union(waiter.candidates);
            }
        }
        None
    }

    /// Counts a waiter served of `heap`: those in front of it that could have used it were passed
    /// by.
    fn pass_by(&mut self, served: NonNull<Waiter>, heap: HeapMask) {
        let mut next = self.first;
        while let Some(place) = next
            && place != served
        {
            // SAFETY: it can be reached (invariant); no other reference to it exists.
            let waiter = unsafe { &mut *place.as_ptr() };
            if waiter.candidates.overlaps(heap) && !waiter.is_stopped {
                waiter.passed_by = waiter.passed_by.saturating_add(1);
            }
            next = waiter.next;
        }
    }
}
