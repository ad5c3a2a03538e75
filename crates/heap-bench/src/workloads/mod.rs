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
//! | blocks of 16, 32, 100 | 64 KiB | as many as fit |

mod density;
mod growth;
mod holes;
mod mix;
mod pairs;

use core::ptr::NonNull;

use multi_heap::{Comprehensive, Light, Unpoisoned};

use crate::figure::{Figure, Quantity};
use crate::meter::Meter;
use crate::subject::Subject;
use crate::subjects::{Buddy, Empty, LinkedList, MultiHeap, Rlsf, Talc4, Talc5};

/// Bytes of memory that the workloads need.
pub const REGION_BYTES: usize = MIX_BYTES;
/// A multiple of this is where that memory should start, so that figures are the same everywhere.
pub const REGION_ALIGNMENT: usize = 4096;

const SMALL_BYTES: usize = 64 * 1024;
const MIX_BYTES: usize = 256 * 1024;

/// Runs every workload on every heap.
///
/// # Safety
/// The region has [`REGION_BYTES`] bytes that nothing else uses meanwhile.
pub unsafe fn run(meter: &impl Meter, region: NonNull<[u8]>, report: &mut dyn FnMut(Figure)) {
    let mut stand = Stand {
        meter,
        region,
        report,
    };
    // SAFETY: the caller gives the region away; the subjects use it one after the other.
    unsafe {
        stand.all::<Empty>();
        stand.all::<MultiHeap<Unpoisoned>>();
        stand.all::<MultiHeap<Light>>();
        stand.all::<MultiHeap<Comprehensive>>();
        stand.all::<Rlsf>();
        stand.all::<Talc5>();
        stand.all::<Talc4>();
        stand.all::<LinkedList>();
        stand.all::<Buddy>();
    }
}

/// Runs on one heap the workloads that leave room for everybody else: pairs and the mix.
///
/// # Safety
/// As [`run`]; and what `S` needs besides.
pub unsafe fn run_guest<S: Subject>(
    meter: &impl Meter,
    region: NonNull<[u8]>,
    report: &mut dyn FnMut(Figure),
) {
    let mut say = |workload, quantity, value| {
        report(Figure {
            subject: S::NAME,
            workload,
            quantity,
            value,
        });
    };
    // SAFETY: the caller keeps the same contract.
    unsafe {
        pairs::run::<S>(meter, region, &mut say);
        mix::run::<S>(meter, region, &mut say);
    }
}

/// Where subjects are measured.
struct Stand<'a, M> {
    meter: &'a M,
    region: NonNull<[u8]>,
    report: &'a mut dyn FnMut(Figure),
}

/// Where a workload's figures go.
type Say<'a> = &'a mut dyn FnMut(&'static str, Quantity, u64);

impl<M: Meter> Stand<'_, M> {
    /// # Safety
    /// As [`run`].
    unsafe fn all<S: Subject>(&mut self) {
        let (meter, report) = (self.meter, &mut self.report);
        let small = NonNull::slice_from_raw_parts(self.region.cast(), SMALL_BYTES);
        let mix = NonNull::slice_from_raw_parts(self.region.cast(), MIX_BYTES);
        let mut say = |workload, quantity, value| {
            report(Figure {
                subject: S::NAME,
                workload,
                quantity,
                value,
            });
        };
        // SAFETY: the workloads use the region one after the other.
        unsafe {
            pairs::run::<S>(meter, small, &mut say);
            growth::run::<S>(meter, small, &mut say);
            mix::run::<S>(meter, mix, &mut say);
            holes::run::<S>(meter, mix, &mut say);
            density::run::<S>(meter, small, &mut say);
        }
    }
}
