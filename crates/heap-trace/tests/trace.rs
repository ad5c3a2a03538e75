//! The standalone trace: what ESP-IDF's does, and what it does not get right.

use std::cell::Cell;

use crate::support::{BYTES, Sim};
use heap_caps::{AllocRequest, Placement};
use heap_trace::{
    DumpFilter, MemoryKind, Mode, Record, Slot, State, Summary, Trace, TraceContext, TraceError,
};
use soc_regions::{Caps, ESP32};

/// A clock that advances by 4, core 1, and a call stack of two callers.
#[derive(Debug, Default)]
struct Numbered(Cell<u32>);

impl TraceContext for Numbered {
    fn ticks(&self) -> u32 {
        self.0.set(self.0.get() + 4);
        self.0.get()
    }

    fn core(&self) -> u8 {
        1
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        let callers = [0x400D_1000 + self.0.get(), 0x400D_2000];
        stack
            .iter_mut()
            .zip(callers)
            .for_each(|(place, caller)| *place = caller);
        callers.len().min(stack.len())
    }
}

type Traced<'a> = Sim<Trace<'a, Numbered>>;

fn traced(buffer: &mut [Slot<2>], mode: Mode) -> Traced<'_> {
    let mut sim = Sim::new(Trace::new(Numbered::default()));
    sim.observer().set_buffer(buffer).unwrap();
    sim.observer().start(mode).unwrap();
    sim
}

/// Address, size and whether it is freed, of every record.
fn records(trace: &mut Trace<'_, Numbered>) -> Vec<(u32, u32, bool)> {
    let brief = |record: Record<2>| (record.address, record.size, record.freed);
    trace.rewind();
    std::iter::from_fn(|| trace.read()).map(brief).collect()
}

#[test]
fn leaks_are_the_blocks_that_were_not_freed() {
    let mut buffer = [Slot::EMPTY; 8];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let [a, b, c] = [10, 20, 30].map(|size| sim.malloc(size));
    sim.free(b);
    assert_eq!(records(sim.observer()), [(a, 10, false), (c, 30, false)]);
    sim.free(a);
    sim.free(c);
    assert_eq!(records(sim.observer()), []);
    let summary = sim.observer().summary();
    assert_eq!((summary.total_allocations, summary.total_frees), (3, 3));
    assert_eq!((summary.high_water_mark, summary.dropped), (3, 0));
}

#[test]
fn a_trace_of_everything_keeps_what_was_freed_and_by_whom() {
    let mut buffer = [Slot::EMPTY; 8];
    let mut sim = traced(&mut buffer, Mode::All);
    let a = sim.malloc(10);
    sim.free(a);
    let record = sim.observer().get(0).unwrap();
    assert_eq!((record.address, record.size, record.freed), (a, 10, true));
    assert_eq!((record.ticks, record.core), (4, 1));
    assert_eq!(record.allocated_by, [0x400D_1004, 0x400D_2000]);
    assert_eq!(record.freed_by, [0x400D_1004, 0x400D_2000]);
    assert_eq!(record.caller.unwrap().file(), file!());
}

#[test]
fn an_address_that_is_used_again_gets_a_record_of_its_own() {
    let mut buffer = [Slot::EMPTY; 8];
    let mut sim = traced(&mut buffer, Mode::All);
    let first = sim.malloc(10);
    sim.free(first);
    let second = sim.malloc(10);
    assert_eq!(first, second);
    assert_eq!(
        records(sim.observer()),
        [(first, 10, true), (first, 10, false)]
    );
    sim.free(second);
    assert_eq!(
        records(sim.observer()),
        [(first, 10, true), (first, 10, true)]
    );
}

/// Defects: 46fceb2, 0716530, dd1dde5.
#[test]
fn every_path_is_traced_calloc_aligned_and_preferring_too() {
    let mut buffer = [Slot::EMPTY; 16];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let heaps = &mut sim.heaps;
    let blocks = [
        heaps.malloc(1, BYTES),
        heaps.calloc(2, 1, BYTES),
        heaps.aligned_alloc(64, 3, BYTES),
        heaps.allocate(
            &AllocRequest::new(4, Caps::empty()).placed(Placement::Prefer(&[Caps::SPIRAM, BYTES])),
        ),
        heaps.allocate(
            &AllocRequest::array(5, 1, Caps::empty())
                .placed(Placement::Prefer(&[Caps::SPIRAM, BYTES]))
                .zeroed(),
        ),
        heaps.allocate(&AllocRequest::in_default_memory(6)),
        heaps.allocate(
            &AllocRequest::array(7, 1, Caps::empty())
                .placed(Placement::Default)
                .zeroed(),
        ),
        heaps.allocate(&AllocRequest::in_default_memory(8).aligned_to(32)),
        heaps.malloc(9, Caps::EXEC),
    ];
    let blocks = blocks.map(Result::unwrap);
    let expected: Vec<_> = blocks
        .into_iter()
        .zip(1..)
        .map(|(at, size)| (at, size, false))
        .collect();
    assert_eq!(records(sim.observer()), expected);
    blocks.into_iter().for_each(|block| sim.free(block));
    assert_eq!(records(sim.observer()), []);
}

