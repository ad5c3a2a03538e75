//! Workload of incremental and whole checks: the heap that 200 blocks of 1 to 1024 bytes leave in
//! 256 KiB.
//!
//! Under comprehensive poisoning most of that heap is one free block, which a scrub verifies in
//! pieces.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use multi_heap::{Heap, Request, ScrubStep, Scrubber};

use super::{MIX_BYTES, Report};
use crate::allocators::Level;
use crate::costs::Costs;
use crate::counter::{Counter, Operation};
use crate::figure::Quantity;
use crate::random::Random;

const LIVE: usize = 200;
const ROUNDS: u32 = 2000;
const LARGEST: u32 = 1024;

/// Calls of one look, of eight, and what figures call them.
const STEPS: [(usize, &str); 2] = [(1, "scrub, 1 step"), (8, "scrub, 8 steps")];

/// A heap, and a scrub beside its program.
struct Watched<P: Level> {
    heap: Heap<P>,
    scrub: Scrubber,
}

/// # Safety
/// The region belongs to this function until it returns.
pub(super) unsafe fn run<P: Level>(
    counter: &impl Counter,
    region: NonNull<[u8]>,
    report: Report<'_>,
) {
    let bytes = MIX_BYTES.min(region.len());
    let region = NonNull::slice_from_raw_parts(region.cast(), bytes);
    // SAFETY: the caller hands the region over.
    let Ok(mut heap) = (unsafe { Heap::<P>::new(region) }) else {
        return;
    };
    come_and_go(&mut heap);
    let watched = &mut Watched {
        heap,
        scrub: Scrubber::new(),
    };
    for (steps, name) in STEPS {
        let mut costs = Costs::default();
        let mut calls = 0;
        loop {
            calls += 1;
            let (pass, cost) = measured(counter, scrub::<P>, watched, steps);
            costs.add(cost);
            if pass != 0 {
                break;
            }
        }
        costs.report(name, report);
        report(name, Quantity::Calls, calls);
    }
    let (_, cost) = measured(counter, check::<P>, watched, 0);
    report("check", Quantity::Cost, cost.into());
}

fn come_and_go<P: Level>(heap: &mut Heap<P>) {
    let mut random = Random::new(1);
    let mut blocks = [None; LIVE];
    for turn in 0..ROUNDS {
        let index = match usize::try_from(turn) {
            Ok(first) if first < LIVE => first,
            _ => random.next() as usize % LIVE,
        };
        if let Some(block) = blocks[index].take() {
            // A refusal would show as damage.
            let _ = heap.freeing(block);
            let _ = heap.free(block);
        }
        let request = Request::new(1 + (random.next() % LARGEST) as usize);
        blocks[index] = request.and_then(|request| {
            let block = heap.allocate(request)?;
            let _ = heap.allocated(block, request.size());
            Some(block)
        });
    }
}

fn measured<P: Level>(
    counter: &impl Counter,
    operation: Operation,
    watched: &mut Watched<P>,
    steps: usize,
) -> (usize, u32) {
    let watched = core::ptr::from_mut(watched).expose_provenance();
    let (result, cost) = counter.measure(operation, [watched, steps, 0, 0]);
    // SAFETY: both operations have a result.
    (unsafe { result.assume_init() }, cost)
}

/// Returns one call; 1 where it ended a pass, or found something (nothing is broken).
#[inline(never)]
extern "C" fn scrub<P: Level>(
    watched: usize,
    steps: usize,
    _: usize,
    _: usize,
) -> MaybeUninit<usize> {
    let watched: *mut Watched<P> = core::ptr::with_exposed_provenance_mut(watched);
    // SAFETY: `measured` passes what it borrows.
    let Watched { heap, scrub } = unsafe { &mut *watched };
    let looked = heap.scrub(scrub, u32::try_from(steps).unwrap_or(u32::MAX));
    MaybeUninit::new(usize::from(looked != Ok(ScrubStep::Underway)))
}

/// 1 if all is well.
#[inline(never)]
extern "C" fn check<P: Level>(watched: usize, _: usize, _: usize, _: usize) -> MaybeUninit<usize> {
    let watched: *mut Watched<P> = core::ptr::with_exposed_provenance_mut(watched);
    // SAFETY: `measured` passes what it borrows.
    let watched = unsafe { &*watched };
    MaybeUninit::new(usize::from(watched.heap.check().is_ok()))
}
