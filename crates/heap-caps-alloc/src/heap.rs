//! The heap that a program shares: a lock around the heaps of a chip.

use heap_caps::{HeapCaps, Observer, Policy};
use multi_heap::{Poison, Unpoisoned};

use crate::figures::SharedInspection;
use crate::lock::{Locked, RawLock};
use crate::pressure::Pressure;
use crate::report::{Handlers, ReportHandler};

/// All heaps of a chip behind one lock, for a `static`.
///
/// ```text
///   GlobalAlloc ─┐
///   Internal …  ─┼─► CapsHeap ─► lock ─► HeapCaps ─► heaps        O(heaps) under the lock
///   DmaBuffer … ─┘       └─► fill, copy, deferred work, handlers  O(size), without the lock
/// ```
///
/// `L` is the lock, the rest as in [`HeapCaps`]. One lock is taken for all heaps, and only here.
/// Under it a request is routed and a block allocated or freed; bytes are filled, zeroed and
/// copied outside of it, and handlers are called outside of it, so a handler may use the heap. The
/// one user code under the lock is the observer: it is part of the type and must not use the heap.
///
/// Numbers become pointers here: on a chip an address *is* a pointer; on a host the bytes lie in a
/// buffer, and the way back is looked up in O(heaps). What is `unsafe` about memory is in the
/// contracts of this type.
pub struct CapsHeap<L: RawLock, P: Poison = Unpoisoned, O: Observer = (), const HEAPS: usize = 16> {
    pub(crate) state: Locked<L, State<L, P, O, HEAPS>>,
}

/// What the lock protects.
pub(crate) struct State<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> {
    pub(crate) heaps: HeapCaps<P, O, HEAPS>,
    /// Whether some heap's bytes are elsewhere than its addresses say (on a host).
    pub(crate) displaced: bool,
    pub(crate) handlers: Handlers<HeapCaps<P, O, HEAPS>>,
    pub(crate) pressure: Pressure<CapsHeap<L, P, O, HEAPS>, Self, P>,
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// No heaps yet: every allocation is refused until memory is registered. The policy is
    /// [`Policy::Guaranteed`].
    #[must_use]
    pub const fn new(observer: O) -> Self {
        Self::with_policy(observer, Policy::Guaranteed)
    }

    /// No heaps yet.
    #[must_use]
    pub const fn with_policy(observer: O, policy: Policy) -> Self {
        Self {
            state: Locked::new(State {
                heaps: HeapCaps::with_policy(observer, policy),
                displaced: false,
                handlers: Handlers::new(),
                pressure: Pressure::new(),
            }),
        }
    }

    /// The same heap with a report handler from the start, see
    /// [`Faults::set_report_handler`](crate::Faults::set_report_handler).
    #[must_use]
    pub const fn with_report_handler(mut self, handler: ReportHandler) -> Self {
        self.state.get_mut().handlers.on_report = Some(handler);
        self
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> SharedInspection<'_, L, P, O, HEAPS> {
    /// Returns where the heaps lie in memory, for an [`ImageHeader`](heap_caps::ImageHeader): a
    /// heap that a claim's memory was given to needs none of its own.
    #[must_use]
    pub const fn heaps_in_memory(self) -> *const HeapCaps<P, O, HEAPS> {
        // SAFETY: the place of a field of what the lock protects; nothing is read.
        unsafe { &raw const (*self.heap.state.as_ptr()).heaps }
    }
}
