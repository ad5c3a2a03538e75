//! Attempts that leave no trace: for layers that can find more memory before a request is refused.
//!
//! ```text
//!   attempt ─► a block
//!           └► nothing ─► shrinkers, waiting … ─► attempt again ─► … ─► refuse_after: the record, once
//! ```

use multi_heap::Poison;
use soc_regions::Caps;

use crate::allocate::AllocatedBlock;
use crate::failure::FailureKind;
use crate::heap_caps::HeapCaps;
use crate::inspect::Inspection;
use crate::observer::Observer;
use crate::pressure::PressureEvent;
use crate::registry::HeapIndex;
use crate::relief::Relief;
use crate::request::{AllocRequest, Placement};
use crate::search::{Progress, Search};

/// A set of heaps of one [`HeapCaps`], as a bit mask by [`HeapIndex`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapMask(u64);

impl HeapMask {
    /// No heap.
    pub const NONE: Self = Self(0);

    /// Whether there is no heap in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether some heap is in both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The heaps of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// One heap.
    #[must_use]
    pub const fn of(heap: HeapIndex) -> Self {
        Self::NONE.with(heap.get())
    }

    const fn with(self, heap: usize) -> Self {
        Self(self.0 | 1 << heap) // at most 63 heaps
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
    pub(crate) fn attempt(&mut self, request: &AllocRequest<'_>) -> Option<AllocatedBlock> {
        let layout = request.layout()?;
        if let Placement::Tag(tag) = request.placement {
            return self.allocate_tagged(layout, tag, request.caller);
        }
        self.with_routes(|heaps| {
            for index in 0.. {
                let caps = heaps.nth_set(request, index)?;
                if let Some(taken) = heaps.find(layout, caps) {
                    if O::LISTENS {
                        heaps.notify_allocated(taken, layout, caps, request.caller);
                    }
                    return Some(taken);
                }
            }
            None
        })
    }

    /// See [`Phases::refuse_after`](crate::Phases::refuse_after).
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn refuse_after(
        &mut self,
        request: &AllocRequest<'_>,
        relief: &Relief,
    ) -> FailureKind {
        if request.size != 0 && !relief.is_empty() {
            self.last_failure.announce(relief);
        }
        let refused = self.search(&mut Search::refused(request));
        debug_assert!(matches!(refused, Progress::Refused));
        self.last_cause(request)
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
                    mask = mask.with(heap.get());
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

    /// The heaps on the route of a set that are larger than `size`.
    fn on_route(&mut self, caps: Caps, size: u32) -> HeapMask {
        let Some(route) = self.route(caps) else {
            return HeapMask::NONE;
        };
        let steps = self.routes.steps(route).iter();
        let heaps = steps
            .take_while(|step| !step.is_end())
            .map(|step| step.heap());
        let larger = heaps.filter(|&heap| self.registry.size(heap) > size);
        larger.fold(HeapMask::NONE, |mask, heap| mask.with(heap.get()))
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// The enabled heaps that have all of `caps`. O(heaps).
    #[must_use]
    pub fn heaps_with(self, caps: Caps) -> HeapMask {
        let serving = self.heaps.registry.serving(caps);
        serving.fold(HeapMask::NONE, |mask, (heap, ..)| mask.with(heap.get()))
    }

    /// The enabled heaps that have all capabilities of the memory at `address`. O(heaps).
    #[must_use]
    pub fn peers_of(self, address: u32) -> HeapMask {
        let heap = self.heaps.registry.containing(address);
        heap.map_or(HeapMask::NONE, |heap| {
            self.heaps_with(self.heaps.registry.caps(heap))
        })
    }
}
