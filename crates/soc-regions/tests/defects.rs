//! Defects of ESP-IDF's chip tables and ranges, absent here; `docs/defects.md` lists them all.
//!
//! Before each test stand the numbers of what it would find: an issue or a commit of ESP-IDF.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use soc_regions::{
    Caps, Chip, ESP32, ESP32C2, ESP32C3, ESP32C6, ESP32P4, ESP32S2, ESP32S3, OptionKind, Options,
    Setting, SettingValue, Span, chips, common, span,
};

/// The defaults, and each option by itself at its other values; where PSRAM is possible, 2 MiB of
/// it.
fn each_configuration(chip: &'static Chip) -> Vec<Options> {
    let default = chip.default_options();
    let mut all = vec![default];
    for (option, now) in default.iter() {
        let values: Vec<u32> = match option.kind {
            OptionKind::Flag { .. } => vec![0, 1],
            OptionKind::Choice { values } => (0..u32::try_from(values.len()).unwrap()).collect(),
            OptionKind::Amount { most, .. } => vec![most.min(2 << 20)],
        };
        for value in values.into_iter().filter(|value| *value != now) {
            let name = option.value_name(value);
            let value = name.map_or(SettingValue::Number(value), SettingValue::Named);
            all.push(
                default
                    .with(Setting {
                        option: option.name,
                        value,
                    })
                    .unwrap(),
            );
        }
    }
    all
}

fn each_layout() -> impl Iterator<Item = (&'static Chip, Options, soc_regions::Layout)> {
    chips::all().flat_map(|chip| {
        each_configuration(chip)
            .into_iter()
            .filter_map(move |options| {
                let layout = chip.layout(&options, &chip.sample_symbols(&options));
                layout.ok().map(|layout| (chip, options, layout))
            })
    })
}

/// The rows that were wrong once, as they are today: start, end, type.
/// Defects: 6dffac7, 41640e2, 65aea5d, 65f0b1a, 5926116, fd2b8b5, 1b842d1.
#[test]
fn rows_begin_end_and_serve_as_the_silicon_does() {
    let last_rows = |chip: &'static Chip| -> Vec<_> {
        let options = chip.default_options();
        let rows = chip.regions().iter().filter(|row| row.when.holds(&options));
        let mut rows: Vec<_> = rows
            .map(|row| (row.span, chip.memory_type(row.kind).unwrap().name))
            .collect();
        rows.retain(|(_, name)| *name != "RTCRAM");
        rows.sort_by_key(|(span, _)| span.start());
        rows.split_off(rows.len() - 2)
    };
    for (chip, expected) in [
        (
            &ESP32C6,
            [
                (span!(0x4086_0000, 0x4087_C610), "RAM"),
                (span!(0x4087_C610, 0x4088_0000), "RAM"),
            ],
        ),
        (
            &ESP32C2,
            [
                (span!(0x3FCC_0000, 0x3FCD_CB70), "RAM"),
                (span!(0x3FCD_CB70, 0x3FCE_0000), "RAM"),
            ],
        ),
        (
            &ESP32S3,
            [
                (span!(0x3FCE_9710, 0x3FCF_0000), "RAM"),
                (span!(0x3FCF_0000, 0x3FCF_8000), "DRAM"),
            ],
        ),
        (
            &ESP32P4,
            [
                (span!(0x4FF2_0000, 0x4FFB_AFC0), "RETENT_RAM"),
                (span!(0x4FFB_AFC0, 0x4FFC_0000), "RAM"),
            ],
        ),
    ] {
        assert_eq!(last_rows(chip), expected, "{}", chip.name());
    }
}

/// What a data cache of 16 KiB leaves lies in the window of flash and PSRAM: internal by its row,
/// external by its address, as in ESP-IDF.
const CACHE_OF_THE_S3: Span = span!(0x3C00_0000, 0x3C00_4000);

