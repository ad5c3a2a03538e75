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
use core::mem::offset_of;
use core::panic::Location;

use heap_caps::{Allocated, BlockView, Finding, Freed, Observer, Owner, Reallocated};

use crate::context::{TraceContext, call_stack};

/// Number of events of a [`Scene`].
const TOLD: usize = 6;

/// What happened to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastEventKind {
    /// It was allocated, or is where another one was moved.
    Allocated,
    /// It was freed, or moved elsewhere.
    Freed,
}

/// An event that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastEvent<const DEPTH: usize = 4> {
    /// What happened.
    pub kind: PastEventKind,
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
    /// Return addresses, innermost first; 0 behind the last one.
    pub callers: [u32; DEPTH],
}

/// `at tick 812 owner 2 freed 64 bytes at 0x3FFB3010, called from 0x400D1234 < 0x400D2F02`
impl<const DEPTH: usize> fmt::Display for PastEvent<DEPTH> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            usable,
            owner,
            ticks,
            ..
        } = self;
        let did = match self.kind {
            PastEventKind::Allocated => "allocated",
            PastEventKind::Freed => "freed",
        };
        write!(
            out,
            "at tick {ticks} {owner} {did} {usable} bytes at 0x{address:08X}"
        )?;
        if let Some(place) = self.place {
            write!(out, " from {place}")?;
        }
        let callers = self.callers.iter().take_while(|caller| **caller != 0);
        for (number, caller) in callers.enumerate() {
            let before = if number == 0 { ", called from " } else { " < " };
            write!(out, "{before}{caller:#010X}")?;
        }
        Ok(())
    }
}

/// An event as it stands in memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Slot<const DEPTH: usize> {
    address: u32,
    usable: u32,
    ticks: u32,
    owner: u8,
    kind: u8,
    place: Option<&'static Location<'static>>,
    callers: [u32; DEPTH],
}

/// Values of [`Slot::kind`].
const NO_EVENT: u8 = 0;
const ALLOCATED: u8 = 1;
const FREED: u8 = 2;

impl<const DEPTH: usize> Slot<DEPTH> {
    const EMPTY: Self = Self {
        address: 0,
        usable: 0,
        ticks: 0,
        owner: 0,
        kind: NO_EVENT,
        place: None,
        callers: [0; DEPTH],
    };

    fn event(&self) -> Option<PastEvent<DEPTH>> {
        Some(PastEvent {
            kind: RecentLayout::kind(self.kind)?,
            address: self.address,
            usable: self.usable,
            owner: Owner(self.owner),
            ticks: self.ticks,
            place: self.place,
            callers: self.callers,
        })
    }
}

/// Where the parts of a [`Recent`] lie, in bytes, for readers of memory images.
///
/// ```text
///   0: ESPHLAST   8: EVENTS   12: next   16: DEPTH   20: bytes of an event   24: event | event | …
///     event   0: address   4: usable   8: ticks   12: owner   13: kind   16: place   behind it: callers
/// ```
///
/// Owner and kind have a byte, the place is a pointer (as [`LedgerDescription::caller`]), all else
/// is a word. `next` is the number of the event that is overwritten next: the oldest one.
///
/// [`LedgerDescription::caller`]: crate::LedgerDescription::caller
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecentLayout {}

impl RecentLayout {
    /// First eight bytes of a [`Recent`] that has seen an event.
    pub const MAGIC: [u8; 8] = *b"ESPHLAST";
    /// From the start: the number of events.
    pub const CAPACITY: u32 = 8;
    /// From the start: the number of the next event.
    pub const NEXT: u32 = 12;
    /// From the start: the number of return addresses.
    pub const DEPTH: u32 = 16;
    /// From the start: the bytes of an event.
    pub const EVENT_BYTES: u32 = 20;
    /// From the start: the first event.
    pub const EVENTS: u32 = 24;
    /// In an event: the block's address.
    pub const ADDRESS: u32 = 0;
    /// In an event: how many bytes could be used.
    pub const USABLE: u32 = 4;
    /// In an event: the clock.
    pub const TICKS: u32 = 8;
    /// In an event: the owner.
    pub const OWNER: u32 = 12;
    /// In an event: the kind, see [`RecentLayout::kind`].
    pub const KIND: u32 = 13;
    /// In an event: the pointer to the place in the source. Behind it: the return addresses.
    pub const PLACE: u32 = 16;

