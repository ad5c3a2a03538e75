//! A block that grows: by doubling, with and without an obstacle behind it; once, in place.

use core::mem::MaybeUninit;

use super::{Report, SMALL_BYTES};
use crate::allocator::{Allocator, Measured};
use crate::costs::Costs;
use crate::counter::Counter;
use crate::fixture::Fixture;

const FROM: usize = 16;
const TO: usize = 4096;
const OBSTACLE: usize = 16;
/// Calls that double a block.
const STEPS: usize = (TO / FROM).ilog2() as usize;

pub(super) fn run<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, report: Report<'_>) {
    for (blocked, workload) in [(false, "grow"), (true, "grow blocked")] {
        let mut place = MaybeUninit::<S>::uninit();
        let Some(mut heap) = fixture.start(&mut place, SMALL_BYTES) else {
            return;
        };
        doubled(&mut heap, blocked).report_sum(workload, report);
    }
    let mut place = MaybeUninit::<S>::uninit();
    if let Some(mut heap) = fixture.start(&mut place, SMALL_BYTES) {
        in_place(&mut heap).report_sum("realloc in place", report);
    }
}

fn doubled<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, blocked: bool) -> Costs {
    let (mut block, _) = heap.allocate(FROM);
    let (mut size, mut costs, mut obstacles) = (FROM, Costs::default(), [0; STEPS]);
    for obstacle in &mut obstacles {
        if blocked {
            (*obstacle, _) = heap.allocate(OBSTACLE);
        }
        let (grown, cost) = heap.reallocate(block, size, size * 2);
        (block, size) = (grown, size * 2);
        costs.add(cost);
    }
    heap.free(block, size, 4);
    if blocked {
        for obstacle in obstacles {
            heap.free(obstacle, OBSTACLE, 4);
        }
    }
    costs
}

/// Returns the second of two calls: the first finds routes.
fn in_place<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>) -> Costs {
    let (block, _) = heap.allocate(FROM);
    let (block, _) = heap.reallocate(block, FROM, 2 * FROM);
    let (block, cost) = heap.reallocate(block, 2 * FROM, 4 * FROM);
    heap.free(block, 4 * FROM, 4);
    Costs::of(cost)
}
