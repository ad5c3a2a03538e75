//! Tables of regions, figures and blocks of a heap.

use core::fmt::Write;

use heap_caps::Observer;
use heap_caps_alloc::{CapsHeap, RawLock};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::soak::Soak;

/// ESP-IDF's start-up table, and its summary; what is missing where there is no heap yet.
pub fn tables<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
    heap: &CapsHeap<L, P, O, HEAPS>,
    out: &mut impl Write,
) {
    if heap
        .inspect()
        .locked(|heaps| heaps.heaps().next().is_none())
    {
        // The console never fails.
        let _ = writeln!(
            out,
            "no heap is booted: what allocates before the claim's `boot` gets nothing (a constructor, a static, code before `main`?)"
        );
        return;
    }
    let _ = heap
        .inspect()
        .locked(|heaps| heaps.print_startup_table(out));
    let _ = heap
        .inspect()
        .locked(|heaps| heaps.print_heap_info(Caps::empty(), out));
}

/// A line on what goes on.
///
/// # Panics
/// The heap is damaged.
pub fn report<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
    heap: &CapsHeap<L, P, O, HEAPS>,
    soak: &Soak,
    out: &mut impl Write,
) {
    let (free, least, largest) = (
        heap.inspect().free_size(Caps::DEFAULT),
        heap.inspect().minimum_free_size(Caps::DEFAULT),
        heap.inspect().largest_free_block(Caps::DEFAULT),
    );
    let _ = writeln!(
        out,
        "{} steps, {} blocks, {} refused; free {free}, least {least}, largest {largest}",
        soak.steps(),
        soak.blocks(),
        heap.inspect().failures()
    );
    let sound = heap
        .inspect()
        .locked(|heaps| heaps.check_integrity(Caps::INVALID));
    assert!(sound.is_ok(), "the heap is damaged: {sound:?}");
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::tables;
    use core::alloc::{GlobalAlloc, Layout};
    use heap_caps_alloc::{CapsHeap, SpinLock};
    use std::string::String;

    #[test]
    fn a_heap_that_is_used_before_it_is_booted_says_so() {
        let heap: CapsHeap<SpinLock> = CapsHeap::new(());
        // SAFETY: the layout has bytes.
        let block = unsafe { heap.alloc(Layout::new::<u32>()) };
        assert!(block.is_null());
        let mut text = String::new();
        tables(&heap, &mut text);
        assert!(text.starts_with("no heap is booted"), "{text}");
    }
}
