//! Forged headers that span their neighbours: the figures of `docs/hardening.md` come from the same
//! code with more tries, `cargo xtask campaign forge`.

extern crate alloc;

#[path = "common/forge.rs"]
mod forge;

use forge::Forgery;
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};

const TRIES: u32 = 1500;

fn overlaps<P: Poison>(forgery: Forgery, key: u32) -> u32 {
    forge::overlaps::<P>(forgery, key, 1, TRIES)
}

/// One test, for the key is one for all heaps that are made.
#[test]
fn with_canaries_no_forged_header_makes_the_heap_hand_memory_out_twice() {
    const KEY: u32 = 0x1F2E_3D4C;
    for forgery in [Forgery::AnySize, Forgery::Spanning] {
        for key in [0, KEY] {
            assert_eq!(overlaps::<Light>(forgery, key), 0);
            assert_eq!(overlaps::<Comprehensive>(forgery, key), 0);
        }
    }
    // Who knows ESP-IDF's constants gets through without a key, and not with one.
    assert!(overlaps::<Light>(Forgery::Complete, 0) > TRIES / 10);
    assert!(overlaps::<Comprehensive>(Forgery::Complete, 0) > 0);
    assert_eq!(overlaps::<Light>(Forgery::Complete, KEY), 0);
    assert_eq!(overlaps::<Comprehensive>(Forgery::Complete, KEY), 0);
    // Below, there is nothing that a forger of headers would have to know.
    assert!(overlaps::<Unpoisoned>(Forgery::Spanning, 0) > TRIES / 10);
}
