//! The heaps as ESP-IDF v2.1 (2016) had them: by tag.
//!
//! A tag is a memory type of the chip's table; there were sixteen. Under
//! [`Policy::Tagged2016`](crate::Policy::Tagged2016) the ordinary functions follow the rules of
//! `pvPortMallocCaps`; here is what went by tag alone. The heaps of one tag are tried in address
//! order, as the single list of that generation was.

use multi_heap::{Info, Poison, Request};
use soc_regions::{Caps, TypeIndex};

use crate::allocate::AllocatedBlock;
use crate::attempt::HeapMask;
use crate::heap_caps::HeapCaps;
use crate::inspect::Inspection;
use crate::observer::Observer;
use crate::registry::{Entry, HeapIndex};

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Returns a block of the first heap with the tag that has one, of those in `within`, in
    /// address order.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn find_tagged(
        &mut self,
        layout: Request,
        tag: TypeIndex,
        within: HeapMask,
    ) -> Option<AllocatedBlock> {
        let mut next = self.tagged_from(tag, 0);
        while let Some((heap, start)) = next {
            let whole_words = !self.registry.caps(heap).contains(Caps::BIT8);
            let layout = if whole_words {
                layout.rounded_up_to(4)?
            } else {
                layout
            };
            let memory = self.registry.heap_mut(heap);
            let memory = memory.filter(|_| within.contains(heap));
            let block = memory.and_then(|memory| memory.allocate(layout));
            if let Some(offset) = block {
                let address = start.wrapping_add(offset.get());
                return Some(AllocatedBlock { address, heap });
            }
            next = self.tagged_from(tag, start.saturating_add(1));
        }
        None
    }

    /// Returns the first heap with the tag that begins at `address` or above it, whatever the
    /// policy's order is; with its start.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn tagged_from(&self, tag: TypeIndex, address: u32) -> Option<(HeapIndex, u32)> {
        let heaps = self.registry.iter();
        let tagged = heaps.filter(|(_, entry)| entry.tag == Some(tag));
        let starts = tagged.map(|(heap, entry)| (heap, entry.span.start()));
        starts
            .filter(|&(_, start)| start >= address)
            .min_by_key(|&(_, start)| start)
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the free bytes of the memory with this tag (`xPortGetFreeHeapSizeTagged`).
    #[must_use]
    pub fn tag_free_size(self, tag: TypeIndex) -> u32 {
        self.sum(
            |entry| u32::from(entry.tag == Some(tag)),
            |info| info.total_free_bytes,
        )
    }

    /// Returns the least free bytes of each heap with this tag, summed
    /// (`xPortGetMinimumEverFreeHeapSizeTagged`).
    #[must_use]
    pub fn tag_minimum_free_size(self, tag: TypeIndex) -> u32 {
        self.sum(
            |entry| u32::from(entry.tag == Some(tag)),
            |info| info.minimum_free_bytes,
        )
    }

    /// Returns the free bytes as `xPortGetFreeHeapSizeCaps` counted them: memory that has *any* of
    /// `caps`, once for each of its columns that has one.
    #[must_use]
    pub fn free_size_of_any(self, caps: Caps) -> u32 {
        self.sum(
            |entry| columns_with_any(entry, caps),
            |info| info.total_free_bytes,
        )
    }

    /// Returns the least free bytes of each heap, counted as [`Inspection::free_size_of_any`] does
    /// (`xPortGetMinimumEverFreeHeapSizeCaps`).
    #[must_use]
    pub fn minimum_free_size_of_any(self, caps: Caps) -> u32 {
        self.sum(
            |entry| columns_with_any(entry, caps),
            |info| info.minimum_free_bytes,
        )
    }

    fn sum(self, times: impl Fn(&Entry<'_, P>) -> u32, figure: impl Fn(&Info) -> u32) -> u32 {
        let heaps = self.heaps.registry.serving(Caps::empty());
        let figures =
            heaps.map(|(_, entry, heap)| figure(&heap.info()).saturating_mul(times(&entry)));
        figures.fold(0, u32::saturating_add)
    }
}

/// Returns how many columns of a heap's memory type have any of `caps`.
fn columns_with_any<P: Poison>(entry: &Entry<'_, P>, caps: Caps) -> u32 {
    let matching = entry
        .columns
        .iter()
        .filter(|column| column.intersects(caps));
    matching.map(|_| 1).sum()
}
