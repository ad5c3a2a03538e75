//! The cache of a replayed program: blocks that a shrinker may drop, the oldest first.

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard};

use heap_caps_alloc::{Shortage, Shrink};

use super::player::Heap;

#[derive(Default)]
struct Entries {
    /// Number of the block, its address, its size.
    kept: VecDeque<(usize, usize, u32)>,
    dropped: Vec<usize>,
}

/// The cache, and the heap of its blocks.
pub(super) struct Cache {
    heap: &'static Heap,
    entries: Mutex<Entries>,
}

impl Cache {
    pub(super) fn new(heap: &'static Heap) -> Self {
        Self {
            heap,
            entries: Mutex::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn keep(&self, number: usize, block: NonNull<u8>, size: u32) {
        let address = block.as_ptr().expose_provenance();
        self.entries().kept.push_back((number, address, size));
    }

    /// The program frees a block, or uses it in another way: it is not to be dropped any more.
    pub(super) fn forget(&self, number: usize) {
        self.entries().kept.retain(|(kept, ..)| *kept != number);
    }

    /// Returns the blocks that were dropped since this was asked last.
    pub(super) fn dropped(&self) -> Vec<usize> {
        std::mem::take(&mut self.entries().dropped)
    }
}

impl Shrink for Cache {
    fn shrink(&self, _: &Shortage) -> u32 {
        let oldest = self.entries().kept.pop_front();
        let Some((number, address, size)) = oldest else {
            return 0;
        };
        let Some(block) = NonNull::new(std::ptr::with_exposed_provenance_mut(address)) else {
            return 0;
        };
        // SAFETY: the block was the cache's, which has given it up.
        let freed = unsafe { self.heap.free(block) };
        self.entries().dropped.push(number);
        freed.map_or(0, |()| size)
    }
}
