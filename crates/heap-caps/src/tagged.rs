//! The heaps as ESP-IDF v2.1 (2016) had them: by tag.
//!
//! A tag is a memory type of the chip's table; there were sixteen. Under [`Policy::Tagged2016`](crate::Policy::Tagged2016) the ordinary
//! functions follow the rules of `pvPortMallocCaps`; here is what went by tag alone. The heaps of one tag are
//! tried in address order, as the single list of that generation was.

use core::panic::Location;

use multi_heap::{Info, Poison, Request};
use soc_regions::{Caps, TypeIndex};

use crate::demand::Demand;
use crate::failure::{Cause, Failure};
use crate::heap_caps::HeapCaps;
use crate::observer::Observer;
use crate::registry::{Entry, HeapIndex};
use crate::take::plain_block;
use crate::work::{Block, Fresh};

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Allocates `size` bytes of the memory with this tag (`pvPortMallocTagged`). The address is on the data side. O(heaps).
    ///
    /// # Errors
    /// The [`Failure`] names no capabilities: none were asked for.
    #[track_caller]
    #[expect(clippy::result_large_err, reason = "as for `malloc`")]
    pub fn malloc_tagged(&mut self, size: usize, tag: TypeIndex) -> Result<u32, Failure> {
        let demand = Demand::new(size, Caps::empty()).from(Location::caller());
        let fresh = self.allocate_tagged(&demand, tag);
        self.settled(fresh, &demand)
    }

    /// First phase of [`HeapCaps::malloc_tagged`], for layers with locks; the capabilities of the demand don't matter. O(heaps).
    ///
    /// # Errors
    /// As [`HeapCaps::malloc_tagged`].
    pub fn allocate_tagged(&mut self, demand: &Demand, tag: TypeIndex) -> Result<Fresh<P>, Cause> {
        self.take_tagged(demand, tag)
            .map_err(|cause| self.refuse(demand, Caps::empty(), cause, 1))
    }

    /// Free bytes of the memory with this tag (`xPortGetFreeHeapSizeTagged`).
    #[must_use]
    pub fn tag_free_size(&self, tag: TypeIndex) -> u32 {
        self.sum(
            |entry| u32::from(entry.tag == Some(tag)),
            |info| info.total_free_bytes,
        )
    }

    /// The least free bytes of each heap with this tag, summed (`xPortGetMinimumEverFreeHeapSizeTagged`).
    #[must_use]
    pub fn tag_minimum_free_size(&self, tag: TypeIndex) -> u32 {
        self.sum(
            |entry| u32::from(entry.tag == Some(tag)),
            |info| info.minimum_free_bytes,
        )
    }

    /// Free bytes as `xPortGetFreeHeapSizeCaps` counted them: memory that has *any* of `caps`, once for each of its columns that has one.
    #[must_use]
    pub fn free_size_of_any(&self, caps: Caps) -> u32 {
        self.sum(
            |entry| columns_with_any(entry, caps),
            |info| info.total_free_bytes,
        )
    }

    /// The least free bytes of each heap, counted as [`HeapCaps::free_size_of_any`] does (`xPortGetMinimumEverFreeHeapSizeCaps`).
    #[must_use]
    pub fn minimum_free_size_of_any(&self, caps: Caps) -> u32 {
        self.sum(
            |entry| columns_with_any(entry, caps),
            |info| info.minimum_free_bytes,
        )
    }

    fn sum(&self, times: impl Fn(&Entry<P>) -> u32, figure: impl Fn(&Info) -> u32) -> u32 {
        let heaps = self.registry.serving(Caps::empty());
        let figures =
            heaps.map(|(_, entry, heap)| figure(&heap.info()).saturating_mul(times(entry)));
        figures.fold(0, u32::saturating_add)
    }

    fn take_tagged(&mut self, demand: &Demand, tag: TypeIndex) -> Result<Fresh<P>, Cause> {
        if let Some(cause) = demand.refusal() {
            return Err(cause);
        }
        let request = Request::aligned(demand.size, demand.alignment).ok_or(Cause::TooLarge)?;
        let mut next = self.tagged_from(tag, 0);
        let block = loop {
            let (heap, start) = next.ok_or(Cause::TagExhausted(tag))?;
            match self.take_from(heap, request) {
                Some(block) => break block,
                None => next = self.tagged_from(tag, start.saturating_add(1)),
            }
        };
        self.tell_allocated(&block, demand, Caps::empty());
        Ok(Fresh {
            block,
            zeroed: demand.zeroed,
        })
    }

    /// The first heap with the tag that begins at `address` or above it, whatever the policy's order is; with its start.
    fn tagged_from(&self, tag: TypeIndex, address: u32) -> Option<(HeapIndex, u32)> {
        let heaps = self.registry.iter();
        let tagged = heaps.filter(|(_, entry)| entry.tag == Some(tag));
        let starts = tagged.map(|(heap, entry)| (heap, entry.span.start()));
        starts
            .filter(|&(_, start)| start >= address)
            .min_by_key(|&(_, start)| start)
    }

    fn take_from(&mut self, heap: HeapIndex, request: Request) -> Option<Block<P>> {
        let entry = self.registry.get_mut(heap)?;
        let request = match entry.is_word_only() {
            true => request.rounded_up_to(4)?,
            false => request,
        };
        let block = plain_block(entry, heap, request)?;
        self.watches.given_by(heap, &self.registry);
        Some(block)
    }
}

/// How many columns of a heap's memory type have any of `caps`.
fn columns_with_any<P: Poison>(entry: &Entry<P>, caps: Caps) -> u32 {
    let matching = entry
        .columns
        .iter()
        .filter(|column| column.intersects(caps));
    matching.map(|_| 1).sum()
}
