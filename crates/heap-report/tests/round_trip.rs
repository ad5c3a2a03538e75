//! Round trip of `heap_trace::Trace::dump`: every depth, every subset of known fields, as logs have
//! it.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails fails its test"
)]

use std::cell::Cell;

use heap_caps::{AllocRequest, HeapCaps, SimulatedMemory};
use heap_report::read::{Dump, Input, Record, dumps, read};
use heap_report::symbols::Identity;
use heap_report::{History, Replayed};
use heap_trace::{BuildId, DumpFilter, MemoryKind, Mode, Slot, Trace, TraceContext};
use multi_heap::Unpoisoned;
use soc_regions::{Caps, ESP32};

thread_local! {
    /// How many callers the stack of the moment has.
    static KNOWN: Cell<usize> = const { Cell::new(0) };
    static NOW: Cell<u32> = const { Cell::new(0) };
}

struct FixedContext;

const BUILD: &[u8] = &[0x3F, 0x1C, 0x09, 0xAB, 7, 8, 9, 10];

impl TraceContext for FixedContext {
    fn build(&self) -> Option<BuildId<'static>> {
        Some(BuildId::new(BUILD))
    }

    fn ticks(&self) -> u32 {
        NOW.set(NOW.get() + 100);
        NOW.get()
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        let known = KNOWN.get().min(stack.len());
        for (place, caller) in stack.iter_mut().zip(0x400D_1000_u32..).take(known) {
            *place = caller;
        }
        known
    }
}

type Heaps<'a, const DEPTH: usize> = HeapCaps<Unpoisoned, Trace<'a, FixedContext, DEPTH>>;

/// Every combination of: 0 or more callers of the allocation, the place known or not, freed or not,
/// by 0 or more callers.
fn everything<const DEPTH: usize>(heaps: &mut Heaps<'_, DEPTH>) {
    for callers in 0..=DEPTH {
        for has_place in [false, true] {
            for freed_by in (0..=DEPTH).map(Some).chain([None]) {
                KNOWN.set(callers);
                let block = if has_place {
                    heaps.malloc(40, Caps::BIT8).unwrap()
                } else {
                    heaps
                        .allocate(&AllocRequest::new(24, Caps::BIT8).anonymous())
                        .unwrap()
                };
                if let Some(known) = freed_by {
                    KNOWN.set(known);
                    heaps.free(block).unwrap();
                }
            }
        }
    }
}

/// The records as the trace has them, and its dump.
fn dumped<const DEPTH: usize>(mode: Mode) -> (Vec<Record>, String) {
    let mut buffer = [const { Slot::<DEPTH>::EMPTY }; 400];
    let memory = SimulatedMemory::new();
    let options = ESP32.default_options();
    let mut heaps: Heaps<'_, DEPTH> = HeapCaps::new(Trace::new(FixedContext));
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }.unwrap();
    heaps.observer_mut().set_buffer(&mut buffer).unwrap();
    heaps.observer_mut().start(mode).unwrap();
    everything(&mut heaps);
    heaps.observer_mut().stop().unwrap();
    let kind = |address| {
        [
            MemoryKind::Internal,
            MemoryKind::External,
            MemoryKind::Other,
        ][address as usize / 8 % 3]
    };
    let count = heaps.observer_mut().summary().count;
    let kept = (0..count).map(|number| heaps.observer_mut().get(number).unwrap());
    let records = kept
        .map(|kept| expected(&kept, kind(kept.address)))
        .collect();
    let mut text = String::new();
    Trace::dump(
        |look| look(heaps.observer_mut()),
        DumpFilter::All,
        kind,
        &mut text,
    )
    .unwrap();
    (records, text)
}

fn expected<const DEPTH: usize>(kept: &heap_trace::Record<DEPTH>, memory: MemoryKind) -> Record {
    let known = |stack: &[u32]| {
        stack
            .iter()
            .copied()
            .take_while(|&caller| caller != 0)
            .collect::<Vec<u32>>()
    };
    Record {
        size: kept.size,
        address: kept.address,
        memory,
        core: kept.core,
        clock: kept.ticks,
        callers: known(&kept.allocated_by),
        place: kept.caller.map(|place| heap_report::read::SourceLine {
            file: place.file().to_owned(),
            line: place.line(),
            column: place.column(),
        }),
        freed_by: kept.freed.then(|| known(&kept.freed_by)),
    }
}

