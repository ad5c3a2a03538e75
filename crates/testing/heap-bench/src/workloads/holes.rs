//! A heap full of holes that are too small: what lists every hole pays for each.

use core::mem::MaybeUninit;

use super::{MIX_BYTES, Say};
use crate::costs::Costs;
use crate::meter::Meter;
use crate::stand::Stand;
use crate::subject::Subject;

const HOLES: usize = 800;
const HOLE: usize = 24;
const WANTED: usize = 200;

pub(super) fn run<S: Subject>(stand: &mut Stand<'_, impl Meter>, say: Say<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = stand.start(&mut place, MIX_BYTES) else {
        return;
    };
    let pairs: [_; HOLES] =
        core::array::from_fn(|_| (heap.allocate(HOLE).0, heap.allocate(HOLE).0));
    for (hole, _) in pairs {
        heap.free(hole, HOLE, 4);
    }
    let (wanted, cost) = heap.allocate(WANTED);
    Costs::of(cost).say_sum("malloc many holes", say);
    let (_, between) = pairs[HOLES / 2];
    let cost = heap.free(between, HOLE, 4);
    Costs::of(cost).say_sum("free many holes", say);
    heap.free(wanted, WANTED, 4);
    for (_, block) in pairs {
        if block != between {
            heap.free(block, HOLE, 4);
        }
    }
}
