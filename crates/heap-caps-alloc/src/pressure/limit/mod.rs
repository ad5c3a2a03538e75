//! Limits of owners: what each may have at most, and what each is sure to get.
//!
//! ```text
//!   request ─► its owner: the request's own, or the current one
//!           ─► heaps closed to it: its hard limit, bytes guaranteed to others   ledger.rs
//!           ─► a block of the other heaps, charged to the owner                 charges.rs
//!   free, whoever frees ─► the block's charge ─► the owner's account
//! ```
//!
//! Nothing of this is reached before the first limit. From then on most calls look at the account
//! of their owner and at no other ([`Limits::permits`]); the rest of this is for those that may
//! exceed something.

mod charges;
mod ledger;
mod terms;

pub use self::terms::{
    AccountsAreOpen, LimitError, OwnerHandler, OwnerLimits, OwnerPressure, OwnerProbe, OwnerUsage,
};

use heap_caps::{
    AllocRequest, AllocatedBlock, ClosedHeaps, FailureKind, HeapIndex, HeapMask, Misuse, Observer,
    Owner, Placement, PressureEvent, PressureKind, Reallocation, Relief, ResizeWithin,
};
use multi_heap::Poison;
use soc_regions::Caps;

use self::charges::{Charge, Charged};
use self::ledger::Account;
pub(super) use self::ledger::Limits;
use super::PressureControl;
use super::quiet::Quiet;
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;

/// Memory for the accounts of owners: for at most `LIMITS` limits and `BLOCKS` live blocks of
/// owners that have some. 8 bytes a block; room for half as many again as there will be keeps each
/// look short.
///
/// It is handed over for good: as a leaked box, from a `StaticCell`.
#[derive(Debug)]
pub struct OwnerAccounts<const LIMITS: usize, const BLOCKS: usize> {
    accounts: [Option<Account>; LIMITS],
    charges: [Charge; BLOCKS],
}

impl<const LIMITS: usize, const BLOCKS: usize> OwnerAccounts<LIMITS, BLOCKS> {
    /// Empty accounts.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            accounts: [const { None }; LIMITS],
            charges: [Charge::EMPTY; BLOCKS],
        }
    }
}

impl<const LIMITS: usize, const BLOCKS: usize> Default for OwnerAccounts<LIMITS, BLOCKS> {
    fn default() -> Self {
        Self::new()
    }
}

/// What limits allow a request.
#[derive(Clone, Copy)]
pub(super) struct Ruling {
    owner: Owner,
    pub(super) closed: ClosedHeaps,
    /// The owner has limits, and the table of blocks no place.
    is_full: bool,
}

impl Ruling {
    /// There are no limits.
    pub(super) const FREE: Self = Self {
        owner: Owner::NOBODY,
        closed: ClosedHeaps::NONE,
        is_full: false,
    };

    const fn open(&self) -> HeapMask {
        if self.is_full {
            HeapMask::NONE
        } else {
            HeapMask::ALL.without(self.closed.all())
        }
    }
}