#[test]
fn a_resize_ends_one_record_and_begins_another_in_place_and_moved() {
    let mut buffer = [Slot::EMPTY; 8];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let block = sim.malloc(100);
    let in_place = sim.realloc(block, 50);
    assert_eq!(in_place, block);
    assert_eq!(records(sim.observer()), [(block, 50, false)]);
    let in_the_way = sim.malloc(60);
    let moved = sim.realloc(in_place, 5000);
    assert_ne!(moved, block);
    assert_eq!(
        records(sim.observer()),
        [(in_the_way, 60, false), (moved, 5000, false)]
    );
    let summary = sim.observer().summary();
    assert_eq!((summary.total_allocations, summary.total_frees), (4, 2));
}

/// Defects: head_07.
#[test]
fn a_failed_realloc_keeps_the_record_of_the_block_that_lives_on() {
    let mut buffer = [Slot::EMPTY; 8];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let block = sim.malloc(100);
    sim.heaps.realloc(block, 1 << 28, BYTES).unwrap_err();
    assert_eq!(records(sim.observer()), [(block, 100, false)]);
    assert_eq!(sim.observer().summary().total_frees, 0);
}

/// Defects: head_08.
#[test]
fn records_are_found_by_number_in_any_order_of_asking() {
    let mut buffer = [Slot::EMPTY; 16];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let blocks: Vec<u32> = (1..=8).map(|size| sim.malloc(size * 8)).collect();
    let mut address = |index| sim.observer().get(index).map(|record| record.address);
    for index in [5, 0, 6, 7, 7, 3, 4, 0, 1] {
        assert_eq!(address(index), Some(blocks[index]), "{index}");
    }
    assert_eq!(address(8), None);
    assert_eq!(address(2), Some(blocks[2]));
}

/// Defects: head_09.
#[test]
fn a_record_freed_under_the_reader_is_passed_over() {
    let mut buffer = [Slot::EMPTY; 8];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let [a, b, c] = [1, 2, 3].map(|size| sim.malloc(size));
    let mut sizes = Vec::new();
    sim.observer().rewind();
    sizes.extend(sim.observer().read().map(|record| record.size));
    sim.free(a);
    sim.free(b);
    sizes.extend(sim.observer().read().map(|record| record.size));
    assert_eq!(sizes, [1, 3]);
    assert_eq!(sim.observer().get(0).map(|record| record.address), Some(c));
    let d = sim.malloc(4);
    sim.free(c);
    assert_eq!(
        sim.observer().get(0).map(|record| record.address),
        Some(d),
        "by number too"
    );
}

/// Defects: head_10.
#[test]
fn the_high_water_mark_is_that_of_the_session() {
    let mut buffer = [Slot::EMPTY; 8];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let blocks = [1, 2, 3].map(|size| sim.malloc(size));
    sim.observer().start(Mode::Leaks).unwrap();
    assert_eq!(sim.observer().summary().high_water_mark, 0);
    assert_eq!(sim.observer().count(), 0);
    blocks.into_iter().for_each(|block| sim.free(block));
    let summary = sim.observer().summary();
    assert_eq!(
        (summary.total_frees, summary.misses),
        (0, 0),
        "there is no record to free"
    );
}

#[test]
fn a_full_buffer_gives_up_its_oldest_records_and_says_so() {
    let mut buffer = [Slot::EMPTY; 3];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let blocks: Vec<u32> = (1..=5).map(|size| sim.malloc(size)).collect();
    let summary = sim.observer().summary();
    assert!(summary.has_overflowed());
    assert_eq!(
        (summary.dropped, summary.count, summary.total_allocations),
        (2, 3, 5)
    );
    assert_eq!(
        records(sim.observer()),
        [
            (blocks[2], 3, false),
            (blocks[3], 4, false),
            (blocks[4], 5, false)
        ]
    );
    blocks.into_iter().for_each(|block| sim.free(block));
    let summary = sim.observer().summary();
    assert_eq!(
        (summary.hits, summary.misses),
        (3, 2),
        "those that had been given up are not found"
    );
}

#[test]
fn states_follow_each_other_as_esp_idf_says() {
    let mut buffer = [Slot::EMPTY; 4];
    let mut trace: Trace<'_> = Trace::new(());
    assert_eq!(trace.start(Mode::All), Err(TraceError::NoBuffer));
    assert_eq!(trace.resume(), Err(TraceError::NoBuffer));
    assert_eq!(
        trace.set_buffer(&mut []).err(),
        Some(TraceError::EmptyBuffer)
    );
    assert!(trace.set_buffer(&mut buffer).unwrap().is_none());
    assert_eq!(trace.stop(), Ok(()), "before any start, too");
    assert_eq!(trace.stop(), Err(TraceError::Already(State::Stopped)));
    trace.start(Mode::All).unwrap();
    assert_eq!(trace.resume(), Err(TraceError::Already(State::Started)));
    assert_eq!(trace.take_buffer().err(), Some(TraceError::Running));
    trace.pause().unwrap();
    assert_eq!(trace.pause(), Err(TraceError::Already(State::Paused)));
    assert_eq!(trace.take_buffer().err(), Some(TraceError::Running));
    trace.start(Mode::Leaks).unwrap();
    trace.stop().unwrap();
    assert_eq!(
        trace.take_buffer().unwrap().map(|buffer| buffer.len()),
        Some(4)
    );
}

