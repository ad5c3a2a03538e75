//! A program that tells what its heap does: the event stream in lines of hexadecimal digits,
//! `events<tab>…`, for whoever listens.
//!
//! It also listens itself: what its decoder rebuilds must be what is alive.

#![no_std]
#![no_main]

use core::fmt;

use heap_caps::{HeapCaps, Identity};
use heap_trace::{
    CurrentOwner, Decoder, Event, Ledger, Owner, Ring, Stream, TraceContext, WhenFull,
};
use multi_heap::Unpoisoned;
use on_target::{ChipContext, Emulated, exit_code, println};
use soc_regions::{Caps, ESP32};
use target_suite::Machine;

on_target::program!(main);

static OWNER: CurrentOwner = CurrentOwner::new();
const OWNERS: [(Owner, &str); 3] = [(Owner(1), "sensor"), (Owner(2), "web"), (Owner(3), "log")];
const ROUNDS: u32 = 60;

/// The chip's clock and stack, and the owner that the program says.
struct Owned(ChipContext);

impl TraceContext for Owned {
    fn ticks(&self) -> u32 {
        self.0.ticks()
    }

    fn owner(&self) -> Owner {
        OWNER.get()
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        self.0.callers(stack)
    }
}

type Heaps = HeapCaps<Unpoisoned, Ledger<Owned, Stream<Ring<8192>>, 256, 32, 4, 6>>;

fn main() -> u8 {
    let mut heaps = booted();
    introduce(&mut heaps);
    let mut reader = StreamReader::new();
    let mut slow = [0; 4];
    for round in 0..ROUNDS {
        OWNER.with(Owner(1), || measure(&mut heaps, round));
        OWNER.with(Owner(2), || answer(&mut heaps, round));
        OWNER.with(Owner(3), || rotate(&mut heaps, &mut slow, round));
        if round == ROUNDS / 2 {
            say(&mut heaps, &Event::Mark { name: "half way" });
            let refused = heaps.malloc(1 << 20, Caps::DMA);
            assert!(refused.is_err());
        }
        reader.empty(&mut heaps);
    }
    let alive = heaps.inspect().observer().total().1;
    assert_eq!(reader.alive, alive, "as rebuilt from the stream");
    let stream = heaps.observer_mut().event_sink_mut();
    assert_eq!((stream.dropped(), reader.decoder.missed()), (0, 0));
    println!(
        "{} events, {alive} blocks alive at the end",
        stream.events()
    );
    exit_code::SUCCESS
}

/// Keeps every seventh block.
#[inline(never)]
fn measure(heaps: &mut Heaps, round: u32) {
    let block = heaps.malloc(48, Caps::DMA).unwrap();
    if round % 7 != 3 {
        heaps.free(block).unwrap();
    }
}

/// A buffer that grows.
#[inline(never)]
fn answer(heaps: &mut Heaps, round: u32) {
    let mut block = heaps.malloc(64, Caps::BIT8).unwrap();
    for size in [256, 1024, 1000 + round as usize * 40] {
        block = heaps.realloc(block, size, Caps::BIT8).unwrap();
    }
    heaps.free(block).unwrap();
}

/// The last four lines are kept.
#[inline(never)]
fn rotate(heaps: &mut Heaps, lines: &mut [u32; 4], round: u32) {
    let line = &mut lines[round as usize % 4];
    if *line != 0 {
        heaps.free(*line).unwrap();
    }
    *line = heaps.malloc(20 + round as usize % 30, Caps::BIT8).unwrap();
}

fn booted() -> Heaps {
    let stream = Stream::new(Ring::new(WhenFull::Refuse));
    let mut heaps = HeapCaps::new(Ledger::new(Owned(ChipContext::new()), stream));
    let options = target_suite::options();
    let symbols = (Emulated::symbols(), ESP32.sample_symbols(&options));
    // SAFETY: nothing else uses the chip's memory; the program's own heap is never booted.
    unsafe { heaps.boot(&ESP32, &options, &symbols, &Identity) }.unwrap();
    heaps
}

fn introduce(heaps: &mut Heaps) {
    // 10 MHz: the emulated clock.
    let program = Event::Program {
        ticks_per_second: 10_000_000,
        name: "esp32 events",
    };
    say(heaps, &program);
    for (owner, name) in OWNERS {
        say(heaps, &Event::OwnerName { owner, name });
    }
    let ticks = heaps.inspect().observer().context().ticks();
    let mut views = [None; 16];
    let count = views
        .iter_mut()
        .zip(heaps.inspect().heaps())
        .map(|(place, view)| *place = Some(view))
        .count();
    let views = views.into_iter().take(count).flatten();
    heaps.observer_mut().event_sink_mut().describe(ticks, views);
}

fn say(heaps: &mut Heaps, event: &Event<'_>) {
    let ticks = heaps.inspect().observer().context().ticks();
    assert!(heaps.observer_mut().event_sink_mut().emit(ticks, event));
}

/// The other end of the wire.
struct StreamReader {
    decoder: Decoder,
    alive: u32,
}

impl StreamReader {
    const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            alive: 0,
        }
    }

    /// Reads what has been said, and passes it on.
    fn empty(&mut self, heaps: &mut Heaps) {
        let mut bytes = [0; 32];
        loop {
            let count = heaps
                .observer_mut()
                .event_sink_mut()
                .sink_mut()
                .read(&mut bytes);
            if count == 0 {
                break;
            }
            println!("events\t{}", Hexadecimal(&bytes[..count]));
            bytes[..count].iter().for_each(|&byte| self.hear(byte));
        }
    }

    fn hear(&mut self, byte: u8) {
        let Some(frame) = self.decoder.push(byte) else {
            return;
        };
        match frame.unwrap().event {
            Event::Allocated { .. } => self.alive += 1,
            Event::Freed { .. } => self.alive -= 1,
            _ => {}
        }
    }
}

struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}
