//! Registration of memory, and every way in which it fails.

use crate::support::*;
use heap_caps::{
    AddRegionError, BootError, Booted, HeapCaps, Identity, MisuseKind, Policy, SimulatedMemory,
};
use multi_heap::{Comprehensive, Light, Unpoisoned};
use soc_regions::{Caps, ESP32, ESP32_V2_1, ESP32_V3_0, LayoutError, Span, chips, common};

const BYTES: [Caps; 3] = [Caps::BIT8, Caps::empty(), Caps::empty()];

#[test]
fn every_heap_of_a_booted_chip_is_one_merged_region_of_its_layout() {
    for chip in chips::all() {
        let psram = chip.options(&[common::PSRAM.of(0x20_0000)]).ok();
        for options in [Some(chip.default_options()), psram].into_iter().flatten() {
            let sim: Sim = Sim::booted(chip, Policy::Guaranteed, &options, ());
            let mut heaps: Vec<_> = sim
                .heaps
                .inspect()
                .heaps()
                .map(|heap| (heap.span, heap.columns, heap.active))
                .collect();
            let mut layout: Vec<_> = chip
                .available(&options, &chip.sample_symbols(&options))
                .unwrap()
                .map(|region| (region.span, region.caps, !region.startup_stack))
                .collect();
            heaps.sort_by_key(|(span, ..)| span.start());
            layout.sort_by_key(|(span, ..)| span.start());
            assert_eq!(heaps, layout, "{}", chip.name());
        }
    }
}

#[test]
fn boot_returns_what_it_made() {
    let memory = SimulatedMemory::new();
    let options = ESP32.default_options();
    let mut heaps: HeapCaps = HeapCaps::new(());
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    let booted = unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) };
    let bytes = 6432 + 184_632 + 15072 + 113_840 + 93108;
    assert_eq!(
        booted,
        Ok(Booted {
            heaps: 5,
            bytes,
            too_small: 0,
            too_small_bytes: 0
        })
    );
    // SAFETY: as above.
    let again = unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) };
    assert_eq!(again, Err(BootError::AlreadyBooted));
}

#[test]
fn a_remainder_too_small_for_a_heap_stays_unused() {
    let memory = SimulatedMemory::new();
    let options = ESP32.default_options();
    let symbols = (
        [("_iram_end", 0x400A_0000 - 24)],
        ESP32.sample_symbols(&options),
    );
    let mut heaps: HeapCaps = HeapCaps::new(());
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    let booted = unsafe { heaps.boot(&ESP32, &options, &symbols, &memory) }.unwrap();
    assert_eq!(
        (booted.heaps, booted.too_small, booted.too_small_bytes),
        (4, 1, 24)
    );
    assert!(heaps.malloc(4, Caps::EXEC).is_err());
}

#[test]
fn boot_registers_nothing_where_it_fails() {
    let options = ESP32.default_options();
    let mut small: HeapCaps<Unpoisoned, (), 4> = HeapCaps::new(());
    let memory = SimulatedMemory::new();
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    let full = unsafe { small.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) };
    assert_eq!(
        full,
        Err(BootError::TableFull {
            needed: 5,
            places: 4
        })
    );
    assert_eq!(small.inspect().heaps().count(), 0);

    let mut heaps: HeapCaps = HeapCaps::new(());
    let missing = |_: &str| None;
    // SAFETY: as above.
    let missing = unsafe { heaps.boot(&ESP32, &options, &missing, &memory) };
    assert!(
        matches!(
            missing,
            Err(BootError::Layout(LayoutError::MissingSymbol { .. }))
        ),
        "{missing:?}"
    );

    let taken = span(DRAM, DRAM + 4);
    assert!(heap_caps::Memory::region(&memory, taken).is_some());
    // SAFETY: as above.
    let unreachable =
        unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) };
    assert_eq!(
        unreachable,
        Err(BootError::Unreachable(span(DRAM, 0x3FFE_0000)))
    );
    assert_eq!(
        heaps.inspect().heaps().count(),
        0,
        "the heap below it is gone again"
    );
}

