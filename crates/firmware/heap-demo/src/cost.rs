//! Cost of a block in this very program: its compiler, its profile, its lock.

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::fmt::Write;
use core::hint::black_box;

use crate::board::Board;

const PAIRS: u32 = 64;
/// The best of them counts: others were interrupted, or waited for flash.
const TRIES: u32 = 16;

/// A line with the cycles that 16 bytes take through the global allocator, where the board has a
/// counter.
pub(crate) fn show<B: Board>(out: &mut impl Write) {
    let tries = (0..TRIES).filter_map(|_| cycles_of_pairs::<B>());
    if let Some(least) = tries.min() {
        let each = least / PAIRS;
        let _ = writeln!(out, "16 bytes allocated and freed: {each} cycles");
    }
}

fn cycles_of_pairs<B: Board>() -> Option<u32> {
    let layout = Layout::new::<[u32; 4]>();
    let start = B::cycles()?;
    for _ in 0..PAIRS {
        // SAFETY: the layout has bytes.
        let block = black_box(unsafe { alloc(layout) });
        if block.is_null() {
            return None;
        }
        // SAFETY: allocated the line before, with this layout.
        unsafe { dealloc(block, layout) };
    }
    Some(B::cycles()?.wrapping_sub(start))
}