    /// Returns what a kind's number in memory stands for; `None`: nothing, there is no event.
    #[must_use]
    pub const fn kind(number: u8) -> Option<PastEventKind> {
        match number {
            ALLOCATED => Some(PastEventKind::Allocated),
            FREED => Some(PastEventKind::Freed),
            _ => None,
        }
    }
}

const _: () = {
    const fn is_at(place: usize, offset: u32) -> bool {
        place == offset as usize // widening
    }
    type Ring = Recent<()>;
    assert!(is_at(offset_of!(Ring, capacity), RecentLayout::CAPACITY));
    assert!(is_at(offset_of!(Ring, next), RecentLayout::NEXT));
    assert!(is_at(offset_of!(Ring, depth), RecentLayout::DEPTH));
    assert!(is_at(
        offset_of!(Ring, event_bytes),
        RecentLayout::EVENT_BYTES
    ));
    assert!(is_at(offset_of!(Ring, events), RecentLayout::EVENTS));
    assert!(is_at(offset_of!(Slot<4>, address), RecentLayout::ADDRESS));
    assert!(is_at(offset_of!(Slot<4>, usable), RecentLayout::USABLE));
    assert!(is_at(offset_of!(Slot<4>, ticks), RecentLayout::TICKS));
    assert!(is_at(offset_of!(Slot<4>, owner), RecentLayout::OWNER));
    assert!(is_at(offset_of!(Slot<4>, kind), RecentLayout::KIND));
    assert!(is_at(offset_of!(Slot<4>, place), RecentLayout::PLACE));
    assert!(offset_of!(Slot<4>, callers) == offset_of!(Slot<4>, place) + size_of::<usize>());
    #[cfg(target_pointer_width = "32")]
    assert!(size_of::<Slot<4>>() == 36);
};

/// The last `EVENTS` allocations and frees: an observer, beside a [`Ledger`](crate::Ledger) or
/// alone. Each has 20 bytes on a chip and 4 for each of the `DEPTH` return addresses that the
/// context knows (of a program that allocates by `Vec` and `Box`, the first two or three lie in
/// them); an event takes O(1).
///
/// `esp-heap report` finds it in a core dump ([`RecentLayout`]) and says what happened around
/// damage there, too.
///
/// ```
/// use heap_caps_alloc::{CapsHeap, SpinLock};
/// use heap_trace::{Ledger, Recent};
///
/// type Observers = (Ledger, Recent<(), 32>);
/// static HEAP: CapsHeap<SpinLock, multi_heap::Light, Observers> =
///     CapsHeap::new((Ledger::new((), ()), Recent::new(())));
/// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 8192].into_boxed_slice());
/// # HEAP.add_buffer([soc_regions::Caps::BIT8; 3], memory).unwrap();
/// # HEAP.malloc(16, soc_regions::Caps::BIT8).unwrap();
/// # assert_eq!(HEAP.with_observer(|(_, recent)| recent.events().count()), 1);
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct Recent<E: TraceContext = (), const EVENTS: usize = 64, const DEPTH: usize = 4> {
    /// This and the sizes are set by the first event: before, all is zero and takes no room in
    /// flash.
    magic: [u8; 8],
    capacity: u32,
    next: u32,
    depth: u32,
    event_bytes: u32,
    events: [Slot<DEPTH>; EVENTS],
    context: E,
}

impl<E: TraceContext, const EVENTS: usize, const DEPTH: usize> Recent<E, EVENTS, DEPTH> {
    /// Nothing has happened.
    #[must_use]
    pub const fn new(context: E) -> Self {
        Self {
            magic: [0; 8],
            capacity: 0,
            next: 0,
            depth: 0,
            event_bytes: 0,
            events: [Slot::EMPTY; EVENTS],
            context,
        }
    }