/// Requests under limits. All O(limits² + limits × heaps), and O(blocks) in a table of blocks that
/// is nearly full.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Returns what limits allow a request, whose owner is known.
    pub(super) fn rule(&mut self, request: &AllocRequest<'_>) -> Ruling {
        let Some(limits) = &mut self.pressure.limits else {
            return Ruling::FREE;
        };
        let owner = request.owner().unwrap_or(Owner::NOBODY);
        let heaps = self.heaps.inspect();
        limits.refresh(|caps| heaps.heaps_with(caps));
        let bytes = |heap| heaps.bytes_for(request, heap).unwrap_or(u32::MAX);
        Ruling {
            owner,
            closed: limits.closed_to(Some(owner), |caps| heaps.free_size(caps), bytes, None),
            is_full: limits.is_limited(owner) && limits.charges.is_full(),
        }
    }

    /// Allocates a block of the heaps that are open to a request, charged to its owner.
    pub(super) fn allocate_open(
        &mut self,
        request: &AllocRequest<'_>,
        ruling: &Ruling,
    ) -> Option<AllocatedBlock> {
        self.allocate_outside(request, ruling, HeapMask::NONE)
    }

    /// The same without the heaps that are `closed` to a waiter.
    pub(super) fn allocate_outside(
        &mut self,
        request: &AllocRequest<'_>,
        ruling: &Ruling,
        closed: HeapMask,
    ) -> Option<AllocatedBlock> {
        let within = ruling.open().without(closed);
        let allocated = self.heaps.phases().attempt(request, within)?;
        self.charge(ruling.owner, allocated);
        Some(allocated)
    }

    fn charge(&mut self, owner: Owner, allocated: AllocatedBlock) {
        self.pressure.quiet = Quiet::NONE;
        let limits = self.pressure.limits.as_ref();
        if limits.is_some_and(|limits| limits.is_limited(owner)) {
            let bytes = self.heaps.inspect().block_bytes(allocated.address);
            self.charge_bytes(owner, allocated, bytes.unwrap_or(0));
        }
    }

    /// Charges a block of this many bytes to an owner with limits; returns whether a soft limit was
    /// crossed.
    pub(super) fn charge_bytes(
        &mut self,
        owner: Owner,
        allocated: AllocatedBlock,
        bytes: u32,
    ) -> bool {
        let Some(limits) = &mut self.pressure.limits else {
            return false;
        };
        let charged = limits.charges.set(allocated.address, owner, bytes);
        debug_assert!(charged.is_some(), "a ruling makes sure of a place");
        if let Some(charged) = charged {
            limits.add(allocated.heap, charged);
        }
        self.notify_soft_limits()
    }

    /// A block is free: its owner has it no more.
    pub(super) fn freed(&mut self, address: u32, heap: HeapIndex) {
        self.pressure.quiet = Quiet::NONE;
        self.discharge(address, Some(heap));
    }

    /// The same of a block on the data side, if the heap is not known; returns whether a soft limit
    /// was crossed.
    #[inline]
    pub(super) fn discharge(&mut self, address: u32, heap: Option<HeapIndex>) -> bool {
        let Some(limits) = &mut self.pressure.limits else {
            return false;
        };
        let Some(charged) = limits.charges.remove(address) else {
            return false;
        };
        let heap = heap.or_else(|| self.heaps.inspect().heap_containing(address));
        if let Some(heap) = heap
            && limits.subtract(heap, charged)
        {
            self.heaps.phases().set_allowance(0);
        }
        self.notify_soft_limits()
    }

    /// Returns why no memory in the world helps a request: it is its owner's own limit that stops
    /// it.
    pub(super) fn stopped(
        &mut self,
        request: &AllocRequest<'_>,
        ruling: &Ruling,
        peers: HeapMask,
    ) -> Option<FailureKind> {
        let limits = self.pressure.limits.as_ref()?;
        if ruling.is_full {
            return Some(FailureKind::NoAccountFor(ruling.owner));
        }
        let candidates = match request.placement() {
            Placement::Caps(caps) if caps.is_empty() => peers,
            _ => self.heaps.phases().candidates(request),
        };
        let stopped = !candidates.is_empty() && ruling.closed.by_limit.contains_all(candidates);
        let account = limits.limiting(ruling.owner, candidates);
        account.filter(|_| stopped).map(Account::over_limit)
    }

    /// Returns the heaps that a request's owner may never use for it, however much it frees.
    pub(super) fn never_open(&self, request: &AllocRequest<'_>) -> HeapMask {
        let (Some(limits), Some(owner)) = (&self.pressure.limits, request.owner()) else {
            return HeapMask::NONE;
        };
        let heaps = self.heaps.inspect();
        limits.never_open(owner, |heap| {
            heaps.bytes_for(request, heap).unwrap_or(u32::MAX)
        })
    }

    /// Refuses a request; returns the cause.
    pub(super) fn refuse(
        &mut self,
        request: &AllocRequest<'_>,
        relief: &Relief,
        ruling: &Ruling,
        stopped: Option<FailureKind>,
    ) -> FailureKind {
        let Some(cause) = stopped else {
            return self
                .heaps
                .phases()
                .fail_after(request, relief, &ruling.closed);
        };
        self.heaps.phases().fail_because(request, cause);
        if let FailureKind::OverLimit { name, limit, .. } = cause {
            if let Some(limits) = &mut self.pressure.limits {
                limits.count_refusal(ruling.owner, name);
            }
            let event = PressureEvent::new(name, PressureKind::OverLimit(limit));
            self.heaps.phases().notify_pressure(&event);
        }
        cause
    }

    /// Notifies the observer of soft limits that were crossed; returns whether there may be some of
    /// which a handler is to be notified.
    #[inline]
    fn notify_soft_limits(&mut self) -> bool {
        let limits = self.pressure.limits.as_ref();
        let is_crossed = limits.is_some_and(Limits::is_crossed);
        if is_crossed {
            while let Some(event) = self.pressure.limits.as_mut().and_then(Limits::next_event) {
                self.heaps.phases().notify_pressure(&event);
            }
        }
        is_crossed
    }

    /// Who is asked for the current owner, if there are accounts.
    pub(super) fn current_owner(&self) -> Option<OwnerProbe> {
        self.pressure.limits.as_ref().map(Limits::current)
    }
}

