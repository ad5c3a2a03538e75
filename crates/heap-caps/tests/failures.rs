//! Sentences of refused requests.

use crate::support::*;
use heap_caps::{
    AllocRequest, Candidate, DESCRIBED, FailureKind, HeapCaps, Placement, Policy, Reserve,
    SimulatedMemory, SkipReason,
};
use soc_regions::{Caps, ESP32, ESP32P4};

/// The sentence without the place in the source that asked.
fn sentence(result: Result<u32, heap_caps::Failure>) -> String {
    let mut failure = result.unwrap_err();
    failure.caller = None;
    failure.to_string()
}

/// DRAM's large heap with one hole of `hole` bytes less a header, and nothing else for bytes.
fn fragmented(hole: u32) -> Sim {
    let mut sim = Sim::esp32();
    let blocks = sim.exhaust(1024, Caps::BIT8);
    sim.exhaust(4, Caps::BIT8);
    let in_dram = blocks
        .iter()
        .filter(|&&block| (DRAM..0x3FFE_0000).contains(&block));
    for &block in in_dram.take(hole as usize / 1028) {
        sim.heaps.free(block).unwrap();
    }
    sim
}

#[test]
fn a_request_larger_than_every_hole_names_the_largest_one() {
    let mut sim = fragmented(40 * 1028);
    let text = sentence(sim.heaps.malloc(96 * 1024, Caps::DMA | Caps::BIT8));
    let start = "96.0 KiB with 8BIT|DMA: no heap has a hole that big; largest is 40.2 KiB in DRAM at 0x3FFB2EC8 (40.2 KiB free in ";
    assert!(text.starts_with(start), "{text}");
    assert!(
        text.ends_with("); IRAM at 0x4008944C lacks 8BIT and DMA"),
        "{text}"
    );
}

#[test]
fn whole_cache_lines_that_were_wanted_are_reported() {
    let options = ESP32P4.default_options();
    let mut sim: Sim = Sim::booted(&ESP32P4, Policy::Guaranteed, &options, ());
    let largest = sim.heaps.inspect().largest_free_block(Caps::DMA) as usize;
    let failure = sim.heaps.malloc(largest + 1, Caps::DMA).unwrap_err();
    let sentence = failure.to_string();
    let wanted = " in whole cache lines of 64 B with DMA: no heap has a hole that ";
    assert!(sentence.contains(wanted), "{sentence}");
    let bytes = sim.heaps.malloc(largest + 100_000, Caps::BIT8).unwrap_err();
    assert!(!bytes.to_string().contains("whole"), "{bytes}");
    let vectors = sim.heaps.malloc(1 << 24, Caps::SIMD).unwrap_err();
    assert!(
        vectors
            .to_string()
            .contains(" in whole cache lines of 64 B with SIMD")
    );
}

#[test]
fn a_request_larger_than_every_heap_names_the_largest_one() {
    let mut sim = Sim::esp32();
    assert_eq!(
        sentence(sim.heaps.malloc(200_000, Caps::BIT8)),
        "195.3 KiB with 8BIT: no heap is that big; largest is 180.3 KiB in DRAM at 0x3FFB2EC8; \
         IRAM at 0x4008944C lacks 8BIT"
    );
}

/// As on two cores: each is refused, then each asks for its record.
#[test]
fn a_record_that_another_failure_has_replaced_says_so() {
    let mut sim = Sim::esp32();
    let first = AllocRequest::new(200_000, Caps::BIT8).anonymous();
    let second = AllocRequest::new(300_000, Caps::BIT8).anonymous();
    assert!(sim.heaps.phases().allocate_any(&first).is_none());
    assert!(sim.heaps.phases().allocate_any(&second).is_none());
    let second = sim.heaps.inspect().failure(&second).to_string();
    assert!(
        second.contains("no heap is that big; largest is"),
        "{second}"
    );
    assert_eq!(
        sim.heaps.inspect().failure(&first).to_string(),
        "195.3 KiB with 8BIT: no heap could serve it; another request has failed since, and its \
         record took the place of the reasons"
    );
}

