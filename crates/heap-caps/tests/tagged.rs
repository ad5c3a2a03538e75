//! The tagged heaps of ESP-IDF v2.1 (2016), on that generation's own table.

use crate::support::*;
use heap_caps::{AllocRequest, FailureKind, Placement, Policy};
use soc_regions::{Caps, ESP32_V2_1, TypeIndex};

const TAG_DRAM: TypeIndex = TypeIndex(0);
const TAG_DIRAM: TypeIndex = TypeIndex(1);
const TAG_IRAM: TypeIndex = TypeIndex(2);
const TAG_SPISRAM: TypeIndex = TypeIndex(15);

fn of_2016() -> Sim {
    Sim::booted(
        &ESP32_V2_1,
        Policy::Tagged2016,
        &ESP32_V2_1.default_options(),
        (),
    )
}

fn starts_of(sim: &Sim, tag: TypeIndex) -> Vec<u32> {
    sim.heaps
        .inspect()
        .heaps_in_order()
        .filter(|heap| heap.tag == Some(tag))
        .map(|heap| heap.span.start())
        .collect()
}

#[test]
fn heaps_stand_in_the_order_of_tags_and_addresses() {
    let sim = of_2016();
    let order: Vec<_> = sim
        .heaps
        .inspect()
        .heaps_in_order()
        .map(|heap| (heap.tag.unwrap(), heap.span.start()))
        .collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(order, sorted);
    assert_eq!(starts_of(&sim, TAG_DRAM)[0], 0x3FFA_E2A0);
    assert_eq!(starts_of(&sim, TAG_DIRAM), [0x3FFE_0440, 0x3FFE_4350]);
    assert_eq!(starts_of(&sim, TAG_IRAM).len(), 1);
    assert_eq!(starts_of(&sim, TAG_SPISRAM), [0; 0], "compiled out");
}

#[test]
fn diram_is_refused_until_the_tag_is_enabled() {
    let mut sim = of_2016();
    let data = sim.order_of(Caps::BIT8);
    assert!(
        data.iter()
            .all(|start| !starts_of(&sim, TAG_DIRAM).contains(start))
    );
    assert_eq!(
        sim.heaps
            .allocate(&AllocRequest::new(8, Caps::empty()).placed(Placement::Tag(TAG_DIRAM)))
            .unwrap_err()
            .cause,
        FailureKind::TagExhausted(TAG_DIRAM)
    );
    assert_eq!(sim.enable_stacks(), 2);
    assert_eq!(
        sim.order_of(Caps::BIT8)[data.len()..],
        [0x3FFE_0440, 0x3FFE_4350],
        "in the second column"
    );
}

#[test]
fn each_capability_finds_the_tag_that_it_found_in_2016() {
    let mut sim = of_2016();
    sim.enable_stacks();
    let [dram, diram, iram] = [TAG_DRAM, TAG_DIRAM, TAG_IRAM].map(|tag| starts_of(&sim, tag));
    let all = |parts: &[&Vec<u32>]| parts.iter().copied().flatten().copied().collect::<Vec<_>>();
    assert_eq!(sim.order_of(Caps::DMA), all(&[&dram, &diram]));
    assert_eq!(sim.order_of(Caps::BIT32), all(&[&iram, &dram, &diram]));
    assert_eq!(sim.order_of(Caps::EXEC), all(&[&iram, &diram]));
    assert_eq!(
        sim.order_of(Caps::BIT8 | Caps::BIT32),
        all(&[&dram, &diram])
    );
    for never in [
        Caps::PID2,
        Caps::PID7,
        Caps::SPIRAM,
        Caps::INTERNAL,
        Caps::DEFAULT,
    ] {
        assert_eq!(sim.order_of(never), [0; 0], "{never}");
    }
    assert!(matches!(
        sim.heaps
            .malloc(8, Caps::EXEC | Caps::BIT8)
            .unwrap_err()
            .cause,
        FailureKind::Contradictory(_)
    ));
}

#[test]
fn code_from_diram_is_handed_out_by_its_other_address() {
    let mut sim = of_2016();
    sim.enable_stacks();
    sim.exhaust(64, Caps::EXEC);
    let before = sim.heaps.inspect().tag_free_size(TAG_IRAM);
    let code = sim.heaps.malloc(4, Caps::EXEC).or_else(|_| {
        let last = sim.heaps.malloc(4, Caps::BIT32);
        last.map_err(|failure| assert_eq!(failure.cause, FailureKind::NoMemory))
    });
    assert!(code.is_err() || sim.heaps.inspect().tag_free_size(TAG_IRAM) <= before);
    let mut sim = of_2016();
    sim.enable_stacks();
    let largest = sim.heaps.inspect().largest_free_block(Caps::EXEC) as usize;
    let code = sim.heaps.malloc(largest, Caps::EXEC).unwrap();
    assert!(ESP32_V2_1.is_executable(code));
    assert_eq!(sim.heaps.free(code), Ok(()));
}

#[test]
fn a_tag_serves_by_address_and_knows_its_free_bytes() {
    let mut sim = of_2016();
    let before = sim.heaps.inspect().tag_free_size(TAG_DRAM);
    let block = sim
        .heaps
        .allocate(&AllocRequest::new(100, Caps::empty()).placed(Placement::Tag(TAG_DRAM)))
        .unwrap();
    assert_eq!(
        sim.heaps.inspect().heap_at(block).unwrap().span.start(),
        starts_of(&sim, TAG_DRAM)[0]
    );
    assert_eq!(sim.heaps.inspect().tag_free_size(TAG_DRAM), before - 104);
    sim.heaps.free(block).unwrap();
    assert_eq!(
        (
            sim.heaps.inspect().tag_free_size(TAG_DRAM),
            sim.heaps.inspect().tag_minimum_free_size(TAG_DRAM)
        ),
        (before, before - 104)
    );
    assert_eq!(
        sim.heaps
            .allocate(&AllocRequest::new(0, Caps::empty()).placed(Placement::Tag(TAG_DRAM)))
            .unwrap_err()
            .cause,
        FailureKind::ZeroSize
    );
    let failure = sim
        .heaps
        .allocate(&AllocRequest::new(8, Caps::empty()).placed(Placement::Tag(TypeIndex(99))))
        .unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("no heap with tag 99 has a hole that big"),
        "{failure}"
    );
}

#[test]
fn free_sizes_count_any_capability_once_for_each_column() {
    // xPortGetFreeHeapSizeCaps: 8BIT|32BIT counts DRAM twice, for its first column and for its
    // second.
    let sim = of_2016();
    let [dram, iram] = [TAG_DRAM, TAG_IRAM].map(|tag| sim.heaps.inspect().tag_free_size(tag));
    assert_eq!(sim.heaps.inspect().free_size_of_any(Caps::BIT8), dram);
    assert_eq!(
        sim.heaps.inspect().free_size_of_any(Caps::BIT32),
        dram + iram
    );
    assert_eq!(
        sim.heaps
            .inspect()
            .free_size_of_any(Caps::BIT8 | Caps::BIT32),
        2 * dram + iram
    );
    assert_eq!(sim.heaps.inspect().free_size_of_any(Caps::SPIRAM), 0);
}
