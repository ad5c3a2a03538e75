//! One block allocated and freed, in a heap that is empty otherwise.

use core::mem::MaybeUninit;

use super::{Report, SMALL_BYTES};
use crate::allocator::{Allocator, Measured, Request};
use crate::costs::Costs;
use crate::counter::Counter;
use crate::figure::Quantity;
use crate::fixture::Fixture;

pub(super) const PAIRS: [(usize, &str, &str); 3] = [
    (16, "malloc 16 B", "free 16 B"),
    (64, "malloc 64 B", "free 64 B"),
    (1024, "malloc 1024 B", "free 1024 B"),
];

pub(super) const ALIGN_8: Request = Request::AllocateAligned {
    size: 16,
    alignment: 8,
};

pub(super) fn run<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, report: Report<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = fixture.start(&mut place, SMALL_BYTES) else {
        return;
    };
    for (size, malloc, free) in PAIRS {
        pair(
            &mut heap,
            Request::Allocate { size },
            [malloc, free],
            report,
        );
    }
    pair(
        &mut heap,
        ALIGN_8,
        ["malloc align 8", "free align 8"],
        report,
    );
    let control = u64::try_from(heap.control_bytes()).unwrap_or(u64::MAX);
    report("64 KiB", Quantity::ControlBytes, control);
}

/// Measures the second of two allocations, each freed: the first fills caches and finds routes.
pub(super) fn pair<S: Allocator>(
    heap: &mut Measured<'_, S, impl Counter>,
    request: Request,
    [malloc, free]: [&'static str; 2],
    report: Report<'_>,
) {
    let (size, alignment) = shape(request);
    let (block, _) = heap.ask(request);
    if block == 0 {
        return;
    }
    heap.free(block, size, alignment);
    let (block, cost) = heap.ask(request);
    Costs::of(cost).report_sum(malloc, report);
    Costs::of(heap.free(block, size, alignment)).report_sum(free, report);
}

/// Returns the size and alignment of a block that is asked for so.
pub(super) const fn shape(request: Request) -> (usize, usize) {
    match request {
        Request::Allocate { size } | Request::AllocateCaps { size, .. } => (size, 4),
        Request::AllocateAligned { size, alignment } => (size, alignment),
        _ => (0, 4),
    }
}
