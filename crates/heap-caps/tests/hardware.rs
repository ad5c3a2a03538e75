//! Alignment and size by capabilities, chip by chip, and the memory that serves them.

use crate::support::*;
use heap_caps::{FailureKind, Policy};
use soc_regions::{
    Caps, Chip, ESP32, ESP32C2, ESP32C3, ESP32C5, ESP32C6, ESP32C61, ESP32H2, ESP32H4, ESP32P4,
    ESP32S2, ESP32S3, ESP32S31, Hardware, Options, Setting, chips, common, esp32p4, esp32s2,
    esp32s3,
};

const DMA: Caps = Caps::DMA;
const LINES: Caps = Caps::CACHE_ALIGNED.union(Caps::BIT8).union(Caps::INTERNAL);
const SIMD: Caps = Caps::SIMD;
const PSRAM: Caps = Caps::SPIRAM;

/// A chip with 4 MiB of PSRAM, if it can have any, and other settings.
fn options(chip: &Chip, settings: &[Setting]) -> Options {
    let psram = common::PSRAM.of(4 << 20);
    let options = chip.default_options();
    let options = options.with(psram).unwrap_or(options);
    options.with_all(settings).unwrap()
}

fn booted(chip: &'static Chip, policy: Policy, settings: &[Setting]) -> Sim {
    let mut sim = Sim::booted(chip, policy, &options(chip, settings), ());
    sim.enable_stacks();
    sim
}

fn type_at(sim: &Sim, address: u32) -> &'static str {
    let mut heaps = sim.heaps.inspect().heaps();
    let heap = heaps.find(|heap| heap.span.contains(address));
    heap.unwrap().name
}

/// Chip, settings; memory that serves, capabilities, size; the alignment and the size that follow.
type Case = (
    &'static Chip,
    &'static [Setting],
    &'static str,
    Caps,
    usize,
    [u32; 2],
);

const ENCRYPTED: &[Setting] = &[common::FLASH_ENCRYPTION.on()];
const LINE_16: &[Setting] = &[esp32s2::CACHE_LINE.value("16")];
const LINE_64: &[Setting] = &[esp32s3::CACHE_LINE.value("64")];
const CACHE_512K: &[Setting] = &[esp32p4::L2_CACHE.value("512K")];

