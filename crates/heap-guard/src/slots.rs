//! Slots shared by guards and the debug exception: lock-free words.
//!
//! ```text
//!   guards     start, bytes ─► armed ──┐                        collect ◄── HIT
//!   exception                          └─ hit ─► WRITING ─► record ─► HIT
//! ```
//!
//! A slot takes one hit: the exception disarms it. The next watch begins quiet.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use heap_trace::Owner;

use crate::stop::{Access, Stop};
use crate::watch::Watch;

/// How many data breakpoints are used at most; an ESP32 has two a core.
pub const SLOTS: usize = 4;

const QUIET: u32 = 0;
const WRITING: u32 = 1;
const HIT: u32 = 2;

/// The slots, by number.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: [Slot; SLOTS],
    /// A bit for each slot that was armed at some time.
    taken: AtomicU32,
    hits: AtomicU32,
}

#[derive(Debug)]
struct Slot {
    /// The guarded block's pointer, 0 for none.
    pointer: AtomicUsize,
    start: AtomicU32,
    /// 0: not armed.
    bytes: AtomicU32,
    state: AtomicU32,
    /// Counter, return address, written address and bytes (0: unknown), owner and core, ticks.
    record: [AtomicU32; 6],
}

/// What the exception wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) stop: Stop,
    pub(crate) owner: Owner,
    pub(crate) core: u8,
    pub(crate) ticks: u32,
}

impl Slot {
    const fn empty() -> Self {
        Self {
            pointer: AtomicUsize::new(0),
            start: AtomicU32::new(0),
            bytes: AtomicU32::new(0),
            state: AtomicU32::new(QUIET),
            record: [const { AtomicU32::new(0) }; 6],
        }
    }

    fn watch(&self) -> Option<Watch> {
        let bytes = self.bytes.load(Ordering::Acquire);
        let start = self.start.load(Ordering::Relaxed);
        Watch::at(start, bytes, bytes)
    }

    /// Returns whether this exception is the first one of the watch.
    fn is_first(&self) -> bool {
        #[cfg(target_has_atomic = "32")]
        {
            self.state
                .compare_exchange(QUIET, WRITING, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        }
        // One core, and nothing interrupts its debug exception.
        #[cfg(not(target_has_atomic = "32"))]
        {
            let is_first = self.state.load(Ordering::Relaxed) == QUIET;
            if is_first {
                self.state.store(WRITING, Ordering::Relaxed);
            }
            is_first
        }
    }
}

/// For whoever holds the guards' lock.
impl Slots {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [const { Slot::empty() }; SLOTS],
            taken: AtomicU32::new(0),
            hits: AtomicU32::new(0),
        }
    }

    /// Returns the slot that guards the block at `pointer`. O(1), without the lock.
    #[inline]
    pub(crate) fn find(&self, pointer: usize) -> Option<usize> {
        let mut slots = self.slots.iter();
        slots.position(|slot| slot.pointer.load(Ordering::Relaxed) == pointer)
    }

    /// The slot is the block's; 0 for nobody's.
    pub(crate) fn set_pointer(&self, slot: usize, pointer: usize) {
        if let Some(slot) = self.slots.get(slot) {
            slot.pointer.store(pointer, Ordering::Relaxed);
        }
    }

    /// What the slot watches from now on. The breakpoint itself is armed afterwards, or was
    /// disarmed before.
    pub(crate) fn set_watch(&self, number: usize, watch: Option<Watch>) {
        let Some(slot) = self.slots.get(number) else {
            return;
        };
        slot.bytes.store(0, Ordering::Relaxed);
        if let Some(watch) = watch {
            slot.start.store(watch.start(), Ordering::Relaxed);
            slot.state.store(QUIET, Ordering::Relaxed);
            slot.bytes.store(watch.bytes(), Ordering::Release);
            let taken = self.taken.load(Ordering::Relaxed) | 1 << number;
            self.taken.store(taken, Ordering::Relaxed);
        }
    }

    pub(crate) fn watch(&self, slot: usize) -> Option<Watch> {
        self.slots.get(slot)?.watch()
    }

    /// Returns whether a slot was armed by the guards at some time.
    pub(crate) fn is_taken(&self, slot: usize) -> bool {
        self.taken.load(Ordering::Relaxed) & 1 << slot != 0
    }

    /// Returns whether there may be hits that nobody has collected.
    #[inline]
    pub(crate) fn has_hits(&self) -> bool {
        self.hits.load(Ordering::Relaxed) != 0
    }

    /// Whoever looks at all slots now need not come again before the next hit.
    pub(crate) fn clear_hits(&self) {
        self.hits.store(0, Ordering::Relaxed);
    }

    /// Returns the slot's hit, once.
    pub(crate) fn collect(&self, slot: usize) -> Option<Written> {
        let slot = self.slots.get(slot)?;
        if slot.state.load(Ordering::Acquire) != HIT {
            return None;
        }
        let record = slot.record.each_ref();
        let [counter, caller, address, bytes, who, ticks] =
            record.map(|word| word.load(Ordering::Relaxed));
        // What is not armed has no further hit; a stale one of another core finds no quiet slot.
        slot.state.store(WRITING, Ordering::Relaxed);
        let [owner, core, ..] = who.to_le_bytes();
        Some(Written {
            stop: Stop {
                counter,
                access: (bytes != 0).then_some(Access { address, bytes }),
                slot: None,
                return_address: (caller != 0).then_some(caller),
            },
            owner: Owner(owner),
            core,
            ticks,
        })
    }
}

/// For the debug exception.
impl Slots {
    /// Returns the slot whose watch caused a stop.
    pub(crate) fn touched(&self, stop: &Stop) -> Option<usize> {
        if let Some(Access { address, bytes }) = stop.access {
            return self.touching(address, bytes);
        }
        if let Some(slot) = stop.slot.map(usize::from) {
            return self.watch(slot).map(|_| slot);
        }
        let mut armed = (0..SLOTS).filter(|slot| self.is_armed(*slot));
        armed.next().filter(|_| armed.next().is_none())
    }

    /// Returns whether a slot watches something and had no hit.
    fn is_armed(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| {
            slot.watch().is_some() && slot.state.load(Ordering::Relaxed) == QUIET
        })
    }

    /// Returns the slot that watches some of these bytes.
    pub(crate) fn touching(&self, address: u32, bytes: u32) -> Option<usize> {
        let mut slots = self.slots.iter();
        slots.position(|slot| {
            slot.watch()
                .is_some_and(|watch| watch.touches(address, bytes))
        })
    }

    /// Keeps the first hit of a slot's watch.
    pub(crate) fn keep(&self, slot: usize, written: &Written) {
        let Some(slot) = self.slots.get(slot) else {
            return;
        };
        if !slot.is_first() {
            return;
        }
        let Written {
            stop,
            owner,
            core,
            ticks,
        } = written;
        let Access { address, bytes } = stop.access.unwrap_or(Access {
            address: 0,
            bytes: 0,
        });
        let words = [
            stop.counter,
            stop.return_address.unwrap_or(0),
            address,
            bytes,
            u32::from_le_bytes([owner.0, *core, 0, 0]),
            *ticks,
        ];
        for (place, word) in slot.record.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        slot.state.store(HIT, Ordering::Release);
        self.hits.store(1, Ordering::Relaxed);
    }
}