/// All thirteen relations of two intervals (Allen), and what becomes of a region in each.
#[test]
fn a_region_may_touch_a_heap_but_share_no_byte_with_it() {
    let heap = span(0x5000_1000, 0x5000_3000);
    let overlap = Err(AddRegionError::Overlap(heap));
    for (start, end, expected) in [
        (0x5000_0000, 0x5000_0800, Ok(())),  // before
        (0x5000_0000, 0x5000_1000, Ok(())),  // meets
        (0x5000_0000, 0x5000_2000, overlap), // overlaps
        (0x5000_0000, 0x5000_3000, overlap), // finished by
        (0x5000_0000, 0x5000_4000, overlap), // contains
        (0x5000_1000, 0x5000_2000, overlap), // starts
        (0x5000_1000, 0x5000_3000, Err(AddRegionError::Duplicate)), // equals
        (0x5000_1000, 0x5000_4000, overlap), // started by
        (0x5000_1800, 0x5000_2800, overlap), // during
        (0x5000_2000, 0x5000_3000, overlap), // finishes
        (0x5000_2000, 0x5000_4000, overlap), // overlapped by
        (0x5000_3000, 0x5000_4000, Ok(())),  // met by
        (0x5000_3800, 0x5000_4000, Ok(())),  // after
    ] {
        let mut sim = Sim::esp32();
        sim.add_with_caps(BYTES, heap.start(), heap.end()).unwrap();
        let before = sim.heaps.inspect().heaps().count();
        let added = sim.add_with_caps(BYTES, start, end).map(|_| ());
        assert_eq!(added, expected, "{start:X}..{end:X}");
        assert_eq!(
            sim.heaps.inspect().heaps().count(),
            before + usize::from(expected.is_ok())
        );
    }
}

/// Memory of an allocated block.
struct BlockMemory(std::ptr::NonNull<u8>, Span);

// SAFETY: a test makes one for bytes of a block that it has and does not use otherwise.
unsafe impl heap_caps::Memory for BlockMemory {
    const CONGRUENT: u32 = 4;

    fn region(&self, span: Span) -> Option<std::ptr::NonNull<[u8]>> {
        let offset = span.start().checked_sub(self.1.start())? as usize;
        let first = std::ptr::NonNull::new(self.0.as_ptr().wrapping_add(offset))?;
        self.1
            .contains_span(span)
            .then(|| std::ptr::NonNull::slice_from_raw_parts(first, span.size() as usize))
    }
}

#[test]
fn a_heap_may_lie_in_a_block_of_another_heap() {
    fn nests<P: multi_heap::Poison>(policy: Policy) {
        const FIRST: Caps = Caps::RTCRAM;
        const SECOND: Caps = Caps::RETENTION;
        let columns = |caps| [caps, Caps::empty(), Caps::empty()];
        let mut sim: Sim<P> = Sim::with(policy, &ESP32.default_options(), ());
        let before = sim.heaps.malloc(40, Caps::DMA).unwrap();
        let block = sim.heaps.malloc(4000, Caps::DMA).unwrap();
        let behind = sim.heaps.malloc(40, Caps::DMA).unwrap();
        let usable = sim.heaps.inspect().usable_size(block).unwrap();
        let bytes = span(block, block + usable);
        let memory = BlockMemory(sim.heaps.inspect().pointer(block).unwrap(), bytes);
        let mut add = |caps, start, end| {
            // SAFETY: the block is the test's, which uses it for nothing else.
            let added = unsafe {
                sim.heaps
                    .add_region_with_caps(columns(caps), span(start, end), &memory)
            };
            added.map(|heap| heap.get())
        };
        let refused =
            |added: Result<usize, AddRegionError>| matches!(added, Err(AddRegionError::Overlap(_)));
        assert!(refused(add(FIRST, block - 4, block + 2000)), "the header");
        assert!(
            refused(add(FIRST, block + 2000, block + usable + 8)),
            "the next block"
        );
        let first = add(FIRST, block, block + 2000).unwrap();
        assert_eq!(
            add(FIRST, block, block + 2000),
            Err(AddRegionError::Duplicate)
        );
        assert!(
            refused(add(FIRST, block + 1000, block + 3000)),
            "a neighbour's memory"
        );
        assert!(
            refused(add(FIRST, block, block + usable)),
            "a neighbour inside"
        );
        let second = add(SECOND, block + 2000, block + usable).unwrap();

        let [inner, other] = [FIRST, SECOND].map(|caps| sim.heaps.malloc(1000, caps).unwrap());
        assert_eq!(
            sim.heaps.inspect().heap_at(inner).unwrap().index.get(),
            first
        );
        assert_eq!(
            sim.heaps.inspect().heap_at(other).unwrap().index.get(),
            second
        );
        assert!(sim.heaps.inspect().usable_size(inner).unwrap() >= 1000);
        let heap_of_heaps = sim.heaps.free(block).unwrap_err();
        assert_eq!(
            heap_of_heaps.kind,
            MisuseKind::NotABlock,
            "its memory is a heap"
        );
        for address in [inner, before, other, behind] {
            assert_eq!(sim.heaps.free(address), Ok(()));
        }
        assert!(sim.heaps.free(inner).is_err(), "already free");
        assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
        let later = sim.heaps.malloc(40, Caps::DMA).unwrap();
        assert_eq!(sim.heaps.free(later), Ok(()));
    }
    for policy in [Policy::Guaranteed, Policy::IdfExact] {
        nests::<Unpoisoned>(policy);
        nests::<Light>(policy);
        nests::<Comprehensive>(policy);
    }
}