#[rustfmt::skip]
const CASES: &[Case] = &[
    // DMA goes past the ESP32's caches; its PSRAM is out of DMA's reach
    (&ESP32,    &[],        "DRAM",       DMA,                                 10, [4, 10]),
    (&ESP32,    &[],        "DRAM",       Caps::DMA_DESC_AHB,                  10, [4, 10]),
    (&ESP32,    &[],        "SPIRAM",     Caps::CACHE_ALIGNED.union(PSRAM),    10, [4, 10]),
    // no cache in front of internal RAM, lines of PSRAM as configured
    (&ESP32S2,  &[],        "RAM",        DMA,                                 10, [4, 10]),
    (&ESP32S2,  &[],        "SPIRAM",     DMA.union(PSRAM),                    10, [32, 32]),
    (&ESP32S2,  LINE_16,    "SPIRAM",     DMA.union(PSRAM),                    10, [16, 16]),
    (&ESP32S3,  &[],        "RAM",        DMA,                                 10, [4, 10]),
    (&ESP32S3,  &[],        "RAM",        LINES,                               10, [4, 10]),
    (&ESP32S3,  ENCRYPTED,  "RAM",        DMA,                                 10, [16, 16]),
    (&ESP32S3,  &[],        "RAM",        SIMD,                                20, [16, 32]),
    (&ESP32S3,  &[],        "SPIRAM",     SIMD.union(PSRAM),                   20, [32, 32]),
    (&ESP32S3,  &[],        "SPIRAM",     Caps::CACHE_ALIGNED.union(PSRAM),    33, [32, 64]),
    (&ESP32S3,  LINE_64,    "SPIRAM",     DMA.union(PSRAM),                    10, [64, 64]),
    (&ESP32S3,  &[],        "SPIRAM",     PSRAM,                               10, [4, 10]),
    (&ESP32C2,  &[],        "RAM",        DMA.union(Caps::CACHE_ALIGNED),      10, [4, 10]),
    (&ESP32C3,  &[],        "RAM",        DMA,                                 10, [4, 10]),
    (&ESP32C5,  &[],        "RAM",        DMA,                                 10, [4, 10]),
    (&ESP32C5,  ENCRYPTED,  "RAM",        DMA,                                 10, [16, 16]),
    (&ESP32C5,  &[],        "SPIRAM",     DMA.union(PSRAM),                    10, [32, 32]),
    (&ESP32C6,  &[],        "RAM",        LINES,                               10, [4, 10]),
    (&ESP32C61, &[],        "SPIRAM",     Caps::CACHE_ALIGNED.union(PSRAM),    10, [32, 32]),
    (&ESP32H2,  &[],        "RAM",        Caps::DMA_DESC_AHB,                  10, [4, 10]),
    (&ESP32H4,  &[],        "SPIRAM",     DMA.union(PSRAM),                    10, [32, 32]),
    // internal RAM lies behind a cache, too
    (&ESP32P4,  &[],        "RAM",        DMA,                                 10, [64, 64]),
    (&ESP32P4,  &[],        "RAM",        LINES,                               65, [64, 128]),
    (&ESP32P4,  &[],        "RAM",        Caps::DMA_DESC_AXI,                  10, [64, 64]),
    (&ESP32P4,  &[],        "RETENT_RAM", SIMD.union(Caps::RETENTION),         10, [64, 64]),
    (&ESP32P4,  &[],        "RAM",        Caps::INTERNAL,                      10, [4, 10]),
    (&ESP32P4,  &[],        "SPM",        Caps::SPM,                           10, [4, 10]),
    (&ESP32P4,  &[],        "SPIRAM",     DMA.union(PSRAM),                    10, [64, 64]),
    (&ESP32P4,  CACHE_512K, "SPIRAM",     SIMD.union(PSRAM),                   10, [128, 128]),
    (&ESP32P4,  CACHE_512K, "RAM",        DMA,                                 10, [64, 64]),
    (&ESP32S31, &[],        "RAM",        DMA,                                 10, [4, 10]),
    (&ESP32S31, &[],        "RAM",        Caps::DMA_DESC_AXI,                  10, [8, 16]),
    (&ESP32S31, &[],        "SPIRAM",     SIMD,                                10, [64, 64]),
    (&ESP32S31, &[],        "SPIRAM",     DMA.union(PSRAM),                    70, [64, 128]),
];

#[test]
fn capabilities_have_these_consequences_for_alignment_and_size() {
    for &(chip, settings, memory, caps, size, [alignment, bytes]) in CASES {
        let what = format!("{} {settings:?} {caps} {size}", chip.name());
        let mut sim = booted(chip, Policy::Guaranteed, settings);
        let blocks: Vec<_> = (0..9)
            .map(|_| sim.heaps.malloc(size, caps).unwrap())
            .collect();
        for pair in blocks.windows(2) {
            assert!(pair[0].abs_diff(pair[1]) >= bytes, "{what}");
        }
        assert!(
            blocks.iter().all(|block| block.is_multiple_of(alignment)),
            "{what}"
        );
        assert!(
            blocks.iter().all(|block| type_at(&sim, *block) == memory),
            "{what}"
        );
        let usable = sim.heaps.inspect().usable_size(blocks[0]).unwrap();
        assert!(usable >= bytes, "{what}: {usable}");
        let distances = blocks.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        assert!(
            distances.min().unwrap() <= bytes.max(8) + alignment.max(16),
            "{what}"
        );
    }
}

#[test]
fn memory_that_nobody_named_has_its_own_lines_unless_esp_idf_is_copied() {
    let beyond_internal = 0x8_0001_u32;
    for (policy, unit) in [(Policy::Guaranteed, 32), (Policy::IdfExact, 1)] {
        let mut sim = booted(&ESP32S3, policy, &[]);
        let caps = Caps::CACHE_ALIGNED | Caps::BIT8;
        let block = sim.heaps.malloc(beyond_internal as usize, caps).unwrap();
        assert_eq!(type_at(&sim, block), "SPIRAM");
        let usable = sim.heaps.inspect().usable_size(block).unwrap();
        assert!(usable >= beyond_internal.next_multiple_of(unit));
        assert_eq!(usable >= beyond_internal.next_multiple_of(32), unit == 32);
    }
}

