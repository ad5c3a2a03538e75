//! The heaps as ESP-IDF v2.1 (2016) had them: by tag.
//!
//! A tag is a memory type of the chip's table; there were sixteen. Under [`Policy::Tagged2016`](crate::Policy::Tagged2016) the ordinary
//! functions follow the rules of `pvPortMallocCaps`; here is what went by tag alone. The heaps of one tag are
//! tried in address order, as the single list of that generation was.

use core::panic::Location;

use multi_heap::{Info, Poison, Request};
use soc_regions::{Caps, TypeIndex};

use crate::allocate::allocated;
use crate::demand::Demand;
use crate::failure::{Cause, Failure};
use crate::heap_caps::HeapCaps;
use crate::observer::Observer;
use crate::take::plain_block;
use crate::work::Fresh;

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Allocates `size` bytes of the memory with this tag (`pvPortMallocTagged`). The address is on the data side. O(heaps).
    ///
    /// # Errors
    /// The [`Failure`] names no capabilities: none were asked for.
    #[track_caller]
    #[expect(clippy::result_large_err, reason = "as for `malloc`")]
    pub fn malloc_tagged(&mut self, size: usize, tag: TypeIndex) -> Result<u32, Failure> {
        let demand = Demand::new(size, Caps::empty()).from(Location::caller());
        let fresh = self.take_tagged(&demand, tag);
        let reported = fresh.map_err(|cause| self.refuse(&demand, Caps::empty(), cause, 1));
        self.settled(reported, &demand)
    }

    /// Free bytes of the memory with this tag (`xPortGetFreeHeapSizeTagged`).
    #[must_use]
    pub fn tag_free_size(&self, tag: TypeIndex) -> u32 {
        self.sum_tagged(
            |_, heap_tag| u32::from(heap_tag == tag),
            |info| info.total_free_bytes,
        )
    }

    /// The least free bytes of each heap with this tag, summed (`xPortGetMinimumEverFreeHeapSizeTagged`).
    #[must_use]
    pub fn tag_minimum_free_size(&self, tag: TypeIndex) -> u32 {
        self.sum_tagged(
            |_, heap_tag| u32::from(heap_tag == tag),
            |info| info.minimum_free_bytes,
        )
    }

    /// Free bytes as `xPortGetFreeHeapSizeCaps` counted them: memory that has *any* of `caps`, once for each of its columns that has one.
    #[must_use]
    pub fn free_size_of_any(&self, caps: Caps) -> u32 {
        let columns = |columns: &[Caps; 3]| {
            columns
                .iter()
                .map(|column| u32::from(column.intersects(caps)))
                .sum()
        };
        self.sum_tagged(|heap, _| columns(heap), |info| info.total_free_bytes)
    }

    fn sum_tagged(
        &self,
        times: impl Fn(&[Caps; 3], TypeIndex) -> u32,
        figure: impl Fn(&Info) -> u32,
    ) -> u32 {
        let heaps = self.registry.serving(Caps::empty());
        let figures = heaps.filter_map(|(_, entry, heap)| {
            let times = times(&entry.columns, entry.tag?);
            Some(figure(&heap.info()).saturating_mul(times))
        });
        figures.fold(0, u32::saturating_add)
    }

    fn take_tagged(&mut self, demand: &Demand, tag: TypeIndex) -> Result<Fresh<P>, Cause> {
        if let Some(cause) = demand.refusal() {
            return Err(cause);
        }
        let request = Request::new(demand.size).ok_or(Cause::TooLarge)?;
        for place in 0..self.registry.len() {
            let tagged = self
                .registry
                .in_order()
                .nth(place)
                .filter(|(_, entry)| entry.tag == Some(tag));
            let Some(heap) = tagged.map(|(heap, _)| heap) else {
                continue;
            };
            let entry = self.registry.get_mut(heap);
            if let Some(block) = entry.and_then(|entry| plain_block(entry, heap, request)) {
                let fresh = Fresh {
                    block,
                    zeroed: demand.zeroed,
                };
                self.observer.on_allocate(&allocated(
                    &fresh.block,
                    demand.size,
                    Caps::empty(),
                    demand.caller,
                ));
                return Ok(fresh);
            }
        }
        Err(Cause::TagExhausted(tag))
    }
}