#[test]
fn a_heap_that_waits_for_the_startup_stacks_is_in_the_way_too() {
    let mut sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &ESP32.default_options(), ());
    let waiting = span(DIRAM, 0x4000_0000);
    assert_eq!(
        sim.add(DIRAM + 0x100, DIRAM + 0x200),
        Err(AddRegionError::Overlap(waiting))
    );
}

#[test]
fn a_region_off_the_word_grid_becomes_a_heap_of_its_whole_words() {
    let mut sim = Sim::esp32();
    assert!(sim.add_with_caps(BYTES, 0x5000_0001, 0x5000_0FFF).is_ok());
    let heap = sim.heaps.inspect().heap_at(0x5000_0004).unwrap();
    assert_eq!(heap.span, span(0x5000_0004, 0x5000_0FFC));
    let beside = sim.add_with_caps(BYTES, 0x5000_0FFD, 0x5000_1FFE);
    assert!(beside.is_ok(), "the left-out word belongs to nobody");
    assert_eq!(
        sim.add_with_caps(BYTES, 0x5000_0003, 0x5000_0FFE),
        Err(AddRegionError::Duplicate),
        "the same words"
    );
}

#[test]
fn every_other_reason_against_a_region_is_distinguished() {
    let mut sim = Sim::esp32();
    assert!(matches!(
        sim.add_with_caps(BYTES, 0x5000_0001, 0x5000_0007),
        Err(AddRegionError::TooSmall { .. })
    ));
    assert_eq!(
        sim.add_with_caps([Caps::empty(); 3], 0x5000_0000, 0x5000_1000),
        Err(AddRegionError::NoCaps)
    );
    let Err(AddRegionError::TooSmall { needed }) =
        sim.add_with_caps(BYTES, 0x5000_0000, 0x5000_0010)
    else {
        panic!("16 bytes are no heap")
    };
    assert_eq!(
        sim.add_with_caps(BYTES, 0x5002_0000, 0x5002_0000 + needed)
            .map(|_| ()),
        Ok(()),
        "as many bytes as the error said"
    );
    assert_eq!(
        sim.add_with_caps(BYTES, 0x6000_0000, 0x6810_0000),
        Err(AddRegionError::TooLarge)
    );
    assert_eq!(
        sim.add(0x5000_4000, 0x5000_5000),
        Err(AddRegionError::UnknownAddress(0x5000_4000))
    );
    assert_eq!(
        sim.add(0x3FFA_E000, 0x3FFA_E100).map(|_| ()),
        Ok(()),
        "reserved, but memory of the chip"
    );
    let past_the_end = sim.add(0x3FFA_E200, 0x3FFA_E6E4);
    assert_eq!(
        past_the_end,
        Err(AddRegionError::Overlap(span(DRAM_LOW, 0x3FFB_0000)))
    );
    assert_eq!(sim.heaps.inspect().heaps().count(), 7);
    assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
}