/// Defects: head_04.
#[test]
fn a_buffer_of_whole_lines_grows_in_place_and_keeps_them() {
    let mut sim = booted(&ESP32P4, Policy::Guaranteed, &[]);
    let buffer = sim.heaps.malloc(100, DMA).unwrap();
    for caps in [DMA, Caps::empty()] {
        assert_eq!(sim.heaps.realloc(buffer, 300, caps), Ok(buffer));
        assert!(
            sim.heaps.inspect().usable_size(buffer).unwrap() >= 320,
            "{caps}"
        );
        assert_eq!(sim.heaps.realloc(buffer, 100, caps), Ok(buffer));
    }
}

#[test]
fn a_block_without_lines_grows_in_place_without_them_and_moves_to_get_them() {
    let mut sim = booted(&ESP32P4, Policy::Guaranteed, &[]);
    let block = sim.heaps.malloc(100, Caps::DEFAULT).unwrap();
    assert!(!block.is_multiple_of(64), "or the test shows nothing");
    for caps in [Caps::DEFAULT, Caps::empty()] {
        assert_eq!(sim.heaps.realloc(block, 300, caps), Ok(block));
        assert_eq!(sim.heaps.realloc(block, 100, caps), Ok(block));
    }
    let moved = sim.heaps.realloc(block, 100, DMA).unwrap();
    assert!(moved != block && moved.is_multiple_of(64));
}

#[test]
fn capabilities_that_no_memory_of_a_chip_has_are_refused() {
    let refused = |chip: &'static Chip, caps| {
        let mut sim = booted(chip, Policy::Guaranteed, &[]);
        sim.heaps.malloc(16, caps).unwrap_err().cause
    };
    assert_eq!(refused(&ESP32C3, SIMD), FailureKind::NoMemory);
    assert_eq!(refused(&ESP32C6, Caps::RETENTION), FailureKind::NoMemory);
    assert_eq!(refused(&ESP32H2, PSRAM), FailureKind::NoMemory);
    assert_eq!(refused(&ESP32, DMA | PSRAM), FailureKind::NoMemory);
    assert_eq!(refused(&ESP32P4, Caps::EXEC), FailureKind::NoMemory); // memory protection
    assert_eq!(refused(&ESP32P4, Caps::CACHE_ALIGNED), FailureKind::NoCaps);
}

/// Which type serves each capability in every chip, under options that make the most of it: those
/// of `CASES` aside.
#[test]
fn every_capability_is_served_by_memory_that_has_it_under_every_single_option() {
    for chip in chips::all() {
        let every = chip.default_options();
        let each = every.iter().filter_map(|(option, value)| {
            let is_flag = matches!(option.kind, soc_regions::OptionKind::Flag { .. });
            let text = format!("{}={}", option.name, if value == 0 { "on" } else { "off" });
            is_flag.then(|| options(chip, &[]).parse(&text).unwrap())
        });
        for options in each.chain([options(chip, &[])]) {
            let mut sim: Sim = Sim::booted(chip, Policy::Guaranteed, &options, ());
            sim.enable_stacks();
            let served: Vec<_> = sim
                .heaps
                .inspect()
                .heaps()
                .map(|heap| (heap.span, heap.columns))
                .collect();
            let layout = chip
                .layout(&options, &chip.sample_symbols(&options))
                .unwrap();
            for (_, cap) in Caps::all_named() {
                let expected = layout.available_bytes(cap) > 0 && cap != Caps::EXEC;
                let Ok(block) = sim.heaps.malloc(16, cap) else {
                    assert!(!expected, "{} {options} {cap}", chip.name());
                    continue;
                };
                let data = chip
                    .to_data_bus(block)
                    .filter(|_| cap == Caps::EXEC)
                    .unwrap_or(block);
                let (_, columns) = served.iter().find(|(span, _)| span.contains(data)).unwrap();
                let asked = match cap {
                    Caps::DMA_DESC_AHB | Caps::DMA_DESC_AXI => DMA,
                    _ => cap,
                };
                assert!(
                    soc_regions::union(*columns).contains(asked),
                    "{} {options} {cap}",
                    chip.name()
                );
            }
        }
    }
}

#[test]
fn a_booted_chip_brings_its_own_hardware() {
    let sim = booted(&ESP32P4, Policy::Guaranteed, CACHE_512K);
    let lines = Hardware {
        internal_line: 64,
        external_line: 128,
        axi_descriptor: 8,
        simd: 16,
        encrypted_dma: 0,
    };
    assert_eq!(sim.heaps.inspect().hardware(), lines);
    assert_eq!(
        booted(&ESP32, Policy::Guaranteed, &[])
            .heaps
            .inspect()
            .hardware(),
        Hardware::NONE
    );
}
