//! Accounts of owners: what each has, and which heaps that closes to whom.

use heap_caps::{
    ClosedHeaps, FailureKind, HeapIndex, HeapMask, Owner, PressureEvent, PressureKind,
};
use soc_regions::Caps;

use super::charges::{Charge, Charged, Charges};
use crate::pressure::quiet::Quiet;

use super::terms::{LimitError, OwnerHandler, OwnerLimits, OwnerPressure, OwnerProbe, OwnerUsage};

/// Limits, and what the owner has of their memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    limits: OwnerLimits,
    /// The heaps of their memory.
    heaps: HeapMask,
    used: u32,
    peak: u32,
    blocks: u32,
    refusals: u32,
    is_above: bool,
    /// The last state that observer and handler got.
    observed_above: bool,
    notified_above: bool,
}

impl Account {
    /// What of the guaranteed minimum the owner does not have yet.
    const fn missing(&self) -> u32 {
        self.limits.guaranteed.saturating_sub(self.used)
    }

    fn is_of(&self, owner: Owner, caps: Caps) -> bool {
        self.limits.owner == owner && self.limits.caps == caps
    }

    /// Sets what is used; returns whether observer or handler are to be notified.
    fn set_used(&mut self, used: u32) -> bool {
        let soft = self.limits.soft;
        let ends_at = soft - soft / 8;
        self.used = used;
        self.peak = self.peak.max(used);
        self.is_above = used > if self.is_above { ends_at } else { soft };
        self.is_above != self.observed_above || self.is_above != self.notified_above
    }

    pub(super) const fn over_limit(&self) -> FailureKind {
        FailureKind::OverLimit {
            owner: self.limits.owner,
            name: self.limits.name,
            limit: self.limits.hard,
            used: self.used,
        }
    }

    pub(super) const fn usage(&self) -> OwnerUsage {
        OwnerUsage {
            owner: self.limits.owner,
            name: self.limits.name,
            caps: self.limits.caps,
            used: self.used,
            peak: self.peak,
            blocks: self.blocks,
            refusals: self.refusals,
            at_most: self.limits.hard,
            guaranteed: self.limits.guaranteed,
        }
    }
}

/// The accounts of a heap. **Invariants:** an account's `used` and `blocks` are the sums of its
/// owner's charges in its heaps; the heaps of two guaranteed minimums are the same, nested or
/// disjoint.
pub(in crate::pressure) struct Limits {
    current: OwnerProbe,
    accounts: &'static mut [Option<Account>],
    pub(super) charges: Charges,
    /// All heaps, when the accounts' heaps were looked up.
    known: HeapMask,
    /// Not 0: a soft limit may have been crossed since the last notification. No `bool`, which
    /// would make a heap without accounts something else than zeros.
    crossed: u32,
}

impl Limits {
    pub(super) fn new(
        accounts: &'static mut [Option<Account>],
        charges: &'static mut [Charge],
        current: OwnerProbe,
    ) -> Self {
        accounts.fill(None);
        Self {
            current,
            accounts,
            charges: Charges::new(charges),
            known: HeapMask::NONE,
            crossed: 0,
        }
    }

    /// Returns whether a soft limit may have been crossed since the last notification.
    pub(super) const fn is_crossed(&self) -> bool {
        self.crossed != 0
    }

    /// Returns whether an owner may have a block of this many bytes of any memory without another
    /// look at limits: its own, or what others are guaranteed ([`Limits::quiet`]). `Some(None)`: it
    /// has no limits, so the block is not charged.
    pub(in crate::pressure) fn permits(&self, owner: Owner, bytes: u32) -> Option<Option<Owner>> {
        let mut charged_to = None;
        for account in self.all().filter(|account| account.limits.owner == owner) {
            if bytes > account.limits.hard.saturating_sub(account.used) {
                return None;
            }
            charged_to = Some(owner);
        }
        (charged_to.is_none() || !self.charges.is_full()).then_some(charged_to)
    }

    /// What can be allocated before a guaranteed minimum has to be looked at.
    /// O(limits² + limits × heaps).
    pub(in crate::pressure) fn quiet(&self, free: impl Fn(Caps) -> u32) -> Quiet {
        if self.is_crossed() {
            return Quiet::NONE;
        }
        let guaranteed = self.all().filter(|account| account.limits.guaranteed > 0);
        let left = guaranteed.map(|account| {
            let kept = self.kept_in(account.heaps, None);
            free(account.limits.caps).saturating_sub(kept)
        });
        Quiet {
            down: left.min().unwrap_or(u32::MAX),
            ..Quiet::ALL
        }
    }

    pub(super) fn current(&self) -> OwnerProbe {
        self.current
    }

    pub(in crate::pressure) fn is_any(&self) -> bool {
        self.all().next().is_some()
    }

    fn all(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().flatten()
    }

    pub(super) fn account(&self, owner: Owner, caps: Caps) -> Option<&Account> {
        self.all().find(|account| account.is_of(owner, caps))
    }

