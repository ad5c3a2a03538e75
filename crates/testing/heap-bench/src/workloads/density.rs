//! Workload: number of blocks of a size that fit into 64 KiB.

use core::mem::MaybeUninit;

use super::{Report, SMALL_BYTES};
use crate::allocator::Allocator;
use crate::counter::Counter;
use crate::figure::Quantity;
use crate::fixture::Fixture;

const SIZES: [(usize, &str); 3] = [
    (16, "blocks of 16"),
    (32, "blocks of 32"),
    (100, "blocks of 100"),
];

pub(super) fn run<S: Allocator>(fixture: &mut Fixture<'_, impl Counter>, report: Report<'_>) {
    for (size, workload) in SIZES {
        let mut place = MaybeUninit::<S>::uninit();
        let Some(mut heap) = fixture.start(&mut place, SMALL_BYTES) else {
            return;
        };
        let (mut blocks, words) = (0, SMALL_BYTES / 4);
        while blocks < words && heap.allocate(size).0 != 0 {
            blocks += 1;
        }
        // `Empty` returns blocks for ever.
        if blocks < words {
            report(workload, Quantity::Blocks, blocks as u64);
        }
    }
}
