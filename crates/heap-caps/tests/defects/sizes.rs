//! Class A: sizes survive all layers between the caller and the block.

use heap_caps::Policy;
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::{Caps, ESP32};

use crate::support::*;

/// Every capability whose requests are adjusted on their way: whole words, the way back of code,
/// cache lines, canaries.
const ADJUSTED: [Caps; 6] = [
    Caps::BIT8,
    Caps::BIT32,
    Caps::EXEC,
    Caps::EXEC.union(Caps::DEFAULT),
    Caps::DMA,
    Caps::DMA_DESC_AHB,
];

fn no_adjusted_size_wraps<P: Poison>() {
    let mut sim: Sim<P> = Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
    let before = sim.heaps.inspect().info(Caps::empty());
    let ends = [usize::MAX, u32::MAX as usize, i32::MAX as usize, 1 << 30];
    for size in ends.into_iter().flat_map(|end| end - 40..=end) {
        for caps in ADJUSTED {
            assert!(sim.heaps.malloc(size, caps).is_err(), "{size:#x} {caps}");
            assert!(sim.heaps.calloc(1, size, caps).is_err(), "{size:#x} {caps}");
            let aligned = sim.heaps.aligned_alloc(4096, size, caps);
            assert!(aligned.is_err(), "{size:#x} {caps}");
        }
    }
    for (count, size) in [
        (usize::MAX / 4 + 1, 4),
        (usize::MAX, usize::MAX),
        (1 << 20, usize::MAX >> 19),
    ] {
        assert!(sim.heaps.calloc(count, size, Caps::BIT8).is_err());
    }
    assert_eq!(sim.heaps.inspect().info(Caps::empty()), before);
}

/// Defects: fd88d6d, 2dd3344.
#[test]
fn no_size_wraps_by_what_is_added_to_it() {
    no_adjusted_size_wraps::<Unpoisoned>();
    no_adjusted_size_wraps::<Light>();
    no_adjusted_size_wraps::<Comprehensive>();
}

/// Three blocks side by side in small memory, and one far away that becomes the middle one.
fn only_what_fits_is_copied<P: Poison>(from: usize, to: usize) {
    let mut sim: Sim<P> = Sim::with(Policy::Guaranteed, &psram(0x10_0000), ());
    let block = sim.heaps.malloc(from, Caps::DMA).unwrap();
    sim.fill(block, from, 0x31);
    let [left, hole, right] = [20, to, 20].map(|size| {
        let block = sim.heaps.malloc(size, Caps::SPIRAM).unwrap();
        sim.fill(block, size, 0x99);
        block
    });
    sim.heaps.free(hole).unwrap();
    let moved = sim.heaps.realloc(block, to, Caps::SPIRAM).unwrap();
    let what = format!("{} {from} to {to}", P::NAME);
    assert_eq!(moved, hole, "{what}");
    let kept = from.min(to);
    assert_eq!(sim.bytes(moved, kept), vec![0x31; kept], "{what}");
    for guard in [left, right] {
        assert_eq!(sim.bytes(guard, 20), [0x99; 20], "{what}");
    }
    assert_eq!(
        sim.heaps.inspect().check_integrity(Caps::INVALID),
        Ok(()),
        "{what}"
    );
}

/// Defects: 1582.
#[test]
fn between_heaps_nothing_is_copied_past_the_end_of_the_smaller_block() {
    for (from, to) in [(1000, 4), (1000, 5), (100, 99), (7, 3), (4, 4), (4, 40)] {
        only_what_fits_is_copied::<Unpoisoned>(from, to);
        only_what_fits_is_copied::<Light>(from, to);
        only_what_fits_is_copied::<Comprehensive>(from, to);
    }
}

fn words_only_memory_takes_any_size<P: Poison>() {
    let mut sim: Sim<P> = Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
    for size in 1..20 {
        let block = sim.heaps.malloc(size, Caps::BIT32).unwrap();
        let what = format!("{} {size}", P::NAME);
        let usable = sim.heaps.inspect().usable_size(block).unwrap();
        assert_eq!(
            sim.heaps.inspect().heap_at(block).unwrap().span.start(),
            IRAM
        );
        assert_eq!(usable as usize, size.next_multiple_of(4), "{what}");
        for word in (0..usable).step_by(4) {
            assert!(sim.set_word(block + word, 0x1234_5678), "{what}");
        }
        assert_eq!(
            sim.heaps.inspect().check_integrity(Caps::INVALID),
            Ok(()),
            "{what}"
        );
        if P::OVERHEAD > 0 {
            let canary = sim.word(block + usable).unwrap();
            assert!(sim.set_word(block + usable, !canary));
            assert!(sim.heaps.free(block).is_err(), "{what}: a whole word");
            assert!(sim.set_word(block + usable, canary));
        }
        let grown = sim.heaps.realloc(block, size + 3, Caps::BIT32).unwrap();
        assert_eq!(sim.heaps.free(grown), Ok(()), "{what}");
    }
}

/// That no byte is touched is shown where it can be seen: `suite/words.rs`, on the emulated chip.
///
/// Defects: ae59d75.
#[test]
fn canaries_of_words_only_memory_are_whole_words() {
    words_only_memory_takes_any_size::<Unpoisoned>();
    words_only_memory_takes_any_size::<Light>();
    words_only_memory_takes_any_size::<Comprehensive>();
}
