//! One block allocated and freed, in a heap that is empty otherwise.

use core::mem::MaybeUninit;

use super::{SMALL_BYTES, Say};
use crate::costs::Costs;
use crate::figure::Quantity;
use crate::meter::Meter;
use crate::stand::Stand;
use crate::subject::{Measured, Request, Subject};

pub(super) const PAIRS: [(usize, &str, &str); 3] = [
    (16, "malloc 16 B", "free 16 B"),
    (64, "malloc 64 B", "free 64 B"),
    (1024, "malloc 1024 B", "free 1024 B"),
];

pub(super) const ALIGN_8: Request = Request::AllocateAligned {
    size: 16,
    alignment: 8,
};

pub(super) fn run<S: Subject>(stand: &mut Stand<'_, impl Meter>, say: Say<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = stand.start(&mut place, SMALL_BYTES) else {
        return;
    };
    for (size, malloc, free) in PAIRS {
        pair(&mut heap, Request::Allocate { size }, [malloc, free], say);
    }
    pair(&mut heap, ALIGN_8, ["malloc align 8", "free align 8"], say);
    let control = u64::try_from(heap.control_bytes()).unwrap_or(u64::MAX);
    say("64 KiB", Quantity::ControlBytes, control);
}

/// Measures the second of two allocations, each freed: the first fills caches and finds routes.
pub(super) fn pair<S: Subject>(
    heap: &mut Measured<'_, S, impl Meter>,
    request: Request,
    [malloc, free]: [&'static str; 2],
    say: Say<'_>,
) {
    let (size, alignment) = shape(request);
    let (block, _) = heap.ask(request);
    if block == 0 {
        return;
    }
    heap.free(block, size, alignment);
    let (block, cost) = heap.ask(request);
    Costs::of(cost).say_sum(malloc, say);
    Costs::of(heap.free(block, size, alignment)).say_sum(free, say);
}

/// Size and alignment of a block that is asked for so.
pub(super) const fn shape(request: Request) -> (usize, usize) {
    match request {
        Request::Allocate { size } | Request::AllocateCaps { size, .. } => (size, 4),
        Request::AllocateAligned { size, alignment } => (size, alignment),
        _ => (0, 4),
    }
}