#[test]
fn memory_without_a_chip_behind_it_is_unknown_until_boot() {
    let mut heaps: HeapCaps = HeapCaps::new(());
    let memory = SimulatedMemory::new();
    let region = span(0x3FFB_0000, 0x3FFB_1000);
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    let unknown = unsafe { heaps.add_region(region, &memory) };
    assert_eq!(unknown, Err(AddRegionError::UnknownAddress(0x3FFB_0000)));
    // SAFETY: as above.
    let known = unsafe { heaps.add_region_with_caps(BYTES, region, &memory) };
    assert_eq!(known.map(|heap| heap.get()), Ok(0));
    assert!(heaps.malloc(100, Caps::BIT8).is_ok());
}

#[test]
fn a_region_must_be_of_one_type_from_end_to_end() {
    let options = ESP32.default_options();
    let symbols = (
        [("_heap_start", 0x3FFE_0000)],
        ESP32.sample_symbols(&options),
    );
    let memory = SimulatedMemory::new();
    let mut heaps: HeapCaps = HeapCaps::new(());
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    unsafe { heaps.boot(&ESP32, &options, &symbols, &memory) }.unwrap();
    // SAFETY: as above.
    let mut add = |start, end| unsafe { heaps.add_region(span(start, end), &memory) };
    assert_eq!(
        add(0x3FFD_F000, 0x3FFE_0100),
        Err(AddRegionError::MixedTypes(0x3FFE_0000))
    );
    assert_eq!(
        add(0x3FFA_F000, 0x3FFA_F004).unwrap_err(),
        AddRegionError::Overlap(span(DRAM_LOW, 0x3FFB_0000))
    );
    assert!(
        add(0x3FFC_1000, 0x3FFC_5000).is_ok(),
        "over three rows of one type"
    );
}

#[test]
fn the_table_says_when_it_is_full() {
    let memory = SimulatedMemory::new();
    let mut heaps: HeapCaps<Unpoisoned, (), 2> = HeapCaps::new(());
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    let mut add =
        |start| unsafe { heaps.add_region_with_caps(BYTES, span(start, start + 0x800), &memory) };
    assert!(add(0x1000).is_ok() && add(0x2000).is_ok());
    assert_eq!(add(0x3000), Err(AddRegionError::TableFull { places: 2 }));
    let left = heap_caps::Memory::region(&memory, span(0x3000, 0x3800));
    assert!(left.is_some(), "it was not asked for");
}

#[test]
fn memory_that_was_given_away_is_not_given_again() {
    let mut sim = Sim::esp32();
    let region = span(0x5000_0000, 0x5000_1000);
    assert!(heap_caps::Memory::region(&sim.memory, region).is_some());
    assert_eq!(
        sim.add_with_caps(BYTES, 0x5000_0000, 0x5000_1000),
        Err(AddRegionError::Unreachable)
    );
    let null = heap_caps::Memory::region(&Identity, span(0, 0x1000));
    assert_eq!(null, None, "no heap begins at address 0");
}

#[test]
fn the_smallest_region_that_registers_can_also_allocate() {
    fn smallest<P: multi_heap::Poison>() {
        let memory = SimulatedMemory::dirty(0x5A);
        let mut heaps: HeapCaps<P, (), 1> = HeapCaps::new(());
        let registers = |size: &u32| {
            let region = span(0x1000 * size, 0x1000 * size + size);
            // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
            unsafe { heaps.add_region_with_caps(BYTES, region, &memory) }.is_ok()
        };
        let smallest = (4..1024).step_by(4).find(registers);
        let address = heaps.malloc(1, Caps::BIT8).expect(P::NAME);
        assert_eq!(heaps.free(address), Ok(()), "in {smallest:?} bytes");
    }
    smallest::<Unpoisoned>();
    smallest::<Light>();
    smallest::<Comprehensive>();
}

#[test]
fn older_generations_boot_with_their_own_types() {
    let types = |chip: &'static soc_regions::Chip| -> Vec<_> {
        let sim: Sim = Sim::booted(chip, Policy::IdfExact, &chip.default_options(), ());
        sim.heaps
            .inspect()
            .heaps()
            .map(|heap| (heap.span.start(), heap.name, heap.tag.unwrap().index()))
            .collect()
    };
    let names =
        |rows: &[(u32, &'static str, usize)]| rows.iter().map(|row| row.2).collect::<Vec<_>>();
    assert_eq!(names(&types(&ESP32_V3_0)), [0, 0, 1, 1, 2]);
    assert_eq!(names(&types(&ESP32_V2_1)), [0, 0, 1, 1, 2]);
}