/// A block that is to be resized, under limits.
pub(super) struct Resizing {
    pub(super) ruling: Ruling,
    pub(super) within: ResizeWithin,
    charged: Option<Charged>,
}

/// Reallocation under limits: a block stays its owner's, whoever resizes it.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Returns where the block at `address` may be resized.
    pub(super) fn rule_resizing(
        &mut self,
        address: u32,
        request: &AllocRequest<'_>,
    ) -> Result<Resizing, Misuse> {
        let heaps = self.heaps.inspect();
        let Some(limits) = &mut self.pressure.limits else {
            return Ok(Resizing {
                ruling: Ruling::FREE,
                within: ResizeWithin::ANY,
                charged: None,
            });
        };
        limits.refresh(|caps| heaps.heaps_with(caps));
        let old_heap = heaps.heap_of(address)?;
        let old_bytes = heaps.block_bytes(address).unwrap_or(0);
        let charged = limits.charges.get(address);
        let owner = charged.map(|charged| charged.owner);
        let free = |caps: Caps| heaps.free_size(caps);
        let bytes = |heap| heaps.bytes_for(request, heap).unwrap_or(u32::MAX);
        let growth = bytes(old_heap).saturating_sub(old_bytes);
        let here = limits.closed_to(owner, free, |_| growth, None);
        let given_back = charged.map(|charged| (old_heap, charged.bytes));
        let ruling = Ruling {
            owner: owner.unwrap_or(Owner::NOBODY),
            closed: limits.closed_to(owner, free, bytes, given_back),
            is_full: charged.is_some() && limits.charges.is_full(),
        };
        let within = ResizeWithin {
            stays: growth == 0 || !here.all().contains(old_heap),
            moves_to: ruling.open(),
        };
        Ok(Resizing {
            ruling,
            within,
            charged,
        })
    }

    /// Begins to resize the block at `address`, where limits allow it; `None`: there is no room.
    pub(super) fn begin_resizing(
        &mut self,
        address: u32,
        request: &AllocRequest<'_>,
    ) -> Result<Option<Reallocation<P>>, Misuse> {
        let resizing = self.rule_resizing(address, request)?;
        let phases = self.heaps.phases();
        let begun = phases.attempt_reallocate(address, request, resizing.within)?;
        if let Some(begun) = &begun {
            self.begin_resized(&resizing, begun);
        }
        Ok(begun)
    }

    /// The block was resized where it lies, or has a new place to which it moves: that is the
    /// owner's too.
    pub(super) fn begin_resized(&mut self, resizing: &Resizing, begun: &Reallocation<P>) {
        self.pressure.quiet = Quiet::NONE;
        let (Some(charged), Some(limits)) = (resizing.charged, &mut self.pressure.limits) else {
            return;
        };
        match begun {
            Reallocation::InPlace(address) => self.resized((charged.address, None), *address),
            Reallocation::Moving(moving) if moving.allocated().address != charged.address => {
                limits
                    .charges
                    .set(moving.allocated().address, charged.owner, 0);
            }
            Reallocation::Moving(_) => {}
        }
    }

    /// A block has moved from an address (of a heap, if another one) to another.
    pub(super) fn resized(&mut self, from: (u32, Option<HeapIndex>), to: u32) {
        self.pressure.quiet = Quiet::NONE;
        let heaps = self.heaps.inspect();
        let (Ok(heap), Some(bytes)) = (heaps.heap_of(to), heaps.block_bytes(to)) else {
            return;
        };
        let Some(limits) = &mut self.pressure.limits else {
            return;
        };
        let Some(charged) = limits.charges.remove(from.0) else {
            return;
        };
        limits.subtract(from.1.unwrap_or(heap), charged);
        if let Some(charged) = limits.charges.set(to, charged.owner, bytes) {
            limits.add(heap, charged);
        }
        self.notify_soft_limits();
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// The same request with its owner, if there are accounts. The program is asked without the
    /// lock.
    pub(super) fn with_owner<'r>(&self, request: &AllocRequest<'r>) -> AllocRequest<'r> {
        if request.owner().is_some() {
            return *request;
        }
        let current = self.state.acquire().current_owner();
        current.map_or(*request, |current| request.on_behalf_of(current()))
    }
}

