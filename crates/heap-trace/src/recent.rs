//! The last events of the heaps, and of them what happened around a damaged block.
//!
//! ```text
//!   events   | … | 812: owner 2 freed 64 bytes at 0x3FFB3010 | 830: owner 1 got 64 bytes at 0x3FFB3010 | …     a ring
//!   finding  ─► block, the one in front, the one behind ─► the events in their memory, the latest first
//! ```
//!
//! A ledger knows the owner of a block. Its owner before that, and the site that freed it, explain
//! a stale pointer.

use core::fmt;
use core::panic::Location;

use heap_caps::{Allocated, BlockView, Finding, Freed, Observer, Owner, Reallocated};

use crate::context::{TraceContext, call_stack};

/// Number of events of a [`Scene`].
const TOLD: usize = 6;

/// What happened to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was allocated, or is where another one was moved.
    Allocated,
    /// It was freed, or moved elsewhere.
    Freed,
}

/// An event that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastEvent {
    /// What happened.
    pub deed: Deed,
    /// The block's address, as it was handed out.
    pub address: u32,
    /// How many bytes could be used.
    pub usable: u32,
    /// On whose behalf the program ran.
    pub owner: Owner,
    /// The context's clock.
    pub ticks: u32,
    /// The line, of an allocation, where it is known.
    pub place: Option<&'static Location<'static>>,
    /// The innermost return address, if the context has one; else 0.
    pub caller: u32,
}

/// `at tick 812 owner 2 freed 64 bytes at 0x3FFB3010, called from 0x400D1234`
impl fmt::Display for PastEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            usable,
            owner,
            ticks,
            ..
        } = self;
        let did = match self.deed {
            Deed::Allocated => "allocated",
            Deed::Freed => "freed",
        };
        write!(
            out,
            "at tick {ticks} {owner} {did} {usable} bytes at 0x{address:08X}"
        )?;
        if let Some(place) = self.place {
            write!(out, " from {place}")?;
        }
        match self.caller {
            0 => Ok(()),
            caller => write!(out, ", called from {caller:#x}"),
        }
    }
}

#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Option<PastEvent>>() == 24);

/// The last `EVENTS` allocations and frees: an observer, beside a [`Ledger`](crate::Ledger) or
/// alone. 24 bytes each on a chip; an event takes O(1).
#[derive(Debug)]
pub struct Recent<E: TraceContext = (), const EVENTS: usize = 64> {
    context: E,
    events: [Option<PastEvent>; EVENTS],
    next: usize,
}

impl<E: TraceContext, const EVENTS: usize> Recent<E, EVENTS> {
    /// Nothing has happened.
    #[must_use]
    pub const fn new(context: E) -> Self {
        Self {
            context,
            events: [None; EVENTS],
            next: 0,
        }
    }

    /// The events that are remembered, the latest first.
    pub fn events(&self) -> impl Iterator<Item = &PastEvent> {
        let (newer, older) = self.events.split_at(self.next.min(EVENTS));
        newer.iter().rev().chain(older.iter().rev()).flatten()
    }

    /// What happened in the memory of the blocks that a finding is about, and of the next ones.
    #[must_use]
    pub fn scene<'r>(&'r self, finding: &Finding) -> Scene<'r, E, EVENTS> {
        let blocks = [finding.left, finding.block].into_iter().flatten();
        let spans = blocks.map(|block| (block.whole.start(), block.whole.end()));
        let word = |address: u32| (address, address.saturating_add(1));
        let places = spans
            .chain([word(finding.corrupt.address)])
            .chain(finding.next.map(word));
        let (from, to) = places.fold((u32::MAX, 0), |(from, to), (start, end)| {
            (from.min(start), to.max(end))
        });
        let code = |block: Option<BlockView>| block.and_then(|block| block.code);
        Scene {
            recent: self,
            from,
            to,
            code: [code(finding.left), code(finding.block)],
        }
    }

    fn note(
        &mut self,
        deed: Deed,
        (address, usable): (u32, u32),
        place: Option<&'static Location<'static>>,
    ) {
        let [caller] = call_stack(&self.context);
        let event = PastEvent {
            deed,
            address,
            usable,
            owner: self.context.owner(),
            ticks: self.context.ticks(),
            place,
            caller,
        };
        if let Some(slot) = self.events.get_mut(self.next) {
            *slot = Some(event);
        }
        self.next = match self.next + 1 {
            next if next < EVENTS => next,
            _ => 0,
        };
    }
}

impl<E: TraceContext, const EVENTS: usize> Observer for Recent<E, EVENTS> {
    fn on_allocate(&mut self, event: &Allocated) {
        let block = (event.address, event.usable);
        self.note(Deed::Allocated, block, event.caller);
    }

    fn on_free(&mut self, event: &Freed) {
        self.note(Deed::Freed, (event.address, event.usable), None);
    }

    fn on_reallocate(&mut self, event: &Reallocated) {
        let now = &event.now;
        if event.old_address != now.address {
            self.note(Deed::Freed, (event.old_address, event.old_usable), None);
        }
        self.note(Deed::Allocated, (now.address, now.usable), now.caller);
    }
}

/// What happened where a finding is.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'r, E: TraceContext, const EVENTS: usize> {
    recent: &'r Recent<E, EVENTS>,
    from: u32,
    to: u32,
    /// Addresses of the blocks on the instruction side.
    code: [Option<u32>; 2],
}

impl<'r, E: TraceContext, const EVENTS: usize> Scene<'r, E, EVENTS> {
    /// The events there, the latest first. O(EVENTS) for all.
    pub fn events(self) -> impl Iterator<Item = &'r PastEvent> {
        let is_here = move |event: &&PastEvent| {
            let end = event.address.saturating_add(event.usable);
            event.address < self.to && self.from < end || self.code.contains(&Some(event.address))
        };
        self.recent.events().filter(is_here)
    }
}

/// What comes behind a finding or [`Explained`](crate::Explained): `; before: at tick 812 owner 2
/// freed 64 bytes at 0x3FFB3010; at tick 700 …`. Nothing if nothing is remembered.
impl<E: TraceContext, const EVENTS: usize> fmt::Display for Scene<'_, E, EVENTS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scene = Self { ..*self };
        for (index, event) in scene.events().take(TOLD).enumerate() {
            let before = if index == 0 { "; before: " } else { "; " };
            write!(out, "{before}{event}")?;
        }
        Ok(())
    }
}
