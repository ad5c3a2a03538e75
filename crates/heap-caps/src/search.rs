//! The whole search for a block, in pieces: what a request needs that the first heap worth asking
//! could not serve.
//!
//! ```text
//!   set 1 ─► route ─► heap, heap, heap ─► set 2 ─► route ─► heap ─► … ─► found
//!   └────────────────────────── none ──────────────────────────────────► record: heap, heap, heap ─► refused
//!            each ─► a piece: a layer with a lock opens it in between
//! ```
//!
//! A piece computes a few entries of a route, asks one heap, or records a few. So its time is
//! bounded, however many heaps and sets there are. What others allocate and free between two pieces
//! makes no difference to what has been tried.

use multi_heap::{Poison, Request};
use soc_regions::Caps;

use crate::allocate::AllocatedBlock;
use crate::attempt::HeapMask;
use crate::failure::FailureKind;
use crate::heap_caps::HeapCaps;
use crate::observer::Observer;
use crate::reallocate::Stay;
use crate::request::{AllocRequest, Placement};
use crate::route::{Plan, RouteEntry, RouteIndex};

/// How many heaps one piece records.
const RECORDED_AT_ONCE: usize = 2;

/// A request on its way along the heaps.
pub struct Search<'r, const HEAPS: usize> {
    request: &'r AllocRequest<'r>,
    /// The block that is to be resized or moved, 0 for none: observers are notified when it has
    /// moved.
    old: u32,
    set: usize,
    entry: usize,
    /// The set of capabilities that is tried.
    caps: Caps,
    stage: Stage,
    /// The number of the failure, where it is recorded.
    failure: u32,
    /// The route that is being computed; most are cached already.
    plan: Option<Plan<HEAPS>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Asking,
    Failing,
    Recording,
}

/// A [`Phases::allocate_ordinary`](crate::Phases::allocate_ordinary) found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotServed {
    /// The entry of the first set's route at which a search goes on.
    pub(crate) from: usize,
}

impl NotServed {
    /// Nothing was asked.
    pub const NOT_ASKED: Self = Self { from: 0 };
}

/// What a piece of a search came to.
#[derive(Debug)]
#[must_use = "a block that was found is allocated"]
pub enum Progress {
    /// There is more to do.
    Going,
    /// A block: [`Phases::pending`](crate::Phases::pending) has to follow.
    Found(AllocatedBlock),
    /// The old block was resized, or grows downwards.
    Stayed(Stay),
    /// No heap can serve the request; [`Inspection::last_failure`](crate::Inspection::last_failure)
    /// says why.
    Refused,
}

impl<'r, const HEAPS: usize> Search<'r, HEAPS> {
    /// Creates a search that has not begun.
    #[must_use]
    pub const fn new(request: &'r AllocRequest<'r>) -> Self {
        Self {
            request,
            old: 0,
            set: 0,
            entry: 0,
            caps: Caps::empty(),
            stage: Stage::Asking,
            failure: 0,
            plan: None,
        }
    }

    /// Creates a search for the place to which the ordinary block at `old` moves, which does not
    /// fit where it lies.
    #[must_use]
    pub const fn moving(old: u32, request: &'r AllocRequest<'r>) -> Self {
        Self {
            old,
            ..Self::new(request)
        }
    }

    /// Creates a search without a result: what is left is to record that.
    pub(crate) const fn refused(request: &'r AllocRequest<'r>) -> Self {
        Self {
            stage: Stage::Failing,
            ..Self::new(request)
        }
    }

    /// Returns the set of capabilities that was tried last: the one that was met, where a block was
    /// found.
    #[must_use]
    pub const fn caps(&self) -> Caps {
        self.caps
    }

