//! A program's own table of tagged regions, as ESP-IDF v2.1 (2016) took it.

use heap_caps::{
    AddRegionError, AllocRequest, BootError, FailureKind, HeapCaps, Placement, Policy,
    SimulatedMemory, TaggedRegion,
};
use soc_regions::{Caps, ESP32_V2_1, Span, TypeIndex};

const TAG_DRAM: TypeIndex = TypeIndex(0);
const TAG_DIRAM: TypeIndex = TypeIndex(1);
const TAG_IRAM: TypeIndex = TypeIndex(2);
const TAG_PID4_IRAM: TypeIndex = TypeIndex(5);
const TAG_PID4_DRAM: TypeIndex = TypeIndex(11);

const DRAM_A: Span = Span::new(0x3FFB_0000, 0x3FFB_1000).unwrap();
const DRAM_B: Span = Span::new(0x3FFB_1000, 0x3FFB_2000).unwrap();
const DIRAM: Span = Span::new(0x3FFE_8000, 0x3FFE_9000).unwrap();
const IRAM: Span = Span::new(0x4009_0000, 0x4009_1000).unwrap();
/// Where the instruction bus sees `DIRAM`: the formula of the ESP32, 0x400A_0000 + (0x4000_0000 -
/// end).
const DIRAM_CODE: u32 = 0x400B_7000;

fn region(tag: TypeIndex, span: Span) -> TaggedRegion {
    TaggedRegion::of(&ESP32_V2_1, tag, span).unwrap()
}

struct Tagged {
    heaps: HeapCaps,
    memory: SimulatedMemory, // dropped after the heaps
}

impl Tagged {
    fn nothing() -> Self {
        Self {
            heaps: HeapCaps::with_policy((), Policy::Tagged2016),
            memory: SimulatedMemory::dirty(0x5A),
        }
    }

    fn define(&mut self, table: &[TaggedRegion]) -> Result<heap_caps::Booted, BootError> {
        // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
        unsafe {
            self.heaps
                .define_tagged_regions(table.iter().copied(), &self.memory)
        }
    }

    fn of(table: &[TaggedRegion]) -> Self {
        let mut tagged = Self::nothing();
        tagged.define(table).unwrap();
        tagged
    }

    fn refusal(table: &[TaggedRegion]) -> BootError {
        let mut tagged = Self::nothing();
        let refusal = tagged.define(table).unwrap_err();
        assert_eq!(tagged.heaps.inspect().heaps().count(), 0, "all or nothing");
        refusal
    }

    /// The start of the heap in which a block lies.
    fn home(&self, address: u32) -> u32 {
        self.heaps.inspect().heap_at(address).unwrap().span.start()
    }

    fn enable(&mut self) -> usize {
        // SAFETY: nobody stands on simulated stacks.
        unsafe { self.heaps.enable_startup_stack_heaps(&self.memory) }
    }
}

#[test]
fn each_region_is_a_heap_of_its_own_and_a_tag_is_served_by_address() {
    let table = [
        region(TAG_DRAM, DRAM_A),
        region(TAG_DRAM, DRAM_B),
        region(TAG_IRAM, IRAM),
    ];
    let mut tagged = Tagged::of(&table);
    let whole = tagged
        .heaps
        .inspect()
        .heaps()
        .next()
        .unwrap()
        .info
        .largest_free_block as usize;
    let first = tagged
        .heaps
        .allocate(&AllocRequest::new(whole, Caps::empty()).placed(Placement::Tag(TAG_DRAM)))
        .unwrap();
    let second = tagged
        .heaps
        .allocate(&AllocRequest::new(16, Caps::empty()).placed(Placement::Tag(TAG_DRAM)))
        .unwrap();
    assert_eq!(
        [tagged.home(first), tagged.home(second)],
        [DRAM_A.start(), DRAM_B.start()]
    );
    assert_eq!(
        tagged
            .heaps
            .allocate(&AllocRequest::new(whole, Caps::empty()).placed(Placement::Tag(TAG_DRAM)))
            .unwrap_err()
            .cause,
        FailureKind::TagExhausted(TAG_DRAM),
        "neighbours of one tag are not merged"
    );
    let words = tagged
        .heaps
        .allocate(&AllocRequest::new(5, Caps::empty()).placed(Placement::Tag(TAG_IRAM)))
        .unwrap();
    assert_eq!(tagged.home(words), IRAM.start());
    assert_eq!(
        tagged.heaps.inspect().usable_size(words),
        Ok(8),
        "whole words, as IRAM takes them"
    );
}

#[test]
fn the_tag_of_the_startup_stacks_is_open_by_tag_at_once_and_by_capability_when_enabled() {
    let mut tagged = Tagged::of(&[region(TAG_DIRAM, DIRAM)]);
    let by_tag = tagged
        .heaps
        .allocate(&AllocRequest::new(16, Caps::empty()).placed(Placement::Tag(TAG_DIRAM)))
        .unwrap();
    let refused = tagged.heaps.malloc(16, Caps::BIT8).unwrap_err();
    assert_eq!(refused.cause, FailureKind::NoMemory);
    assert!(refused.to_string().contains("start-up stack"), "{refused}");
    let free = tagged.heaps.inspect().tag_free_size(TAG_DIRAM);
    assert_eq!(
        tagged.heaps.inspect().free_size_of_any(Caps::BIT8),
        free,
        "counted all along"
    );

    assert_eq!((tagged.enable(), tagged.enable()), (1, 0));
    let by_caps = tagged.heaps.malloc(16, Caps::BIT8).unwrap();
    assert_eq!(tagged.home(by_caps), tagged.home(by_tag));
}

