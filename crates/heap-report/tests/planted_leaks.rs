//! A program on this machine with three planted leaks: its event stream, read as a report reads it,
//! names the three lines.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use heap_caps::{HeapCaps, SimulatedMemory};
use heap_report::read::{Input, read};
use heap_report::{Frame, History, Replayed};
use heap_trace::{HostStack, Ledger, Stream, TraceContext};
use multi_heap::Unpoisoned;
use soc_regions::{Caps, ESP32};

#[derive(Debug)]
struct Here;

impl TraceContext for Here {
    fn callers(&self, stack: &mut [u32]) -> usize {
        HostStack { skip: 0 }.callers(stack)
    }
}

type Sent = Rc<RefCell<Vec<u8>>>;
type Sink = Box<dyn FnMut(&[u8]) -> bool>;
type Heaps = HeapCaps<Unpoisoned, Ledger<Here, Stream<Sink>, 64, 64, 1, 24>>;

#[inline(never)]
fn parse_telegram(heaps: &mut Heaps, round: u32) -> u32 {
    let (block, line) = (heaps.malloc(48, Caps::DMA).unwrap(), line!());
    if !round.is_multiple_of(7) {
        heaps.free(black_box(block)).unwrap();
    }
    line
}

#[inline(never)]
fn answer_request(heaps: &mut Heaps, round: u32) -> u32 {
    let (block, line) = (heaps.malloc(120, Caps::DMA).unwrap(), line!());
    if !round.is_multiple_of(11) {
        heaps.free(black_box(block)).unwrap();
    }
    line
}

#[inline(never)]
fn rotate_log(heaps: &mut Heaps, round: u32) -> u32 {
    let (block, line) = (heaps.malloc(16, Caps::DMA).unwrap(), line!());
    if !round.is_multiple_of(5) {
        heaps.free(black_box(block)).unwrap();
    }
    line
}

#[inline(never)]
fn without_fault(heaps: &mut Heaps, kept: &mut [Option<u32>; 4], round: usize) {
    let block = heaps.malloc(64, Caps::DMA).unwrap();
    if let Some(old) = kept[round % 4].replace(block) {
        heaps.free(old).unwrap();
    }
}

/// The bytes that the program sent, and the lines that leak.
fn run() -> (Vec<u8>, [u32; 3]) {
    let sent = Sent::default();
    let sink: Sink = {
        let sent = Rc::clone(&sent);
        Box::new(move |frame| {
            sent.borrow_mut().extend(frame);
            true
        })
    };
    let memory = SimulatedMemory::dirty(0xA5);
    let mut heaps: Heaps = HeapCaps::new(Ledger::new(Here, Stream::new(sink)));
    let options = ESP32.default_options();
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }.unwrap();
    let (mut lines, mut kept) = ([0; 3], [None; 4]);
    for round in 1..=35 {
        lines = [
            parse_telegram(&mut heaps, round),
            answer_request(&mut heaps, round),
            rotate_log(&mut heaps, round),
        ];
        without_fault(&mut heaps, &mut kept, round as usize);
    }
    drop(heaps);
    (sent.take(), lines)
}

fn resolve(caller: u32) -> Vec<Frame> {
    let mut frames = Vec::new();
    HostStack::resolve(caller, |function, place| {
        frames.push(Frame {
            function: function.to_owned(),
            file: place.map_or_else(String::new, |(file, _)| file.display().to_string()),
            line: place.map_or(0, |(_, line)| line),
        });
    });
    frames
}

fn suspects(history: &History) -> Vec<String> {
    let leaks = Replayed::of(history).leaks();
    let suspects = leaks.iter().filter(|leak| leak.is_suspect());
    suspects
        .map(|leak| history.site(leak.site).unwrap().label())
        .collect()
}

#[test]
fn the_stream_of_a_program_with_three_leaks_names_their_three_lines_and_no_other() {
    let (bytes, lines) = run();
    let Input::History(mut history) = read("host", &bytes).unwrap() else {
        unreachable!("a stream is a history")
    };
    history.name_callers(resolve);
    let found = suspects(&history);
    assert_eq!(found.len(), 3, "{found:?}");
    for (line, function) in
        lines
            .into_iter()
            .zip(["parse_telegram", "answer_request", "rotate_log"])
    {
        let place = format!("tests/planted_leaks.rs:{line} planted_leaks::{function}");
        assert!(
            found.iter().any(|label| label.ends_with(&place)),
            "{place}: {found:?}"
        );
    }
}

#[test]
fn without_names_of_functions_the_lines_are_those_that_the_program_sent() {
    let (bytes, lines) = run();
    let Input::History(history) = read("host", &bytes).unwrap() else {
        unreachable!("a stream is a history")
    };
    let labels: Vec<String> = history.sites.iter().map(heap_report::Site::label).collect();
    for line in lines {
        let place = format!("tests/planted_leaks.rs:{line}");
        assert!(
            labels.iter().any(|label| label.ends_with(&place)),
            "{place}: {labels:?}"
        );
    }
}
