//! Memory shortage: what happens between "no heap has room" and a refusal, and when memory is back.
//!
//! ```text
//!   request ─► no room ─► shrinkers, one by one ─► emergency reserves ─► refused        relief.rs
//!                 ▲              │
//!                 └── try again ─┘
//!   any change ─► run_deferred: waiters are served, levels reported, reserves re-armed  deferred.rs
//!   limits of owners ─► which heaps are closed to a request                             limit/
//!   most calls ─► nothing of this: they are below what may change without a look        quiet.rs
//! ```
//!
//! Nothing of this is reached, or linked, before something is registered: the paths are entered
//! through function pointers that the first registration sets. What makes every allocation and free
//! come by (levels, waiters, an open reserve) hides the routes from the fast paths meanwhile
//! ([`Phases::set_detoured`](heap_caps::Phases::set_detoured)), so allocations have no test for
//! it, and frees one. Behind that detour, most calls are simple ones.

mod deferred;
mod emergency;
mod level;
mod limit;
mod quiet;
mod relief;
mod shrink;
mod table;
mod wait;

pub use self::emergency::{
    EMERGENCIES, EmergencyError, EmergencyHandler, EmergencyIndex, EmergencyRelease,
    EmergencyReserve,
};
pub use self::level::{
    GAUGES, GaugeIndex, GaugeTableFull, LevelChange, LevelHandler, PressureGauge,
};
pub use self::limit::{
    AccountsAreOpen, LimitError, OwnerAccounts, OwnerHandler, OwnerLimits, OwnerPressure,
    OwnerProbe, OwnerUsage,
};
pub use heap_caps::Level;

pub use self::shrink::{
    SHRINKERS, Shortage, Shrink, Shrinker, ShrinkerFigures, ShrinkerIndex, ShrinkerTableFull,
};

pub use self::wait::{Allocating, PATIENCE, Park, WaitError};

use core::ptr::NonNull;

use heap_caps::{
    AllocRequest, AllocatedBlock, FailureKind, HeapIndex, Observer, ReallocateError, Reallocation,
};
use multi_heap::{Poison, Unpoisoned};

use self::emergency::Emergencies;
use self::level::Gauges;
use self::limit::Limits;
use self::quiet::Quiet;
use self::relief::Relieving;
use self::shrink::Shrinkers;
use self::wait::Queue;
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;
use crate::record::RecordWanted;

/// Settling, as a function pointer.
pub(crate) type RunDeferred<H> = fn(&H);

/// How a reallocation began.
pub(crate) type Begun<P> = Result<Reallocation<P>, ReallocateError<FailureKind>>;

