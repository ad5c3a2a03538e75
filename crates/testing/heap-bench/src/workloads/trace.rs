//! A recorded program, every call measured.

use core::mem::MaybeUninit;

use super::Report;
use crate::allocator::{Allocator, Measured};
use crate::costs::Costs;
use crate::counter::Counter;
use crate::fixture::Fixture;
use crate::trace::{Trace, TraceStep};

/// A live block of the recorded program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot {
    at: usize,
    size: usize,
    alignment: usize,
}

#[derive(Default)]
struct Calls {
    malloc: Costs,
    realloc: Costs,
    free: Costs,
}

/// Says nothing if the heap refuses a request.
pub(super) fn run<S: Allocator>(
    fixture: &mut Fixture<'_, impl Counter>,
    trace: Trace<'_>,
    slots: &mut [Slot],
    report: Report<'_>,
) {
    if let Some(calls) = replay::<S>(fixture, usize::MAX, trace, slots) {
        calls.report(report);
    }
}

/// Returns whether the heap serves every request. What it keeps outside of the region is taken from
/// the region.
pub(super) fn completes<S: Allocator>(
    fixture: &mut Fixture<'_, impl Counter>,
    trace: Trace<'_>,
    slots: &mut [Slot],
) -> bool {
    let bytes = fixture.bytes().saturating_sub(size_of::<S>());
    replay::<S>(fixture, bytes, trace, slots).is_some()
}

/// `None` if the heap refuses a request.
fn replay<S: Allocator>(
    fixture: &mut Fixture<'_, impl Counter>,
    bytes: usize,
    trace: Trace<'_>,
    slots: &mut [Slot],
) -> Option<Calls> {
    let mut place = MaybeUninit::<S>::uninit();
    let mut heap = fixture.start(&mut place, bytes)?;
    let mut calls = Calls::default();
    let mut steps = trace.steps();
    steps
        .all(|step| calls.perform(&mut heap, step, slots))
        .then_some(calls)
}

impl Calls {
    fn report(&self, report: Report<'_>) {
        let mut all = self.malloc;
        all.join(self.realloc);
        all.join(self.free);
        all.report("calls", report);
        self.malloc.report("malloc", report);
        self.realloc.report("realloc", report);
        self.free.report("free", report);
    }

    /// `false` if the heap has no room.
    fn perform<S: Allocator>(
        &mut self,
        heap: &mut Measured<'_, S, impl Counter>,
        step: TraceStep,
        slots: &mut [Slot],
    ) -> bool {
        let slot = |number: u32| number as usize % slots.len().max(1);
        match step {
            TraceStep::Allocate {
                slot: number,
                size,
                alignment,
            } => {
                let (block, cost) = allocate(heap, size as usize, alignment as usize);
                self.malloc.add(cost);
                slots[slot(number)] = block;
                block.at != 0
            }
            TraceStep::Reallocate { slot: number, size } => {
                let place = slot(number);
                let (block, cost) = reallocate(heap, slots[place], size as usize);
                self.realloc.add(cost);
                slots[place] = block;
                block.at != 0
            }
            TraceStep::Free { slot: number } => {
                let block = slots[slot(number)];
                self.free
                    .add(heap.free(block.at, block.size, block.alignment));
                true
            }
        }
    }
}

/// The alignment that every block has.
const NATURAL: usize = 4;

fn allocate<S: Allocator>(
    heap: &mut Measured<'_, S, impl Counter>,
    size: usize,
    alignment: usize,
) -> (Slot, u32) {
    let alignment = alignment.max(NATURAL);
    let (at, cost) = if alignment == NATURAL {
        heap.allocate(size)
    } else {
        heap.allocate_aligned(size, alignment)
    };
    let block = Slot {
        at,
        size,
        alignment,
    };
    (block, cost)
}

/// Aligned blocks, which are rare, move: heaps differ in what they promise for them. The copy
/// itself is not measured then.
fn reallocate<S: Allocator>(
    heap: &mut Measured<'_, S, impl Counter>,
    block: Slot,
    size: usize,
) -> (Slot, u32) {
    if block.alignment == NATURAL {
        let (at, cost) = heap.reallocate(block.at, block.size, size);
        return (Slot { at, size, ..block }, cost);
    }
    let (new, cost) = allocate(heap, size, block.alignment);
    if new.at == 0 {
        return (new, cost);
    }
    (new, cost + heap.free(block.at, block.size, block.alignment))
}
