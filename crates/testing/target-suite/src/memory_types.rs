//! Checks that every kind of memory serves requests and keeps what is written to it.

use heap_caps::HeapView;
use soc_regions::Caps;

use crate::machine::{Booted, Machine, boot_whole};
use crate::pattern;
use crate::random::Random;

/// Of an ESP32, and of an ESP32-C3 without an RTC heap: what comes first for most requests stands
/// first.
const TYPES: &[&str] = &["DRAM", "D/IRAM", "IRAM", EXTERNAL, "RTCRAM"];
const TYPES_OF_ESP32C3: &[&str] = &["RAM", "Retention RAM"];
const EXTERNAL: &str = "SPIRAM";

/// Returns the capabilities that only memory like this has. Nobody may ask for code and bytes at
/// once.
fn all_caps(heap: &HeapView) -> Caps {
    if heap.caps.contains(Caps::BIT8) {
        heap.caps.difference(Caps::EXEC)
    } else {
        heap.caps
    }
}

/// Runs `check` once for each memory type, on a chip where requests with `caps` are served by that
/// type.
fn in_each<M: Machine>(check: impl Fn(&mut Booted<M>, Caps, &'static str)) {
    for &name in types::<M>() {
        let mut heaps = boot_whole::<M>();
        let mut active = heaps.inspect().heaps().filter(|heap| heap.active);
        let found = active.find(|heap| heap.name == name);
        drop(active);
        if name == EXTERNAL && M::psram() == 0 {
            assert!(found.is_none());
            continue;
        }
        let caps = all_caps(&found.unwrap());
        fill_all_before(&mut heaps, caps, name);
        check(&mut heaps, caps, name);
        assert_eq!(
            heaps.inspect().check_integrity(Caps::empty()),
            Ok(()),
            "{name}"
        );
    }
}

fn types<M: Machine>() -> &'static [&'static str] {
    match M::chip().name() {
        "esp32c3" => TYPES_OF_ESP32C3,
        _ => TYPES,
    }
}

/// DRAM can do what D/IRAM can, and comes first.
fn fill_all_before<M: Machine>(heaps: &mut Booted<M>, caps: Caps, name: &str) {
    for size in [16384, 1024, 64, 4] {
        while let Ok(block) = heaps.malloc(size, caps) {
            if type_of(heaps, block) == name {
                heaps.free(block).unwrap();
                break;
            }
        }
    }
}

fn type_of<M: Machine>(heaps: &Booted<M>, address: u32) -> &'static str {
    heaps
        .inspect()
        .heap_at(address)
        .map_or("nowhere", |heap| heap.name)
}

/// Several blocks, all filled, then all looked at.
pub fn every_memory_type_keeps_what_is_written<M: Machine>() {
    in_each::<M>(|heaps, caps, name| {
        let blocks = [4_u32, 32, 1000, 5000].map(|size| {
            let block = heaps.malloc(size as usize, caps).unwrap();
            assert_eq!(type_of(heaps, block), name);
            pattern::write(heaps, block, size, size);
            (block, size)
        });
        for (block, size) in blocks {
            assert!(pattern::is_intact(heaps, block, size, (block, size)));
            heaps.free(block).unwrap();
        }
    });
}

/// The statistic is a promise.
pub fn the_largest_free_block_can_be_had_and_not_a_byte_more<M: Machine>() {
    in_each::<M>(|heaps, caps, name| {
        let largest = heaps.inspect().largest_free_block(caps) as usize;
        let block = heaps.malloc(largest, caps).unwrap();
        heaps.free(block).unwrap();
        assert!(heaps.malloc(largest + 1, caps).is_err(), "{name}");
    });
}

/// A random program in each type; in the end every byte is back.
pub fn blocks_that_come_and_go_keep_their_content<M: Machine>() {
    in_each::<M>(|heaps, caps, name| {
        let mut random = Random::new(7);
        let free_at_first = heaps.inspect().free_size(caps);
        let mut blocks: [Option<(u32, u32)>; 40] = [None; 40];
        for _ in 0..1500 {
            let place = random.below(40) as usize;
            if let Some((block, size)) = blocks[place].take() {
                assert!(pattern::is_intact(heaps, block, size, (block, size)));
                heaps.free(block).unwrap();
            } else if let size = 1 + random.below(600)
                && let Ok(block) = heaps.malloc(size as usize, caps)
            {
                pattern::write(heaps, block, size, size);
                blocks[place] = Some((block, size));
            }
        }
        for (block, size) in blocks.into_iter().flatten() {
            assert!(pattern::is_intact(heaps, block, size, (block, size)));
            heaps.free(block).unwrap();
        }
        assert_eq!(heaps.inspect().free_size(caps), free_at_first, "{name}");
    });
}

/// From words to pages.
pub fn aligned_blocks_are_aligned_in_every_memory_type<M: Machine>() {
    in_each::<M>(|heaps, caps, _| {
        for alignment in [4, 8, 16, 64, 1024] {
            let block = heaps.aligned_alloc(alignment, 100, caps).unwrap();
            assert!((block as usize).is_multiple_of(alignment));
            pattern::write(heaps, block, 100, 3);
        }
    });
}

/// Doubling with an obstacle behind the block each time, so that it has to move.
pub fn growing_blocks_keep_their_content<M: Machine>() {
    in_each::<M>(|heaps, caps, _| {
        let mut block = heaps.malloc(16, caps).unwrap();
        for size in [16_u32, 32, 64, 128, 256, 512] {
            heaps.malloc(8, caps).unwrap();
            pattern::write(heaps, block, size, size);
            let grown = heaps.realloc(block, size as usize * 2, caps).unwrap();
            assert!(pattern::is_intact(heaps, grown, size, (block, size)));
            block = grown;
        }
    });
}
