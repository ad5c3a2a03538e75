//! Event stream in hexadecimal lines between the lines for people, for `cargo esp-heap watch`.

use core::fmt::{self, Write};

use heap_caps_alloc::{CapsHeap, RawLock};
use heap_trace::{CurrentOwner, Event, Ledger, Owner, Ring, Stream, TraceContext};
use multi_heap::Poison;

pub(crate) const STRESS_OWNER: Owner = Owner(1);
pub(crate) const SOAK_OWNER: Owner = Owner(2);
const OWNERS: [(Owner, &str); 2] = [(STRESS_OWNER, "stress"), (SOAK_OWNER, "soak")];

static OWNER: CurrentOwner = CurrentOwner::new();

/// What is allocated in `work` is this owner's.
pub(crate) fn as_owner<R>(owner: Owner, work: impl FnOnce() -> R) -> R {
    OWNER.with(owner, work)
}

/// What a chip knows, and the owner that the program says.
#[derive(Debug)]
pub struct Owned<E>(pub E);

impl<E: TraceContext> TraceContext for Owned<E> {
    fn ticks(&self) -> u32 {
        self.0.ticks()
    }

    fn core(&self) -> u8 {
        self.0.core()
    }

    fn owner(&self) -> Owner {
        OWNER.get()
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        self.0.callers(stack)
    }
}

/// An observer that remembers call sites, and keeps events until they are sent: a few hundred.
///
/// 16 callers: those of a `Vec` begin with up to ten functions of the heap, of Rust's glue and of
/// the vector.
pub type Watcher<E> = Ledger<Owned<E>, Stream<Ring<8192>>, 512, 64, 4, 16>;

/// Heaps that a description has room for.
const MOST_HEAPS: usize = 16;

/// Emits the events that a decoder needs before all others.
pub fn introduce<L: RawLock, P: Poison, E: TraceContext, const HEAPS: usize>(
    heap: &CapsHeap<L, P, Watcher<E>, HEAPS>,
    name: &str,
    ticks_per_second: u32,
) {
    let mut views = [None; MOST_HEAPS];
    heap.inspect().locked(|heaps| {
        let places = views.iter_mut().zip(heaps.heaps());
        places.for_each(|(place, view)| *place = Some(view));
    });
    heap.with_observer(|watcher| {
        let ticks = watcher.context().ticks();
        let stream = watcher.event_sink_mut();
        stream.emit(
            ticks,
            &Event::Program {
                ticks_per_second,
                name,
            },
        );
        for (owner, name) in OWNERS {
            stream.emit(ticks, &Event::OwnerName { owner, name });
        }
        let count = views.iter().flatten().count();
        stream.describe(ticks, views.into_iter().take(count).flatten());
    });
}

/// Sends what has been kept.
pub fn drain<L: RawLock, P: Poison, E: TraceContext, const HEAPS: usize>(
    heap: &CapsHeap<L, P, Watcher<E>, HEAPS>,
    out: &mut impl Write,
) {
    let mut bytes = [0; 32];
    loop {
        let count =
            heap.with_observer(|watcher| watcher.event_sink_mut().sink_mut().read(&mut bytes));
        match bytes.get(..count) {
            Some([]) | None => return,
            // The console never fails.
            Some(frame) => {
                let _ = writeln!(out, "events\t{}", Hexadecimal(frame));
            }
        }
    }
}

struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use heap_caps::SimulatedMemory;
    use heap_caps_alloc::SpinLock;
    use heap_trace::{Decoder, WhenFull};
    use multi_heap::Unpoisoned;
    use soc_regions::{Caps, ESP32, options};
    use std::string::String;
    use std::vec::Vec;

    fn bytes(line: &str) -> Vec<u8> {
        let digits = line.strip_prefix("events\t").unwrap();
        let pairs = digits.as_bytes().chunks(2);
        let pairs = pairs.map(|pair| core::str::from_utf8(pair).unwrap());
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect()
    }

    #[test]
    fn drained_events_describe_the_program_its_heaps_and_every_block() {
        let stream = Stream::new(Ring::new(WhenFull::Refuse));
        let heap: CapsHeap<SpinLock, Unpoisoned, Watcher<()>> =
            CapsHeap::new(Ledger::new(Owned(()), stream));
        let (options, memory) = (options!(ESP32), SimulatedMemory::dirty(0xA5));
        let symbols = ESP32.sample_symbols(&options);
        // SAFETY: the simulated memory is this heap's alone, and outlives it.
        unsafe { heap.boot(&ESP32, &options, &symbols, &memory) }.unwrap();
        introduce(&heap, "a board", 80_000_000);
        let block = as_owner(SOAK_OWNER, || heap.malloc(100, Caps::DMA).unwrap());
        // SAFETY: nobody else has it.
        unsafe { heap.free(block) }.unwrap();
        let mut lines = String::new();
        drain(&heap, &mut lines);
        let (mut decoder, mut decoded) = (Decoder::new(), String::new());
        for byte in lines.lines().flat_map(bytes) {
            match decoder.push(byte).map(|frame| frame.unwrap().event) {
                Some(Event::Program { name, .. }) => decoded += name,
                Some(Event::OwnerName { name, .. }) => decoded = decoded + ", " + name,
                Some(Event::Allocated { size, owner, .. }) => {
                    let _ = write!(decoded, ", {size} bytes of {owner}");
                }
                Some(Event::Freed { .. }) => decoded += ", freed",
                _ => {}
            }
        }
        assert_eq!(
            decoded,
            "a board, stress, soak, 100 bytes of owner 2, freed"
        );
    }
}
