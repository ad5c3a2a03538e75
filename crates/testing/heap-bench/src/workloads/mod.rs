//! What is measured: one file each.
//!
//! | workload | heap | what happens |
//! |---|---|---|
//! | 16 B, 64 B, 1024 B | 64 KiB, empty | one block is taken and given back |
//! | grow | 64 KiB | a block doubles from 16 to 4096 bytes, the sum of 8 calls |
//! | grow blocked | 64 KiB | the same, a block of 16 bytes taken behind it each time |
//! | mix | 256 KiB | 200 blocks of 1 to 1024 bytes; 10,000 times a random one goes and another comes |
//! | aligned 64 | as the mix leaves it | 32 blocks of 100 bytes at a multiple of 64 |
//! | many holes | 256 KiB | 800 holes of 24 bytes: 200 bytes are taken, a block between two holes is given back |
//! | align 8 | 64 KiB, empty | 16 bytes at a multiple of 8 |
//! | realloc in place | 64 KiB | a block of 32 bytes gets 64, free memory behind it |
//! | refused | 64 KiB | more than there is |
//! | 32BIT, EXEC, SPIRAM | a chip's | 16 bytes with that capability |
//! | 12 sets | a chip's | 16 bytes with 12 sets of capabilities, by turns |
//! | with reserve | a chip's | 16 bytes while 24 KiB are kept for DMA |
//! | free size, largest block | a chip's | statistics while 1,000 blocks are live |
//! | blocks of 16, 32, 100 | 64 KiB | as many as fit |
//! | patrol, check | 256 KiB | our heap is looked at for damage, at each poisoning level |

mod caps;
mod density;
mod growth;
mod holes;
mod mix;
mod pairs;
mod patrol;
mod single;
mod trace;

use core::ptr::NonNull;

use multi_heap::{Comprehensive, Light, Unpoisoned};

use crate::figure::{Figure, Quantity};
use crate::meter::{Meter, Unmeasured};
use crate::stand::Stand;
use crate::subject::Subject;
use crate::subjects::{Buddy, Empty, LinkedList, MultiHeap, Rlsf, Talc4, Talc5};
use crate::tape::Tape;

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
pub unsafe fn run(meter: &impl Meter, region: NonNull<[u8]>, report: &mut dyn FnMut(Figure)) {
    // SAFETY: the caller gives the region away.
    let stand = &mut unsafe { Stand::new(meter, region) };
    all::<Empty>(stand, report);
    all::<MultiHeap<Unpoisoned>>(stand, report);
    all::<MultiHeap<Light>>(stand, report);
    all::<MultiHeap<Comprehensive>>(stand, report);
    // SAFETY: the caller gives the region away, and the stand does not use it meanwhile.
    unsafe { patrol::run::<Unpoisoned>(meter, region, &mut of::<MultiHeap<Unpoisoned>>(report)) };
    // SAFETY: the same.
    unsafe { patrol::run::<Light>(meter, region, &mut of::<MultiHeap<Light>>(report)) };
    // SAFETY: the same.
    unsafe {
        patrol::run::<Comprehensive>(meter, region, &mut of::<MultiHeap<Comprehensive>>(report));
    };
    all::<Rlsf>(stand, report);
    all::<Talc5>(stand, report);
    all::<Talc4>(stand, report);
    all::<LinkedList>(stand, report);
    all::<Buddy>(stand, report);
}

/// Runs on one heap the workloads that leave it as they found it: all but how many blocks fit.
///
/// # Safety
/// - As [`run`].
/// - `S` may be started several times, one after the other, whatever memory it takes besides.
pub unsafe fn run_guest<S: Subject>(
    meter: &impl Meter,
    region: NonNull<[u8]>,
    report: &mut dyn FnMut(Figure),
) {
    // SAFETY: the caller gives the region away.
    let stand = &mut unsafe { Stand::new(meter, region) };
    let say = &mut of::<S>(report);
    pairs::run::<S>(stand, say);
    growth::run::<S>(stand, say);
    mix::run::<S>(stand, say);
    holes::run::<S>(stand, say);
    caps::run::<S>(stand, say);
}

