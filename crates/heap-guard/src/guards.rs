//! The guarded blocks, one a slot.
//!
//! ```text
//!            reserve          arm behind the block        free                arm at its start
//!   Empty ───────────► Busy ──────────────────────► Live ──────► Busy ──────────────────────► Freed
//!     ▲                                               │                                         │
//!     └───────── the oldest makes room for the next ──┴─────────────────────────────────────────┘
//! ```

use crate::caught::{CaughtBlock, Hit};
use crate::origin::Origin;
use crate::slots::{SLOTS, Slots, Written};
use crate::watch::{Watch, Watchpoints};

/// Where a guard is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// None.
    Empty,
    /// It is being armed, without a lock.
    Busy,
    /// Its block is in use: what lies behind is watched.
    Live,
    /// Its block was freed, and is kept: its beginning is watched.
    Freed,
}

/// A guarded block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) stage: Stage,
    pub(crate) pointer: usize,
    pub(crate) address: u32,
    /// Bytes asked for.
    pub(crate) size: u32,
    /// Bytes of the block, what is watched behind it included.
    pub(crate) room: u32,
    pub(crate) allocated: Option<Origin>,
    pub(crate) freed: Option<Origin>,
    /// Whether a write was caught behind it.
    pub(crate) is_hit: bool,
    /// When it was allocated, as a number that grows.
    since: u32,
}

impl Guard {
    const EMPTY: Self = Self {
        stage: Stage::Empty,
        pointer: 0,
        address: 0,
        size: 0,
        room: 0,
        allocated: None,
        freed: None,
        is_hit: false,
        since: 0,
    };

    pub(crate) const fn block(&self) -> CaughtBlock {
        CaughtBlock {
            address: self.address,
            size: self.size,
            allocated: self.allocated,
            freed: self.freed,
        }
    }

    /// Creates a sampled block, handed out.
    pub(crate) const fn live(
        (pointer, address): (usize, u32),
        (size, room): (u32, u32),
        origin: Origin,
    ) -> Self {
        Self {
            stage: Stage::Live,
            pointer,
            address,
            size,
            room,
            allocated: Some(origin),
            ..Self::EMPTY
        }
    }

    /// The same block, given up by its user, and kept.
    pub(crate) const fn freed_by(self, origin: Origin) -> Self {
        Self {
            stage: Stage::Freed,
            freed: Some(origin),
            is_hit: false,
            ..self
        }
    }

    /// Returns what is watched: behind the user's part, or from the block's start.
    fn watch(&self, largest: u32) -> Option<Watch> {
        match self.stage {
            Stage::Live => {
                let used = self.size.next_multiple_of(4); // a request's size is at most 2^30
                let room = self.room.saturating_sub(used);
                Watch::at(self.address.wrapping_add(used), room, largest)
            }
            Stage::Freed => Watch::at(self.address, self.room, largest),
            Stage::Empty | Stage::Busy => None,
        }
    }
}

/// A guard that has ended, and a hit that was not reported yet.
pub(crate) type Ended = (Guard, Option<Hit>);

/// All guards.
#[derive(Debug)]
pub(crate) struct Guards {
    guards: [Guard; SLOTS],
    clock: u32,
}

impl Guards {
    pub(crate) const fn new() -> Self {
        Self {
            guards: [Guard::EMPTY; SLOTS],
            clock: 0,
        }
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Guard> {
        self.guards.get(slot)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Guard> {
        self.guards.iter()
    }

    /// Returns whether no block is guarded.
    pub(crate) fn is_empty(&self) -> bool {
        self.iter().all(|guard| guard.stage == Stage::Empty)
    }

    /// Returns the slot of the block that was freed first of those that are kept.
    pub(crate) fn oldest_freed(&self) -> Option<usize> {
        let freed = self.guards.iter().enumerate();
        let freed = freed.filter(|(_, guard)| guard.stage == Stage::Freed);
        freed
            .min_by_key(|(_, guard)| guard.since)
            .map(|(slot, _)| slot)
    }

    /// Returns a slot for another guard: an empty one of those in `allowed` that nobody else has
    /// armed, or the one with the oldest guard.
    pub(crate) fn room<W: Watchpoints>(&self, watchpoints: &W, allowed: u32) -> Option<usize> {
        let usable = |slot: &usize| allowed & 1 << slot != 0;
        let slots = (0..SLOTS.min(watchpoints.slots().into())).filter(usable);
        let candidates = slots.filter_map(|slot| {
            let guard = self.guards.get(slot)?;
            match guard.stage {
                Stage::Empty => {
                    let number = u8::try_from(slot).ok()?;
                    watchpoints.is_free(number).then_some((0, slot))
                }
                Stage::Busy => None,
                // An empty slot is better than any.
                Stage::Live | Stage::Freed => Some((guard.since.saturating_add(1), slot)),
            }
        });
        candidates.min().map(|(_, slot)| slot)
    }

    /// Nobody watches there any more; what was there, and what it was hit by. The slot is busy.
    pub(crate) fn disarm<W: Watchpoints>(
        &mut self,
        slot: usize,
        slots: &Slots,
        watchpoints: &W,
    ) -> Ended {
        if slots.watch(slot).is_some()
            && let Ok(number) = u8::try_from(slot)
        {
            watchpoints.set(number, None);
            slots.set_watch(slot, None);
        }
        let hit = self.collect(slot, slots);
        let Some(guard) = self.guards.get_mut(slot) else {
            return (Guard::EMPTY, None);
        };
        guard.is_hit |= hit.is_some();
        let before = *guard;
        guard.stage = Stage::Busy;
        (before, hit)
    }

    /// As [`Guards::disarm`], for good: the slot is empty.
    pub(crate) fn retire<W: Watchpoints>(
        &mut self,
        slot: usize,
        slots: &Slots,
        watchpoints: &W,
    ) -> Ended {
        let ended = self.disarm(slot, slots, watchpoints);
        self.empty(slot, slots);
        ended
    }

    /// The slot's guard is this one from now on, armed if the processor does it.
    pub(crate) fn arm<W: Watchpoints>(
        &mut self,
        slot: usize,
        guard: Guard,
        slots: &Slots,
        watchpoints: &W,
    ) {
        let since = match guard.stage {
            Stage::Freed => guard.since, // it has as long as all others
            _ => {
                self.clock = self.clock.saturating_add(1);
                self.clock
            }
        };
        if let Some(place) = self.guards.get_mut(slot) {
            *place = Guard { since, ..guard };
        }
        slots.set_pointer(slot, guard.pointer);
        let (Some(watch), Ok(number)) = (guard.watch(W::LARGEST), u8::try_from(slot)) else {
            return;
        };
        slots.set_watch(slot, Some(watch));
        if !watchpoints.set(number, Some(watch)) {
            slots.set_watch(slot, None);
        }
    }

    /// Nothing is guarded by the slot any more.
    pub(crate) fn empty(&mut self, slot: usize, slots: &Slots) {
        slots.set_pointer(slot, 0);
        if let Some(guard) = self.guards.get_mut(slot) {
            *guard = Guard::EMPTY;
        }
    }

    /// Returns the slot's hit, once.
    pub(crate) fn collect(&mut self, slot: usize, slots: &Slots) -> Option<Hit> {
        let guard = self.guards.get_mut(slot)?;
        let Written {
            stop,
            owner,
            core,
            ticks,
        } = slots.collect(slot)?;
        guard.is_hit = true;
        Some(Hit {
            counter: stop.counter,
            return_address: stop.return_address,
            access: stop.access,
            owner,
            core,
            ticks,
            block: guard.block(),
        })
    }
}
