//! Attempts that leave no trace: for layers that can find more memory before a request is refused.
//!
//! ```text
//!   attempt ─► a block
//!           └► nothing ─► shrinkers, waiting … ─► attempt again ─► … ─► fail_after: the record, once
//! ```

use multi_heap::{Offset, Poison, Request};
use soc_regions::Caps;

use crate::allocate::{AllocatedBlock, LEFT_OVER, block_bytes, charge, in_units};
use crate::failure::FailureKind;
use crate::heap_caps::HeapCaps;
use crate::inspect::Inspection;
use crate::misuse::Misuse;
use crate::observer::Observer;
use crate::pressure::PressureEvent;
use crate::registry::HeapIndex;
use crate::relief::Relief;
use crate::request::{AllocRequest, Placement};
use crate::search::{Progress, Search};

/// A set of heaps of one [`HeapCaps`], as a bit mask by [`HeapIndex`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapMask {
    /// Heaps 0 to 31 and the others: words, so that what has one is aligned as words are.
    low: u32,
    high: u32,
}

impl HeapMask {
    /// No heap.
    pub const NONE: Self = Self { low: 0, high: 0 };

    /// Every heap.
    pub const ALL: Self = Self {
        low: u32::MAX,
        high: u32::MAX,
    };

    /// Returns whether there is no heap in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.low | self.high == 0
    }

    /// Returns whether some heap is in both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.low & other.low | self.high & other.high != 0
    }

    /// Returns the heaps of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            low: self.low | other.low,
            high: self.high | other.high,
        }
    }

    /// Returns its heaps without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self {
            low: self.low & !other.low,
            high: self.high & !other.high,
        }
    }

    /// Returns one heap.
    #[must_use]
    pub const fn of(heap: HeapIndex) -> Self {
        // At most 63 heaps
        if heap.0 < 32 {
            Self {
                low: 1 << heap.0,
                high: 0,
            }
        } else {
            Self {
                low: 0,
                high: 1 << (heap.0 & 31),
            }
        }
    }

    /// Returns whether a heap is in it.
    #[must_use]
    pub const fn contains(self, heap: HeapIndex) -> bool {
        self.overlaps(Self::of(heap))
    }

    /// Returns whether all heaps of `other` are in it.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// Returns the heaps, in the order of their indices.
    pub fn iter(self) -> impl Iterator<Item = HeapIndex> {
        let heaps = (0..64).map(HeapIndex);
        heaps.filter(move |&heap| self.contains(heap))
    }

    const fn with(self, heap: HeapIndex) -> Self {
        self.union(Self::of(heap))
    }
}

/// Where a block may be resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResizeWithin {
    /// Whether it may stay in its heap.
    pub stays: bool,
    /// The heaps to which it may move.
    pub moves_to: HeapMask,
}

impl ResizeWithin {
    /// Anywhere.
    pub const ANY: Self = Self {
        stays: true,
        moves_to: HeapMask::ALL,
    };
}

/// Heaps of which a request may have nothing, because of limits of owners: for its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedHeaps {
    /// Those in which the request's owner would be above its own limit.
    pub by_limit: HeapMask,
    /// Those whose free bytes are guaranteed to other owners.
    pub for_others: HeapMask,
    /// Bytes that are kept for other owners, the most in one of these heaps.
    pub kept_bytes: u32,
}

impl ClosedHeaps {
    /// No heap is closed.
    pub const NONE: Self = Self {
        by_limit: HeapMask::NONE,
        for_others: HeapMask::NONE,
        kept_bytes: 0,
    };

    /// Returns all heaps that are closed.
    #[must_use]
    pub const fn all(&self) -> HeapMask {
        self.by_limit.union(self.for_others)
    }
}