#[test]
fn a_resume_before_the_first_start_records_from_there_on() {
    let mut buffer = [Slot::EMPTY; 4];
    let mut sim: Traced<'_> = Sim::new(Trace::new(Numbered::default()));
    sim.observer().set_buffer(&mut buffer).unwrap();
    sim.observer().resume().unwrap();
    let block = sim.malloc(5);
    assert_eq!(records(sim.observer()), [(block, 5, false)]);
}

#[test]
fn while_paused_frees_count_and_allocations_do_not() {
    let mut buffer = [Slot::EMPTY; 4];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let [a, b] = [1, 2].map(|size| sim.malloc(size));
    sim.observer().pause().unwrap();
    let unseen = sim.malloc(3);
    sim.free(a);
    sim.free(unseen);
    assert_eq!(records(sim.observer()), [(b, 2, false)]);
    let summary = sim.observer().summary();
    assert_eq!((summary.total_allocations, summary.total_frees), (2, 2));
    assert_eq!((summary.hits, summary.misses), (1, 1));
}

#[test]
fn a_block_whose_free_nobody_saw_is_no_leak_once_its_address_is_used_again() {
    let mut buffer = [Slot::EMPTY; 4];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let block = sim.malloc(10);
    sim.observer().stop().unwrap();
    sim.free(block);
    sim.observer().resume().unwrap();
    let again = sim.malloc(12);
    assert_eq!(again, block);
    assert_eq!(records(sim.observer()), [(block, 12, false)]);
}

fn dumped(sim: &mut Traced<'_>, shown: DumpFilter) -> String {
    let mut text = String::new();
    let memory = |address| match (ESP32.is_internal(address), ESP32.is_external(address)) {
        (true, _) => MemoryKind::Internal,
        (_, true) => MemoryKind::External,
        _ => MemoryKind::Other,
    };
    Trace::dump(|look| look(sim.observer()), shown, memory, &mut text).unwrap();
    text
}

#[test]
fn the_dump_is_esp_idfs_text() {
    let mut buffer = [Slot::EMPTY; 4];
    let mut sim = traced(&mut buffer, Mode::Leaks);
    let a = sim.malloc(96);
    let b = sim.malloc(8);
    sim.free(b);
    sim.observer().stop().unwrap();
    let place = sim.observer().get(0).unwrap().caller.unwrap();
    let expected = format!(
        "====== Heap Trace: 1 records (4 capacity) ======
    96 bytes (@ {a:#x}, Internal) allocated CPU 1 ccount 0x00000005 caller 0x400d1004:0x400d2000 at {place}
====== Heap Trace Summary ======
Mode: Heap Trace Leaks
96 bytes 'leaked' in trace (1 allocations)
records: 1 (4 capacity, 2 high water mark)
hashmap: 4 capacity (1 hits, 0 misses)
total allocations: 2
total frees: 1
================================
"
    );
    assert_eq!(dumped(&mut sim, DumpFilter::All), expected);
    let external = dumped(&mut sim, DumpFilter::Only(MemoryKind::External));
    assert!(external.contains("1 records"), "{external}");
    assert!(
        external.contains("\n0 bytes 'leaked' in trace (0 allocations)"),
        "{external}"
    );
}

/// Defects: head_11.
#[test]
fn the_dump_lets_go_of_the_trace_between_two_lines_and_notes_what_happened_meanwhile() {
    let mut buffer = [Slot::EMPTY; 2];
    let mut sim = traced(&mut buffer, Mode::All);
    let a = sim.malloc(1);
    sim.malloc(2);
    let mut looks = 0;
    let mut text = String::new();
    Trace::dump(
        |look| {
            looks += 1;
            look(sim.observer());
            if looks == 2 {
                sim.free(a);
                sim.malloc(3);
            }
        },
        DumpFilter::All,
        |_| MemoryKind::Other,
        &mut text,
    )
    .unwrap();
    assert!(
        text.contains("New entries were traced while dumping"),
        "{text}"
    );
    assert!(text.contains("Internal Buffer has overflowed"), "{text}");
    assert!(text.contains("bytes live in trace"), "{text}");
    assert!(looks >= 4, "one look a record");
}

#[test]
fn a_trace_without_a_buffer_only_counts_nothing() {
    let mut sim: Sim<Trace<'_>> = Sim::new(Trace::new(()));
    let block = sim.malloc(5);
    sim.free(block);
    assert_eq!(sim.observer().summary(), Summary::default());
}
