//! Replay of a trace in a single heap of a given size.

use std::ptr::NonNull;

use multi_heap::{Heap, Misuse, Offset, Poison, Request};

use heap_report::recorded::{Operation, Trace};

/// How a region lies on a chip: at a multiple of a page.
const PAGE_BYTES: usize = 4096;

#[repr(C, align(4096))]
#[derive(Clone)]
struct Page([u8; PAGE_BYTES]);

/// Memory for heaps under test; grows on demand, is reused dirty.
#[derive(Default)]
pub(crate) struct Region {
    pages: Vec<Page>,
}

impl Region {
    /// Returns the first `bytes` bytes, page-aligned.
    pub(crate) fn first(&mut self, bytes: u32) -> NonNull<[u8]> {
        let pages = (bytes as usize).div_ceil(PAGE_BYTES).max(1);
        if self.pages.len() < pages {
            self.pages.resize(pages, Page([0; PAGE_BYTES]));
        }
        NonNull::slice_from_raw_parts(NonNull::from(&mut *self.pages).cast(), bytes as usize)
    }
}

/// Returns whether every request of `trace` succeeds in one heap of `bytes` bytes, control
/// structure included.
///
/// # Errors
/// The heap takes one of its own blocks for a foreign or broken one: a defect of the heap.
pub(crate) fn completes<P: Poison>(
    trace: &Trace,
    region: &mut Region,
    bytes: u32,
) -> Result<bool, Misuse> {
    let memory = region.first(bytes);
    // SAFETY: `memory` is `bytes` bytes of `region`, which is borrowed mutably until the heap is
    // gone.
    let Ok(heap) = (unsafe { Heap::<P>::new(memory) }) else {
        return Ok(false);
    };
    let mut player = Player {
        heap,
        blocks: vec![None; trace.slots],
    };
    for operation in &trace.operations {
        if !player.perform(*operation)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A heap and the recorded program's view of it.
struct Player<P: Poison> {
    heap: Heap<P>,
    /// By slot of the trace.
    blocks: Vec<Option<Offset>>,
}

impl<P: Poison> Player<P> {
    /// False if the heap has no room for the request.
    fn perform(&mut self, operation: Operation) -> Result<bool, Misuse> {
        match operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => {
                self.blocks[slot] = self.allocate(size, alignment)?;
                Ok(self.blocks[slot].is_some())
            }
            Operation::Reallocate { slot, size } => self.reallocate(slot, size),
            Operation::Free { slot } => self.free(slot),
        }
    }

    fn allocate(&mut self, size: u32, alignment: u32) -> Result<Option<Offset>, Misuse> {
        let request = Request::aligned(size as usize, alignment as usize);
        let block = request.and_then(|request| self.heap.allocate(request));
        if let Some(block) = block {
            self.heap.allocated(block, size).map_err(Misuse::Corrupt)?;
        }
        Ok(block)
    }

    fn reallocate(&mut self, slot: usize, size: u32) -> Result<bool, Misuse> {
        let (Some(block), Some(request)) = (self.blocks[slot], Request::new(size as usize)) else {
            return Ok(false);
        };
        let Some(block) = self.heap.reallocate(block, request)? else {
            return Ok(false);
        };
        self.blocks[slot] = Some(block);
        Ok(true)
    }

    fn free(&mut self, slot: usize) -> Result<bool, Misuse> {
        let Some(block) = self.blocks[slot].take() else {
            return Ok(false);
        };
        self.heap.freeing(block)?;
        self.heap.free(block)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use multi_heap::{Comprehensive, Light, Unpoisoned};

    use super::{Region, completes};
    use heap_report::recorded::Trace;

    fn trace() -> Trace {
        Trace::from_bytes(
            "small",
            b"a 0 100\na 1 200\nr 0 300\nf 1\nm 1 64 100\nf 0\n",
        )
        .unwrap()
    }

    #[test]
    fn a_roomy_heap_completes_a_trace_with_every_poisoning() {
        let mut region = Region::default();
        assert_eq!(
            completes::<Unpoisoned>(&trace(), &mut region, 8192),
            Ok(true)
        );
        assert_eq!(completes::<Light>(&trace(), &mut region, 8192), Ok(true));
        assert_eq!(
            completes::<Comprehensive>(&trace(), &mut region, 8192),
            Ok(true)
        );
    }

    #[test]
    fn a_heap_smaller_than_the_peak_does_not_complete() {
        let mut region = Region::default();
        assert_eq!(
            completes::<Unpoisoned>(&trace(), &mut region, 400),
            Ok(false)
        );
    }

    #[test]
    fn a_region_too_small_for_a_heap_does_not_complete() {
        let mut region = Region::default();
        assert_eq!(completes::<Unpoisoned>(&trace(), &mut region, 4), Ok(false));
        assert_eq!(completes::<Unpoisoned>(&trace(), &mut region, 0), Ok(false));
    }
}
