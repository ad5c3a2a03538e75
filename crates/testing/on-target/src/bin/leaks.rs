//! Three planted leaks, and a trace that must name them: by their lines, and by the functions on
//! the stack.

#![no_std]
#![no_main]

use core::hint::black_box;

use heap_caps::{HeapCaps, Identity};
use heap_trace::{DumpFilter, MemoryKind, Mode, Record, Slot, Trace};
use multi_heap::Unpoisoned;
use on_target::{ChipContext, Emulated, exit_code, println};
use soc_regions::{Caps, ESP32};
use target_suite::Machine;

on_target::program!(main);

const DEPTH: usize = 8;

type Traced<'a> = HeapCaps<Unpoisoned, Trace<'a, ChipContext, DEPTH>>;
/// A function that leaks, and on which line.
type Planted = fn(&mut Traced<'_>, u32) -> u32;

const PLANTED: [Planted; 3] = [parse_telegram, answer_request, rotate_log];

macro_rules! every {
    ($round:ident, $th:literal, $heaps:ident, $size:literal) => {{
        let block = $heaps.malloc($size, Caps::DMA).unwrap();
        if $round % $th != 0 {
            $heaps.free(black_box(block)).unwrap();
        }
        line!()
    }};
}

#[inline(never)]
fn parse_telegram(heaps: &mut Traced<'_>, round: u32) -> u32 {
    every!(round, 7, heaps, 48)
}

#[inline(never)]
fn answer_request(heaps: &mut Traced<'_>, round: u32) -> u32 {
    every!(round, 11, heaps, 120)
}

#[inline(never)]
fn rotate_log(heaps: &mut Traced<'_>, round: u32) -> u32 {
    every!(round, 5, heaps, 16)
}

#[inline(never)]
fn without_fault(heaps: &mut Traced<'_>) {
    let block = heaps.malloc(64, Caps::DMA).unwrap();
    heaps.free(black_box(block)).unwrap();
}

fn main() -> u8 {
    let mut slots = [Slot::EMPTY; 32];
    let mut heaps = booted();
    heaps.observer_mut().set_buffer(&mut slots).unwrap();
    heaps.observer_mut().start(Mode::Leaks).unwrap();
    let mut lines = [0; 3];
    for round in 1..=35 {
        for (line, planted) in lines.iter_mut().zip(PLANTED) {
            *line = black_box(planted)(&mut heaps, round);
        }
        without_fault(&mut heaps);
    }
    print(&mut heaps);
    let mut counts = [0; 3];
    heaps.observer_mut().rewind();
    while let Some(record) = heaps.observer_mut().read() {
        let line = record.caller.unwrap().line();
        let which = lines.iter().position(|&planted| planted == line).unwrap();
        counts[which] += 1;
        #[cfg(any(target_arch = "xtensa", feature = "frame-pointers"))]
        assert_eq!(on_stack(&record), Some(which), "{record:x?}");
    }
    assert_eq!(counts, [5, 3, 7]);
    exit_code::SUCCESS
}

fn booted<'a>() -> Traced<'a> {
    let mut heaps = HeapCaps::new(Trace::new(ChipContext::new()));
    let options = target_suite::options();
    let symbols = (Emulated::symbols(), ESP32.sample_symbols(&options));
    // SAFETY: nothing else uses the chip's memory; the program's own heap is never booted.
    unsafe { heaps.boot(&ESP32, &options, &symbols, &Identity) }.unwrap();
    heaps
}

fn print(heaps: &mut Traced<'_>) {
    struct Console;
    impl core::fmt::Write for Console {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            on_target::write(format_args!("{text}"));
            Ok(())
        }
    }
    let memory = |address| {
        if ESP32.is_internal(address) {
            MemoryKind::Internal
        } else {
            MemoryKind::Other
        }
    };
    Trace::dump(
        |look| look(heaps.observer_mut()),
        DumpFilter::All,
        memory,
        &mut Console,
    )
    .unwrap();
    println!("the places to look at: {PLANTED:x?}");
}

/// Returns which of the planted functions is on the stack: the innermost caller that lies closely
/// behind the beginning of one.
#[cfg(any(target_arch = "xtensa", feature = "frame-pointers"))]
fn on_stack(record: &Record<DEPTH>) -> Option<usize> {
    record.allocated_by.iter().find_map(|&caller| {
        let distance = |planted: &Planted| caller.wrapping_sub(*planted as usize as u32);
        let (which, nearest) = PLANTED
            .iter()
            .map(distance)
            .enumerate()
            .min_by_key(|(_, distance)| *distance)?;
        (nearest < 512).then_some(which)
    })
}
