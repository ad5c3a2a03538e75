//! Sizes, alignments and addresses at and beyond the limits of what can be asked.

use crate::support::*;
use heap_caps::{
    AllocRequest, FailureKind, Misuse, MisuseKind, PendingMove, Placement, Policy, ReallocateError,
    Reallocation,
};
use multi_heap::Comprehensive;
use soc_regions::{Caps, ESP32};

const ANY: Caps = Caps::BIT8;

#[test]
fn nothing_is_no_request() {
    let mut sim = Sim::esp32();
    let block = sim.heaps.malloc(8, ANY).unwrap();
    assert_eq!(
        sim.heaps.malloc(0, ANY).unwrap_err().cause,
        FailureKind::ZeroSize
    );
    assert_eq!(
        sim.heaps.calloc(0, 8, ANY).unwrap_err().cause,
        FailureKind::ZeroSize
    );
    assert_eq!(
        sim.heaps.calloc(8, 0, ANY).unwrap_err().cause,
        FailureKind::ZeroSize
    );
    assert_eq!(
        sim.heaps.calloc(0, usize::MAX, ANY).unwrap_err().cause,
        FailureKind::ZeroSize
    );
    assert_eq!(
        sim.heaps.aligned_alloc(3, 0, ANY).unwrap_err().cause,
        FailureKind::ZeroSize,
        "before the alignment is looked at"
    );
    assert_eq!(
        sim.heaps.malloc(0, Caps::empty()).unwrap_err().cause,
        FailureKind::ZeroSize,
        "before the capabilities are"
    );
    assert_eq!(
        sim.heaps
            .allocate(&AllocRequest::in_default_memory(0))
            .unwrap_err()
            .cause,
        FailureKind::ZeroSize
    );
    assert_eq!(
        sim.heaps
            .allocate(&AllocRequest::new(0, Caps::empty()).placed(Placement::Prefer(&[ANY, ANY])))
            .unwrap_err()
            .cause,
        FailureKind::ZeroSize
    );
    let resized = sim.heaps.realloc(block, 0, ANY).unwrap_err();
    assert!(matches!(
        resized,
        ReallocateError::Failure(failure) if failure.cause == FailureKind::ZeroSize
    ));
    assert_eq!(
        sim.heaps.inspect().usable_size(block),
        Ok(8),
        "the block is still there"
    );
    assert_eq!(
        (
            sim.heaps.inspect().failures(),
            sim.heaps.inspect().last_failure()
        ),
        (0, None),
        "none of it is a failure"
    );
}

#[test]
fn sizes_near_the_end_of_the_number_line_are_refused() {
    let mut sim = Sim::esp32();
    let before = sim.heaps.inspect().info(Caps::empty());
    for size in (0..70).flat_map(|less| {
        [
            usize::MAX - less,
            u32::MAX as usize - less,
            (1 << 31) - less,
            (1 << 30) + less,
        ]
    }) {
        for caps in [
            ANY,
            Caps::EXEC,
            Caps::EXEC | Caps::DEFAULT,
            Caps::BIT32,
            Caps::DMA,
        ] {
            assert!(sim.heaps.malloc(size, caps).is_err(), "{size:X}");
            assert!(sim.heaps.aligned_alloc(64, size, caps).is_err(), "{size:X}");
        }
    }
    assert_eq!(sim.heaps.inspect().info(Caps::empty()), before);
}

#[test]
fn a_product_that_overflows_is_refused_and_told_as_such() {
    let mut sim = Sim::esp32();
    for (count, size) in [
        (usize::MAX, 2),
        (2, usize::MAX),
        (1 << (usize::BITS / 2), 1 << (usize::BITS / 2)),
    ] {
        let failure = sim.heaps.calloc(count, size, ANY).unwrap_err();
        assert_eq!(
            (failure.cause, failure.size),
            (FailureKind::TooLarge, usize::MAX),
            "{count} times {size}"
        );
    }
}

#[test]
fn alignments_are_powers_of_two_and_kept() {
    let mut sim = Sim::esp32();
    for alignment in [0, 3, 6, 12, 24, 100, usize::MAX] {
        let failure = sim.heaps.aligned_alloc(alignment, 16, ANY).unwrap_err();
        assert_eq!(failure.cause, FailureKind::BadAlignment, "{alignment}");
    }
    for alignment in (0..16).map(|bit| 1_usize << bit) {
        let address = sim.heaps.aligned_alloc(alignment, 16, ANY).unwrap();
        assert_eq!(address as usize % alignment, 0, "{alignment}");
    }
    assert_eq!(
        sim.heaps.aligned_alloc(1 << 20, 16, ANY).unwrap_err().cause,
        FailureKind::NoMemory
    );
    assert_eq!(
        sim.heaps.aligned_alloc(1 << 29, 16, ANY).unwrap_err().cause,
        FailureKind::TooLarge
    );
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
}