#[test]
fn memory_of_a_process_is_reached_by_its_pid_and_before_that_serves_code_or_data() {
    let table = [region(TAG_PID4_DRAM, DRAM_A), region(TAG_PID4_IRAM, IRAM)];
    let mut tagged = Tagged::of(&table);
    for (caps, home) in [
        (Caps::PID4 | Caps::BIT8, DRAM_A),
        (Caps::PID4 | Caps::BIT32 | Caps::EXEC, IRAM),
        (Caps::BIT8, DRAM_A),
        (Caps::EXEC, IRAM),
        (Caps::PID4, IRAM),
    ] {
        let block = tagged.heaps.malloc(8, caps).unwrap();
        assert_eq!(tagged.home(block), home.start(), "{caps}");
    }
    let other = tagged.heaps.malloc(8, Caps::PID5 | Caps::BIT8);
    assert_eq!(other.unwrap_err().cause, FailureKind::NoMemory);
}

#[test]
fn code_from_a_region_with_an_instruction_side_comes_by_that_side_and_goes_back() {
    let mut tagged = Tagged::of(&[region(TAG_DIRAM, DIRAM).with_code_at(DIRAM_CODE)]);
    tagged.enable();
    let free = tagged.heaps.inspect().tag_free_size(TAG_DIRAM);
    let code = tagged.heaps.malloc(64, Caps::EXEC).unwrap();
    assert!(
        (DIRAM_CODE..DIRAM_CODE + 0x1000).contains(&code),
        "0x{code:08X}"
    );
    // SAFETY: the word in front of the test's own block.
    let back = unsafe { tagged.heaps.inspect().word(code - 4) }.unwrap();
    assert_eq!(
        tagged.home(back),
        DIRAM.start(),
        "the word in front is the way back"
    );
    assert_eq!(ESP32_V2_1.to_data_bus(code - 4), Some(back + 64));

    let data = tagged
        .heaps
        .allocate(&AllocRequest::new(64, Caps::empty()).placed(Placement::Tag(TAG_DIRAM)))
        .unwrap();
    assert!(
        DIRAM.contains(data),
        "a tag says nothing of code: the data side"
    );
    assert_eq!(tagged.heaps.free(code), Ok(()));
    assert_eq!(tagged.heaps.free(data), Ok(()));
    assert_eq!(tagged.heaps.inspect().tag_free_size(TAG_DIRAM), free);
}

#[test]
fn minima_of_any_count_like_free_bytes_of_any_and_keep_the_lowest() {
    let mut tagged = Tagged::of(&[region(TAG_DRAM, DRAM_A), region(TAG_IRAM, IRAM)]);
    let [dram, iram] = [TAG_DRAM, TAG_IRAM].map(|tag| tagged.heaps.inspect().tag_free_size(tag));
    let block = tagged.heaps.malloc(100, Caps::BIT8).unwrap();
    tagged.heaps.free(block).unwrap();
    assert_eq!(
        tagged.heaps.inspect().minimum_free_size_of_any(Caps::BIT8),
        dram - 104
    );
    assert_eq!(
        tagged
            .heaps
            .inspect()
            .minimum_free_size_of_any(Caps::BIT8 | Caps::BIT32),
        2 * (dram - 104) + iram
    );
    assert_eq!(
        tagged
            .heaps
            .inspect()
            .free_size_of_any(Caps::BIT8 | Caps::BIT32),
        2 * dram + iram
    );
    assert_eq!(
        tagged
            .heaps
            .inspect()
            .minimum_free_size_of_any(Caps::SPIRAM),
        0
    );
}

#[test]
fn a_table_that_makes_no_sense_registers_nothing_and_says_why() {
    assert_eq!(Tagged::refusal(&[]), BootError::NoRegions);
    let twice = [region(TAG_DRAM, DRAM_A), region(TAG_IRAM, DRAM_A)];
    let why = AddRegionError::Duplicate;
    assert_eq!(
        Tagged::refusal(&twice),
        BootError::Region { number: 1, why }
    );
    let unknown = TaggedRegion::of(&ESP32_V2_1, TypeIndex(16), DRAM_A);
    assert_eq!(unknown, Err(AddRegionError::UnknownTag(TypeIndex(16))));
    let tiny = Span::new(DRAM_A.start(), DRAM_A.start() + 8).unwrap();
    let refusal = Tagged::refusal(&[region(TAG_DRAM, tiny)]);
    assert!(
        refusal
            .to_string()
            .starts_with("region 0 of the table: the region is too small")
    );
    for code in [DIRAM.start(), DRAM_A.start() - 0x800, DIRAM_CODE + 2] {
        let table = [
            region(TAG_DRAM, DRAM_A),
            region(TAG_DIRAM, DIRAM).with_code_at(code),
        ];
        let why = AddRegionError::InstructionSide(code);
        assert_eq!(
            Tagged::refusal(&table),
            BootError::Region { number: 1, why }
        );
    }
}

#[test]
fn a_table_can_be_given_once() {
    let mut tagged = Tagged::of(&[region(TAG_DRAM, DRAM_A)]);
    let again = tagged.define(&[region(TAG_IRAM, IRAM)]);
    assert_eq!(again, Err(BootError::AlreadyBooted));
}
