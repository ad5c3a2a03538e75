//! Debug exceptions, and how what they found gets to the handler.

use core::ptr::NonNull;

use heap_caps::Misuse;
use heap_caps_alloc::Action;
use heap_trace::TraceContext;

use super::Guarded;
use crate::caught::{Caught, CaughtBlock, Change, Hit};
use crate::guardable::GuardableHeap;
use crate::slots::{SLOTS, Written};
use crate::stop::Stop;
use crate::watch::Watchpoints;

/// What the program's debug exception and its idle task call.
impl<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize> Guarded<H, W, C, KEPT> {
    /// Records the writer, if the exception is about a guard, and disarms it: the instruction
    /// goes on. Returns whether it was; if not, it is a debugger's or a fault. O(slots), without a
    /// lock, whatever was interrupted.
    pub fn on_debug_exception(&self, stop: &Stop) -> bool {
        let Some(slot) = self.slots.touched(stop) else {
            let slot = stop.slot.filter(|slot| self.slots.is_taken((*slot).into()));
            // The other core has changed what is watched, and this one does not know it yet.
            return slot.is_some_and(|slot| {
                self.watchpoints.set(slot, self.slots.watch(slot.into()));
                true
            });
        };
        let written = Written {
            stop: *stop,
            owner: self.context.owner(),
            core: self.context.core(),
            ticks: self.context.ticks(),
        };
        self.slots.keep(slot, &written);
        if let Ok(slot) = u8::try_from(slot) {
            self.watchpoints.set(slot, None);
        }
        true
    }

    /// Returns whether a guard watches some of these bytes: for
    /// [`riscv::stop`](crate::riscv::stop). O(slots).
    #[must_use]
    pub fn watches(&self, access: crate::Access) -> bool {
        self.slots.touching(access.address, access.bytes).is_some()
    }

    /// Arms on the core that calls what the guards watch now: breakpoints are each core's own, and
    /// a guard is armed by the core that allocates or frees. For the other core's timer, or an
    /// interrupt between the cores. O(slots).
    pub fn arm_this_core(&self) {
        let _guards_stay = self.state.acquire();
        for slot in (0..SLOTS).filter(|slot| self.slots.is_taken(*slot)) {
            if let Ok(number) = u8::try_from(slot) {
                self.watchpoints.set(number, self.slots.watch(slot));
            }
        }
    }

    /// Calls the handler for writes that were not reported yet; returns how many. Calls of the heap
    /// that have to do with guards do so, too: this is for the idle task, and for the last words of
    /// a program. O(slots).
    pub fn poll(&self) -> u32 {
        if !self.slots.has_hits() {
            return 0;
        }
        self.slots.clear_hits();
        let mut hits = 0;
        for slot in 0..SLOTS {
            let hit = self.state.acquire().guards.collect(slot, &self.slots);
            hits += u32::from(hit.is_some());
            self.report_hit(hit);
        }
        hits
    }
}

/// Reports.
impl<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize> Guarded<H, W, C, KEPT> {
    /// Reports a misuse, if it is one, to the heap's report handler.
    pub(crate) fn report(&self, action: Action, pointer: NonNull<u8>, done: Result<(), Misuse>) {
        if let Err(misuse) = done {
            self.heap.report(action, misuse, pointer);
        }
    }

    pub(super) fn report_hit(&self, hit: Option<Hit>) {
        if let Some(hit) = hit {
            self.notify(&Caught::Write(hit));
        }
    }

    /// Reports a change at a distance from the block's start.
    pub(super) fn report_change(&self, changed: Option<(u32, u32)>, block: CaughtBlock) {
        if let Some((distance, found)) = changed {
            self.notify(&Caught::Change(Change {
                address: block.address.wrapping_add(distance),
                found,
                block,
            }));
        }
    }

    #[cold]
    fn notify(&self, caught: &Caught) {
        let handler = {
            let mut state = self.state.acquire();
            state.caught = state.caught.saturating_add(1);
            state.handler
        };
        if let Some(handler) = handler {
            handler(caught);
        }
    }
}
