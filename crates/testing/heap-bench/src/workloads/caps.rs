//! Workload for heaps of several memories: capabilities, a reserve, refusals, statistics.

use core::mem::MaybeUninit;

use soc_regions::Caps;

use super::pairs::pair;
use super::{Report, SMALL_BYTES};
use crate::allocator::{Allocator, Measured, Request};
use crate::costs::Costs;
use crate::counter::Counter;
use crate::fixture::Fixture;

pub(super) const SIZE: usize = 16;

pub(super) const KINDS: [(Caps, [&str; 2]); 3] = [
    (Caps::BIT32, ["malloc 32BIT", "free 32BIT"]),
    (Caps::EXEC, ["malloc EXEC", "free EXEC"]),
    (Caps::SPIRAM, ["malloc SPIRAM", "free SPIRAM"]),
];

/// Sets that a program with drivers, C libraries and buffers names. All but the last are met by the
/// same memory.
const SETS: [Caps; 12] = [
    Caps::BIT8,
    Caps::INTERNAL,
    Caps::DMA,
    Caps::DEFAULT,
    Caps::BIT8.union(Caps::INTERNAL),
    Caps::BIT8.union(Caps::DMA),
    Caps::BIT8.union(Caps::DEFAULT),
    Caps::INTERNAL.union(Caps::DMA),
    Caps::INTERNAL.union(Caps::DEFAULT),
    Caps::BIT8.union(Caps::INTERNAL).union(Caps::DMA),
    Caps::BIT8.union(Caps::BIT32),
    Caps::SPIRAM,
];
/// How often each set has its turn.
const TURNS: usize = 4;

/// 24 KiB for DMA.
pub(super) const RESERVE: (Caps, u32) = (Caps::DMA, 24 * 1024);

/// Live blocks while statistics are asked for.
const LIVE: usize = 1000;

pub(super) fn run<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, report: Report<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    let Some(mut heap) = fixture.start(&mut place, SMALL_BYTES) else {
        return;
    };
    let heap = &mut heap;
    if S::HAS_CAPS {
        kinds(heap, report);
        sets(heap, report);
    }
    reserve(heap, report);
    refused(heap, report);
    if S::HAS_STATISTICS {
        statistics(heap, report);
    }
}

fn kinds<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, report: Report<'_>) {
    for (caps, names) in KINDS {
        pair(heap, request(caps), names, report);
    }
}

pub(super) const fn request(caps: Caps) -> Request {
    Request::AllocateCaps {
        size: SIZE,
        caps: caps.bits(),
    }
}

/// The sets by turns, and each of them again and again. What the heap remembers of a set is there
/// before.
fn sets<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, report: Report<'_>) {
    let [mut malloc, mut free] = [Costs::default(); 2];
    for turn in 0..=TURNS {
        for caps in SETS {
            let (block, allocated) = heap.ask(request(caps));
            let freed = heap.free(block, SIZE, 4);
            if turn != 0 {
                malloc.add(allocated);
                free.add(freed);
            }
        }
    }
    malloc.report("malloc 12 sets", report);
    free.report("free 12 sets", report);
    let [mut malloc, mut free] = [Costs::default(); 2];
    for caps in SETS {
        for turn in 0..=TURNS {
            let (block, allocated) = heap.ask(request(caps));
            let freed = heap.free(block, SIZE, 4);
            if turn != 0 {
                malloc.add(allocated);
                free.add(freed);
            }
        }
    }
    malloc.report("malloc 12 sets, each alone", report);
    free.report("free 12 sets, each alone", report);
}

fn reserve<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, report: Report<'_>) {
    let (caps, bytes) = (RESERVE.0.bits(), RESERVE.1);
    if heap.allocator().set_reserve(caps, bytes) {
        let names = ["malloc with reserve", "free with reserve"];
        pair(heap, Request::Allocate { size: SIZE }, names, report);
        heap.allocator().set_reserve(caps, 0);
    }
}

/// The second of two requests that nothing can serve.
fn refused<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, report: Report<'_>) {
    let (block, _) = heap.allocate(S::TOO_LARGE);
    if block == 0 {
        let (_, cost) = heap.allocate(S::TOO_LARGE);
        Costs::of(cost).report_sum("refused", report);
    }
}

fn statistics<S: Allocator>(heap: &mut Measured<'_, S, impl Counter>, report: Report<'_>) {
    let blocks: [usize; LIVE] = core::array::from_fn(|_| heap.allocate(SIZE).0);
    Costs::of(heap.ask(Request::FreeSize).1).report_sum("free size", report);
    Costs::of(heap.ask(Request::LargestBlock).1).report_sum("largest block", report);
    for block in blocks {
        heap.free(block, SIZE, 4);
    }
}