/// Limits of owners.
impl<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize>
    PressureControl<'h, L, P, O, HEAPS>
{
    /// Opens accounts of owners, so that they can have limits. `current` returns on whose behalf
    /// the calling code runs, for requests that do not say it
    /// ([`on_behalf_of`](AllocRequest::on_behalf_of), [`OwnedBy`](crate::OwnedBy)); it is called
    /// without the lock, by whoever allocates. [`CurrentOwner`](heap_caps::CurrentOwner) knows it,
    /// through `poll` too.
    ///
    /// ```
    /// use heap_caps::{CurrentOwner, FailureKind, Owner};
    /// use heap_caps_alloc::{CapsHeap, OwnerAccounts, OwnerLimits, SpinLock};
    /// use soc_regions::Caps;
    ///
    /// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
    /// static CURRENT: CurrentOwner = CurrentOwner::new();
    /// const MQTT: Owner = Owner(1);
    /// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 65_536].into_boxed_slice());
    /// # HEAP.add_buffer([Caps::BIT8 | Caps::DEFAULT, Caps::empty(), Caps::empty()], memory).unwrap();
    ///
    /// let accounts = Box::leak(Box::new(OwnerAccounts::<4, 256>::new()));
    /// HEAP.pressure().open_accounts(accounts, || CURRENT.get())?;
    /// let limits = OwnerLimits::new(MQTT, "mqtt", Caps::BIT8)
    ///     .at_most(24 * 1024)
    ///     .warned_above(16 * 1024, |mqtt| println!("{} has {} B", mqtt.name, mqtt.used))
    ///     .guaranteed(8 * 1024);
    /// HEAP.pressure().limit_owner(limits)?;
    ///
    /// let message = CURRENT.with(MQTT, || HEAP.malloc(20_000, Caps::BIT8)).unwrap();
    /// let refused = CURRENT.with(MQTT, || HEAP.malloc(5000, Caps::BIT8)).unwrap_err();
    /// assert!(matches!(refused.cause, FailureKind::OverLimit { name: "mqtt", limit: 24_576, .. }));
    /// assert!(refused.to_string().contains(
    ///     "mqtt (owner 1) has 20004 B and may have no more than 24576 B"
    /// ));
    /// // Whoever frees it:
    /// // SAFETY: the block is this program's own.
    /// unsafe { HEAP.free(message) }?;
    /// assert_eq!(HEAP.pressure().owner_usage(MQTT, Caps::BIT8).unwrap().used, 0);
    ///
    /// // What is guaranteed to mqtt is not to be had for others:
    /// let refused = HEAP.malloc(60_000, Caps::BIT8).unwrap_err();
    /// assert!(refused.to_string().contains("keeps 8.0 KiB for other owners"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// They are open already.
    pub fn open_accounts<const LIMITS: usize, const BLOCKS: usize>(
        self,
        accounts: &'static mut OwnerAccounts<LIMITS, BLOCKS>,
        current: OwnerProbe,
    ) -> Result<(), AccountsAreOpen> {
        let OwnerAccounts { accounts, charges } = accounts;
        let mut state = self.heap.state.acquire();
        if state.pressure.limits.is_some() {
            return Err(AccountsAreOpen);
        }
        state.pressure.limits = Some(Limits::new(accounts, charges, current));
        state.hook();
        Ok(())
    }

    /// Limits an owner, or changes its limits for memory with the same capabilities. Its blocks
    /// from before its first limit count for nobody. What it has above a new limit stays its own;
    /// it gets no more.
    ///
    /// A request that finds its limit in all heaps that could serve it is refused at once, without
    /// shrinkers: [`FailureKind::OverLimit`] names owner and limit. One that waits is served when
    /// its owner has freed enough, and stands in nobody's way meanwhile. While there are limits
    /// every call finds its account, see `docs/pressure.md`. O(blocks) under the lock, for set-up.
    ///
    /// # Errors
    /// See [`LimitError`]. Nothing is changed then.
    pub fn limit_owner(self, limits: OwnerLimits) -> Result<(), LimitError> {
        let mut state = self.heap.state.acquire();
        let State {
            heaps, pressure, ..
        } = &mut *state;
        let heaps = heaps.inspect();
        let accounts = pressure.limits.as_mut().ok_or(LimitError::NoAccounts)?;
        accounts.refresh(|caps| heaps.heaps_with(caps));
        let added = accounts.limit(
            limits,
            heaps.heaps_with(limits.caps),
            |caps| heaps.free_size(caps),
            |address| heaps.heap_of(address).ok(),
        );
        added?;
        state.update_detour();
        state.notify_soft_limits();
        drop(state);
        self.heap.run_deferred(); // a waiter may be served now
        Ok(())
    }

    /// Ends the limits of an owner for memory with these capabilities; returns whether there were
    /// any. With the last ones its account ends: its blocks count for nobody, so that another one
    /// can have its number. O(blocks) under the lock.
    pub fn unlimit_owner(self, owner: Owner, caps: Caps) -> bool {
        let mut state = self.heap.state.acquire();
        let limits = state.pressure.limits.as_mut();
        let ended = limits.is_some_and(|limits| limits.unlimit(owner, caps));
        state.update_detour();
        drop(state);
        self.heap.run_deferred();
        ended
    }

    /// Returns what an owner has of memory with these capabilities; `None` if it has no limits
    /// there.
    #[must_use]
    pub fn owner_usage(self, owner: Owner, caps: Caps) -> Option<OwnerUsage> {
        let state = self.heap.state.acquire();
        let limits = state.pressure.limits.as_ref()?;
        limits.account(owner, caps).map(Account::usage)
    }

    /// Returns what each owner with limits has, in the order of the table.
    pub fn owners(self) -> impl Iterator<Item = OwnerUsage> + 'h {
        let mut next = 0;
        core::iter::from_fn(move || {
            let state = self.heap.state.acquire();
            let (index, usage) = state.pressure.limits.as_ref()?.next_usage(next)?;
            next = index + 1;
            Some(usage)
        })
    }
}
