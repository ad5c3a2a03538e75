//! The ESP32's heap beside ESP-IDF's, byte for byte: the same segments, ESP-IDF's rule on one side,
//! a claim on the other.
//!
//! ```text
//!   segments ─┬─► ESP-IDF's rule, written down here: trim, split, drop, merge ─► its heaps
//!             └─► Claim, tokens, boot ─────────────────────────────────────────► ours      the same spans; more of them is free
//! ```
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use heap_caps::SimulatedMemory;
use heap_caps_alloc::{CapsHeap, Claim, SpinLock};
use soc_regions::{ESP32, Options, Setting, common, esp32};

/// A row of ESP-IDF v6.2's `soc_memory_regions` for the ESP32: start, size, type, start-up stack.
type Row = (u32, u32, u8, bool);
/// Start, end.
type Area = (u32, u32);
/// Start, end, type, start-up stack.
type Heap = (u32, u32, u8, bool);

const DRAM: u8 = 0;
const DIRAM: u8 = 1;
const IRAM: u8 = 2;

/// What a program was linked and configured for.
#[derive(Clone, Copy)]
struct Segments {
    name: &'static str,
    data: Area,
    code: Area,
    single_core: bool,
    bluetooth: bool,
    /// Start of the trace unit's memory.
    trace: Option<u32>,
    psram: u32,
}

const HELLO: Segments = Segments {
    name: "hello world",
    data: (0x3FFB_0000, 0x3FFB_2EC8),
    code: (0x4008_0000, 0x4008_944C),
    single_core: false,
    bluetooth: false,
    trace: None,
    psram: 0,
};

const PROGRAMS: [Segments; 8] = [
    HELLO,
    Segments {
        name: "one core",
        single_core: true,
        ..HELLO
    },
    Segments {
        name: "Bluetooth",
        data: (0x3FFB_DB5C, 0x3FFC_0A24),
        bluetooth: true,
        ..HELLO
    },
    Segments {
        name: "Bluetooth on one core, odd ends",
        data: (0x3FFB_DB5D, 0x3FFC_8A21),
        code: (0x4008_0001, 0x4009_FFEB),
        bluetooth: true,
        single_core: true,
        ..HELLO
    },
    Segments {
        name: "one bank of trace memory",
        trace: Some(0x3FFF_C000),
        ..HELLO
    },
    Segments {
        name: "two banks of trace memory",
        trace: Some(0x3FFF_8000),
        ..HELLO
    },
    Segments {
        name: "PSRAM",
        psram: 4 << 20,
        ..HELLO
    },
    Segments {
        name: "data up to 16 bytes below a bank's end, PSRAM",
        data: (0x3FFB_0000, 0x3FFD_FFF0),
        code: (0x4008_0000, 0x4009_FFF0),
        psram: 2 << 20,
        ..HELLO
    },
];

/// ESP-IDF's table, rows that are equal and one behind the other written as a count.
fn rows() -> Vec<Row> {
    const TABLE: [(u32, u32, u32, u8, bool); 8] = [
        (0x3FFA_E000, 1, 0x2000, DRAM, false),
        (0x3FFB_0000, 2, 0x8000, DRAM, false),
        (0x3FFC_0000, 16, 0x2000, DRAM, false),
        (0x3FFE_0000, 2, 0x4000, DIRAM, true),
        (0x3FFE_8000, 2, 0x8000, DIRAM, true),
        (0x3FFF_8000, 2, 0x4000, DIRAM, true),
        (0x4007_0000, 2, 0x8000, IRAM, false),
        (0x4008_0000, 16, 0x2000, IRAM, false),
    ];
    let row = |&(start, count, size, kind, stack)| {
        (0..count).map(move |n| (start + n * size, size, kind, stack))
    };
    TABLE.iter().flat_map(row).collect()
}

