//! Reserves, preferences and the policy of plain `malloc`.

use crate::support::*;
use heap_caps::{AllocRequest, Placement, Policy, Reserve, ReserveError, SkipReason};
use soc_regions::{Caps, ESP32};

const INTERNAL_BYTES: Caps = Caps::DEFAULT.union(Caps::INTERNAL);

fn reserve(caps: Caps, bytes: u32) -> Reserve {
    Reserve { caps, bytes }
}

/// Defects: 18938.
#[test]
fn a_reserve_is_left_alone_by_those_who_do_not_ask_for_it() {
    // ESP-IDF since 2026: default allocations drain the DMA pool before PSRAM is used (#18938).
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    sim.heaps
        .set_reserve(reserve(Caps::DMA, 24 * 1024))
        .unwrap();
    sim.heaps.set_external_threshold(Some(16384));
    let in_psram = core::iter::repeat_with(|| {
        sim.heaps
            .allocate(&AllocRequest::in_default_memory(1000))
            .unwrap()
    })
    .take(1000)
    .filter(|&address| ESP32.is_external(address))
    .count();
    assert!(
        (500..900).contains(&in_psram),
        "{in_psram} blocks went to PSRAM"
    );
    let left = sim.heaps.inspect().free_size(Caps::DMA);
    assert!(
        (24 * 1024..24 * 1024 + 1004).contains(&left),
        "{left} bytes are left for DMA"
    );
    let dma = sim.exhaust(1000, Caps::DMA).len() * 1000;
    assert!(dma > 20 * 1024, "{dma} bytes were had by asking for DMA");
}

#[test]
fn a_reserve_is_a_quota_to_the_byte() {
    let mut sim = Sim::esp32();
    let free = sim.heaps.inspect().free_size(Caps::DMA);
    let charge = |size: u32| size + 4; // the block's header
    sim.heaps
        .set_reserve(reserve(Caps::DMA, free - charge(1000)))
        .unwrap();
    assert!(
        sim.heaps.malloc(1001, Caps::DEFAULT).is_err(),
        "one byte, rounded to a word, too many"
    );
    let block = sim.heaps.malloc(1000, Caps::DEFAULT).unwrap();
    let failure = sim.heaps.malloc(4, Caps::DEFAULT).unwrap_err();
    let reasons: Vec<_> = failure.candidates().map(|heap| heap.why).collect();
    let kept = SkipReason::Reserved {
        caps: Caps::DMA,
        bytes: free - charge(1000),
    };
    assert_eq!(
        reasons,
        [kept, kept, kept, kept, SkipReason::Lacks(Caps::DEFAULT)]
    );
    assert!(
        sim.heaps.malloc(4, Caps::DMA).is_ok(),
        "the reserve is for such requests"
    );
    sim.heaps.free(block).unwrap();
}

#[test]
fn no_small_or_aligned_block_eats_a_byte_of_a_reserve() {
    let mut sim = Sim::esp32();
    let kept = sim.heaps.inspect().free_size(Caps::DMA) - 1000;
    sim.heaps.set_reserve(reserve(Caps::DMA, kept)).unwrap();
    let mut served = 0;
    for round in 0..200 {
        let (alignment, size) = (4 << (round % 5), 1 + round % 7);
        served += u32::from(sim.heaps.aligned_alloc(alignment, size, Caps::BIT8).is_ok());
        assert!(
            sim.heaps.inspect().free_size(Caps::DMA) >= kept,
            "round {round}"
        );
    }
    assert!(
        (40..120).contains(&served),
        "{served} blocks out of 1000 bytes"
    );
}

#[test]
fn memory_outside_of_a_reserve_is_not_limited_by_it() {
    let mut sim = Sim::esp32();
    sim.heaps.set_reserve(reserve(Caps::DMA, u32::MAX)).unwrap();
    assert!(sim.heaps.malloc(4, Caps::BIT8).is_err());
    assert_eq!(sim.served_by(4, Caps::BIT32), Some(IRAM));
    assert_eq!(sim.served_by(4, Caps::DMA), Some(DRAM_LOW));
}

#[test]
fn a_request_must_name_all_capabilities_of_a_reserve() {
    let mut sim = Sim::esp32();
    sim.heaps
        .set_reserve(reserve(Caps::DMA | Caps::INTERNAL, u32::MAX))
        .unwrap();
    assert!(sim.heaps.malloc(4, Caps::DMA).is_err());
    assert!(
        sim.heaps
            .malloc(4, Caps::DMA | Caps::INTERNAL | Caps::BIT8)
            .is_ok()
    );
    assert!(
        sim.heaps
            .malloc(4, Caps::DMA_DESC_AHB | Caps::INTERNAL)
            .is_ok(),
        "descriptors are DMA memory"
    );
}