fn dump_of(log: &[u8]) -> Dump {
    let lines: Vec<String> = String::from_utf8(log.to_vec())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let mut found = dumps(&lines);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn agrees<const DEPTH: usize>() {
    for mode in [Mode::All, Mode::Leaks] {
        let (records, text) = dumped::<DEPTH>(mode);
        let read = dump_of(text.as_bytes());
        assert_eq!(read.records, records, "depth {DEPTH}\n{text}");
        assert_eq!(read.build, Identity::of_bytes(BUILD));
        assert_eq!(
            (read.announced, read.unreadable),
            (Some(records.len() as u64), 0)
        );
        assert_eq!(
            read.total,
            Some(read.live()),
            "the trailer counts what stands above it"
        );
    }
}

#[test]
fn at_every_depth_with_every_subset_of_fields_the_dump_is_read_as_it_was() {
    agrees::<0>();
    agrees::<1>();
    agrees::<2>();
    agrees::<8>();
}

/// What is not read of a log says nothing of the heap.
fn decoded(log: &[u8]) -> (History, Replayed) {
    let history = match read("a.log", log).unwrap() {
        Input::History(history) => history,
        other => panic!("{other:?}"),
    };
    let replayed = Replayed::of(&history);
    (history, replayed)
}

fn utf_16(text: &str, mark: [u8; 2], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.into_iter()
        .chain(text.encode_utf16().flat_map(unit))
        .collect()
}

fn each_line(text: &str, change: impl Fn(usize, &str) -> String) -> Vec<u8> {
    text.lines()
        .enumerate()
        .map(|(number, line)| change(number, line))
        .collect::<String>()
        .into_bytes()
}

/// As `tmux` or a mail wraps them.
fn wrapped(text: &str, columns: usize) -> Vec<u8> {
    each_line(text, |_, line| {
        let letters: Vec<char> = line.chars().collect();
        letters
            .chunks(columns)
            .map(|piece| piece.iter().collect::<String>() + "\n")
            .collect()
    })
}

#[test]
fn logs_as_people_have_them_read_the_same() {
    let (records, text) = dumped::<2>(Mode::All);
    let (plain, replayed) = decoded(text.as_bytes());
    assert_eq!(plain.build, Identity::of_bytes(BUILD));
    assert_eq!(replayed.total.allocations, records.len() as u64);
    let logs: Vec<(&str, Vec<u8>)> = vec![
        (
            "a clock",
            each_line(&text, |number, line| {
                format!("12:30:{number:02}.100 > {line}\n")
            }),
        ),
        (
            "ESP-IDF's log",
            each_line(&text, |number, line| format!("I ({number}) app: {line}\n")),
        ),
        (
            "journald",
            each_line(&text, |_, line| {
                format!("Nov 28 20:49:45 host esp[712]: {line}\n")
            }),
        ),
        (
            "grep -n",
            each_line(&text, |number, line| format!("{}:{line}\n", number + 1)),
        ),
        (
            "a quotation",
            each_line(&text, |_, line| format!("> > {line}\n")),
        ),
        ("tabs", each_line(&text, |_, line| format!("\t{line}\t\n"))),
        (
            "blanks behind",
            each_line(&text, |_, line| format!("{line}   \n")),
        ),
        (
            "colours",
            each_line(&text, |_, line| {
                format!("\x1B[0;32mI (7) app: {line}\x1B[0m\n")
            }),
        ),
        ("CRLF", each_line(&text, |_, line| format!("{line}\r\n"))),
        (
            "CR CR LF",
            each_line(&text, |_, line| format!("{line}\r\r\n")),
        ),
        (
            "other tasks' lines",
            each_line(&text, |number, line| {
                format!("{line}\nW ({number}) wifi: 12 bytes (of 40) lost\n")
            }),
        ),
        (
            "a boot message at another speed",
            [b"\xFE\x80\x9C\x1Fq\xF0\n".as_slice(), text.as_bytes()].concat(),
        ),
        (
            "Latin-1",
            each_line(&text, |_, line| line.to_owned() + "\n")
                .into_iter()
                .chain(*b"23 \xB0C\n")
                .collect(),
        ),
        (
            "a zero at the beginning",
            [b"\0\0".as_slice(), text.as_bytes()].concat(),
        ),
        (
            "UTF-8 with a mark",
            [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat(),
        ),
        ("UTF-16 LE", utf_16(&text, [0xFF, 0xFE], u16::to_le_bytes)),
        ("UTF-16 BE", utf_16(&text, [0xFE, 0xFF], u16::to_be_bytes)),
        ("80 columns", wrapped(&text, 80)),
        ("100 columns", wrapped(&text, 100)),
        ("60 columns", wrapped(&text, 60)),
    ];
    for (what, log) in logs {
        let (history, again) = decoded(&log);
        assert_eq!(history.events, plain.events, "{what}");
        assert_eq!(history.sites, plain.sites, "{what}");
        assert_eq!(again.total, replayed.total, "{what}");
        assert!(history.doubts.is_empty(), "{what}: {:?}", history.doubts);
        assert_eq!(history.gaps.unreadable_records, 0, "{what}");
    }
}

#[test]
fn a_long_dump_is_read_in_time_that_grows_with_its_length() {
    let line = |number: u32| {
        let (address, caller) = (0x3FFB_0000 + number * 16, 0x400D_0000 + number % 5000);
        format!(
            "    12 bytes (@ {address:#x}, Internal) allocated CPU 0 ccount {number:#010x} caller {caller:#x}:{caller:#x}\nfreed by {caller:#x}:\n"
        )
    };
    let head = |records| format!("====== Heap Trace: {records} records (100000 capacity) ======\n");
    let timed = |records: u32| {
        let text: String = (0..records).map(line).collect();
        let log = head(records) + &text;
        let began = std::time::Instant::now();
        let (_, replayed) = decoded(log.as_bytes());
        assert_eq!(replayed.total.frees, u64::from(records));
        began.elapsed()
    };
    let (short, long) = (timed(4_000), timed(32_000));
    assert!(
        long < short * 30,
        "8 times the records took {long:?} instead of {short:?}"
    );
}
