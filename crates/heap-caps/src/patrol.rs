//! How all heaps are checked a little at a time, one heap after the other.

use multi_heap::{Patrolled, Poison};

use crate::inspect::Inspection;
use crate::misuse::Corrupt;
use crate::observer::Observer;
use crate::registry::HeapIndex;

/// How far the check has come. It outlives what happens to the heaps meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patrol {
    heap: u8,
    within: multi_heap::Patrol,
}

impl Patrol {
    /// At the first block of the first heap.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            heap: 0,
            within: multi_heap::Patrol::new(),
        }
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Looks at the next `looks` things, or one more: blocks with their links, lists, pieces of
    /// free memory; see [`multi_heap::Heap::patrol`]. A call ends at the end of a heap, and is
    /// [`Patrolled::Round`] at that of the last one.
    ///
    /// # Errors
    /// The first damage of the heap that it is at. The patrol goes on with the next heap.
    pub fn patrol(self, patrol: &mut Patrol, looks: u32) -> Result<Patrolled, Corrupt> {
        let index = HeapIndex(patrol.heap);
        let Some(entry) = self.heaps.registry.get(index) else {
            *patrol = Patrol::new();
            return Ok(Patrolled::Round);
        };
        let looked = entry.heap.as_ref().map_or(Ok(Patrolled::Round), |heap| {
            heap.patrol(&mut patrol.within, looks)
        });
        if looked != Ok(Patrolled::Underway) {
            self.move_on(patrol);
        }
        match looked.map_err(|found| Corrupt::new(index, entry.span.start(), found))? {
            Patrolled::Round if patrol.heap > 0 => Ok(Patrolled::Underway),
            looked => Ok(looked),
        }
    }

    fn move_on(self, patrol: &mut Patrol) {
        let next = usize::from(patrol.heap) + 1;
        let is_last = next >= self.heaps.registry.len();
        *patrol = Patrol {
            heap: if is_last { 0 } else { patrol.heap + 1 },
            within: multi_heap::Patrol::new(),
        };
    }
}
