//! Our tables against ESP-IDF's, in every combination of options and for several programs.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod tables;

use soc_regions::{
    Bluetooth, Caps, Chip, LayoutError, Options, Setting, Span, SyncConnections, TraceMemory, chips,
};
use tables::{HEAD, Idf, Kconfig, V2_1, V3_0};

/// What a heap gets: start, end, type, start-up stack.
type Heap = (u32, u32, u8, bool);

fn each_generation() -> impl Iterator<Item = (Idf, &'static Chip)> {
    [HEAD, V3_0, V2_1].into_iter().map(|idf| {
        let chip = chips::by_name(idf.name).unwrap();
        (idf, chip)
    })
}

/// 2 × 2 × 3 × 5 × 2 × 2 × 2 × 2 × 3 = 2880 configurations.
fn each_configuration() -> Vec<Options> {
    let mut all = vec![Options::NONE];
    vary(&mut all, [false, true], |o, single_core| Options {
        single_core,
        ..o
    });
    vary(&mut all, [false, true], |o, iram_8bit| Options {
        iram_8bit,
        ..o
    });
    let traces = [
        TraceMemory::Off,
        TraceMemory::OneBank,
        TraceMemory::TwoBanks,
    ];
    vary(&mut all, traces, |o, trace_memory| Options {
        trace_memory,
        ..o
    });
    let connections = [0, 1, 2, 3].map(|count| Bluetooth::On(SyncConnections::new(count).unwrap()));
    let bluetooth = connections.into_iter().chain([Bluetooth::Off]);
    vary(&mut all, bluetooth, |o, bluetooth| Options {
        bluetooth,
        ..o
    });
    vary(&mut all, [false, true], |o, bluetooth_dram_release| {
        Options {
            bluetooth_dram_release,
            ..o
        }
    });
    vary(&mut all, [false, true], |o, rtc_heap| Options {
        rtc_heap,
        ..o
    });
    vary(&mut all, [false, true], |o, rtc_data_in_fast_memory| {
        Options {
            rtc_data_in_fast_memory,
            ..o
        }
    });
    vary(&mut all, [false, true], |o, sram1_as_iram| Options {
        sram1_as_iram,
        ..o
    });
    vary(
        &mut all,
        [None, Some(2 << 20), Some(8 << 20)],
        |o, psram| Options { psram, ..o },
    );
    all
}

fn vary<T: Clone>(
    all: &mut Vec<Options>,
    values: impl IntoIterator<Item = T>,
    set: fn(Options, T) -> Options,
) {
    let values: Vec<T> = values.into_iter().collect();
    *all = all
        .iter()
        .flat_map(|o| values.iter().map(|value| set(*o, value.clone())))
        .collect();
}

fn kconfig(options: &Options) -> Kconfig {
    let connections = match options.bluetooth {
        Bluetooth::On(connections) => Some(u32::from(connections.get())),
        Bluetooth::Off => None,
    };
    Kconfig {
        single_core_mode: options.single_core,
        iram_as_8bit_accessible_memory: options.iram_8bit,
        tracemem: options.trace_memory != TraceMemory::Off,
        tracemem_twobanks: options.trace_memory == TraceMemory::TwoBanks,
        bt_enabled: connections.is_some(),
        bt_max_sync_conn: connections.unwrap_or(0),
        bt_dram_release: options.bluetooth_dram_release,
        allow_rtc_fast_mem_as_heap: options.rtc_heap,
        rtcdata_in_fast_mem: options.rtc_data_in_fast_memory,
        sram1_region_as_iram: options.sram1_as_iram,
        spiram: options.psram,
    }
}

