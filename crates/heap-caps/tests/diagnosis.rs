//! Snapshots, findings, scrubs.

use crate::support::*;
use heap_caps::{ALL_HEAPS, Policy, Scrubber, assert_no_leak};
use multi_heap::{CorruptionKind, Light, ScrubStep};
use soc_regions::{Caps, ESP32};

const BYTES: Caps = Caps::BIT8;

#[test]
fn a_snapshot_shows_what_has_changed_since() {
    let mut sim = Sim::esp32();
    let before = sim.heaps.inspect().snapshot(ALL_HEAPS);
    let kept = sim.heaps.malloc(96, BYTES).unwrap();
    sim.heaps.malloc(1 << 28, BYTES).unwrap_err();
    let now = sim.heaps.inspect().snapshot(ALL_HEAPS);
    let change = before.until(&now);
    assert_eq!(
        (
            change.allocated_blocks,
            change.allocated_bytes,
            change.failures
        ),
        (1, 96, 1)
    );
    assert_eq!(change.free_bytes, -100);
    sim.heaps.free(kept).unwrap();
    let back = before.until(&sim.heaps.inspect().snapshot(ALL_HEAPS));
    assert!(!back.is_leak(), "{back}");
    assert_eq!(
        before.info,
        sim.heaps
            .inspect()
            .snapshot(ALL_HEAPS)
            .info
            .with_minimum_of(&before.info)
    );
}

/// Figures that differ in their minimum only are the same figures.
trait WithMinimumOf {
    fn with_minimum_of(self, other: &Self) -> Self;
}

impl WithMinimumOf for multi_heap::Info {
    fn with_minimum_of(self, other: &Self) -> Self {
        Self {
            minimum_free_bytes: other.minimum_free_bytes,
            ..self
        }
    }
}

#[test]
fn work_that_frees_everything_leaks_nothing() {
    let mut sim = Sim::esp32();
    assert_no_leak!(sim.heaps, {
        let block = sim.heaps.malloc(10, BYTES).unwrap();
        let block = sim.heaps.realloc(block, 1000, BYTES).unwrap();
        sim.heaps.free(block).unwrap();
    });
}

#[test]
#[should_panic(expected = "memory leaked: +1 blocks, +12 bytes in use")]
fn work_that_keeps_a_block_is_a_leak() {
    let mut sim = Sim::esp32();
    assert_no_leak!(sim.heaps, sim.heaps.malloc(10, BYTES).unwrap());
}

/// Three blocks side by side, the second written past its end into the third's guard.
fn overrun() -> (Sim<Light>, [u32; 3]) {
    let mut sim: Sim<Light> = Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
    let blocks = [16, 96, 40].map(|size| sim.heaps.malloc(size, Caps::DMA).unwrap());
    sim.fill(blocks[1], 96 + 1, 0x55);
    (sim, blocks)
}

#[test]
fn a_finding_names_the_block_and_its_left_neighbour() {
    let (sim, blocks) = overrun();
    let corrupt = sim.heaps.inspect().check_integrity(Caps::DMA).unwrap_err();
    let finding = sim.heaps.inspect().finding(corrupt);
    assert_eq!(finding.corrupt.corruption.kind, CorruptionKind::TailCanary);
    assert_eq!(
        finding.block.map(|block| (block.address, block.size)),
        Some((blocks[1], 96))
    );
    assert_eq!(
        finding.left.map(|block| (block.address, block.size)),
        Some((blocks[0], 16))
    );
    let expected = format!(
        "{}, 0x{:08X}: {}; in the used block 0x{:08X} (96 bytes), behind the used block 0x{:08X} (16 bytes), in front of the block 0x{:08X}",
        finding.memory, corrupt.address, corrupt.corruption, blocks[1], blocks[0], blocks[2]
    );
    assert_eq!(finding.to_string(), expected);
}

#[test]
fn where_a_header_is_broken_the_block_before_it_is_the_suspect() {
    let mut sim = Sim::esp32();
    let [first, second] = [16, 96].map(|size| sim.heaps.malloc(size, Caps::DMA).unwrap());
    sim.fill(first, 16 + 4, 0x55); // over the header behind
    let corrupt = sim.heaps.inspect().check_integrity(Caps::DMA).unwrap_err();
    let finding = sim.heaps.inspect().finding(corrupt);
    assert_eq!(corrupt.address, second - 4);
    assert_eq!(
        finding.left.map(|block| block.address),
        Some(first),
        "{finding}"
    );
    assert_eq!((finding.block, finding.next), (None, Some(second)));
    let sentence = finding.to_string();
    let expected = format!(
        "; in the header of the block 0x{second:08X}, behind the used block 0x{first:08X} (16 bytes)"
    );
    assert!(sentence.ends_with(&expected), "{sentence}");
}

#[test]
fn a_scrub_goes_through_all_heaps_and_finds_what_the_check_finds() {
    let (sim, _) = overrun();
    let mut scrub = Scrubber::new();
    let (mut found, mut calls) = (Vec::new(), 0);
    loop {
        calls += 1;
        match sim.heaps.inspect().scrub(&mut scrub, 2) {
            Ok(ScrubStep::Underway) => {}
            Ok(ScrubStep::PassDone) => break,
            Err(corrupt) => found.push(corrupt),
        }
        assert!(calls < 100, "it gets round");
    }
    assert_eq!(
        found,
        [sim.heaps.inspect().check_integrity(ALL_HEAPS).unwrap_err()]
    );
    assert!(calls >= sim.heaps.inspect().heaps().count());
}
