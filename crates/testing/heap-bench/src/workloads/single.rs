//! One call of a workload, to be looked at in detail: it is the last one that the counter sees.

use core::mem::MaybeUninit;

use super::{MIX_BYTES, caps, mix, pairs};
use crate::allocator::{Allocator, Measured, Request};
use crate::counter::Counter;
use crate::fixture::Fixture;

/// `false` where there is no such workload, or the allocator has none of that name.
pub(super) fn run<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, workload: &str) -> bool {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = fixture.start(&mut place, MIX_BYTES) else {
        return false;
    };
    let heap = &mut heap;
    match workload {
        "refused" => twice(heap, Request::Allocate { size: S::TOO_LARGE }, false),
        "realloc in place" => in_place(heap),
        "malloc mix" => mix::shortened(heap, false),
        "free mix" => mix::shortened(heap, true),
        "free size" if S::HAS_STATISTICS => drop(heap.ask(Request::FreeSize)),
        "largest block" if S::HAS_STATISTICS => drop(heap.ask(Request::LargestBlock)),
        _ => return pair(heap, workload),
    }
    true
}

/// `malloc X` or `free X`.
fn pair<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, workload: &str) -> bool {
    let (name, frees) = match workload.strip_prefix("free ") {
        Some(name) => (name, true),
        None => (workload.strip_prefix("malloc ").unwrap_or_default(), false),
    };
    let request = match name {
        "align 8" => pairs::ALIGN_8,
        "aligned 64" => Request::AllocateAligned {
            size: 100,
            alignment: 64,
        },
        "with reserve" => {
            let (caps, bytes) = caps::RESERVE;
            if !heap.allocator().set_reserve(caps.bits(), bytes) {
                return false;
            }
            Request::Allocate { size: caps::SIZE }
        }
        _ => {
            let sizes = pairs::PAIRS.into_iter();
            let sizes = sizes.map(|(size, malloc, _)| (malloc, Request::Allocate { size }));
            let kinds = caps::KINDS.into_iter();
            let kinds = kinds.map(|(caps, [malloc, _])| (malloc, caps::request(caps)));
            let mut known = sizes.chain(kinds.filter(|_| S::HAS_CAPS));
            let found = known.find(|(malloc, _)| malloc.strip_prefix("malloc ") == Some(name));
            let Some((_, request)) = found else {
                return false;
            };
            request
        }
    };
    twice(heap, request, frees);
    true
}

/// A second allocation, and its free if that is wanted: the first fills caches and finds routes.
fn twice<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, request: Request, frees: bool) {
    let (size, alignment) = pairs::shape(request);
    let (block, _) = heap.ask(request);
    heap.free(block, size, alignment);
    let (block, _) = heap.ask(request);
    if frees {
        heap.free(block, size, alignment);
    }
}

fn in_place<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>) {
    let (block, _) = heap.allocate(16);
    let (block, _) = heap.reallocate(block, 16, 32);
    heap.reallocate(block, 32, 64);
}