#[test]
fn a_resized_block_keeps_the_alignment_that_is_named() {
    let mut sim = Sim::esp32();
    let mut address = sim.heaps.aligned_alloc(64, 100, ANY).unwrap();
    sim.fill(address, 100, 0x5C);
    for size in [200, 1000, 40, 3000, 64, 5000] {
        let _in_the_way = sim.heaps.malloc(20, ANY).unwrap();
        address = sim
            .heaps
            .reallocate(address, &AllocRequest::new(size, ANY).aligned_to(64))
            .unwrap();
        assert_eq!(address % 64, 0);
        assert_eq!(sim.bytes(address, 40), [0x5C; 40]);
    }
    let failure = sim
        .heaps
        .reallocate(address, &AllocRequest::new(10, ANY).aligned_to(48))
        .unwrap_err();
    assert!(matches!(
        failure,
        ReallocateError::Failure(failure) if failure.cause == FailureKind::BadAlignment
    ));
}

#[test]
fn sets_of_capabilities_that_mean_nothing_are_refused() {
    let mut sim = Sim::esp32();
    for (caps, cause) in [
        (Caps::empty(), FailureKind::NoCaps),
        (Caps::CACHE_ALIGNED, FailureKind::NoCaps),
        (Caps::INVALID, FailureKind::InvalidCaps),
        (Caps::INVALID | ANY, FailureKind::InvalidCaps),
        (Caps::all(), FailureKind::InvalidCaps),
        (Caps::from_bits_retain(1 << 30), FailureKind::NoMemory),
    ] {
        assert_eq!(
            sim.heaps.malloc(16, caps).unwrap_err().cause,
            cause,
            "{caps}"
        );
    }
}

#[test]
fn cleared_memory_is_zero_whatever_was_there() {
    let mut sim = Sim::esp32();
    let dirty = sim.heaps.malloc(1000, ANY).unwrap();
    sim.fill(dirty, 1000, 0xEE);
    sim.heaps.free(dirty).unwrap();
    let cleared = sim.heaps.calloc(7, 141, ANY).unwrap();
    assert_eq!(sim.bytes(cleared, 987), [0; 987]);
}

#[test]
fn a_failed_reallocation_leaves_the_block_as_it_was() {
    let mut sim = Sim::esp32();
    let block = sim.heaps.malloc(100, ANY).unwrap();
    sim.fill(block, 100, 0x77);
    for (size, caps) in [
        (1_000_000, ANY),
        (200, Caps::RETENTION),
        (200, Caps::INVALID),
        (usize::MAX, ANY),
        (200, Caps::EXEC | ANY),
    ] {
        assert!(
            matches!(
                sim.heaps.realloc(block, size, caps),
                Err(ReallocateError::Failure(_))
            ),
            "{size} with {caps}"
        );
        assert_eq!(sim.heaps.inspect().usable_size(block), Ok(100));
        assert_eq!(sim.bytes(block, 100), [0x77; 100]);
    }
}

#[test]
fn between_heaps_only_what_both_blocks_have_is_copied() {
    // ESP-IDF until v3.1 copied the old length over the smaller new block (#1582).
    let mut sim = Sim::esp32_with_psram(0x10_0000);
    let block = sim.heaps.malloc(1000, Caps::DMA).unwrap();
    sim.fill(block, 1000, 0x31);
    let guards = [4, 4].map(|size| sim.heaps.malloc(size, Caps::SPIRAM).unwrap());
    guards.iter().for_each(|&guard| sim.fill(guard, 4, 0x99));
    sim.heaps.free(guards[0]).unwrap();
    let small = sim.heaps.realloc(block, 4, Caps::SPIRAM).unwrap();
    assert_eq!((small, sim.bytes(small, 4)), (guards[0], vec![0x31; 4]));
    assert_eq!(
        sim.bytes(guards[1], 4),
        [0x99; 4],
        "its neighbour is untouched"
    );
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
}

#[test]
fn empty_capabilities_keep_a_block_in_memory_like_its_own() {
    let mut sim = Sim::esp32_with_psram(0x10_0000);
    for caps in [
        Caps::SPIRAM,
        Caps::BIT32,
        Caps::DMA,
        Caps::EXEC | Caps::DEFAULT,
        Caps::EXEC,
    ] {
        let block = sim.heaps.malloc(100, caps).unwrap();
        let _in_the_way = sim.heaps.malloc(100, caps).unwrap();
        let grown = sim.heaps.realloc(block, 5000, Caps::empty()).unwrap();
        let name = |address| {
            let data = soc_regions::ESP32.to_data_bus(address).unwrap_or(address);
            sim.heaps.inspect().heap_at(data).unwrap().name
        };
        assert_eq!(name(grown), name(block), "{caps}");
    }
}

