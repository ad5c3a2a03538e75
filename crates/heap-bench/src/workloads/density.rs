//! How many blocks of a size fit into 64 KiB.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::Say;
use crate::figure::Quantity;
use crate::meter::Meter;
use crate::subject::{Measured, Subject};

const SIZES: [(usize, &str); 3] = [
    (16, "blocks of 16"),
    (32, "blocks of 32"),
    (100, "blocks of 100"),
];

/// # Safety
/// Nothing else uses the region meanwhile.
pub(super) unsafe fn run<S: Subject>(meter: &impl Meter, region: NonNull<[u8]>, say: Say<'_>) {
    for (size, workload) in SIZES {
        let mut place = MaybeUninit::<S>::uninit();
        // SAFETY: the caller gives the region away.
        let mut heap = unsafe { Measured::start(&mut place, meter, region) };
        let (mut blocks, words) = (0, region.len() / 4);
        while blocks < words && heap.allocate(size).0 != 0 {
            blocks += 1;
        }
        // `Empty` gives blocks for ever.
        if blocks < words {
            say(workload, Quantity::Blocks, blocks as u64);
        }
    }
}
