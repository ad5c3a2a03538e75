//! A program that reports what its heap does: the event stream in lines of hexadecimal digits,
//! `events<tab>…`, for a receiver. It allocates as programs do: by the heap's own functions, by
//! `Vec` and by `Box`.
//!
//! It also listens itself: what its decoder rebuilds must be what is live.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::hint::black_box;

use heap_caps::{Identity, ImageHeader};
use heap_caps_alloc::CapsHeap;
use heap_trace::{
    BuildId, CurrentOwner, Decoder, Event, Ledger, Owner, Recent, Ring, Stream, TraceContext,
    WhenFull,
};
use multi_heap::Unpoisoned;
use on_target::{ChipContext, Emulated, HeapLock, exit_code, println};
use soc_regions::{Caps, ESP32};
use target_suite::Machine;

on_target::program!(main);

static OWNER: CurrentOwner = CurrentOwner::new();
const OWNERS: [(Owner, &str); 4] = [
    (Owner(1), "sensor"),
    (Owner(2), "web"),
    (Owner(3), "log"),
    (Owner(4), "mqtt"),
];
/// The same for who reads an image of the memory, the first one owner 1.
static NAMES: &[&str] = &["sensor", "web", "log", "mqtt"];
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

    fn build(&self) -> Option<BuildId<'static>> {
        // SAFETY: the linker script has nothing but the note there.
        heap_trace::build_id!(unsafe { _build_id_start, _build_id_end })
    }

    #[inline(always)]
    fn callers(&self, stack: &mut [u32]) -> usize {
        self.0.callers_outside_of_the_heap(stack)
    }
}

/// Accounts and stream, and the last events for readers of the memory.
type Observers = (
    Ledger<Owned, Stream<Ring<8192>>, 256, 32, 5, 6>,
    Recent<Owned, 48>,
);

#[global_allocator]
static HEAP: CapsHeap<HeapLock, Unpoisoned, Observers> = CapsHeap::new((
    Ledger::new(
        Owned(ChipContext::new()),
        Stream::new(Ring::new(WhenFull::Refuse)),
    )
    .with_owner_names(&NAMES),
    Recent::new(Owned(ChipContext::new())),
));

/// Leads to the heap in an image of the memory.
static IMAGE: ImageHeader = ImageHeader::new();

fn main() -> u8 {
    boot();
    introduce();
    let mut reader = StreamReader::new();
    let mut kept = [const { None }; 4];
    for round in 0..ROUNDS {
        OWNER.with(Owner(1), || measure(round));
        OWNER.with(Owner(2), || answer(round));
        OWNER.with(Owner(3), || rotate(&mut kept, round));
        OWNER.with(Owner(4), || remember(round));
        if round == ROUNDS / 2 {
            say(&Event::Mark { name: "half way" });
            let refused = HEAP.malloc(1 << 20, Caps::DMA);
            assert!(refused.is_err());
        }
        reader.empty();
    }
    let live = HEAP.with_observer(|(ledger, _)| ledger.total().1);
    assert_eq!(reader.live, live, "as rebuilt from the stream");
    let (events, dropped) = HEAP.with_observer(|(ledger, _)| {
        let stream = ledger.event_sink_mut();
        (stream.events(), stream.dropped())
    });
    assert_eq!((dropped, reader.decoder.missed()), (0, 0));
    println!("{events} events, {live} blocks live at the end");
    exit_code::SUCCESS
}

/// Keeps every seventh block.
#[inline(never)]
fn measure(round: u32) {
    let block = HEAP.malloc(48, Caps::DMA).unwrap(); // leaks
    if round % 7 != 3 {
        // SAFETY: nobody has a reference to it.
        unsafe { HEAP.free(block) }.unwrap();
    }
}

/// A buffer that grows.
#[inline(never)]
fn answer(round: u32) {
    let mut page: Vec<u8> = Vec::with_capacity(64);
    for size in [256, 1024, 1100 + round as usize * 40] {
        page.resize(size, 0);
        black_box(&mut page);
    }
}

/// The last four lines are kept.
#[inline(never)]
fn rotate(kept: &mut [Option<Box<[u8]>>; 4], round: u32) {
    let line = Vec::from_iter((0..20 + round % 30).map(|place| place as u8));
    kept[round as usize % 4] = Some(line.into_boxed_slice());
}

/// Forgets to free every fifth telegram.
#[inline(never)]
fn remember(round: u32) {
    let telegram = black_box(Box::new([round; 6])); // leaks
    if round % 5 == 2 {
        Box::leak(telegram);
    }
}

fn boot() {
    let options = target_suite::options();
    let symbols = (Emulated::symbols(), ESP32.sample_symbols(&options));
    // SAFETY: nothing else uses the chip's memory; the library's own heap is never booted.
    unsafe { HEAP.boot(&ESP32, &options, &symbols, &Identity) }.unwrap();
    IMAGE.lead_to(HEAP.inspect().heaps_in_memory());
}

fn introduce() {
    // 10 MHz: the emulated clock.
    say(&Event::Program {
        ticks_per_second: 10_000_000,
        name: "esp32 events",
    });
    let id = HEAP.with_observer(|(ledger, _)| ledger.context().build());
    say(&Event::Build { id: id.unwrap() });
    for (owner, name) in OWNERS {
        say(&Event::OwnerName { owner, name });
    }
    let mut views = [None; 16];
    let count = HEAP.inspect().locked(|heaps| {
        let places = views.iter_mut().zip(heaps.heaps());
        places.map(|(place, view)| *place = Some(view)).count()
    });
    let views = views.into_iter().take(count).flatten();
    HEAP.with_observer(|(ledger, _)| {
        let ticks = ledger.context().ticks();
        ledger.event_sink_mut().describe(ticks, views);
    });
}

fn say(event: &Event<'_>) {
    let is_sent = HEAP.with_observer(|(ledger, _)| {
        let ticks = ledger.context().ticks();
        ledger.event_sink_mut().emit(ticks, event)
    });
    assert!(is_sent);
}

/// The other end of the wire.
struct StreamReader {
    decoder: Decoder,
    live: u32,
}

impl StreamReader {
    const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            live: 0,
        }
    }

    /// Reads what has been sent, and passes it on.
    fn empty(&mut self) {
        let mut bytes = [0; 32];
        loop {
            let count = HEAP.with_observer(|(ledger, _)| {
                let ring = ledger.event_sink_mut().sink_mut();
                ring.read(&mut bytes)
            });
            if count == 0 {
                break;
            }
            println!("events\t{}", Hexadecimal(&bytes[..count]));
            bytes[..count].iter().for_each(|&byte| self.receive(byte));
        }
    }

    fn receive(&mut self, byte: u8) {
        let Some(frame) = self.decoder.push(byte) else {
            return;
        };
        match frame.unwrap().event {
            Event::Allocated { .. } => self.live += 1,
            Event::Freed { .. } => self.live -= 1,
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