/// What a machine can know of any table: rows share nothing, and promise nothing that the bus
/// cannot do.
/// Defects: 65aea5d, 1b842d1.
#[test]
fn no_row_promises_what_its_addresses_cannot_do() {
    for (chip, options, layout) in each_layout() {
        let what = format!("{} {options}", chip.name());
        let mut rows: Vec<_> = layout.regions().collect();
        rows.sort_by_key(|row| row.span.start());
        assert!(
            rows.windows(2)
                .all(|pair| pair[0].span.end() <= pair[1].span.start()),
            "{what}"
        );
        for memory in layout.available() {
            if memory.span == CACHE_OF_THE_S3 {
                continue;
            }
            let (caps, at) = (memory.union(), memory.span.start());
            let last = memory.span.end() - 1;
            let all = |can: fn(&Chip, u32) -> bool| can(chip, at) && can(chip, last);
            assert!(
                !caps.contains(Caps::DMA) || all(Chip::is_dma_capable),
                "{what} {}",
                memory.span
            );
            assert!(
                !caps.contains(Caps::BIT8) || all(Chip::is_byte_accessible),
                "{what} {}",
                memory.span
            );
            assert_eq!(
                caps.contains(Caps::SPIRAM),
                all(Chip::is_external),
                "{what} {}",
                memory.span
            );
            assert!(
                !caps.contains(Caps::INTERNAL) || all(Chip::is_internal),
                "{what} {}",
                memory.span
            );
            assert!(
                !caps.contains(Caps::RTCRAM) || all(Chip::is_in_rtc),
                "{what} {}",
                memory.span
            );
            let code = chip.to_instruction_bus(at).unwrap_or(at);
            assert!(
                !caps.contains(Caps::EXEC) || chip.is_executable(code),
                "{what} {}",
                memory.span
            );
        }
    }
}

/// Defects: 4533f16, cb6e213, 4125fd6, e9da2e3, c057c14, 5eb5bb5, d7d5aeb.
#[test]
fn what_is_taken_has_a_name_and_is_in_no_heap() {
    let mut layouts = 0;
    for (chip, options, layout) in each_layout() {
        let what = format!("{} {options}", chip.name());
        let heaps: Vec<_> = layout.available().map(|memory| memory.span).collect();
        for taken in layout.reserved() {
            assert!(!taken.name.is_empty(), "{what}");
            assert!(
                !heaps.iter().any(|heap| heap.overlaps(taken.span)),
                "{what}: {}",
                taken.name
            );
        }
        // Nothing is lost either: every byte of a row is a heap's, is taken, or is a rest of at
        // most 16 bytes.
        for row in layout.regions() {
            let inside = |other: Span| other.intersection(row.span).map_or(0, Span::size);
            let heap: u32 = heaps.iter().copied().map(inside).sum();
            let taken: u32 = layout.reserved().map(|taken| inside(taken.span)).sum();
            let rests = 16 * (1 + u32::try_from(layout.reserved().count()).unwrap());
            let lost = row.span.size() - heap - taken;
            assert!(
                lost <= rests,
                "{what}: {lost} bytes of {} are nobody's",
                row.span
            );
        }
        layouts += 1;
    }
    assert!(layouts > 60, "{layouts} layouts");
}

/// Defects: 6f0a494, 1cb2081, a575b9e.
#[test]
fn what_the_linker_placed_is_in_no_heap_and_the_rest_of_iram_is_one() {
    let options = ESP32.default_options();
    for (data, code) in [
        (0, 0),
        (4, 4),
        (0x1233, 0x8881),
        (0x2_8000, 0x1_8000),
        (0x2_FFFC, 0x1_FFEC),
    ] {
        let (data_end, code_end) = (0x3FFB_0000 + data, 0x4008_0000 + code);
        let own = [("_heap_start", data_end), ("_iram_end", code_end)];
        let symbols = (own, ESP32.sample_symbols(&options));
        let heaps: Vec<_> = ESP32.available(&options, &symbols).unwrap().collect();
        for placed in [(0x3FFB_0000, data_end), (0x4008_0000, code_end)] {
            if let Some(placed) = Span::new(placed.0, placed.1) {
                assert!(
                    !heaps.iter().any(|heap| heap.span.overlaps(placed)),
                    "{placed}"
                );
            }
        }
        let iram = heaps
            .iter()
            .find(|heap| heap.memory_type.name == "IRAM")
            .unwrap();
        assert_eq!(
            iram.span,
            Span::new(code_end.next_multiple_of(4), 0x400A_0000).unwrap()
        );
    }
}