    /// Returns the account at a place or behind it.
    pub(super) fn next_usage(&self, from: usize) -> Option<(usize, OwnerUsage)> {
        let mut accounts = self.accounts.iter().enumerate().skip(from);
        accounts.find_map(|(index, account)| Some((index, account.as_ref()?.usage())))
    }

    pub(super) fn is_limited(&self, owner: Owner) -> bool {
        self.all().any(|account| account.limits.owner == owner)
    }

    /// Looks up the heaps of the accounts again if others were registered or enabled.
    pub(super) fn refresh(&mut self, heaps_with: impl Fn(Caps) -> HeapMask) {
        let all = heaps_with(Caps::empty());
        if all == self.known {
            return;
        }
        self.known = all;
        for account in self.accounts.iter_mut().flatten() {
            account.heaps = heaps_with(account.limits.caps);
        }
    }

    /// Returns the heaps that limits close to an owner (`None`: a block that is nobody's) for a
    /// block of this many bytes in each. `given_back`: bytes in a heap that the owner will have no
    /// more then.
    pub(super) fn closed_to(
        &self,
        owner: Option<Owner>,
        free: impl Fn(Caps) -> u32,
        bytes: impl Fn(HeapIndex) -> u32,
        given_back: Option<(HeapIndex, u32)>,
    ) -> ClosedHeaps {
        let mut closed = ClosedHeaps::NONE;
        for account in self.all() {
            let larger_than = |room: u32| {
                let heaps = account.heaps.iter().filter(|&heap| bytes(heap) > room);
                heaps
                    .map(HeapMask::of)
                    .fold(HeapMask::NONE, HeapMask::union)
            };
            if Some(account.limits.owner) == owner {
                let back = given_back.filter(|(heap, _)| account.heaps.contains(*heap));
                let used = account
                    .used
                    .saturating_sub(back.map_or(0, |(_, bytes)| bytes));
                let over = larger_than(account.limits.hard.saturating_sub(used));
                closed.by_limit = closed.by_limit.union(over);
            } else if account.missing() > 0 {
                let kept = self.kept_in(account.heaps, owner);
                let over = larger_than(free(account.limits.caps).saturating_sub(kept));
                if !over.is_empty() {
                    closed.for_others = closed.for_others.union(over);
                    closed.kept_bytes = closed.kept_bytes.max(kept);
                }
            }
        }
        closed
    }

    /// Returns the heaps in which a block of this many bytes alone is above a hard limit of an
    /// owner.
    pub(super) fn never_open(&self, owner: Owner, bytes: impl Fn(HeapIndex) -> u32) -> HeapMask {
        let own = self.all().filter(|account| account.limits.owner == owner);
        let heaps = own.flat_map(|account| {
            let larger = |&heap: &HeapIndex| bytes(heap) > account.limits.hard;
            account.heaps.iter().filter(larger)
        });
        heaps
            .map(HeapMask::of)
            .fold(HeapMask::NONE, HeapMask::union)
    }

    /// Returns the bytes of these heaps that are guaranteed to others than `owner`, and that they
    /// do not have yet.
    fn kept_in(&self, heaps: HeapMask, owner: Option<Owner>) -> u32 {
        let others = self
            .all()
            .filter(|account| Some(account.limits.owner) != owner);
        let inside = others.filter(|account| heaps.contains_all(account.heaps));
        inside.map(Account::missing).fold(0, u32::saturating_add)
    }

    /// Returns an account of an owner that limits it in one of these heaps.
    pub(super) fn limiting(&self, owner: Owner, heaps: HeapMask) -> Option<&Account> {
        let mut own = self.all().filter(|account| account.limits.owner == owner);
        own.find(|account| account.limits.hard != u32::MAX && account.heaps.overlaps(heaps))
    }

    pub(super) fn count_refusal(&mut self, owner: Owner, name: &'static str) {
        let mut accounts = self.accounts.iter_mut().flatten();
        let of = |account: &&mut Account| {
            account.limits.owner == owner && core::ptr::eq(account.limits.name, name)
        };
        if let Some(account) = accounts.find(of) {
            account.refusals = account.refusals.saturating_add(1);
        }
    }

    /// An owner has a block more.
    pub(super) fn add(&mut self, heap: HeapIndex, charged: Charged) {
        let mut is_crossed = self.is_crossed();
        for account in self.accounts_of(charged.owner, heap) {
            account.blocks = account.blocks.saturating_add(1);
            is_crossed |= account.set_used(account.used.saturating_add(charged.bytes));
        }
        self.crossed = u32::from(is_crossed);
    }

    /// Subtracts a block from its owner's account; returns whether others may have less now than
    /// before: the owner misses the bytes of more than one guaranteed minimum.
    pub(super) fn subtract(&mut self, heap: HeapIndex, charged: Charged) -> bool {
        let mut is_crossed = self.is_crossed();
        let mut minimums = 0_u32;
        for account in self.accounts_of(charged.owner, heap) {
            minimums += u32::from(account.limits.guaranteed > 0);
            account.blocks = account.blocks.saturating_sub(1);
            is_crossed |= account.set_used(account.used.saturating_sub(charged.bytes));
        }
        self.crossed = u32::from(is_crossed);
        minimums > 1
    }