#[test]
fn capabilities_that_no_heap_has_are_reported_heap_by_heap() {
    let mut sim = Sim::esp32();
    assert_eq!(
        sentence(sim.heaps.malloc(10, Caps::SPIRAM | Caps::DEFAULT)),
        "10 B with SPIRAM|DEFAULT: no heap has these capabilities; DRAM at 0x3FFAE6E0 lacks SPIRAM; \
         D/IRAM at 0x3FFE0440 lacks SPIRAM; IRAM at 0x4008944C lacks SPIRAM and DEFAULT; \
         D/IRAM at 0x3FFE4350 lacks SPIRAM; DRAM at 0x3FFB2EC8 lacks SPIRAM"
    );
}

#[test]
fn a_startup_stack_in_the_way_is_reported() {
    let mut sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &ESP32.default_options(), ());
    let caps = Caps::EXEC | Caps::DEFAULT;
    assert_eq!(
        sentence(sim.heaps.malloc(16, caps)),
        "16 B with EXEC|DEFAULT: no heap may serve it; D/IRAM at 0x3FFE0440 is still the start-up stack; \
         D/IRAM at 0x3FFE4350 is still the start-up stack; DRAM at 0x3FFAE6E0 lacks EXEC; \
         IRAM at 0x4008944C lacks DEFAULT; DRAM at 0x3FFB2EC8 lacks EXEC"
    );
}

#[test]
fn a_reserve_in_the_way_is_reported() {
    let mut sim = Sim::esp32();
    sim.heaps
        .set_reserve(Reserve {
            caps: Caps::DMA,
            bytes: 400 * 1024,
        })
        .unwrap();
    let text = sentence(sim.heaps.malloc(1000, Caps::BIT8));
    assert!(
        text.starts_with(
            "1000 B with 8BIT: no heap may serve it; DRAM at 0x3FFAE6E0 keeps 400.0 KiB for DMA;"
        ),
        "{text}"
    );
}

#[test]
fn an_alignment_in_the_way_is_reported() {
    let mut sim = Sim::esp32();
    assert_eq!(
        sentence(
            sim.heaps
                .aligned_alloc(1 << 20, 16, Caps::BIT32 | Caps::EXEC)
        ),
        "16 B aligned to 1048576 with EXEC|32BIT: no heap has a hole that fits it; largest is 110.7 KiB in D/IRAM \
         at 0x3FFE4350 (110.7 KiB free in 1 hole); DRAM at 0x3FFAE6E0 lacks EXEC; DRAM at 0x3FFB2EC8 lacks EXEC"
    );
}

#[test]
fn impossible_requests_are_reported_without_heaps() {
    let mut sim = Sim::esp32();
    let mut text = |size, alignment, caps| sentence(sim.heaps.aligned_alloc(alignment, size, caps));
    assert_eq!(
        text(8, 4, Caps::empty()),
        "8 B with no capability: a request must name at least one capability that memory has"
    );
    assert_eq!(
        text(8, 4, Caps::EXEC | Caps::DMA | Caps::BIT8),
        "8 B with EXEC|8BIT|DMA: no memory can be EXEC, 8BIT and DMA at once"
    );
    assert_eq!(
        text(8, 24, Caps::DMA),
        "8 B aligned to 24 with DMA: the alignment is not a power of two"
    );
    assert_eq!(
        text(usize::MAX, 4, Caps::DMA),
        "4 GiB or more with DMA: no heap can be that big"
    );
    assert_eq!(
        text(8, 4, Caps::INVALID),
        "8 B with INVALID: INVALID is a capability that no memory has"
    );
    assert_eq!(text(0, 4, Caps::DMA), "0 B with DMA: nothing was asked for");
    let unnamed = text(8, 4, Caps::from_bits_retain(1 << 29));
    assert!(unnamed.starts_with("8 B with 0x20000000: no heap has these capabilities; DRAM at 0x3FFAE6E0 lacks 0x20000000;"), "{unnamed}");
}

