//! A heap full of holes that are too small: what lists every hole pays for each.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::Say;
use crate::figure::Quantity;
use crate::meter::Meter;
use crate::subject::{Measured, Subject};

const HOLES: usize = 800;
const HOLE: usize = 24;
const WANTED: usize = 200;

/// # Safety
/// Nothing else uses the region meanwhile.
pub(super) unsafe fn run<S: Subject>(meter: &impl Meter, region: NonNull<[u8]>, say: Say<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    // SAFETY: the caller gives the region away.
    let mut heap = unsafe { Measured::start(&mut place, meter, region) };
    let pairs: [_; HOLES] =
        core::array::from_fn(|_| (heap.allocate(HOLE).0, heap.allocate(HOLE).0));
    for (hole, _) in pairs {
        heap.free(hole, HOLE, 4);
    }
    let (_, cost) = heap.allocate(WANTED);
    say("malloc many holes", Quantity::Cost, cost.into());
    let (_, between) = pairs[HOLES / 2];
    let cost = heap.free(between, HOLE, 4);
    say("free many holes", Quantity::Cost, cost.into());
}