    /// Returns the events that are remembered, the latest first. O(EVENTS) for all.
    pub fn events(&self) -> impl Iterator<Item = PastEvent<DEPTH>> {
        let next = (self.next as usize).min(EVENTS); // widening
        let (newer, older) = self.events.split_at(next);
        let latest_first = newer.iter().rev().chain(older.iter().rev());
        latest_first.filter_map(Slot::event)
    }

    /// Returns what happened in the memory of the blocks that a finding is about, and of the next
    /// ones.
    #[must_use]
    pub fn scene<'r>(&'r self, finding: &Finding) -> Scene<'r, E, EVENTS, DEPTH> {
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

    /// Overwrites the oldest event. O(1).
    fn remember(
        &mut self,
        kind: u8,
        (address, usable): (u32, u32),
        place: Option<&'static Location<'static>>,
    ) {
        const {
            assert!(EVENTS <= 1 << 16, "a ring has 65536 events at most");
            assert!(DEPTH <= 64, "an event has 64 return addresses at most");
        }
        #[expect(clippy::cast_possible_truncation, reason = "asserted")]
        let [capacity, depth, event_bytes] =
            [EVENTS, DEPTH, size_of::<Slot<DEPTH>>()].map(|number| number as u32);
        let event = Slot {
            address,
            usable,
            ticks: self.context.ticks(),
            owner: self.context.owner().0,
            kind,
            place,
            callers: call_stack(&self.context),
        };
        if let Some(slot) = self.events.get_mut(self.next as usize) {
            *slot = event;
        }
        self.magic = RecentLayout::MAGIC;
        (self.capacity, self.depth, self.event_bytes) = (capacity, depth, event_bytes);
        self.next = match self.next + 1 {
            next if next < capacity => next,
            _ => 0,
        };
    }
}

impl<E: TraceContext, const EVENTS: usize, const DEPTH: usize> Observer
    for Recent<E, EVENTS, DEPTH>
{
    fn on_allocate(&mut self, event: &Allocated) {
        let block = (event.address, event.usable);
        self.remember(ALLOCATED, block, event.caller);
    }

    fn on_free(&mut self, event: &Freed) {
        self.remember(FREED, (event.address, event.usable), None);
    }

    fn on_reallocate(&mut self, event: &Reallocated) {
        let now = &event.now;
        if event.old_address != now.address {
            self.remember(FREED, (event.old_address, event.old_usable), None);
        }
        self.remember(ALLOCATED, (now.address, now.usable), now.caller);
    }
}

/// What happened where a finding is.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'r, E: TraceContext, const EVENTS: usize, const DEPTH: usize> {
    recent: &'r Recent<E, EVENTS, DEPTH>,
    from: u32,
    to: u32,
    /// Addresses of the blocks on the instruction side.
    code: [Option<u32>; 2],
}

impl<'r, E: TraceContext, const EVENTS: usize, const DEPTH: usize> Scene<'r, E, EVENTS, DEPTH> {
    /// Returns the events there, the latest first. O(EVENTS) for all.
    pub fn events(self) -> impl Iterator<Item = PastEvent<DEPTH>> + 'r {
        let is_here = move |event: &PastEvent<DEPTH>| {
            let end = event.address.saturating_add(event.usable);
            event.address < self.to && self.from < end || self.code.contains(&Some(event.address))
        };
        self.recent.events().filter(is_here)
    }
}

/// What comes behind a finding or [`Explained`](crate::Explained): `; before: at tick 812 owner 2
/// freed 64 bytes at 0x3FFB3010; at tick 700 …`. Nothing if nothing is remembered.
impl<E: TraceContext, const EVENTS: usize, const DEPTH: usize> fmt::Display
    for Scene<'_, E, EVENTS, DEPTH>
{
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scene = Self { ..*self };
        for (index, event) in scene.events().take(TOLD).enumerate() {
            let before = if index == 0 { "; before: " } else { "; " };
            write!(out, "{before}{event}")?;
        }
        Ok(())
    }
}
