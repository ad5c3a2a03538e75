//! A heap full of holes that are too small: what lists every hole pays for each.

use core::mem::MaybeUninit;

use super::{MIX_BYTES, Report};
use crate::allocator::Allocator;
use crate::costs::Costs;
use crate::counter::Counter;
use crate::fixture::Fixture;

const HOLES: usize = 800;
const HOLE: usize = 24;
const WANTED: usize = 200;

pub(super) fn run<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, report: Report<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = fixture.start(&mut place, MIX_BYTES) else {
        return;
    };
    let pairs: [_; HOLES] =
        core::array::from_fn(|_| (heap.allocate(HOLE).0, heap.allocate(HOLE).0));
    for (hole, _) in pairs {
        heap.free(hole, HOLE, 4);
    }
    let (wanted, cost) = heap.allocate(WANTED);
    Costs::of(cost).report_sum("malloc many holes", report);
    let (_, between) = pairs[HOLES / 2];
    let cost = heap.free(between, HOLE, 4);
    Costs::of(cost).report_sum("free many holes", report);
    heap.free(wanted, WANTED, 4);
    for (_, block) in pairs {
        if block != between {
            heap.free(block, HOLE, 4);
        }
    }
}
