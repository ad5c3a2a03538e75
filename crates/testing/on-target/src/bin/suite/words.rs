//! Check that the heap touches IRAM by aligned words only: every access is watched, see
//! `on_target::words_only`.

use heap_caps::HeapCaps;
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use on_target::{Emulated, WordsOnly, words_only};
use soc_regions::Caps;
use target_suite::boot;

use crate::Check;

pub(crate) const CHECKS: &[Check] = &[
    (
        "iram_sees_aligned_words_only",
        iram_sees_aligned_words_only::<Unpoisoned>,
    ),
    (
        "iram_sees_aligned_words_only_under_light_poisoning",
        iram_sees_aligned_words_only::<Light>,
    ),
    (
        "iram_sees_aligned_words_only_under_comprehensive_poisoning",
        iram_sees_aligned_words_only::<Comprehensive>,
    ),
];

/// Boot and all operations; any other access ends the program.
fn iram_sees_aligned_words_only<P: Poison>() {
    let ((), WordsOnly { read, written }) = words_only(|| {
        let mut heaps = boot::<Emulated, P>();
        use_everything(&mut heaps);
    });
    assert!(
        read > 1000 && written > 1000,
        "read {read}, written {written}"
    );
}

/// Sizes of every rest, so that ends of blocks lie inside of words.
fn use_everything<P: Poison>(heaps: &mut HeapCaps<P>) {
    let caps = Caps::EXEC;
    for size in [1, 2, 3, 4, 17, 99, 250] {
        let first = heaps.malloc(size, caps).unwrap();
        let zeroed = heaps.calloc(3, size, caps).unwrap();
        let aligned = heaps.aligned_alloc(64, size, caps).unwrap();
        let grown = heaps.realloc(first, size * 5, caps).unwrap();
        let moved = heaps.realloc(zeroed, size * 40 + 1, caps).unwrap();
        let shrunk = heaps.realloc(moved, size, caps).unwrap();
        assert_eq!(heaps.inspect().check_integrity(caps), Ok(()));
        for block in [grown, aligned, shrunk] {
            heaps.free(block).unwrap();
        }
        heaps.free(shrunk).unwrap_err();
    }
    assert_eq!(heaps.inspect().check_integrity(caps), Ok(()));
}
