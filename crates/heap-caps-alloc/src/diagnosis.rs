//! Checks of a shared heap while the program runs, with the lock held briefly.

use heap_caps::{Corrupt, Observer, Scrubber, Snapshot, WatchIndex};
use multi_heap::{Poison, ScrubStep};
use soc_regions::Caps;

use crate::figures::SharedInspection;
use crate::heap::CapsHeap;
use crate::lock::RawLock;

impl<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize>
    SharedInspection<'h, L, P, O, HEAPS>
{
    /// Returns the figures of the heaps that have `caps` at one moment, to be compared with later
    /// ones, and the worst level of the gauges that watch any of them. O(gauges × heaps) under the
    /// lock.
    #[must_use]
    pub fn snapshot(self, caps: Caps) -> Snapshot {
        let state = self.heap.state.acquire();
        let mut snapshot = state.heaps.inspect().snapshot(caps);
        snapshot.level = state.level_of(caps);
        snapshot
    }

    /// Checks the next `steps` blocks for damage, or lists, or pieces of free memory; see
    /// [`heap_caps::Inspection::scrub`]. For an idle task: the lock is held for `steps` steps
    /// only, so neither interrupts nor watchdogs notice.
    ///
    /// # Errors
    /// The first damage of the heap that the scrub is at.
    pub fn scrub(self, scrub: &mut Scrubber, steps: u32) -> Result<ScrubStep, Corrupt> {
        self.heap
            .state
            .acquire()
            .heaps
            .inspect()
            .scrub(scrub, steps)
    }

    /// Begins to keep the least free bytes that `caps` have at one moment, until the watermark is
    /// dropped; `None` if there are [`WATCHES`](heap_caps::WATCHES) already. Costs O(heaps) an
    /// allocation while it lives.
    #[must_use]
    pub fn watermark(self, caps: Caps) -> Option<Watermark<'h, L, P, O, HEAPS>> {
        let watch = self.heap.state.acquire().heaps.watch(caps)?;
        Some(Watermark {
            heap: self.heap,
            watch,
        })
    }
}

/// The least free bytes since this was made.
pub struct Watermark<'a, L: RawLock, P: Poison, O: Observer, const HEAPS: usize> {
    heap: &'a CapsHeap<L, P, O, HEAPS>,
    watch: WatchIndex,
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Watermark<'_, L, P, O, HEAPS> {
    /// Returns the least that all heaps of the capabilities together had free at one moment.
    #[must_use]
    pub fn minimum(&self) -> u32 {
        let state = self.heap.state.acquire();
        state
            .heaps
            .inspect()
            .watched_minimum(self.watch)
            .unwrap_or(0)
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Drop
    for Watermark<'_, L, P, O, HEAPS>
{
    fn drop(&mut self) {
        self.heap.state.acquire().heaps.end_watch(self.watch);
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec;

    use heap_caps::{ALL_HEAPS, assert_no_leak};
    use multi_heap::Unpoisoned;

    use super::*;
    use crate::lock::Unlocked;

    type Heap = CapsHeap<Unlocked, Unpoisoned, (), 4>;

    fn heap() -> Heap {
        let heap = Heap::new(());
        let memory = Box::leak(vec![core::mem::MaybeUninit::uninit(); 4096].into_boxed_slice());
        let caps = [Caps::BIT8 | Caps::DEFAULT, Caps::empty(), Caps::empty()];
        heap.add_buffer(caps, memory).unwrap();
        heap
    }

    #[test]
    fn a_watermark_keeps_the_least_of_its_own_life() {
        let heap = heap();
        let free = heap.inspect().free_size(ALL_HEAPS);
        let take = |size| {
            let block = heap.malloc(size, Caps::BIT8).unwrap();
            // SAFETY: nobody uses the block.
            unsafe { heap.free(block) }.unwrap();
        };
        take(1000);
        let mark = heap.inspect().watermark(ALL_HEAPS).unwrap();
        assert_eq!(mark.minimum(), free);
        take(100);
        assert_eq!(mark.minimum(), free - 104);
        drop(mark);
        let marks: vec::Vec<_> = (0..8)
            .map_while(|_| heap.inspect().watermark(ALL_HEAPS))
            .collect();
        assert_eq!(marks.len(), heap_caps::WATCHES, "the dropped one made room");
    }

    #[test]
    fn a_scrub_of_a_whole_heap_finishes_and_the_heap_leaks_nothing() {
        let heap = heap();
        let mut scrub = Scrubber::new();
        let scrubbed = assert_no_leak!(heap, heap.inspect().scrub(&mut scrub, 100));
        assert_eq!(scrubbed, Ok(ScrubStep::PassDone));
    }
}