    /// The same search, behind a [`Phases::allocate_ordinary`](crate::Phases::allocate_ordinary) in
    /// vain.
    #[must_use]
    pub const fn after(self, in_vain: NotServed) -> Self {
        Self {
            entry: in_vain.from,
            ..self
        }
    }
}

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// See [`Phases::advance`](crate::Phases::advance).
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn advance(&mut self, search: &mut Search<'_, HEAPS>) -> Progress {
        // Another core may have hidden them since the last piece.
        self.with_routes(|heaps| match search.stage {
            Stage::Asking => heaps.ask_next(search),
            Stage::Failing => heaps.begin_failure(search),
            Stage::Recording => heaps.record_next(search),
        })
    }

    /// Does all of a search.
    pub(crate) fn search(&mut self, search: &mut Search<'_, HEAPS>) -> Progress {
        loop {
            match self.advance(search) {
                Progress::Going => {}
                done => return done,
            }
        }
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn ask_next(&mut self, search: &mut Search<'_, HEAPS>) -> Progress {
        let request = search.request;
        let Some(layout) = request.layout() else {
            return self.begin_failure(search);
        };
        if let Placement::Tag(tag) = request.placement {
            return match self.allocate_tagged(layout, tag, request, HeapMask::ALL) {
                Some(allocated) => Progress::Found(allocated),
                None => self.begin_failure(search),
            };
        }
        while let Some(caps) = self.nth_set(request, search.set) {
            search.caps = caps;
            let Some(route) = self.routes.position(caps) else {
                let plan = search.plan.get_or_insert_with(Plan::new);
                if self.plan_on(plan, caps).is_err() {
                    search.set += 1; // no memory can have these
                }
                return Progress::Going;
            };
            if search.old != 0 && search.entry == 0 {
                let stayed = self.stay_outlined(search.old, layout, caps, request.caller);
                if matches!(stayed, Stay::InPlace | Stay::Down(_)) {
                    return Progress::Stayed(stayed);
                }
            }
            while let Some(entry) = self.route_entry(route, search.entry) {
                search.entry += 1;
                if self.may_serve(entry, layout) {
                    return match self.ask(entry, layout, caps, route) {
                        Some(allocated) => self.found(allocated, layout, search),
                        None => Progress::Going,
                    };
                }
            }
            search.set += 1;
            search.entry = 0;
        }
        self.begin_failure(search)
    }

    fn found(
        &mut self,
        allocated: AllocatedBlock,
        layout: Request,
        search: &Search<'_, HEAPS>,
    ) -> Progress {
        self.watches.record_minimum(allocated.heap, &self.registry);
        if O::LISTENS && search.old == 0 {
            let (caller, owner) = (search.request.caller, search.request.owner());
            self.notify_allocated(allocated, layout, search.caps, caller, owner);
        }
        Progress::Found(allocated)
    }

    /// Returns the set of capabilities that a request tries as its `index`th; `None` behind the
    /// last one.
    pub(crate) fn nth_set(&self, request: &AllocRequest<'_>, index: usize) -> Option<Caps> {
        match (request.placement, index) {
            (placement, 0) => self.first_set(placement, request.size),
            (Placement::Default, 1) => self.external_above().map(|_| Caps::DEFAULT),
            (Placement::Prefer(sets), index) => sets.get(index).copied(),
            _ => None,
        }
    }

    fn route_entry(&self, route: RouteIndex, index: usize) -> Option<RouteEntry> {
        let entry = self.routes.entries(route).get(index)?;
        (!entry.is_end()).then_some(*entry)
    }

    /// Returns whether an entry's heap is worth asking; a constrained one, where more than the size
    /// counts, always is.
    fn may_serve(&self, entry: RouteEntry, layout: Request) -> bool {
        let slot = self.registry.slots.get(entry.heap().get());
        let heap = slot.and_then(|slot| slot.heap.as_ref());
        entry.is_constrained() || heap.is_some_and(|heap| heap.may_serve(layout.size()))
    }
}

/// Failure: the one place where a request that was not served becomes a record.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Begins the record. A request for nothing leaves no trace.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn begin_failure(&mut self, search: &mut Search<'_, HEAPS>) -> Progress {
        let request = search.request;
        if request.size == 0 {
            return Progress::Refused;
        }
        if search.set == 0 {
            while let Some(caps) = self.nth_set(request, search.set) {
                search.caps = caps;
                search.set += 1;
            }
        }
        let (attempts, caps) = (u8::try_from(search.set).unwrap_or(u8::MAX), search.caps);
        let cause = match self.routes.position(caps) {
            Some(_) if request.layout().is_some() && !caps.is_empty() => FailureKind::NoMemory,
            _ => self.cause(request, caps),
        };
        search.entry = 0;
        search.failure = self.begin_record(request, caps, cause, attempts);
        search.stage = Stage::Recording;
        if cause != FailureKind::NoMemory {
            return self.recorded();
        }
        self.record_next(search)
    }

    /// Records what a few heaps on the route have free: what is known of the others does not
    /// change.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn record_next(&mut self, search: &mut Search<'_, HEAPS>) -> Progress {
        if self.failures != search.failure {
            return Progress::Refused; // somebody else's failure is recorded since
        }
        let route = self.routes.position(self.last_failure.caps());
        let mut recorded = 0;
        while recorded < RECORDED_AT_ONCE {
            let entry =
                route.and_then(|route| Some((route, self.route_entry(route, search.entry)?)));
            let Some((route, entry)) = entry else {
                return self.recorded();
            };
            search.entry += 1;
            if self.record_state(search.request, route, entry) {
                recorded += 1;
            }
        }
        Progress::Going
    }

    fn recorded(&mut self) -> Progress {
        if O::LISTENS
            && let Some(failure) = self.inspect().last_failure()
        {
            self.observer.on_failure(&failure);
        }
        Progress::Refused
    }
}