/// ESP-IDF's reserved areas: sorted, ends rounded outward to 4.
fn reserved(program: &Segments) -> Vec<Area> {
    let mut areas = vec![
        (0x4007_0000, 0x4007_8000), // cpu0_cache
        (0x3FFE_0000, 0x3FFE_0440), // rom_pro_data
        (0x3FFA_E000, 0x3FFA_E6E0), // rom_data
        program.data,
        program.code,
    ];
    if !program.single_core {
        areas.extend([(0x4007_8000, 0x4008_0000), (0x3FFE_3F20, 0x3FFE_4350)]);
    }
    if program.bluetooth {
        areas.extend([
            (0x3FFB_0000, 0x3FFB_6388),
            (0x3FFB_8000, 0x3FFB_9A20),
            (0x3FFB_DB28, 0x3FFB_DB5C),
            (0x3FFA_E6E0, 0x3FFA_FF10),
        ]);
    }
    areas.extend(program.trace.map(|start| (start, 0x4000_0000)));
    areas.sort_unstable();
    areas
        .iter()
        .map(|&(start, end)| (start & !3, (end + 3) & !3))
        .collect()
}

/// What ESP-IDF makes of them: each area trims the row, or splits it; 16 bytes or less are dropped;
/// what follows each other without a gap, of one type and one flag, is one heap. PSRAM is added
/// when all is done.
fn esp_idf(program: &Segments) -> Vec<Heap> {
    let areas = reserved(program);
    let mut heaps: Vec<Heap> = Vec::new();
    for (start, size, kind, stack) in rows() {
        let mut rest = Some((start, start + size));
        let mut parts = Vec::new();
        for &(from, to) in &areas {
            let Some((start, end)) = rest else { break };
            if to <= start || end <= from {
                continue; // beside it
            }
            rest = match (from <= start, end <= to) {
                (true, true) => None,
                (true, false) => Some((to, end)),
                (false, true) => Some((start, from)),
                (false, false) => {
                    parts.push((start, from));
                    Some((to, end))
                }
            };
        }
        parts.extend(rest);
        for (start, end) in parts.into_iter().filter(|(start, end)| end - start > 16) {
            match heaps.last_mut() {
                Some(last) if (last.1, last.2, last.3) == (start, kind, stack) => last.1 = end,
                _ => heaps.push((start, end, kind, stack)),
            }
        }
    }
    if program.psram > 0 {
        heaps.push((0x3F80_0000, 0x3F80_0000 + program.psram, 3, false));
    }
    // The others are registered and never serve
    heaps.retain(|(start, end, ..)| end - start >= SMALLEST);
    heaps.sort_unstable();
    heaps
}

/// The smallest region that serves anybody in ESP-IDF. Ours is smaller.
const SMALLEST: u32 = 220;

/// Bytes that ESP-IDF's heap has free at first in a region of `size`: without its header, its
/// control structure, and the words at both ends of the pool. (It counts the latter as free, though
/// nobody can have them.)
fn free_in_esp_idf(size: u32) -> u32 {
    let bytes = size - 20;
    let second = match bytes {
        ..=16_384 => 8,
        16_385..=262_144 => 16,
        _ => 32_u32,
    };
    let first = (u32::BITS - bytes.leading_zeros()) - (second.ilog2() + 2) + 1;
    bytes - (36 + 4 * first + 4 * first * second) - 8
}

/// Our heaps, and the bytes that are free in each at first.
fn ours(program: &Segments) -> Vec<(Heap, u32)> {
    let trace = match program.trace {
        None => esp32::TRACE_MEMORY.value("off"),
        Some(0x3FFF_8000) => esp32::TRACE_MEMORY.value("two-banks"),
        Some(_) => esp32::TRACE_MEMORY.value("one-bank"),
    };
    let Segments { data, code, .. } = *program;
    let symbols = Box::leak(Box::new([
        ("_data_start", data.0),
        ("_heap_start", data.1),
        ("_iram_start", code.0),
        ("_iram_end", code.1),
    ]));
    // SAFETY: simulated memory, which each claim gets afresh.
    let claim = unsafe { Claim::new(&ESP32, options(trace), symbols) };
    let claim: &Claim = Box::leak(Box::new(claim));
    let memory: &SimulatedMemory = Box::leak(Box::new(SimulatedMemory::dirty(0x5A)));
    let heap: &CapsHeap<SpinLock> = Box::leak(Box::new(CapsHeap::new(())));
    let parts = claim.take_in(heap, memory).unwrap();
    let mut ram = parts.ram;
    if !program.bluetooth {
        ram = ram.with(parts.bluetooth);
    }
    if program.single_core {
        ram = ram.with(parts.second_core);
    }
    if program.psram > 0 {
        // SAFETY: the simulated memory is there.
        ram = ram.with(unsafe { parts.psram.mapped(program.psram) });
    }
    let mut claimed = ram.boot().unwrap();
    let waiting: Vec<_> = heap.inspect().locked(|heaps| {
        heaps
            .heaps()
            .map(|heap| (heap.span.start(), !heap.active))
            .collect()
    });
    // SAFETY: nobody stands on simulated stacks.
    unsafe { claimed.release(parts.startup_stacks) };
    let mut all: Vec<_> = heap.inspect().locked(|heaps| {
        let look = heaps.heaps().zip(waiting).map(|(heap, (_, stack))| {
            let kind = u8::try_from(heap.tag.unwrap().index()).unwrap();
            let free = heap.info.total_free_bytes;
            ((heap.span.start(), heap.span.end(), kind, stack), free)
        });
        look.collect()
    });
    all.sort_unstable();
    all
}

