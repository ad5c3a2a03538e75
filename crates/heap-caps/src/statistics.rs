//! Statistics: free, used, peak and largest figures per set of capabilities.
//!
//! A set of capabilities stands for the enabled heaps that have all of them; the empty set for all
//! enabled heaps, a set with INVALID for none. Every figure is a sum (or a maximum) of what the
//! heaps keep in counters: O(heaps), no walk.

use multi_heap::{Info, Poison};
use soc_regions::Caps;

use crate::heap_caps::HeapCaps;
use crate::inspect::Inspection;
use crate::observer::Observer;
use crate::watch::WatchIndex;

/// Monitoring was to be stopped, but had not been started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMonitoring;

multi_heap::texts!(NotMonitoring {
    Self => "monitoring of the minimum free size has not been started";
});

impl core::error::Error for NotMonitoring {}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns all seven figures: sums over the heaps, and [`Inspection::largest_free_block`].
    #[must_use]
    pub fn info(self, caps: Caps) -> Info {
        let heaps = self
            .heaps
            .registry
            .serving(caps)
            .map(|(_, _, heap)| heap.info());
        Info {
            largest_free_block: self.largest_free_block(caps),
            ..heaps.fold(Info::default(), both)
        }
    }

    /// Returns the bytes of the heaps, bookkeeping included.
    #[must_use]
    pub fn total_size(self, caps: Caps) -> u32 {
        let sizes = self
            .heaps
            .registry
            .serving(caps)
            .map(|(_, entry, _)| entry.span.size());
        sizes.fold(0, u32::saturating_add)
    }

    /// Returns the free bytes, as the sum of all holes.
    #[must_use]
    pub fn free_size(self, caps: Caps) -> u32 {
        self.heaps.registry.free_bytes(caps)
    }

    /// Returns the sum of what each heap had left when it was at its lowest.
    ///
    /// The heaps need not have been there at the same moment, so this is a lower bound of the least
    /// that there was; a [watch](HeapCaps::watch) measures that exactly. A heap that is added later
    /// counts with what it had at least since then.
    #[must_use]
    pub fn minimum_free_size(self, caps: Caps) -> u32 {
        let minima = self
            .heaps
            .registry
            .serving(caps)
            .map(|(_, _, heap)| heap.minimum_free_bytes());
        minima.fold(0, u32::saturating_add)
    }
}

/// Minima.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Begins to keep the least free bytes that `caps` have at one moment; `None` if there are
    /// [`WATCHES`](crate::WATCHES) already. Each watch costs O(heaps) per allocation.
    pub fn watch(&mut self, caps: Caps) -> Option<WatchIndex> {
        self.routes.invalidate(); // steps say whether somebody watches
        self.watches.add(caps, &self.registry)
    }

    /// Ends a watch; returns the least free bytes since it began.
    pub fn end_watch(&mut self, watch: WatchIndex) -> Option<u32> {
        self.routes.invalidate();
        self.watches.end(watch)
    }

    /// Restarts the minimum of every heap at what is free now, for
    /// [`Inspection::minimum_free_size`] until [`HeapCaps::stop_monitoring`]. A second call
    /// restarts it again. ESP-IDF's `heap_caps_monitor_local_minimum_free_size_start`.
    ///
    /// Each heap keeps its own earlier minimum, so heaps that are added meanwhile do not disturb
    /// the others.
    pub fn start_monitoring(&mut self) {
        self.monitoring = true;
        self.registry.start_local_minima();
    }

    /// Ends what [`HeapCaps::start_monitoring`] began: the minima are those since boot again.
    /// ESP-IDF's `heap_caps_monitor_local_minimum_free_size_stop`.
    ///
    /// # Errors
    /// Monitoring had not been started.
    pub fn stop_monitoring(&mut self) -> Result<(), NotMonitoring> {
        if !core::mem::take(&mut self.monitoring) {
            return Err(NotMonitoring);
        }
        self.registry.stop_local_minima();
        Ok(())
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the least free bytes since the watch began; `None` if it was ended.
    #[must_use]
    pub fn watched_minimum(self, watch: WatchIndex) -> Option<u32> {
        self.heaps.watches.minimum(watch)
    }
}

/// Returns the figures of two heaps taken together.
pub(crate) fn both(one: Info, other: Info) -> Info {
    Info {
        total_free_bytes: one.total_free_bytes.saturating_add(other.total_free_bytes),
        total_allocated_bytes: one
            .total_allocated_bytes
            .saturating_add(other.total_allocated_bytes),
        largest_free_block: one.largest_free_block.max(other.largest_free_block),
        minimum_free_bytes: one
            .minimum_free_bytes
            .saturating_add(other.minimum_free_bytes),
        allocated_blocks: one.allocated_blocks.saturating_add(other.allocated_blocks),
        free_blocks: one.free_blocks.saturating_add(other.free_blocks),
        total_blocks: one.total_blocks.saturating_add(other.total_blocks),
    }
}