/// The detour: for layers that look at every change of free memory.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// See [`Phases::set_detoured`](crate::Phases::set_detoured).
    pub(crate) fn set_detoured(&mut self, detoured: bool) {
        self.routes.set_hidden(detoured);
    }

    /// See [`Inspection::is_detoured`](crate::Inspection::is_detoured).
    #[inline(always)]
    pub(crate) const fn is_detoured(&self) -> bool {
        self.routes.are_hidden()
    }

    /// Does something with all routes in sight.
    pub(crate) fn with_routes<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let hidden = self.routes.are_hidden();
        self.routes.set_hidden(false);
        let done = work(self);
        self.routes.set_hidden(hidden);
        done
    }
}

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// See [`Phases::attempt`](crate::Phases::attempt).
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn attempt(
        &mut self,
        request: &AllocRequest<'_>,
        within: HeapMask,
    ) -> Option<AllocatedBlock> {
        let layout = request.layout()?;
        if let Placement::Tag(tag) = request.placement {
            return self.allocate_tagged(layout, tag, request, within);
        }
        self.with_routes(|heaps| {
            for index in 0.. {
                let caps = heaps.nth_set(request, index)?;
                if let Some(allocated) = heaps.find(layout, caps, within) {
                    if O::LISTENS {
                        let (caller, owner) = (request.caller, request.owner());
                        heaps.notify_allocated(allocated, layout, caps, caller, owner);
                    }
                    return Some(allocated);
                }
            }
            None
        })
    }

    /// See [`Phases::fail_after`](crate::Phases::fail_after).
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn fail_after(
        &mut self,
        request: &AllocRequest<'_>,
        relief: &Relief,
        closed: &ClosedHeaps,
    ) -> FailureKind {
        if request.size != 0 && (!relief.is_empty() || *closed != ClosedHeaps::NONE) {
            self.last_failure.announce(relief, closed);
        }
        let refused = self.search(&mut Search::refused(request));
        debug_assert!(matches!(refused, Progress::Refused));
        self.last_cause(request)
    }

    /// See [`Phases::fail_because`](crate::Phases::fail_because).
    #[cold]
    #[inline(never)]
    pub(crate) fn fail_because(&mut self, request: &AllocRequest<'_>, cause: FailureKind) {
        let caps = self.first_set(request.placement, request.size);
        self.begin_record(request, caps.unwrap_or(Caps::empty()), cause, 1);
        if O::LISTENS
            && let Some(failure) = self.inspect().last_failure()
        {
            self.observer.on_failure(&failure);
        }
    }

    /// See [`Phases::notify_pressure`](crate::Phases::notify_pressure).
    pub(crate) fn notify_pressure(&mut self, event: &PressureEvent) {
        if O::LISTENS {
            self.observer.on_pressure(event);
        }
    }

    /// See [`Phases::candidates`](crate::Phases::candidates).
    pub(crate) fn candidates(&mut self, request: &AllocRequest<'_>) -> HeapMask {
        let Some(layout) = request.layout() else {
            return HeapMask::NONE;
        };
        let mut mask = HeapMask::NONE;
        if let Placement::Tag(tag) = request.placement {
            for (heap, entry) in self.registry.iter() {
                if entry.tag == Some(tag) && entry.span.size() > layout.size() {
                    mask = mask.with(heap);
                }
            }
            return mask;
        }
        self.with_routes(|heaps| {
            for index in 0.. {
                let Some(caps) = heaps.nth_set(request, index) else {
                    break;
                };
                mask = mask.union(heaps.on_route(caps, layout.size()));
            }
        });
        mask
    }

    /// Returns the heaps on the route of a set that are larger than `size`.
    fn on_route(&mut self, caps: Caps, size: u32) -> HeapMask {
        let Some(route) = self.route(caps) else {
            return HeapMask::NONE;
        };
        let entries = self.routes.entries(route).iter();
        let heaps = entries
            .take_while(|entry| !entry.is_end())
            .map(|entry| entry.heap());
        let larger = heaps.filter(|&heap| self.registry.size(heap) > size);
        larger.fold(HeapMask::NONE, |mask, heap| mask.with(heap))
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the enabled heaps that have all of `caps`. O(heaps).
    #[must_use]
    pub fn heaps_with(self, caps: Caps) -> HeapMask {
        let serving = self.heaps.registry.serving(caps);
        serving.fold(HeapMask::NONE, |mask, (heap, ..)| mask.with(heap))
    }

    /// Returns the heap in which the block handed out as `address` lies. O(heaps).
    ///
    /// # Errors
    /// The address was not handed out.
    pub fn heap_of(self, address: u32) -> Result<HeapIndex, Misuse> {
        self.heaps.block_at(address).map(|block| block.heap)
    }

    /// Returns the bytes that the block handed out as `address` takes of its heap: what is usable,
    /// its header, its canaries. O(heaps).
    #[must_use]
    pub fn block_bytes(self, address: u32) -> Option<u32> {
        let block = self.heaps.block_at(address).ok()?;
        Some(block_bytes::<P>(block.bytes))
    }

    /// [`Inspection::block_bytes`] of a block of [`Phases::allocate_kept`]. O(1).
    ///
    /// [`Phases::allocate_kept`]: crate::Phases::allocate_kept
    #[must_use]
    #[inline]
    pub fn allocated_bytes(self, allocated: AllocatedBlock) -> Option<u32> {
        let slot = self.heaps.registry.slots.get(allocated.heap.get())?;
        let offset = Offset::new(allocated.address.wrapping_sub(slot.start))?;
        let usable = slot.heap.as_ref()?.try_usable_size(offset)?;
        Some(block_bytes::<P>(usable))
    }

    /// Returns the bytes that a block of `layout` takes at most, whatever is left of the free block
    /// that it is allocated from, in a heap that is asked for just that. O(1).
    #[must_use]
    #[inline(always)]
    pub const fn most_bytes_for(self, layout: Request) -> u32 {
        charge::<P>(layout) + LEFT_OVER
    }

    /// Returns whether allocations are counted against an allowance.
    #[must_use]
    #[inline(always)]
    pub const fn is_counting(self) -> bool {
        self.heaps.routes.are_counted()
    }

    /// Returns how often heaps and reserves have changed, to be compared.
    #[must_use]
    #[inline(always)]
    pub const fn generation(self) -> u32 {
        self.heaps.routes.generation()
    }

    /// Returns the bytes that a block for `request` takes of a heap, at most two words less than it
    /// may become. O(1).
    #[must_use]
    pub fn bytes_for(self, request: &AllocRequest<'_>, heap: HeapIndex) -> Option<u32> {
        let caps = self.heaps.first_set(request.placement, request.size);
        let memory = self.heaps.registry.caps(heap);
        let granularity = self
            .heaps
            .rules
            .granularity(caps.unwrap_or(Caps::empty()), memory);
        in_units(request.layout()?, granularity, !memory.contains(Caps::BIT8)).map(charge::<P>)
    }

    /// Returns the enabled heaps that have all capabilities of the memory at `address`. O(heaps).
    #[must_use]
    pub fn peers_of(self, address: u32) -> HeapMask {
        let heap = self.heaps.registry.containing(address);
        heap.map_or(HeapMask::NONE, |heap| {
            self.heaps_with(self.heaps.registry.caps(heap))
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec::Vec;

    #[test]
    fn masks_are_sets_of_heaps() {
        const HEAPS: [u8; 7] = [0, 1, 5, 31, 32, 40, 62];
        let members = |set: u32| (0..HEAPS.len()).filter(move |&rank| set >> rank & 1 == 1);
        let mask = |set: u32| {
            let heaps = members(set).map(|rank| HeapMask::of(HeapIndex(HEAPS[rank])));
            heaps.fold(HeapMask::NONE, HeapMask::union)
        };
        for one in 0..128 {
            let first = mask(one);
            assert_eq!(first.is_empty(), one == 0);
            let heaps: Vec<u8> = first.iter().map(|heap| heap.0).collect();
            assert!(
                members(one)
                    .map(|rank| HEAPS[rank])
                    .eq(heaps.iter().copied())
            );
            assert!((0..63).all(|heap| first.contains(HeapIndex(heap)) == heaps.contains(&heap)));
            assert!(HeapMask::ALL.contains_all(first));
            for other in 0..128 {
                let second = mask(other);
                assert_eq!(first.overlaps(second), one & other != 0);
                assert_eq!(first.union(second), mask(one | other));
                assert_eq!(first.without(second), mask(one & !other));
                assert_eq!(first.contains_all(second), one & other == other);
            }
        }
    }
}
