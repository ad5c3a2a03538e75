//! A block that doubles, with and without an obstacle behind it.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::Say;
use crate::figure::Quantity;
use crate::meter::Meter;
use crate::subject::{Measured, Subject};

const FROM: usize = 16;
const TO: usize = 4096;
const OBSTACLE: usize = 16;

/// # Safety
/// Nothing else uses the region meanwhile.
pub(super) unsafe fn run<S: Subject>(meter: &impl Meter, region: NonNull<[u8]>, say: Say<'_>) {
    for (blocked, workload) in [(false, "grow"), (true, "grow blocked")] {
        let mut place = MaybeUninit::<S>::uninit();
        // SAFETY: the caller gives the region away.
        let mut heap = unsafe { Measured::start(&mut place, meter, region) };
        say(workload, Quantity::Cost, doubled(&mut heap, blocked));
    }
}

/// The sum of all steps.
fn doubled<S: Subject>(heap: &mut Measured<'_, S, impl Meter>, blocked: bool) -> u64 {
    let (mut block, _) = heap.allocate(FROM);
    let (mut size, mut sum) = (FROM, 0);
    while size < TO {
        if blocked {
            heap.allocate(OBSTACLE);
        }
        let (grown, cost) = heap.grow(block, size, size * 2);
        (block, size, sum) = (grown, size * 2, sum + u64::from(cost));
    }
    sum
}
