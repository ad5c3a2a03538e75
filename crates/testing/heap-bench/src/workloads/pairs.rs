//! One block taken and given back, in a heap that is empty otherwise.

use core::mem::MaybeUninit;

use super::{SMALL_BYTES, Say};
use crate::figure::Quantity;
use crate::meter::Meter;
use crate::stand::Stand;
use crate::subject::Subject;

const PAIRS: [(usize, &str, &str); 3] = [
    (16, "malloc 16 B", "free 16 B"),
    (64, "malloc 64 B", "free 64 B"),
    (1024, "malloc 1024 B", "free 1024 B"),
];

pub(super) fn run<S: Subject>(stand: &mut Stand<'_, impl Meter>, say: Say<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = stand.start(&mut place, SMALL_BYTES) else {
        return;
    };
    for (size, malloc, free) in PAIRS {
        let (block, _) = heap.allocate(size); // for caches
        heap.free(block, size, 4);
        let (block, cost) = heap.allocate(size);
        say(malloc, Quantity::Cost, cost.into());
        say(free, Quantity::Cost, heap.free(block, size, 4).into());
    }
    let control = u64::try_from(heap.control_bytes()).unwrap_or(u64::MAX);
    say("64 KiB", Quantity::ControlBytes, control);
}
