//! The least free memory that capabilities ever had at one moment.
//!
//! Each heap knows its own minimum, but the sum of those is a figure that no moment ever had: two
//! heaps are rarely at their lowest together. A watch sums up the free bytes of its heaps whenever
//! one of them allocates a block, and keeps the least sum. That costs O(heaps) an allocation for
//! each watch, so there are few and only on demand. A watch begins with the heaps of that moment:
//! set it when they are all registered.

use multi_heap::Poison;
use soc_regions::Caps;

use crate::registry::{HeapIndex, Registry};

/// How many watches there can be.
pub const WATCHES: usize = 4;

/// Which watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchIndex(u8);

#[derive(Clone, Copy, Debug)]
struct Watch {
    caps: Caps,
    minimum: u32,
}

pub(crate) struct Watches {
    places: [Option<Watch>; WATCHES],
    /// How many of the places are taken.
    count: u8,
}

impl Watches {
    pub(crate) const fn new() -> Self {
        Self {
            places: [None; WATCHES],
            count: 0,
        }
    }

    pub(crate) fn add<P: Poison, const N: usize>(
        &mut self,
        caps: Caps,
        registry: &Registry<P, N>,
    ) -> Option<WatchIndex> {
        let free = self.places.iter().position(Option::is_none)?;
        let watch = Watch {
            caps,
            minimum: registry.free_bytes(caps),
        };
        *self.places.get_mut(free)? = Some(watch);
        self.count += 1;
        u8::try_from(free).ok().map(WatchIndex)
    }

    pub(crate) fn end(&mut self, watch: WatchIndex) -> Option<u32> {
        let ended = self.places.get_mut(usize::from(watch.0))?.take()?;
        self.count -= 1;
        Some(ended.minimum)
    }

    pub(crate) fn minimum(&self, watch: WatchIndex) -> Option<u32> {
        let place = self.places.get(usize::from(watch.0))?;
        place.as_ref().map(|watch| watch.minimum)
    }

    pub(crate) const fn any(&self) -> bool {
        self.count > 0
    }

    /// Bytes of a heap were allocated. O(1) without watches.
    #[inline(always)]
    pub(crate) fn record_minimum<P: Poison, const N: usize>(
        &mut self,
        heap: HeapIndex,
        registry: &Registry<P, N>,
    ) {
        if self.count > 0 {
            self.lower_minimums(registry.caps(heap), registry);
        }
    }

    /// Bytes of memory that has `caps` were allocated.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn lower_minimums<P: Poison, const N: usize>(&mut self, caps: Caps, registry: &Registry<P, N>) {
        for watch in self
            .places
            .iter_mut()
            .flatten()
            .filter(|watch| caps.contains(watch.caps))
        {
            watch.minimum = watch.minimum.min(registry.free_bytes(watch.caps));
        }
    }
}