/// Three programs: small; odd ends, one just below a row's end; empty sections, RTC data and code in SRAM1.
fn each_program(chip: &Chip, options: &Options) -> [Vec<(&'static str, u32)>; 3] {
    let data = match options.bluetooth {
        Bluetooth::Off => 0x3FFB_0000,
        Bluetooth::On(_) if chip.name() == "esp32" => 0x3FFB_DB5C,
        Bluetooth::On(_) => 0x3FFC_0000,
    };
    let program = |data: [u32; 2], iram: [u32; 2], heap_end, rtc: [u32; 3]| {
        vec![
            ("_data_start", data[0]),
            ("_heap_start", data[1]),
            ("_init_start", iram[0]),
            ("_iram_text_end", iram[1]),
            ("_iram_start", iram[0]),
            ("_iram_end", iram[1]),
            ("_heap_end", heap_end),
            ("_rtc_noinit_end", rtc[0]),
            ("_rtc_force_fast_end", rtc[1]),
            ("_rtc_fast_reserved_start", rtc[2]),
            ("_rtc_fast_reserved_end", 0x3FF8_2000),
            ("_rtc_slow_reserved_start", 0x5000_1FE8),
            ("_rtc_slow_reserved_end", 0x5000_2000),
        ]
    };
    [
        program(
            [data, data + 0x2EC8],
            [0x4008_0000, 0x4008_944C],
            0x3FFF_6000,
            [0x3FF8_0000, 0x3FF8_0000, 0x3FF8_2000],
        ),
        program(
            [data + 3, 0x3FFC_9FF1],
            [0x4008_0007, 0x4008_BFEE],
            0x3FFF_FFED,
            [0x3FF8_0123, 0x3FF8_0041, 0x3FF8_1FE8],
        ),
        program(
            [data, data],
            [0x4008_0000, 0x4009_FFEE],
            0x3FFE_8000,
            [0x3FF8_1FE8, 0x3FF8_1FDC, 0x3FF8_1FEC],
        ),
    ]
}

/// The reserved areas as ESP-IDF rounds and sorts them; `None` where it would stop because two overlap.
fn reserved(idf: &Idf, kconfig: &Kconfig, symbols: &[(&str, u32)]) -> Option<Vec<(u32, u32)>> {
    let areas = idf.areas.iter().filter(|(.., when)| when(kconfig));
    let ends = areas.map(|(start, end, _)| {
        (
            start.address(kconfig, symbols),
            end.address(kconfig, symbols),
        )
    });
    let mut areas: Vec<_> = ends
        .filter(|(start, end)| start < end)
        .map(|(s, e)| (s & !3, (e + 3) & !3))
        .collect();
    areas.sort_unstable();
    areas
        .windows(2)
        .all(|pair| pair[0].1 <= pair[1].0)
        .then_some(areas)
}

/// Heaps by elementary intervals: cut each row at every end of an area, keep the parts in no area, join what touches.
fn heaps(idf: &Idf, kconfig: &Kconfig, areas: &[(u32, u32)]) -> Vec<Heap> {
    let mut heaps: Vec<Heap> = Vec::new();
    for &(start, count, size, kind, _, stack, _) in idf.rows.iter().filter(|row| row.6(kconfig)) {
        for row in 0..count {
            let row = (start + row * size, start + (row + 1) * size);
            let parts = free_parts(row, areas)
                .into_iter()
                .filter(|(from, to)| to - from > 16);
            for (from, to) in parts {
                match heaps.last_mut() {
                    Some(last) if last.1 == from && (last.2, last.3) == (kind, stack) => {
                        last.1 = to;
                    }
                    _ => heaps.push((from, to, kind, stack)),
                }
            }
        }
    }
    heaps
}

fn free_parts((start, end): (u32, u32), areas: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut cuts: Vec<u32> = areas.iter().flat_map(|&(from, to)| [from, to]).collect();
    cuts.retain(|cut| start < *cut && *cut < end);
    cuts.extend([start, end]);
    cuts.sort_unstable();
    cuts.dedup();
    let parts = cuts.windows(2).map(|pair| (pair[0], pair[1]));
    parts
        .filter(|part| {
            !areas
                .iter()
                .any(|area| area.0 <= part.0 && part.1 <= area.1)
        })
        .collect()
}

/// PSRAM becomes a heap after start-up in ESP-IDF; here it is there from the start, in the place of its row.
fn with_psram(idf: &Idf, kconfig: &Kconfig, mut heaps: Vec<Heap>) -> Vec<Heap> {
    let bytes = kconfig
        .spiram
        .filter(|_| idf.adds_psram_later)
        .map(|bytes| bytes.min(4 << 20));
    let kind = idf.rows[0].3;
    heaps.splice(
        0..0,
        bytes.map(|bytes| (0x3F80_0000, 0x3F80_0000 + bytes, kind, false)),
    );
    heaps
}

#[test]
fn every_type_has_esp_idfs_name_and_columns() {
    for (idf, chip) in each_generation() {
        let theirs = idf
            .types
            .iter()
            .map(|(name, caps)| (*name, caps.map(|column| column.parse::<Caps>().unwrap())));
        assert!(
            chip.types()
                .iter()
                .map(|kind| (kind.name, kind.caps))
                .eq(theirs),
            "{}",
            idf.name
        );
    }
}

#[test]
fn every_row_has_esp_idfs_place_size_type_alias_and_flag() {
    for (idf, chip) in each_generation() {
        let theirs = idf
            .rows
            .iter()
            .flat_map(|&(start, count, size, kind, alias, stack, _)| {
                (0..count).map(move |row| (start + row * size, size, kind, alias, stack))
            });
        let ours = chip.regions().iter().map(|row| {
            let alias = chip.instruction_view(row.span).map(Span::start);
            (
                row.span.start(),
                row.span.size(),
                row.kind.0,
                alias,
                row.startup_stack,
            )
        });
        assert!(ours.eq(theirs), "{}", idf.name);
    }
}

#[test]
fn every_configuration_and_program_gives_esp_idfs_heaps() {
    let mut conflicts = 0;
    for (idf, chip) in each_generation() {
        for options in each_configuration() {
            for symbols in each_program(chip, &options) {
                let kconfig = kconfig(&options);
                let lookup = |name: &str| {
                    symbols
                        .iter()
                        .find(|(known, _)| *known == name)
                        .map(|(_, at)| *at)
                };
                let ours = chip.available(&options, &lookup);
                let Some(areas) = reserved(&idf, &kconfig, &symbols) else {
                    conflicts += 1;
                    assert!(
                        matches!(ours, Err(LayoutError::Conflict { .. })),
                        "{} {options:?}",
                        idf.name
                    );
                    continue;
                };
                let ours = ours
                    .unwrap()
                    .map(|m| (m.span.start(), m.span.end(), m.kind.0, m.startup_stack));
                let theirs = with_psram(&idf, &kconfig, heaps(&idf, &kconfig, &areas));
                assert_eq!(ours.collect::<Vec<_>>(), theirs, "{} {options:?}", idf.name);
            }
        }
    }
    assert!(conflicts > 0, "some configurations contradict each other");
}

#[test]
fn byte_access_to_iram_is_the_only_capability_that_an_option_adds() {
    for (idf, chip) in each_generation() {
        for kind in chip.types() {
            let added = kind.caps_under(Setting::all()) != kind.caps;
            assert_eq!(added, (idf.name, kind.name) == ("esp32", "IRAM"));
        }
        for options in each_configuration()
            .into_iter()
            .filter(|_| idf.name == "esp32")
        {
            let first = chip.types()[2].caps_under(options.settings())[0];
            assert_eq!(
                first.contains(Caps::IRAM_8BIT),
                kconfig(&options).iram_as_8bit_accessible_memory
            );
        }
    }
}
