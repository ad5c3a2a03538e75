//! Shrinkers: functions of the program that can give memory back.

use core::fmt;

use heap_caps::{AllocRequest, HeapMask, Observer};
use multi_heap::Poison;
use soc_regions::Caps;

use super::PressureControl;
use super::table::Table;
use crate::lock::RawLock;

/// How many shrinkers a heap can have.
pub const SHRINKERS: usize = 8;

/// What a shrinker is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shortage {
    /// Bytes of the request that finds no room.
    pub size: usize,
    /// Its alignment in bytes.
    pub alignment: usize,
    /// How often this shrinker was called for the same request before.
    pub call: u16,
}

impl Shortage {
    pub(super) const fn of(request: &AllocRequest<'_>, call: u16) -> Self {
        Self {
            size: request.size(),
            alignment: request.alignment(),
            call,
        }
    }
}

/// A cache, a history, a pool of connections: something that can give memory back.
///
/// Every `Fn(&Shortage) -> u32` that is `Sync` is one.
pub trait Shrink: Sync {
    /// Frees memory; returns how many bytes, 0 for none. It is called again for the same request as
    /// long as it gives something and the request still finds no room, so it may give little at a
    /// time.
    ///
    /// It is called without the heap's lock, in the context whose request failed: that may hold
    /// locks of the program. So it must not wait for one; it tries, and returns 0 if it cannot have
    /// it. It may allocate; if that fails, other shrinkers may be run, but never the same one.
    fn shrink(&self, shortage: &Shortage) -> u32;
}

impl<F: Fn(&Shortage) -> u32 + Sync> Shrink for F {
    fn shrink(&self, shortage: &Shortage) -> u32 {
        self(shortage)
    }
}

/// A [`Shrink`] with its name, the memory it gives back, and its place in the order.
#[derive(Clone, Copy)]
pub struct Shrinker {
    pub(super) name: &'static str,
    pub(super) caps: Caps,
    pub(super) order: u8,
    pub(super) run: &'static dyn Shrink,
}

impl Shrinker {
    /// Creates a shrinker that frees blocks of memory with all of `caps`; of any memory if there
    /// are none.
    #[must_use]
    pub const fn new(name: &'static str, caps: Caps, run: &'static dyn Shrink) -> Self {
        Self {
            name,
            caps,
            order: 128,
            run,
        }
    }

    /// The same shrinker at another place: lower numbers are run first (by default 128), those of
    /// one number in the order of their registration.
    #[must_use]
    pub const fn ordered(self, order: u8) -> Self {
        Self { order, ..self }
    }
}

impl fmt::Debug for Shrinker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name, caps, order, ..
        } = self;
        write!(out, "Shrinker({name}: {caps}, order {order})")
    }
}

/// Which shrinker of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShrinkerIndex(u8);

/// There are [`SHRINKERS`] already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShrinkerTableFull;

multi_heap::texts!(ShrinkerTableFull {
    Self => "there are {} shrinkers already", SHRINKERS;
});

impl core::error::Error for ShrinkerTableFull {}

/// What a shrinker has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShrinkerFigures {
    /// Its name.
    pub name: &'static str,
    /// How often it was called.
    pub calls: u32,
    /// Bytes that it gave back, as it says.
    pub bytes: u32,
}

/// A shrinker in the table.
#[derive(Clone, Copy)]
struct Entry {
    shrinker: Shrinker,
    /// When it was registered, after how many others.
    number: u32,
    running: bool,
    calls: u32,
    bytes: u32,
}

impl Entry {
    /// Returns where it stands in the order.
    const fn place(&self) -> ShrinkerOrder {
        ShrinkerOrder(self.shrinker.order, self.number)
    }
}

/// A place in the order of shrinkers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShrinkerOrder(u8, u32);

/// The shrinkers of a heap.
pub(super) struct Shrinkers {
    entries: Table<Entry, SHRINKERS>,
    registered: u32,
}

impl Shrinkers {
    pub(super) const fn new() -> Self {
        Self {
            entries: Table::new(),
            registered: 0,
        }
    }

    fn add(&mut self, shrinker: Shrinker) -> Option<ShrinkerIndex> {
        let number = self.registered;
        let added = self.entries.add(Entry {
            shrinker,
            number,
            running: false,
            calls: 0,
            bytes: 0,
        });
        self.registered = number.wrapping_add(1);
        added.map(ShrinkerIndex)
    }

    /// Returns the next shrinker behind `place` that does not run already and frees memory that may
    /// help.
    pub(super) fn start_next(
        &mut self,
        place: Option<ShrinkerOrder>,
        helps: impl Fn(Caps) -> bool,
    ) -> Option<(ShrinkerOrder, Shrinker)> {
        let waiting = self
            .entries
            .iter_mut()
            .map(|(_, entry)| entry)
            .filter(|entry| {
                !entry.running
                    && place.is_none_or(|place| entry.place() > place)
                    && helps(entry.shrinker.caps)
            });
        let next = waiting.min_by_key(|entry| entry.place())?;
        next.running = true;
        Some((next.place(), next.shrinker))
    }