#[test]
fn empty_capabilities_do_not_turn_code_into_data() {
    let mut sim = Sim::esp32();
    let code = sim.heaps.malloc(100, Caps::EXEC).unwrap();
    sim.exhaust(64, Caps::EXEC | Caps::INTERNAL);
    let grown = sim.heaps.realloc(code, 5000, Caps::empty());
    assert!(
        grown.is_err(),
        "there is no more memory for code, but much for data"
    );
}

fn kind(result: Result<(), Misuse>) -> MisuseKind {
    result.unwrap_err().kind
}

#[test]
fn addresses_that_were_not_handed_out_are_refused() {
    let mut sim: Sim = Sim::booted(
        &soc_regions::ESP32,
        heap_caps::Policy::Guaranteed,
        &psram(0x1_0000),
        (),
    );
    let block = sim.heaps.malloc(64, ANY).unwrap();
    let before = sim.heaps.inspect().info(Caps::empty());
    for address in [
        0,
        4,
        0x3FFA_E000,
        0x3FF8_0000,
        0x4000_0000,
        0x400C_0000,
        PSRAM + 0x1_0000,
        u32::MAX,
        u32::MAX - 3,
    ] {
        assert_eq!(
            kind(sim.heaps.free(address)),
            MisuseKind::OutsideEveryHeap,
            "{address:08X}"
        );
        assert!(sim.heaps.inspect().usable_size(address).is_err());
        assert!(matches!(
            sim.heaps.realloc(address, 8, ANY),
            Err(ReallocateError::Misuse(_))
        ));
    }
    assert_eq!(kind(sim.heaps.free(DIRAM + 64)), MisuseKind::Inactive);
    for address in [block + 1, block + 2, block + 3] {
        assert_eq!(kind(sim.heaps.free(address)), MisuseKind::Unaligned);
    }
    for address in [DRAM_LOW, DRAM_LOW + 4, DRAM, DRAM + 8] {
        assert_eq!(
            kind(sim.heaps.free(address)),
            MisuseKind::NotABlock,
            "{address:08X}: the heap's own bookkeeping"
        );
    }
    assert_eq!(sim.heaps.inspect().info(Caps::empty()), before);
    assert_eq!(sim.heaps.free(block), Ok(()));
    assert_eq!(kind(sim.heaps.free(block)), MisuseKind::AlreadyFree);
    assert!(matches!(
        sim.heaps.realloc(block, 8, ANY),
        Err(ReallocateError::Misuse(misuse)) if misuse.kind == MisuseKind::AlreadyFree
    ));
    let again = sim.heaps.free(block).unwrap_err();
    assert_eq!(
        again.to_string(),
        format!("0x{block:08X}: already free (double free) (heap at 0x{DRAM_LOW:08X})")
    );
}

#[test]
fn a_block_is_found_from_any_address_inside_it() {
    let mut sim = Sim::esp32();
    let block = sim.heaps.malloc(64, ANY).unwrap();
    for address in block..block + 64 {
        assert_eq!(
            sim.heaps
                .inspect()
                .block_containing(address)
                .map(|block| block.address),
            Some(block)
        );
    }
    assert_eq!(
        sim.heaps.inspect().block_containing(block + 64 + 8),
        None,
        "free memory"
    );
    assert_eq!(sim.heaps.inspect().block_containing(0), None);
}

#[test]
fn pointers_and_addresses_are_two_names_of_one_byte() {
    let mut sim = Sim::esp32();
    let block = sim.heaps.aligned_alloc(4096, 64, ANY).unwrap();
    let pointer = sim.heaps.inspect().pointer(block).unwrap();
    assert_eq!(
        pointer.addr().get() % 4096,
        0,
        "aligned on the chip, aligned here"
    );
    assert_eq!(
        sim.heaps.inspect().address_of(pointer.as_ptr()),
        Some(block)
    );
    assert_eq!(sim.heaps.inspect().pointer(0), None);
    assert_eq!(sim.heaps.inspect().address_of(core::ptr::null()), None);
}

/// A comprehensively poisoned block of 400 bytes, all ones; and its resize to `size`, begun.
fn resized_in_phases(size: usize) -> (Sim<Comprehensive>, u32, PendingMove<Comprehensive>) {
    let mut sim = Sim::<Comprehensive>::with(Policy::Guaranteed, &ESP32.default_options(), ());
    let block = sim.heaps.malloc(400, ANY).unwrap();
    for at in (0..400).step_by(4) {
        assert!(sim.set_word(block + at, 0x0101_0101));
    }
    let request = AllocRequest::new(size, ANY);
    let Reallocation::Moving(moving) = sim
        .heaps
        .phases()
        .begin_reallocate(block, &request)
        .unwrap()
    else {
        panic!("there are bytes to fill")
    };
    assert_eq!(moving.allocated().address, block, "where it lies");
    (sim, block, moving)
}