/// Defects: 8c50df0, 92d5753, b9f42e7, d8c054c, 11653, 7dc7557, 15999.
#[test]
fn every_boundary_is_on_its_side() {
    /// First address, last address; D DMA, x code, b bytes, i internal, e external, r RTC.
    type Side = (u32, u32, &'static str);
    const S2: &[Side] = &[
        (0x3F50_0000, 0x3FF7_FFFF, "Dbe"),
        (0x3FFB_0000, 0x3FFF_FFFF, "Dbi"),
        (0x4002_0000, 0x4006_FFFF, "xi"),
        (0x5000_0000, 0x5000_1FFF, "bir"),
    ];
    const S3: &[Side] = &[
        (0x3C00_0000, 0x3DFF_FFFF, "Dbe"),
        (0x3FC8_8000, 0x3FCF_FFFF, "Dbi"),
        (0x4037_0000, 0x403D_FFFF, "xi"),
        (0x600F_E000, 0x600F_FFFF, "xbir"),
    ];
    const C3: &[Side] = &[
        (0x3FC8_0000, 0x3FCD_FFFF, "Dbi"),
        (0x4037_C000, 0x403D_FFFF, "xi"),
        (0x5000_0000, 0x5000_1FFF, "xbir"),
    ];
    const C6: &[Side] = &[
        (0x4080_0000, 0x4087_FFFF, "Dxbi"),
        (0x5000_0000, 0x5000_3FFF, "xbir"),
    ];
    const P4: &[Side] = &[
        (0x3010_0000, 0x3010_1FFF, "xbi"),
        (0x4800_0000, 0x4BFF_FFFF, "Dbe"),
        (0x4FF0_0000, 0x4FFB_FFFF, "Dxbi"),
        (0x5010_8000, 0x5010_FFFF, "xbir"),
    ];
    let answers = |chip: &Chip, address| {
        let asked: [(char, bool); 6] = [
            ('D', chip.is_dma_capable(address)),
            ('x', chip.is_executable(address)),
            ('b', chip.is_byte_accessible(address)),
            ('i', chip.is_internal(address)),
            ('e', chip.is_external(address)),
            ('r', chip.is_in_rtc(address)),
        ];
        asked
            .into_iter()
            .filter(|(_, yes)| *yes)
            .map(|(letter, _)| letter)
            .collect::<String>()
    };
    for (chip, sides) in [
        (&ESP32S2, S2),
        (&ESP32S3, S3),
        (&ESP32C3, C3),
        (&ESP32C6, C6),
        (&ESP32P4, P4),
    ] {
        for &(first, last, expected) in sides {
            for address in [first, first + 1, last - 1, last] {
                assert_eq!(
                    answers(chip, address),
                    expected,
                    "{} {address:#X}",
                    chip.name()
                );
            }
        }
        // Flash, peripherals, and addresses that are negative to who compares them signed.
        for nothing in [
            0,
            1,
            0x4200_0000,
            0x6000_0000,
            0x7FFF_FFFF,
            0x8000_0000,
            0xC000_0000,
            u32::MAX,
        ] {
            assert_eq!(answers(chip, nothing), "", "{} {nothing:#X}", chip.name());
        }
    }
}

/// Defects: 15496, d327186.
#[test]
fn psram_is_a_heap_from_where_the_program_says_to_its_own_end() {
    let options = ESP32S3.options(&[common::PSRAM.of(2 << 20)]).unwrap();
    for start in [0x3C00_0000, 0x3C07_0000, 0x3C20_B900, 0x3C20_B8E9] {
        let symbols = ([("psram:start", start)], ESP32S3.sample_symbols(&options));
        let mut memory = ESP32S3.available(&options, &symbols).unwrap();
        let psram = memory.find(|memory| memory.external).unwrap();
        assert_eq!(
            psram.span,
            Span::new(start.next_multiple_of(4), (start + (2 << 20)) & !3).unwrap()
        );
        assert!(
            !memory.any(|memory| memory.external),
            "what lies behind is nobody's"
        );
    }
}

/// Defects: 8af3fe4.
#[test]
fn whether_dma_reaches_a_buffer_can_be_asked_of_both_its_ends() {
    for (start, end, reached) in [
        (0x3FFB_0000, 0x3FFB_1000, true),
        (0x3FFF_F000, 0x4000_0000, true),
        (0x3F80_0000, 0x3F80_1000, false), // PSRAM
        (0x4008_0000, 0x4008_1000, false), // IRAM
        (0x3FF8_0000, 0x3FF8_1000, false), // RTC memory
        (0x3FFA_D000, 0x3FFA_E000, false), // below the memory
    ] {
        let both = ESP32.is_dma_capable(start) && ESP32.is_dma_capable(end - 1);
        assert_eq!(both, reached, "{start:#X}");
    }
}
