//! Quarantine: freed blocks that are kept within a budget, and freed under pressure.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use heap_caps::Misuse;
use heap_caps_alloc::{Shortage, Shrink};
use heap_trace::TraceContext;

use super::Guarded;
use crate::caught::CaughtBlock;
use crate::contents::{self, Forbidden};
use crate::guardable::GuardableHeap;
use crate::origin::Origin;
use crate::quarantine::Kept;
use crate::watch::Watchpoints;

impl<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize> Guarded<H, W, C, KEPT> {
    /// Keeps a block that its user gives up, if it is one and there is room for it; else the heap
    /// has it.
    ///
    /// # Safety
    /// As [`CapsHeap::free`].
    pub(super) unsafe fn keep(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        let bytes = self.heap.usable_size(pointer)?;
        let address = self.heap.address_of(pointer)?;
        // SAFETY: a block of the heap, which has a word at least.
        if unsafe { contents::begins_with_pattern(pointer) } && self.is_kept(pointer) {
            return Err(self.already_free(pointer));
        }
        let is_data = self.heap.heap_start(address).is_some();
        let takes = self.state.acquire().quarantine.takes(bytes);
        if !is_data || !takes || bytes < 4 {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.heap.free(pointer) };
        }
        // SAFETY: a block of `bytes` bytes, which its user has given up.
        let all = unsafe { Forbidden::behind(pointer, 0, bytes) };
        all.fill();
        let freed = Origin::now(&self.context, None);
        let kept = Kept::new(pointer.as_ptr().expose_provenance(), address, bytes, &freed);
        loop {
            while let Some(oldest) = self.pop_for(bytes) {
                self.release_kept(&oldest);
            }
            if self.state.acquire().quarantine.push(kept) {
                return Ok(()); // else somebody else took the place meanwhile
            }
        }
    }

    pub(super) fn pop_for(&self, bytes: u32) -> Option<Kept> {
        self.state.acquire().quarantine.pop_for(bytes)
    }

    pub(super) fn pop(&self) -> Option<Kept> {
        self.state.acquire().quarantine.pop()
    }

    pub(super) fn is_kept(&self, pointer: NonNull<u8>) -> bool {
        self.keeps.load(Ordering::Relaxed)
            && self
                .state
                .acquire()
                .quarantine
                .contains(pointer.addr().get())
    }

    pub(super) fn release_kept(&self, kept: &Kept) {
        let block = CaughtBlock {
            address: kept.address,
            size: kept.bytes,
            allocated: None,
            freed: Some(kept.freed()),
        };
        self.compare_and_free(kept.pointer, kept.bytes, block, false);
    }

    /// Frees the oldest block that is kept; returns how many bytes that were.
    fn release_oldest(&self) -> u32 {
        if let Some(kept) = self.pop() {
            self.release_kept(&kept);
            return kept.bytes;
        }
        let (guard, hit) = {
            let mut state = self.state.acquire();
            let Some(slot) = state.guards.oldest_freed() else {
                return 0;
            };
            state.guards.retire(slot, &self.slots, &self.watchpoints)
        };
        self.ended(&guard, hit);
        self.refresh_active();
        guard.room
    }

    /// Decides again whether a free has to come by.
    pub(super) fn refresh_active(&self) {
        let state = self.state.acquire();
        let keeps = state.quarantine.budget() > 0;
        self.keeps.store(keeps, Ordering::Relaxed);
        let active = keeps || !state.guards.is_empty();
        self.active.store(active, Ordering::Relaxed);
    }
}

/// Under pressure it frees what it keeps, the oldest first: registered as a
/// [`Shrinker`](heap_caps_alloc::Shrinker), no request is refused because of it.
impl<H, W, C, const KEPT: usize> Shrink for Guarded<H, W, C, KEPT>
where
    H: GuardableHeap,
    W: Watchpoints,
    C: TraceContext,
    Self: Sync,
{
    fn shrink(&self, _: &Shortage) -> u32 {
        self.release_oldest()
    }
}