#[test]
fn what_a_block_gives_up_is_filled_between_the_phases() {
    let (mut sim, block, moving) = resized_in_phases(100);
    assert_eq!(sim.heaps.inspect().usable_size(block), Ok(400));
    assert_eq!(sim.bytes(block, 400), [1; 400], "not in the first phase");
    // SAFETY: the block is the test's, the simulated memory still there.
    let copied = unsafe { moving.copy() }.unwrap();
    assert_eq!(sim.bytes(block, 100), [1; 100]);
    assert_eq!(sim.bytes(block + 100, 300), [0xFE; 300]);
    let request = AllocRequest::new(100, ANY);
    assert_eq!(sim.heaps.phases().finish_move(copied, &request), Ok(block));
    assert_eq!(sim.heaps.inspect().usable_size(block), Ok(100));
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
    assert!(sim.heaps.malloc(280, ANY).is_ok(), "the tail verifies");
}

#[test]
fn what_a_block_gains_is_marked_between_the_phases() {
    let (mut sim, block, moving) = resized_in_phases(1000);
    assert_eq!(sim.heaps.inspect().usable_size(block), Ok(1000));
    let gained = sim.bytes(block + 500, 300);
    assert_eq!(gained, [0xFE; 300], "not in the first phase");
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
    // SAFETY: the block is the test's, the simulated memory still there.
    let copied = unsafe { moving.copy() }.unwrap();
    assert_eq!(sim.bytes(block, 400), [1; 400]);
    assert_eq!(sim.bytes(block + 400, 600), [0xCE; 600]);
    let request = AllocRequest::new(1000, ANY);
    assert_eq!(sim.heaps.phases().finish_move(copied, &request), Ok(block));
    assert_eq!(sim.heaps.inspect().usable_size(block), Ok(1000));
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
}

#[test]
fn the_phases_can_be_taken_one_by_one() {
    let mut sim = Sim::esp32();
    let request = AllocRequest::new(100, ANY).zeroed();
    let taken = sim.heaps.phases().allocate_any(&request).unwrap();
    let pending = sim.heaps.phases().pending(taken, &request);
    // SAFETY: nothing else refers to the block.
    let block = unsafe { pending.finish() }.unwrap();
    let _in_the_way = sim.heaps.malloc(16, ANY).unwrap();
    let bigger = AllocRequest::new(1000, ANY);
    let Reallocation::Moving(moving) = sim.heaps.phases().begin_reallocate(block, &bigger).unwrap()
    else {
        panic!("there is no room in place")
    };
    // SAFETY: the blocks are the test's, the simulated memory still there.
    let copied = unsafe { moving.copy() }.unwrap();
    let moved = sim.heaps.phases().finish_move(copied, &bigger).unwrap();
    assert_eq!(sim.bytes(moved, 100), [0; 100]);
    let pending = sim.heaps.phases().begin_free(moved).unwrap();
    // SAFETY: the test uses the block no more.
    let filled = unsafe { pending.fill() };
    assert_eq!(sim.heaps.phases().finish_free(filled), Ok(()));
    assert!(sim.heaps.free(moved).is_err(), "once");
}

#[test]
fn a_block_grows_into_the_one_before_it_unless_it_is_aligned() {
    fn grows<P: multi_heap::Poison>() {
        let mut sim = Sim::<P>::with(Policy::Guaranteed, &ESP32.default_options(), ());
        let [below, block, _] = [120, 100, 100].map(|size| sim.heaps.malloc(size, ANY).unwrap());
        sim.fill(block, 100, 0x5A);
        sim.heaps.free(below).unwrap();
        let aligned = AllocRequest::new(180, ANY).aligned_to(64);
        let apart = sim.heaps.reallocate(block, &aligned).unwrap();
        assert!(apart.is_multiple_of(64) && apart != below);
        let [below, block, _] = [120, 100, 100].map(|size| sim.heaps.malloc(size, ANY).unwrap());
        sim.fill(block, 100, 0x5A);
        sim.heaps.free(below).unwrap();
        assert_eq!(sim.heaps.realloc(block, 180, ANY), Ok(below));
        assert_eq!(sim.bytes(below, 100), [0x5A; 100]);
        assert_eq!(sim.heaps.inspect().usable_size(below), Ok(180));
        sim.heaps.free(below).unwrap();
    }
    grows::<multi_heap::Unpoisoned>();
    grows::<Comprehensive>();
}