    /// Starts a shrinker once more, if it is still there and does not run.
    pub(super) fn start_again(&mut self, place: ShrinkerOrder) -> Option<Shrinker> {
        let mut entries = self.entries.iter_mut().map(|(_, entry)| entry);
        let entry = entries.find(|entry| entry.place() == place && !entry.running)?;
        entry.running = true;
        Some(entry.shrinker)
    }

    /// A shrinker has returned.
    pub(super) fn ended(&mut self, place: ShrinkerOrder, bytes: u32) {
        let mut entries = self.entries.iter_mut().map(|(_, entry)| entry);
        if let Some(entry) = entries.find(|entry| entry.place() == place) {
            entry.running = false;
            entry.calls = entry.calls.saturating_add(1);
            entry.bytes = entry.bytes.saturating_add(bytes);
        }
    }
}

/// Returns whether memory with `caps` is among `candidates`.
pub(super) const fn helps(with_caps: HeapMask, candidates: HeapMask) -> bool {
    with_caps.overlaps(candidates)
}

/// Shrinkers. All O(1) under the lock.
impl<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize>
    PressureControl<'h, L, P, O, HEAPS>
{
    /// Registers a function that can give memory back. From now on, a request of a task that finds
    /// no room runs the shrinkers whose memory could serve it, in their order and without the lock,
    /// and is tried again after each; it is refused when none gives anything any more. That holds
    /// for the global allocator, the typed allocators, buffers, reallocation and C alike. What was
    /// tried is part of the [`Failure`](heap_caps::Failure).
    ///
    /// A request from an interrupt handler ([`PressureControl::set_interrupt_probe`]) or one that
    /// is [`fail_fast`](AllocRequest::fail_fast) runs none. No shrinker runs twice at one time: a
    /// second request that fails meanwhile runs the others.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use heap_caps::AllocRequest;
    /// use heap_caps_alloc::{CapsHeap, Shortage, Shrinker, SpinLock};
    /// use soc_regions::Caps;
    ///
    /// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
    /// /// Tiles of a map, as addresses of their blocks: they can be loaded again.
    /// static TILES: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    ///
    /// fn drop_oldest_tile(_: &Shortage) -> u32 {
    ///     let Ok(mut tiles) = TILES.try_lock() else {
    ///         return 0; // in use: never wait here
    ///     };
    ///     if tiles.is_empty() {
    ///         return 0;
    ///     }
    ///     let tile = std::ptr::NonNull::new(std::ptr::with_exposed_provenance_mut(tiles.remove(0)));
    ///     // SAFETY: the tile was the list's own.
    ///     unsafe { HEAP.free(tile.unwrap()) }.map_or(0, |()| 8192)
    /// }
    ///
    /// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 65_536].into_boxed_slice());
    /// # HEAP.add_buffer([Caps::BIT8 | Caps::DEFAULT, Caps::empty(), Caps::empty()], memory).unwrap();
    /// HEAP.pressure().register_shrinker(Shrinker::new("tiles", Caps::BIT8, &drop_oldest_tile))?;
    /// for _ in 0..7 {
    ///     let tile = HEAP.malloc(8192, Caps::BIT8).unwrap();
    ///     TILES.lock().unwrap().push(tile.as_ptr().expose_provenance());
    /// }
    /// let page = HEAP.malloc(20_000, Caps::BIT8).unwrap(); // three tiles made room
    /// assert_eq!(TILES.lock().unwrap().len(), 4);
    /// # // SAFETY: the block is this program's own.
    /// # unsafe { HEAP.free(page) }.unwrap();
    ///
    /// let failure = HEAP.malloc(70_000, Caps::BIT8).unwrap_err();
    /// assert!(failure.relief.is_empty(), "no heap is that big: none is run in vain");
    /// let failure = HEAP.malloc(65_400, Caps::BIT8).unwrap_err();
    /// assert!(failure.to_string().contains("; tiles gave 32.0 KiB in 5 calls"), "{failure}");
    /// # Ok::<(), heap_caps_alloc::ShrinkerTableFull>(())
    /// ```
    ///
    /// # Errors
    /// There are [`SHRINKERS`] already.
    pub fn register_shrinker(self, shrinker: Shrinker) -> Result<ShrinkerIndex, ShrinkerTableFull> {
        let mut state = self.heap.state.acquire();
        let added = state.pressure.shrinkers.add(shrinker);
        state.hook();
        added.ok_or(ShrinkerTableFull)
    }

    /// Removes a shrinker; returns whether it was there. If it runs at this moment, it still
    /// returns.
    pub fn unregister_shrinker(self, index: ShrinkerIndex) -> bool {
        let mut state = self.heap.state.acquire();
        state.pressure.shrinkers.entries.remove(index.0).is_some()
    }

    /// Returns what each shrinker has done so far, in the order of the table.
    pub fn shrinkers(self) -> impl Iterator<Item = ShrinkerFigures> + 'h {
        (0..=u8::MAX).take(SHRINKERS).filter_map(|number| {
            let state = self.heap.state.acquire();
            let entry = state.pressure.shrinkers.entries.get(number)?;
            Some(ShrinkerFigures {
                name: entry.shrinker.name,
                calls: entry.calls,
                bytes: entry.bytes,
            })
        })
    }
}