/// Performs one call of a workload (`malloc 16 B`, `free mix`, `refused`) on one heap, the last one
/// that `meter` sees: `false` where there is none.
///
/// # Safety
/// As [`run_guest`].
pub unsafe fn run_single<S: Subject>(
    meter: &impl Meter,
    region: NonNull<[u8]>,
    workload: &str,
) -> bool {
    // SAFETY: the caller gives the region away.
    let stand = &mut unsafe { Stand::new(meter, region) };
    single::run::<S>(stand, workload)
}

/// Replays a recorded program on one heap. A heap that refuses a request has no figures.
///
/// # Safety
/// As [`run_guest`], but for the size of the region.
pub unsafe fn run_guest_trace<S: Subject>(
    meter: &impl Meter,
    region: NonNull<[u8]>,
    tape: Tape<'_>,
    slots: &mut [Slot],
    report: &mut dyn FnMut(Figure),
) {
    // SAFETY: the caller gives the region away.
    let stand = &mut unsafe { Stand::new(meter, region) };
    trace::run::<S>(stand, tape, slots, &mut of::<S>(report));
}

/// Replays a recorded program on every heap, in all of the region. Heaps that refuse a request have
/// no figures.
///
/// # Safety
/// As [`run`], but for the size of the region.
pub unsafe fn run_trace(
    meter: &impl Meter,
    region: NonNull<[u8]>,
    tape: Tape<'_>,
    slots: &mut [Slot],
    report: &mut dyn FnMut(Figure),
) {
    // SAFETY: the caller gives the region away.
    let stand = &mut unsafe { Stand::new(meter, region) };
    trace::run::<MultiHeap<Unpoisoned>>(
        stand,
        tape,
        slots,
        &mut of::<MultiHeap<Unpoisoned>>(report),
    );
    trace::run::<Rlsf>(stand, tape, slots, &mut of::<Rlsf>(report));
    trace::run::<Talc5>(stand, tape, slots, &mut of::<Talc5>(report));
    trace::run::<Talc4>(stand, tape, slots, &mut of::<Talc4>(report));
    trace::run::<LinkedList>(stand, tape, slots, &mut of::<LinkedList>(report));
    trace::run::<Buddy>(stand, tape, slots, &mut of::<Buddy>(report));
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

/// Whether a heap of [`REPLAYED`], in as many bytes as the region has, its own structure included,
/// serves every request of a recorded program. `None` for other numbers.
///
/// # Safety
/// As [`run`], but for the size of the region.
pub unsafe fn completes(
    subject: usize,
    region: NonNull<[u8]>,
    tape: Tape<'_>,
    slots: &mut [Slot],
) -> Option<bool> {
    // SAFETY: the caller gives the region away.
    let stand = &mut unsafe { Stand::new(&Unmeasured, region) };
    Some(match subject {
        0 => trace::completes::<MultiHeap<Unpoisoned>>(stand, tape, slots),
        1 => trace::completes::<Rlsf>(stand, tape, slots),
        2 => trace::completes::<Talc5>(stand, tape, slots),
        3 => trace::completes::<Talc4>(stand, tape, slots),
        4 => trace::completes::<LinkedList>(stand, tape, slots),
        5 => trace::completes::<Buddy>(stand, tape, slots),
        _ => return None,
    })
}

/// Where a workload's figures go.
type Say<'a> = &'a mut dyn FnMut(&'static str, Quantity, u64);

fn of<S: Subject>(
    report: &mut dyn FnMut(Figure),
) -> impl FnMut(&'static str, Quantity, u64) + use<'_, S> {
    |workload, quantity, value| {
        report(Figure {
            subject: S::NAME,
            workload,
            quantity,
            value,
        });
    }
}

fn all<S: Subject>(stand: &mut Stand<'_, impl Meter>, report: &mut dyn FnMut(Figure)) {
    let say = &mut of::<S>(report);
    pairs::run::<S>(stand, say);
    growth::run::<S>(stand, say);
    mix::run::<S>(stand, say);
    holes::run::<S>(stand, say);
    caps::run::<S>(stand, say);
    density::run::<S>(stand, say);
}
