//! A block that doubles, with and without an obstacle behind it.

use core::mem::MaybeUninit;

use super::{SMALL_BYTES, Say};
use crate::figure::Quantity;
use crate::meter::Meter;
use crate::stand::Stand;
use crate::subject::{Measured, Subject};

const FROM: usize = 16;
const TO: usize = 4096;
const OBSTACLE: usize = 16;

pub(super) fn run<S: Subject>(stand: &mut Stand<'_, impl Meter>, say: Say<'_>) {
    for (blocked, workload) in [(false, "grow"), (true, "grow blocked")] {
        let mut place = MaybeUninit::<S>::uninit();
        let Some(mut heap) = stand.start(&mut place, SMALL_BYTES) else {
            return;
        };
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
        let (grown, cost) = heap.reallocate(block, size, size * 2);
        (block, size, sum) = (grown, size * 2, sum + u64::from(cost));
    }
    sum
}