    fn accounts_of(&mut self, owner: Owner, heap: HeapIndex) -> impl Iterator<Item = &mut Account> {
        let accounts = self.accounts.iter_mut().flatten();
        accounts
            .filter(move |account| account.limits.owner == owner && account.heaps.contains(heap))
    }

    /// A new account of what its owner has already.
    fn opened(
        &self,
        limits: OwnerLimits,
        heaps: HeapMask,
        heap_of: impl Fn(u32) -> Option<HeapIndex>,
    ) -> Account {
        let mut account = Account {
            limits,
            heaps,
            used: 0,
            peak: 0,
            blocks: 0,
            refusals: 0,
            is_above: false,
            observed_above: false,
            notified_above: false,
        };
        let own = |charged: &Charged| {
            let heap = heap_of(charged.address);
            charged.owner == limits.owner && heap.is_some_and(|heap| heaps.contains(heap))
        };
        for charged in self.charges.iter().filter(own) {
            account.blocks = account.blocks.saturating_add(1);
            account.set_used(account.used.saturating_add(charged.bytes));
        }
        account
    }

    /// Adds limits, or changes those of the same owner and capabilities.
    pub(super) fn limit(
        &mut self,
        limits: OwnerLimits,
        heaps: HeapMask,
        free: impl Fn(Caps) -> u32,
        heap_of: impl Fn(u32) -> Option<HeapIndex>,
    ) -> Result<(), LimitError> {
        let OwnerLimits {
            owner,
            caps,
            hard,
            soft,
            guaranteed,
            ..
        } = limits;
        if guaranteed > hard || soft != u32::MAX && soft > hard {
            return Err(LimitError::AboveHardLimit);
        }
        let same = |place: &Option<Account>| {
            place
                .as_ref()
                .is_some_and(|account| account.is_of(owner, caps))
        };
        let place = self.accounts.iter().position(same);
        let place = place.or_else(|| self.accounts.iter().position(Option::is_none));
        let place = place.ok_or(LimitError::TableFull)?;
        let mut account = self.opened(limits, heaps, heap_of);
        let slot = self.accounts.get_mut(place).ok_or(LimitError::TableFull)?;
        if let Some(before) = slot {
            account.peak = account.peak.max(before.peak);
            account.refusals = before.refusals;
            (account.observed_above, account.notified_above) =
                (before.observed_above, before.notified_above);
        }
        self.crossed = 1; // perhaps
        let before = slot.replace(account);
        let checked = self.check_minimums(&account, free);
        if checked.is_err()
            && let Some(slot) = self.accounts.get_mut(place)
        {
            *slot = before;
        }
        checked
    }

    /// Whether all minimums can be kept, now that `added` is among them.
    fn check_minimums(
        &self,
        added: &Account,
        free: impl Fn(Caps) -> u32,
    ) -> Result<(), LimitError> {
        if added.limits.guaranteed == 0 {
            return Ok(());
        }
        for other in self.all().filter(|account| account.limits.guaranteed > 0) {
            let (a, b) = (added.heaps, other.heaps);
            if a.overlaps(b) && !a.contains_all(b) && !b.contains_all(a) {
                return Err(LimitError::Overlaps(other.limits.name));
            }
            let missing = self
                .kept_in(b, None)
                .saturating_sub(free(other.limits.caps));
            if missing > 0 && b.contains_all(a) {
                return Err(LimitError::NotEnough { missing });
            }
        }
        Ok(())
    }

    /// Ends limits. What an owner has that has no others counts for nobody then.
    pub(super) fn unlimit(&mut self, owner: Owner, caps: Caps) -> bool {
        let mut places = self.accounts.iter_mut();
        let ended = places.find_map(|place| place.take_if(|account| account.is_of(owner, caps)));
        if !self.is_limited(owner) {
            self.charges.forget(owner);
        }
        ended.is_some()
    }

    /// Returns a soft limit that was crossed, for the observer.
    pub(super) fn next_event(&mut self) -> Option<PressureEvent> {
        let mut accounts = self.accounts.iter_mut().flatten();
        let account = accounts.find(|account| account.is_above != account.observed_above)?;
        account.observed_above = account.is_above;
        let kind = if account.is_above {
            PressureKind::AboveSoftLimit(account.used)
        } else {
            PressureKind::BelowSoftLimit(account.used)
        };
        Some(PressureEvent::new(account.limits.name, kind))
    }

    /// Returns the next soft limit that was crossed, and its handler.
    pub(in crate::pressure) fn next_notification(
        &mut self,
    ) -> Option<(OwnerHandler, OwnerPressure)> {
        for account in self.accounts.iter_mut().flatten() {
            if account.is_above == account.notified_above {
                continue;
            }
            account.notified_above = account.is_above;
            let Some(handler) = account.limits.handler else {
                continue;
            };
            let pressure = OwnerPressure {
                owner: account.limits.owner,
                name: account.limits.name,
                used: account.used,
                is_above: account.is_above,
            };
            return Some((handler, pressure));
        }
        self.crossed = 0;
        None
    }
}