#[test]
fn growing_a_block_can_not_eat_a_reserve_either() {
    let mut sim = Sim::esp32();
    let block = sim.heaps.malloc(100, Caps::DEFAULT).unwrap();
    let free = sim.heaps.inspect().free_size(Caps::DMA);
    sim.heaps.set_reserve(reserve(Caps::DMA, free)).unwrap();
    assert!(sim.heaps.realloc(block, 104, Caps::DEFAULT).is_err());
    assert_eq!(
        sim.heaps.realloc(block, 100, Caps::DEFAULT),
        Ok(block),
        "as large as it is"
    );
    assert_eq!(
        sim.heaps.realloc(block, 50, Caps::DEFAULT),
        Ok(block),
        "smaller"
    );
    sim.heaps.set_reserve(reserve(Caps::DMA, 0)).unwrap();
    assert_eq!(
        sim.heaps.realloc(block, 104, Caps::DEFAULT),
        Ok(block),
        "the reserve has ended"
    );
}

#[test]
fn reserves_are_replaced_by_capabilities_and_are_few() {
    let mut sim = Sim::esp32();
    assert_eq!(
        sim.heaps.set_reserve(reserve(Caps::empty(), 1)),
        Err(ReserveError::NoCaps)
    );
    for (caps, bytes) in [
        (Caps::DMA, 1),
        (Caps::DMA, 2),
        (Caps::EXEC, 3),
        (Caps::BIT8, 4),
        (Caps::BIT32, 5),
    ] {
        sim.heaps.set_reserve(reserve(caps, bytes)).unwrap();
    }
    assert_eq!(
        sim.heaps.set_reserve(reserve(Caps::SPIRAM, 6)),
        Err(ReserveError::TableFull)
    );
    assert_eq!(
        sim.heaps.set_reserve(reserve(Caps::RTCRAM, 0)),
        Ok(()),
        "nothing to end"
    );
    sim.heaps.set_reserve(reserve(Caps::EXEC, 0)).unwrap();
    sim.heaps.set_reserve(reserve(Caps::SPIRAM, 6)).unwrap();
    let mut bytes: Vec<_> = sim
        .heaps
        .inspect()
        .reserves()
        .map(|reserve| reserve.bytes)
        .collect();
    bytes.sort_unstable();
    assert_eq!(bytes, [2, 4, 5, 6]);
}

#[test]
fn of_several_reserves_each_holds_and_one_that_ends_leaves_the_others() {
    for ended in [
        None,
        Some(Caps::RETENTION),
        Some(Caps::DMA),
        Some(Caps::EXEC),
    ] {
        let mut sim = Sim::esp32();
        // Bytes come from the heaps that have DMA; EXEC is kept aside.
        let free = sim.heaps.inspect().free_size(Caps::DMA);
        let kept = [
            reserve(Caps::EXEC, 4),
            reserve(Caps::DMA, free - 1000),
            reserve(Caps::DMA | Caps::INTERNAL, free - 2000),
        ];
        for reserve in kept {
            sim.heaps.set_reserve(reserve).unwrap();
        }
        if let Some(caps) = ended {
            sim.heaps.set_reserve(reserve(caps, 0)).unwrap();
        }
        let left: u32 = if ended == Some(Caps::DMA) { 2000 } else { 1000 };
        assert!(
            sim.heaps.malloc(left as usize, Caps::DEFAULT).is_err(),
            "{ended:?}"
        );
        let block = sim.heaps.malloc(left as usize - 4, Caps::DEFAULT);
        assert!(block.is_ok(), "{ended:?}");
        assert!(sim.heaps.malloc(1000, Caps::DMA | Caps::INTERNAL).is_ok());
    }
}

#[test]
fn esp_idfs_order_knows_no_reserves() {
    let mut sim: Sim = Sim::with(Policy::IdfExact, &ESP32.default_options(), ());
    sim.heaps.set_reserve(reserve(Caps::DMA, u32::MAX)).unwrap();
    assert_eq!(sim.served_by(4, Caps::DEFAULT), Some(DRAM_LOW));
}

/// Whether `malloc_default` goes to PSRAM.
fn external(sim: &mut Sim, size: usize) -> bool {
    let address = sim
        .heaps
        .allocate(&AllocRequest::in_default_memory(size))
        .unwrap();
    sim.heaps.free(address).unwrap();
    ESP32.is_external(address)
}

#[test]
fn sizes_above_the_threshold_are_external() {
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    assert!(!external(&mut sim, 100_000), "disabled after boot");
    sim.heaps.set_external_threshold(Some(16384));
    assert!(!external(&mut sim, 16384));
    assert!(external(&mut sim, 16385));
    sim.heaps.set_external_threshold(Some(0));
    assert!(external(&mut sim, 1));
    sim.heaps.set_external_threshold(None);
    assert!(!external(&mut sim, 16385));
}

#[test]
fn the_other_memory_is_used_when_the_preferred_one_is_full() {
    let mut sim = Sim::esp32_with_psram(0x1_0000);
    sim.heaps.set_external_threshold(Some(16384));
    assert!(
        !ESP32.is_external(
            sim.heaps
                .allocate(&AllocRequest::in_default_memory(100_000))
                .unwrap()
        ),
        "larger than PSRAM"
    );
    sim.exhaust(1024, INTERNAL_BYTES);
    assert!(
        ESP32.is_external(
            sim.heaps
                .allocate(&AllocRequest::in_default_memory(1024))
                .unwrap()
        )
    );
}

