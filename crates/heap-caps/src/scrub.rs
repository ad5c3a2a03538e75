//! Scrub of all heaps, one after the other, in bounded steps.

use multi_heap::{Poison, ScrubStep};

use crate::inspect::Inspection;
use crate::misuse::Corrupt;
use crate::observer::Observer;
use crate::registry::HeapIndex;

/// How far the check has come. It outlives what happens to the heaps meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubber {
    heap: u8,
    within: multi_heap::Scrubber,
}

impl Scrubber {
    /// At the first block of the first heap.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            heap: 0,
            within: multi_heap::Scrubber::new(),
        }
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Takes the next `steps` steps, or one more: blocks with their links, lists, pieces of
    /// free memory; see [`multi_heap::Heap::scrub`]. A call ends at the end of a heap, and is
    /// [`ScrubStep::PassDone`] at that of the last one.
    ///
    /// # Errors
    /// The first damage of the heap that it is at. The scrub goes on with the next heap.
    pub fn scrub(self, scrub: &mut Scrubber, steps: u32) -> Result<ScrubStep, Corrupt> {
        let index = HeapIndex(scrub.heap);
        let Some(entry) = self.heaps.registry.get(index) else {
            *scrub = Scrubber::new();
            return Ok(ScrubStep::PassDone);
        };
        let looked = entry.heap.as_ref().map_or(Ok(ScrubStep::PassDone), |heap| {
            heap.scrub(&mut scrub.within, steps)
        });
        if looked != Ok(ScrubStep::Underway) {
            self.move_on(scrub);
        }
        match looked.map_err(|found| Corrupt::new(index, entry.span.start(), found))? {
            ScrubStep::PassDone if scrub.heap > 0 => Ok(ScrubStep::Underway),
            looked => Ok(looked),
        }
    }

    fn move_on(self, scrub: &mut Scrubber) {
        let next = usize::from(scrub.heap) + 1;
        let is_last = next >= self.heaps.registry.len();
        *scrub = Scrubber {
            heap: if is_last { 0 } else { scrub.heap + 1 },
            within: multi_heap::Scrubber::new(),
        };
    }
}