/// The ways into this module, once something is registered. `H` is the heap, `S` what its lock
/// protects.
pub(crate) struct Hooks<H, S, P: Poison> {
    /// Who is asked for the owner of a request that names none.
    pub(crate) current: fn(&S) -> Option<OwnerProbe>,
    /// Serves a request under the lock if that is simple; returns whether there is deferred work.
    pub(crate) allocate_watched: fn(&mut S, &AllocRequest<'_>) -> Option<(AllocatedBlock, bool)>,
    /// Frees a block under the lock if that is simple; returns whether there is deferred work.
    pub(crate) free_watched: fn(&mut S, NonNull<u8>) -> Option<bool>,
    /// Serves a request in place of the ordinary slow path.
    pub(crate) allocate: fn(&H, &AllocRequest<'_>, RecordWanted<'_, S>) -> Option<NonNull<u8>>,
    /// Frees a block of any kind, and does the deferred work; returns whether it was freed.
    pub(crate) free: fn(&H, NonNull<u8>) -> bool,
    /// Resizes a block of any kind, and does the deferred work. The contract is that of
    /// [`CapsHeap::reallocate`].
    pub(crate) reallocate: unsafe fn(&H, NonNull<u8>, AllocRequest<'_>) -> Option<NonNull<u8>>,
    /// Begins to resize the block at an address; something gives memory back if there is no room.
    /// A refusal was notified.
    pub(crate) begin_reallocate: fn(&H, u32, &AllocRequest<'_>, RecordWanted<'_, S>) -> Begun<P>,
    /// A block of a heap was freed.
    pub(crate) freed: fn(&mut S, u32, HeapIndex),
    /// A block of a heap has moved to another address.
    pub(crate) moved: fn(&mut S, (u32, Option<HeapIndex>), u32),
    /// Does what a change of free memory asks for, without the lock.
    pub(crate) run_deferred: RunDeferred<H>,
}

impl<H, S, P: Poison> Clone for Hooks<H, S, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H, S, P: Poison> Copy for Hooks<H, S, P> {}

/// Tells whether the calling code runs in an interrupt handler.
pub type InterruptProbe = fn() -> bool;

/// What a heap knows of shortage: part of what its lock protects.
pub(crate) struct Pressure<H, S, P: Poison> {
    pub(crate) hooks: Option<Hooks<H, S, P>>,
    in_interrupt: Option<InterruptProbe>,
    shrinkers: Shrinkers,
    emergencies: Emergencies,
    gauges: Gauges,
    waiters: Queue,
    limits: Option<Limits>,
    quiet: Quiet,
}

impl<H, S, P: Poison> Pressure<H, S, P> {
    pub(crate) const fn new() -> Self {
        Self {
            hooks: None,
            in_interrupt: None,
            shrinkers: Shrinkers::new(),
            emergencies: Emergencies::new(),
            gauges: Gauges::new(),
            waiters: Queue::new(),
            limits: None,
            quiet: Quiet::NONE,
        }
    }
}

/// What a program sets up for the moment in which memory is short: shrinkers, emergency reserves,
/// gauges, and the handler of refused requests.
pub struct PressureControl<
    'h,
    L: RawLock,
    P: Poison = Unpoisoned,
    O: Observer = (),
    const HEAPS: usize = 16,
> {
    pub(crate) heap: &'h CapsHeap<L, P, O, HEAPS>,
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Clone
    for PressureControl<'_, L, P, O, HEAPS>
{
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Copy
    for PressureControl<'_, L, P, O, HEAPS>
{
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Returns what is done when memory is short, to be set up.
    #[must_use]
    pub const fn pressure(&self) -> PressureControl<'_, L, P, O, HEAPS> {
        PressureControl { heap: self }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Returns the deferred work of a change of free memory, if something observes such changes.
    pub(crate) fn deferred_work(&self) -> Option<RunDeferred<CapsHeap<L, P, O, HEAPS>>> {
        let hooks = self.pressure.hooks.filter(|_| {
            let heaps = self.heaps.inspect();
            heaps.is_detoured() || heaps.is_counting()
        });
        hooks.map(|hooks| hooks.run_deferred)
    }

    /// Opens the ways into this module.
    fn hook(&mut self) {
        self.pressure.hooks = Some(Hooks {
            current: Self::current_owner,
            allocate_watched: Self::allocate_watched,
            free_watched: Self::free_watched,
            allocate: CapsHeap::allocate_or_relieve,
            free: CapsHeap::free_slowly_or_report,
            reallocate: CapsHeap::reallocate_slowly_or_report,
            begin_reallocate: CapsHeap::begin_reallocate_or_relieve,
            freed: Self::freed,
            moved: Self::resized,
            run_deferred: CapsHeap::run_deferred,
        });
    }

    /// Decides again whether every change of free memory has to be looked at.
    fn update_detour(&mut self) {
        let Pressure {
            emergencies,
            gauges,
            waiters,
            limits,
            ..
        } = &self.pressure;
        let limited = limits.as_ref().is_some_and(Limits::is_any);
        let counts = limited || gauges.is_any();
        let watched = counts || emergencies.is_any_open() || !waiters.is_empty();
        self.heaps.phases().set_counting(counts);
        self.heaps.phases().set_detoured(watched);
        self.pressure.quiet = Quiet::NONE;
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Returns whether the calling code may run what a program registered.
    fn may_call_out(&self) -> bool {
        let probe = self.state.acquire().pressure.in_interrupt;
        !probe.is_some_and(|in_interrupt| in_interrupt())
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> PressureControl<'_, L, P, O, HEAPS> {
    /// Sets how the heap recognises interrupt handlers; returns the previous function. A request
    /// that is made in one fails at once where there is no memory, as one that is
    /// [`fail_fast`](AllocRequest::fail_fast): no shrinker is run, no reserve released, no level
    /// reported.
    ///
    /// Without a probe (the state at first) every request counts as one of a task.
    pub fn set_interrupt_probe(self, probe: Option<InterruptProbe>) -> Option<InterruptProbe> {
        core::mem::replace(&mut self.heap.state.acquire().pressure.in_interrupt, probe)
    }
}