#[test]
fn the_record_has_the_call_site() {
    let mut sim = Sim::esp32();
    let failure = sim.heaps.malloc(8, Caps::empty()).unwrap_err();
    let line = line!() - 1;
    assert!(
        failure
            .to_string()
            .ends_with(&format!("(asked for at {}:{line})", file!())),
        "{failure}"
    );
    let failure = sim
        .heaps
        .reallocate(0, &AllocRequest::in_default_memory(8))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(failure.to_string(), "0x00000000: not in any heap");
    let choices = [Caps::SPIRAM, Caps::RETENTION, Caps::SPM];
    let request = AllocRequest::new(8, Caps::empty()).placed(Placement::Prefer(&choices));
    let line = line!() - 1;
    let failure = sim.heaps.allocate(&request).unwrap_err();
    let end = format!("(last of 3 tries, asked for at {}:{line})", file!());
    assert!(failure.to_string().ends_with(&end), "{failure}");
}

#[test]
fn the_last_failure_is_kept_and_all_are_counted() {
    let mut sim = Sim::esp32();
    assert_eq!(
        (
            sim.heaps.inspect().failures(),
            sim.heaps.inspect().last_failure()
        ),
        (0, None)
    );
    let first = sim.heaps.malloc(8, Caps::SPIRAM).unwrap_err();
    assert_eq!(sim.heaps.inspect().last_failure(), Some(first));
    let second = sim.heaps.calloc(usize::MAX, 8, Caps::DMA).unwrap_err();
    assert_eq!(
        (
            sim.heaps.inspect().failures(),
            sim.heaps.inspect().last_failure()
        ),
        (2, Some(second))
    );
    let invalid = AllocRequest::new(4, Caps::INVALID);
    assert_eq!(sim.heaps.phases().allocate_any(&invalid), None);
    let third = sim.heaps.inspect().failure(&invalid).cause;
    assert_eq!(
        (third, sim.heaps.inspect().failures()),
        (FailureKind::InvalidCaps, 3)
    );
}

#[test]
fn a_record_describes_eight_heaps_and_counts_the_others() {
    let memory = SimulatedMemory::new();
    let mut heaps: HeapCaps = HeapCaps::new(());
    for number in 1..=11 {
        let region = span(number * 0x1000, number * 0x1000 + 0x400);
        // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
        unsafe {
            heaps.add_region_with_caps([Caps::BIT8, Caps::DMA, Caps::empty()], region, &memory)
        }
        .unwrap();
    }
    let failure = heaps.malloc(8, Caps::SPM).unwrap_err();
    assert_eq!(
        (failure.candidates().count(), failure.not_described()),
        (DESCRIBED, 3)
    );
    assert!(failure.to_string().contains("; 3 more heaps"), "{failure}");
    let first = failure.candidates().next();
    let index = heaps.inspect().heaps().last().unwrap().index;
    assert_eq!(
        first,
        Some(Candidate {
            heap: index,
            start: 0xB000,
            name: "added",
            why: SkipReason::Lacks(Caps::SPM)
        })
    );
}

#[test]
fn memory_written_after_it_was_freed_is_reported_and_kept_back() {
    let mut sim: Sim<multi_heap::Comprehensive> =
        Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
    let block = sim.heaps.malloc(64, Caps::BIT8).unwrap();
    let pointer = sim.heaps.inspect().pointer(block + 40).unwrap();
    sim.heaps.free(block).unwrap();
    // SAFETY: a write after free, into memory that only the simulation uses.
    unsafe { pointer.write(0x55) };
    let failure = sim.heaps.malloc(64, Caps::BIT8).unwrap_err();
    let FailureKind::Corrupt(corrupt) = failure.cause else {
        panic!("{failure}")
    };
    assert_eq!(
        (corrupt.address & !3, corrupt.corruption.found & 0xFF),
        (block + 40, 0x55)
    );
    let other = sim.heaps.malloc(64, Caps::BIT8).unwrap();
    assert_ne!(other, block, "the damaged block is kept as evidence");
}
