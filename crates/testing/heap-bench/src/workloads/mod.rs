//! Workloads, one file each.
//!
//! | workload | heap | what happens |
//! |---|---|---|
//! | 16 B, 64 B, 1024 B | 64 KiB, empty | one block is allocated and freed |
//! | grow | 64 KiB | a block doubles from 16 to 4096 bytes, the sum of 8 calls |
//! | grow blocked | 64 KiB | the same, a block of 16 bytes allocated behind it each time |
//! | mix | 256 KiB | 200 blocks of 1 to 1024 bytes; 10,000 times a random one goes and another comes |
//! | aligned 64 | as the mix leaves it | 32 blocks of 100 bytes at a multiple of 64 |
//! | many holes | 256 KiB | 800 holes of 24 bytes: 200 bytes are allocated, a block between two holes is freed |
//! | align 8 | 64 KiB, empty | 16 bytes at a multiple of 8 |
//! | realloc in place | 64 KiB | a block of 32 bytes gets 64, free memory behind it |
//! | refused | 64 KiB | more than there is |
//! | 32BIT, EXEC, SPIRAM | a chip's | 16 bytes with that capability |
//! | 12 sets | a chip's | 16 bytes with 12 sets of capabilities, by turns |
//! | with reserve | a chip's | 16 bytes while 24 KiB are kept for DMA |
//! | free size, largest block | a chip's | statistics while 1,000 blocks are live |
//! | blocks of 16, 32, 100 | 64 KiB | as many as fit |
//! | scrub, check | 256 KiB | our heap is looked at for damage, at each poisoning level |

mod caps;
mod density;
mod growth;
mod holes;
mod mix;
mod pairs;
mod scrub;
mod single;
mod trace;

use core::ptr::NonNull;

use multi_heap::{Comprehensive, Light, Unpoisoned};

use crate::allocator::Allocator;
use crate::allocators::{Buddy, Empty, LinkedList, MultiHeap, Rlsf, Talc4, Talc5};
use crate::counter::{Counter, Unmeasured};
use crate::figure::{Figure, Quantity};
use crate::fixture::Fixture;
use crate::trace::Trace;

/// Bytes of memory that the workloads need.
pub const REGION_BYTES: usize = MIX_BYTES;
/// A multiple of this is where that memory should start, so that figures are the same everywhere.
pub const REGION_ALIGNMENT: usize = 4096;

pub use trace::Slot;

const SMALL_BYTES: usize = 64 * 1024;
const MIX_BYTES: usize = 256 * 1024;

/// Runs every workload on every heap.
///
/// # Safety
/// The region has [`REGION_BYTES`] bytes that nothing else uses meanwhile.
pub unsafe fn run(counter: &impl Counter, region: NonNull<[u8]>, report: &mut dyn FnMut(Figure)) {
    // SAFETY: the caller hands the region over.
    let fixture = &mut unsafe { Fixture::new(counter, region) };
    all::<Empty>(fixture, report);
    all::<MultiHeap<Unpoisoned>>(fixture, report);
    all::<MultiHeap<Light>>(fixture, report);
    all::<MultiHeap<Comprehensive>>(fixture, report);
    // SAFETY: the caller hands the region over, and the fixture does not use it meanwhile.
    unsafe { scrub::run::<Unpoisoned>(counter, region, &mut of::<MultiHeap<Unpoisoned>>(report)) };
    // SAFETY: the same.
    unsafe { scrub::run::<Light>(counter, region, &mut of::<MultiHeap<Light>>(report)) };
    // SAFETY: the same.
    unsafe {
        scrub::run::<Comprehensive>(counter, region, &mut of::<MultiHeap<Comprehensive>>(report));
    };
    all::<Rlsf>(fixture, report);
    all::<Talc5>(fixture, report);
    all::<Talc4>(fixture, report);
    all::<LinkedList>(fixture, report);
    all::<Buddy>(fixture, report);
}

/// Runs on one heap the workloads that leave it as they found it: all but how many blocks fit.
///
/// # Safety
/// - As [`run`].
/// - `S` may be started several times, one after the other, whatever memory it takes besides.
pub unsafe fn run_guest<S: Allocator>(
    counter: &impl Counter,
    region: NonNull<[u8]>,
    report: &mut dyn FnMut(Figure),
) {
    // SAFETY: the caller hands the region over.
    let fixture = &mut unsafe { Fixture::new(counter, region) };
    let report = &mut of::<S>(report);
    pairs::run::<S>(fixture, report);
    growth::run::<S>(fixture, report);
    mix::run::<S>(fixture, report);
    holes::run::<S>(fixture, report);
    caps::run::<S>(fixture, report);
}

