//! Frees: of guarded blocks, and of those that were kept.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use heap_caps::{Misuse, MisuseKind};
use heap_caps_alloc::Action;
use heap_trace::TraceContext;

use super::Guarded;
use crate::caught::{CaughtBlock, Hit};
use crate::contents::Forbidden;
use crate::guardable::GuardableHeap;
use crate::guards::{Ended, Guard, Guards, Stage};
use crate::origin::Origin;
use crate::slots::Slots;
use crate::watch::Watchpoints;

impl<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize> Guarded<H, W, C, KEPT> {
    /// A guard has ended because its slot is needed: a freed block goes on its way.
    pub(super) fn ended(&self, guard: &Guard, hit: Option<Hit>) {
        let is_hit = guard.is_hit || hit.is_some();
        self.report_hit(hit);
        if guard.stage != Stage::Freed {
            return;
        }
        self.compare_and_free(guard.pointer, guard.room, guard.block(), is_hit);
    }

    /// # Safety
    /// As [`CapsHeap::free`].
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn free_slowly(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        self.poll();
        if let Some(slot) = self.slots.find(pointer.addr().get()) {
            return self.free_guarded(slot, pointer);
        }
        if self.keeps.load(Ordering::Relaxed) {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.keep(pointer) };
        }
        // SAFETY: the same.
        unsafe { self.heap.free(pointer) }
    }

    /// Keeps a guarded block that its user gives up: it is armed at its start.
    pub(super) fn free_guarded(&self, slot: usize, pointer: NonNull<u8>) -> Result<(), Misuse> {
        let freed = Origin::now(&self.context, None);
        let guard = self.end_live(slot, pointer, Guards::disarm)?;
        // SAFETY: its user has given up all of it.
        let all = unsafe { Forbidden::behind(pointer, 0, guard.room) };
        all.fill();
        let guard = guard.freed_by(freed);
        let mut state = self.state.acquire();
        state
            .guards
            .arm(slot, guard, &self.slots, &self.watchpoints);
        Ok(())
    }

    /// Ends the guard of a block in use by `end`, and reports what was written behind it.
    ///
    /// # Errors
    /// The block is kept.
    pub(super) fn end_live(
        &self,
        slot: usize,
        pointer: NonNull<u8>,
        end: fn(&mut Guards, usize, &Slots, &W) -> Ended,
    ) -> Result<Guard, Misuse> {
        let (guard, hit) = {
            let mut state = self.state.acquire();
            let stage = state.guards.get(slot).map(|guard| guard.stage);
            if stage != Some(Stage::Live) {
                drop(state);
                return Err(self.already_free(pointer));
            }
            end(&mut state.guards, slot, &self.slots, &self.watchpoints)
        };
        let is_hit = guard.is_hit || hit.is_some();
        self.report_hit(hit);
        // SAFETY: the guard's block is still allocated, and `size` was all that its user had.
        let behind = unsafe { Forbidden::behind(pointer, guard.size, guard.room) };
        self.report_change(behind.changed().filter(|_| !is_hit), guard.block());
        Ok(guard)
    }

    /// Removes the guard of the block at `pointer`: the heap itself may have it.
    ///
    /// # Errors
    /// It is kept.
    pub(crate) fn unguard(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        self.poll();
        if self.is_kept(pointer) {
            return Err(self.already_free(pointer));
        }
        let Some(slot) = self.slots.find(pointer.addr().get()) else {
            return Ok(());
        };
        self.end_live(slot, pointer, Guards::retire)?;
        self.refresh_active();
        Ok(())
    }

    /// Frees a block that was kept; a change of its contents is reported, unless it is known.
    pub(super) fn compare_and_free(
        &self,
        pointer: usize,
        bytes: u32,
        block: CaughtBlock,
        is_known: bool,
    ) {
        let Some(pointer) = NonNull::new(core::ptr::with_exposed_provenance_mut(pointer)) else {
            return;
        };
        // SAFETY: a block that its user gave up; it is still allocated, and was exposed.
        let all = unsafe { Forbidden::behind(pointer, 0, bytes) };
        self.report_change(all.changed().filter(|_| !is_known), block);
        // SAFETY: nobody uses it.
        let freed = unsafe { self.heap.free(pointer) };
        self.report(Action::Free, pointer, freed);
    }

    /// Returns a block that is kept was given up once more, or used.
    #[cold]
    pub(super) fn already_free(&self, pointer: NonNull<u8>) -> Misuse {
        let address = match self.heap.address_of(pointer) {
            Ok(address) => address,
            Err(misuse) => return misuse,
        };
        Misuse {
            address,
            heap_start: self.heap.heap_start(address),
            kind: MisuseKind::AlreadyFree,
        }
    }
}