#[test]
fn without_a_threshold_malloc_never_uses_external_memory() {
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    sim.exhaust(64, INTERNAL_BYTES);
    let failure = sim
        .heaps
        .allocate(&AllocRequest::in_default_memory(64))
        .unwrap_err();
    assert_eq!((failure.caps, failure.attempts), (INTERNAL_BYTES, 1));
    sim.heaps.set_external_threshold(Some(16384));
    assert!(
        sim.heaps
            .allocate(&AllocRequest::in_default_memory(64))
            .is_ok()
    );
}

/// Defects: 12375.
#[test]
fn aligned_cleared_and_resized_blocks_follow_the_same_policy() {
    // ESP-IDF's memalign ignored it for years (#12375).
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    sim.heaps.set_external_threshold(Some(1000));
    let aligned = sim
        .heaps
        .allocate(&AllocRequest::in_default_memory(1001).aligned_to(64))
        .unwrap();
    let cleared = sim
        .heaps
        .allocate(
            &AllocRequest::array(1001, 1, Caps::empty())
                .placed(Placement::Default)
                .zeroed(),
        )
        .unwrap();
    assert!(ESP32.is_external(aligned) && ESP32.is_external(cleared) && aligned.is_multiple_of(64));
    let small = sim
        .heaps
        .reallocate(cleared, &AllocRequest::in_default_memory(1000))
        .unwrap();
    assert!(!ESP32.is_external(small));
    let large = sim
        .heaps
        .reallocate(small, &AllocRequest::in_default_memory(5000))
        .unwrap();
    assert!(ESP32.is_external(large));
    assert!(sim.bytes(large, 1000).iter().all(|&byte| byte == 0));
}

#[test]
fn preferences_are_tried_strictly_in_order() {
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    let choices = [Caps::SPIRAM, Caps::DMA];
    assert!(
        ESP32.is_external(
            sim.heaps
                .allocate(
                    &AllocRequest::new(100, Caps::empty()).placed(Placement::Prefer(&choices))
                )
                .unwrap()
        )
    );
    let dma_first = sim
        .heaps
        .allocate(
            &AllocRequest::new(100, Caps::empty())
                .placed(Placement::Prefer(&[Caps::DMA, Caps::SPIRAM])),
        )
        .unwrap();
    assert!(ESP32.is_dma_capable(dma_first));
    sim.exhaust(64, Caps::SPIRAM);
    assert!(
        ESP32.is_dma_capable(
            sim.heaps
                .allocate(
                    &AllocRequest::new(100, Caps::empty()).placed(Placement::Prefer(&choices))
                )
                .unwrap()
        )
    );
    let impossible_first = [
        Caps::EXEC | Caps::DMA,
        Caps::RETENTION,
        Caps::empty(),
        Caps::DMA,
    ];
    assert!(
        sim.heaps
            .allocate(
                &AllocRequest::array(10, 10, Caps::empty())
                    .placed(Placement::Prefer(&impossible_first))
                    .zeroed()
            )
            .is_ok()
    );
    assert_eq!(
        sim.heaps.reallocate(
            dma_first,
            &AllocRequest::new(90, Caps::empty())
                .placed(Placement::Prefer(&[Caps::RETENTION, Caps::BIT32]))
        ),
        Ok(dma_first)
    );
}

#[test]
fn a_list_of_preferences_fails_once_about_its_last() {
    let mut sim = Sim::esp32();
    let failure = sim
        .heaps
        .allocate(
            &AllocRequest::new(100, Caps::empty())
                .placed(Placement::Prefer(&[Caps::SPIRAM, Caps::RETENTION])),
        )
        .unwrap_err();
    assert_eq!(
        (
            failure.caps,
            failure.attempts,
            sim.heaps.inspect().failures()
        ),
        (Caps::RETENTION, 2, 1)
    );
    let none = sim
        .heaps
        .allocate(&AllocRequest::new(100, Caps::empty()).placed(Placement::Prefer(&[])))
        .unwrap_err();
    assert_eq!(
        (none.cause, none.attempts),
        (heap_caps::FailureKind::NoCaps, 0)
    );
}

#[test]
fn dma_memory_in_psram_is_refused_where_no_dma_engine_reaches_it() {
    let mut sim = Sim::esp32_with_psram(0x40_0000);
    assert!(sim.heaps.malloc(64, Caps::DMA | Caps::SPIRAM).is_err());
    let mut exact: Sim = Sim::with(Policy::IdfExact, &psram(0x40_0000), ());
    assert_eq!(
        exact.served_by(64, Caps::DMA | Caps::SPIRAM),
        Some(PSRAM),
        "as ESP-IDF has it"
    );
    assert!(
        exact
            .heaps
            .malloc(64, Caps::DMA_DESC_AHB | Caps::SPIRAM)
            .is_err(),
        "no descriptor can lie there"
    );
}