/// Performs one call of a workload (`malloc 16 B`, `free mix`, `refused`) on one heap, the last one
/// that `counter` sees: `false` where there is none.
///
/// # Safety
/// As [`run_guest`].
pub unsafe fn run_single<S: Allocator>(
    counter: &impl Counter,
    region: NonNull<[u8]>,
    workload: &str,
) -> bool {
    // SAFETY: the caller hands the region over.
    let fixture = &mut unsafe { Fixture::new(counter, region) };
    single::run::<S>(fixture, workload)
}

/// Replays a recorded program on one heap. A heap that refuses a request has no figures.
///
/// # Safety
/// As [`run_guest`], but for the size of the region.
pub unsafe fn run_guest_trace<S: Allocator>(
    counter: &impl Counter,
    region: NonNull<[u8]>,
    trace: Trace<'_>,
    slots: &mut [Slot],
    report: &mut dyn FnMut(Figure),
) {
    // SAFETY: the caller hands the region over.
    let fixture = &mut unsafe { Fixture::new(counter, region) };
    trace::run::<S>(fixture, trace, slots, &mut of::<S>(report));
}

/// Replays a recorded program on every heap, in all of the region. Heaps that refuse a request have
/// no figures.
///
/// # Safety
/// As [`run`], but for the size of the region.
pub unsafe fn run_trace(
    counter: &impl Counter,
    region: NonNull<[u8]>,
    trace: Trace<'_>,
    slots: &mut [Slot],
    report: &mut dyn FnMut(Figure),
) {
    // SAFETY: the caller hands the region over.
    let fixture = &mut unsafe { Fixture::new(counter, region) };
    trace::run::<MultiHeap<Unpoisoned>>(
        fixture,
        trace,
        slots,
        &mut of::<MultiHeap<Unpoisoned>>(report),
    );
    trace::run::<Rlsf>(fixture, trace, slots, &mut of::<Rlsf>(report));
    trace::run::<Talc5>(fixture, trace, slots, &mut of::<Talc5>(report));
    trace::run::<Talc4>(fixture, trace, slots, &mut of::<Talc4>(report));
    trace::run::<LinkedList>(fixture, trace, slots, &mut of::<LinkedList>(report));
    trace::run::<Buddy>(fixture, trace, slots, &mut of::<Buddy>(report));
}

/// The heaps that [`completes`] knows, by number.
pub const REPLAYED: [&str; 6] = [
    MultiHeap::<Unpoisoned>::NAME,
    Rlsf::NAME,
    Talc5::NAME,
    Talc4::NAME,
    LinkedList::NAME,
    Buddy::NAME,
];

/// Returns whether a heap of [`REPLAYED`], in as many bytes as the region has, its own structure
/// included, serves every request of a recorded program. `None` for other numbers.
///
/// # Safety
/// As [`run`], but for the size of the region.
pub unsafe fn completes(
    allocator: usize,
    region: NonNull<[u8]>,
    trace: Trace<'_>,
    slots: &mut [Slot],
) -> Option<bool> {
    // SAFETY: the caller hands the region over.
    let fixture = &mut unsafe { Fixture::new(&Unmeasured, region) };
    Some(match allocator {
        0 => trace::completes::<MultiHeap<Unpoisoned>>(fixture, trace, slots),
        1 => trace::completes::<Rlsf>(fixture, trace, slots),
        2 => trace::completes::<Talc5>(fixture, trace, slots),
        3 => trace::completes::<Talc4>(fixture, trace, slots),
        4 => trace::completes::<LinkedList>(fixture, trace, slots),
        5 => trace::completes::<Buddy>(fixture, trace, slots),
        _ => return None,
    })
}

/// Where a workload's figures go.
type Report<'a> = &'a mut dyn FnMut(&'static str, Quantity, u64);

fn of<S: Allocator>(
    report: &mut dyn FnMut(Figure),
) -> impl FnMut(&'static str, Quantity, u64) + use<'_, S> {
    |workload, quantity, value| {
        report(Figure {
            allocator: S::NAME,
            workload,
            quantity,
            value,
        });
    }
}

fn all<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, report: &mut dyn FnMut(Figure)) {
    let report = &mut of::<S>(report);
    pairs::run::<S>(fixture, report);
    growth::run::<S>(fixture, report);
    mix::run::<S>(fixture, report);
    holes::run::<S>(fixture, report);
    caps::run::<S>(fixture, report);
    density::run::<S>(fixture, report);
}
