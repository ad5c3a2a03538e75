//! How most requests find their heap: without a wish that needs a second look.
//!
//! ```text
//!   allocate ─► quick: the route is kept, nothing about it is special ─► heaps in order ─► (heap, offset)
//!                 └─ anything else, and no memory ─► search (`allocate.rs`), which does all of it and knows why not
//! ```
//!
//! **Invariant:** what is found here is what the search would have found.

use multi_heap::{Heap, Offset, Poison, Request};
use soc_regions::Caps;

use crate::demand::Demand;
use crate::heap_caps::HeapCaps;
use crate::observer::Observer;
use crate::registry::HeapIndex;
use crate::work::{Block, Fresh};

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Takes a block and tells the observer. `None` says nothing: search then. O(heaps).
    #[inline(always)]
    pub(crate) fn take_quickly(&mut self, demand: &Demand, caps: Caps) -> Option<Fresh<P>> {
        let block = self.quick_block(demand, caps)?;
        self.tell_allocated(&block, demand, caps);
        Some(Fresh {
            block,
            zeroed: demand.zeroed,
        })
    }

    #[inline(always)]
    pub(crate) fn quick_block(&mut self, demand: &Demand, caps: Caps) -> Option<Block<P>> {
        let size = demand.size;
        let (heap, offset) = match demand.alignment {
            1 | 2 | 4 => self.quick(size, caps),
            alignment => self.quick_aligned(size, alignment, caps),
        }?;
        let entry = self.registry.get(heap)?;
        let bytes = u32::try_from(size).ok()?;
        Some(Block::plain(
            entry,
            entry.heap.as_ref()?,
            heap,
            offset,
            bytes,
        ))
    }

    /// What is returned fits into two registers, so that this is cheap to call.
    #[inline(never)]
    fn quick(&mut self, size: usize, caps: Caps) -> Option<(HeapIndex, Offset)> {
        let request = Request::new(size)?;
        self.first_plain(caps, |heap| heap.allocate(request))
    }

    #[inline(never)]
    fn quick_aligned(
        &mut self,
        size: usize,
        alignment: usize,
        caps: Caps,
    ) -> Option<(HeapIndex, Offset)> {
        let request = Request::aligned(size, alignment)?;
        self.first_plain(caps, |heap| heap.allocate(request))
    }

    #[inline(always)]
    fn first_plain(
        &mut self,
        caps: Caps,
        take: impl Fn(&mut Heap<P>) -> Option<Offset>,
    ) -> Option<(HeapIndex, Offset)> {
        for step in self.routes.plain(caps)? {
            let entry = self.registry.get_mut(step.heap)?;
            if let Some(offset) = take(entry.heap.as_mut()?) {
                self.watches.given_by(step.heap, &self.registry);
                return Some((step.heap, offset));
            }
        }
        None
    }
}