fn options(trace: Setting) -> Options {
    ESP32.options(&[trace, common::RTC_HEAP.off()]).unwrap()
}

#[test]
fn every_program_gets_the_heaps_that_esp_idf_gives_it() {
    for program in &PROGRAMS {
        let mut ours: Vec<Heap> = ours(program).into_iter().map(|(heap, _)| heap).collect();
        ours.retain(|(start, end, ..)| end - start >= SMALLEST);
        assert_eq!(ours, esp_idf(program), "{}", program.name);
    }
}

#[test]
fn more_of_each_heap_is_free_than_in_esp_idf() {
    for program in &PROGRAMS {
        for (heap, free) in ours(program) {
            let (start, end, ..) = heap;
            let theirs = there(&heap);
            assert!(
                free > theirs,
                "{}: {free} of {start:#X}..{end:#X}, {theirs} there",
                program.name
            );
        }
    }
}

/// What a heap of ESP-IDF's has free at first, if it registers at all.
fn there(&(start, end, ..): &Heap) -> u32 {
    match end - start {
        ..SMALLEST => 0,
        size => free_in_esp_idf(size),
    }
}

/// `0x3FFB_2EC8`
fn address(address: u32) -> String {
    format!("0x{:04X}_{:04X}", address >> 16, address & 0xFFFF)
}

/// The rows of the page's two tables: each heap of "hello world", and the sums of each program.
fn rows_of_the_page() -> Vec<String> {
    const NAMES: [&str; 4] = ["DRAM", "D/IRAM", "IRAM", "PSRAM"];
    let each = ours(&HELLO).into_iter().map(|(heap, free)| {
        let (start, end, kind, _) = heap;
        let (kind, bytes) = (NAMES[usize::from(kind)], end - start);
        let [start, end] = [start, end].map(address);
        format!(
            "| `{start}..{end}` | {kind} | {bytes} | {} | {free} |",
            there(&heap)
        )
    });
    let sums = PROGRAMS.iter().map(|program| {
        let heaps = ours(program);
        let bytes: u32 = heaps.iter().map(|((start, end, ..), _)| end - start).sum();
        let theirs: u32 = heaps.iter().map(|(heap, _)| there(heap)).sum();
        let free: u32 = heaps.iter().map(|(_, free)| free).sum();
        format!(
            "| {} | {} | {bytes} | {theirs} | {free} |",
            program.name,
            heaps.len()
        )
    });
    each.chain(sums).collect()
}

#[test]
fn the_page_about_memory_has_these_figures() {
    let page = include_str!("../../../docs/memory.md");
    for row in rows_of_the_page() {
        assert!(
            page.lines().any(|line| line == row),
            "docs/memory.md should have the line {row}"
        );
    }
}

#[test]
fn the_free_bytes_of_esp_idf_are_those_that_were_measured() {
    for (region, free) in [
        (4096, 3752),
        (32_768, 32_032),
        (131_072, 130_200),
        (1 << 20, 1_046_672),
    ] {
        assert_eq!(free_in_esp_idf(region) + 8, free);
    }
}
