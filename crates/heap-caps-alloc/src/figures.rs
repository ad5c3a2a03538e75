//! Figures, settings and looks at the heaps from outside of the lock.

use heap_caps::{
    Failure, Hardware, HeapView, Inspection, NotMonitoring, Observer, Reserve, ReserveError,
};
use multi_heap::{Info, Poison, Unpoisoned};
use soc_regions::Caps;

use crate::heap::CapsHeap;
use crate::lock::RawLock;

/// Settings.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Keeps free bytes for requests that name certain capabilities, see
    /// [`heap_caps::HeapCaps::set_reserve`].
    ///
    /// # Errors
    /// The reserve names no capabilities, or there are too many.
    pub fn set_reserve(&self, reserve: Reserve) -> Result<(), ReserveError> {
        self.state.acquire().heaps.set_reserve(reserve)
    }

    /// Lets the global allocator use external memory: preferred for sizes *above* the limit, a last
    /// resort for others; `None`: never (the state at first). See
    /// [`heap_caps::HeapCaps::set_external_threshold`].
    ///
    /// Only for programs that keep atomics out of it: they do not work in the PSRAM of ESP32,
    /// ESP32-S2 and ESP32-S3.
    pub fn set_external_threshold(&self, limit: Option<u32>) {
        self.state.acquire().heaps.set_external_threshold(limit);
    }

    /// What the chip's caches and engines demand of buffers.
    pub fn set_hardware(&self, hardware: Hardware) {
        self.state.acquire().heaps.set_hardware(hardware);
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> SharedInspection<'_, L, P, O, HEAPS> {
    /// Set by [`CapsHeap::set_hardware`]; the ESP32's at first.
    #[must_use]
    pub fn hardware(self) -> Hardware {
        self.heap.state.acquire().heaps.inspect().hardware()
    }
}

/// A look at a shared heap: figures, watermarks, checks. Each call holds the lock for itself, so
/// what two of them say may be of different moments.
///
/// ```
/// use heap_caps_alloc::{Caps, CapsHeap, SpinLock};
///
/// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
/// assert_eq!(HEAP.inspect().free_size(Caps::BIT8), 0);
/// let checked = HEAP.inspect().locked(|heaps| heaps.check_integrity(Caps::INVALID));
/// assert_eq!(checked, Ok(()));
/// ```
pub struct SharedInspection<
    'h,
    L: RawLock,
    P: Poison = Unpoisoned,
    O: Observer = (),
    const HEAPS: usize = 16,
> {
    pub(crate) heap: &'h CapsHeap<L, P, O, HEAPS>,
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Clone
    for SharedInspection<'_, L, P, O, HEAPS>
{
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Copy
    for SharedInspection<'_, L, P, O, HEAPS>
{
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Returns a look at the heaps: figures, watermarks, checks.
    #[must_use]
    pub const fn inspect(&self) -> SharedInspection<'_, L, P, O, HEAPS> {
        SharedInspection { heap: self }
    }
}

/// Figures: O(heaps) under the lock.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Lets `change` have the observer, **with the lock held**: for emptying its buffer. It must
    /// not use the heap.
    pub fn with_observer<R>(&self, change: impl FnOnce(&mut O) -> R) -> R {
        change(self.state.acquire().heaps.observer_mut())
    }
}

impl<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize>
    SharedInspection<'h, L, P, O, HEAPS>
{
    /// Returns all seven figures of the heaps that have `caps`: sums, and
    /// [`SharedInspection::largest_free_block`].
    #[must_use]
    pub fn info(self, caps: Caps) -> Info {
        self.heap.state.acquire().heaps.inspect().info(caps)
    }

    /// Returns the bytes of the heaps that have `caps`, bookkeeping included.
    #[must_use]
    pub fn total_size(self, caps: Caps) -> u32 {
        self.heap.state.acquire().heaps.inspect().total_size(caps)
    }

    /// Returns the free bytes of the heaps that have `caps`.
    #[must_use]
    pub fn free_size(self, caps: Caps) -> u32 {
        self.heap.state.acquire().heaps.inspect().free_size(caps)
    }

    /// Returns the sum of what each heap that has `caps` had left when it was at its lowest.
    #[must_use]
    pub fn minimum_free_size(self, caps: Caps) -> u32 {
        self.heap
            .state
            .acquire()
            .heaps
            .inspect()
            .minimum_free_size(caps)
    }

    /// Returns the largest request for `caps` that succeeds now (reserves and alignment aside).
    #[must_use]
    pub fn largest_free_block(self, caps: Caps) -> u32 {
        let largest = (0..).map_while(|number| {
            let state = self.heap.state.acquire(); // for one heap, then others have a turn
            state.heaps.inspect().largest_free_block_in(number, caps)
        });
        largest.max().unwrap_or(0)
    }

    /// Returns the last failure reported.
    #[must_use]
    pub fn last_failure(self) -> Option<Failure> {
        self.heap.state.acquire().heaps.inspect().last_failure()
    }

    /// Returns the number of failures reported, up to `u32::MAX`.
    #[must_use]
    pub fn failures(self) -> u32 {
        self.heap.state.acquire().heaps.inspect().failures()
    }

    /// Returns all heaps, in order of registration: copies, to be printed at leisure. Each is taken
    /// when its turn comes, so that a chip's stack holds one and not all of them.
    pub fn heaps(self) -> impl Iterator<Item = HeapView> + 'h {
        (0..HEAPS).map_while(|number| {
            self.heap
                .state
                .acquire()
                .heaps
                .inspect()
                .heaps()
                .nth(number)
        })
    }

    /// As [`heap_caps::HeapCaps::start_monitoring`].
    pub fn start_monitoring(self) {
        self.heap.state.acquire().heaps.start_monitoring();
    }

    /// As [`heap_caps::HeapCaps::stop_monitoring`].
    ///
    /// # Errors
    /// As [`heap_caps::HeapCaps::stop_monitoring`].
    pub fn stop_monitoring(self) -> Result<(), NotMonitoring> {
        self.heap.state.acquire().heaps.stop_monitoring()
    }

    /// Shows the heaps to `look`, **with the lock held**: everything else that wants memory waits,
    /// interrupts too.
    ///
    /// For what has to see all blocks at one moment: `check_integrity`, `walk`, `block_containing`,
    /// the dumps. These take O(blocks) and belong into tests, the debugger and the last words of a
    /// program. `look` must not use the heap.
    pub fn locked<R>(self, look: impl FnOnce(Inspection<'_, P, O, HEAPS>) -> R) -> R {
        look(self.heap.state.acquire().heaps.inspect())
    }
}
