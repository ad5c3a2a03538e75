//! The device: an ESP32's memory, a clock, and observers that record where memory goes.

use std::cell::Cell;
use std::fmt::Write;

use heap_caps::{Failure, HeapCaps, SimulatedMemory};
use heap_trace::{CurrentOwner, Event, FailureLog, Ledger, Owner, Stream, TraceContext};
use multi_heap::Unpoisoned;
use soc_regions::{Caps, ESP32};

pub(crate) const SENSOR: Owner = Owner(1);
pub(crate) const WEB: Owner = Owner(2);
pub(crate) const MQTT: Owner = Owner(3);
const NAMES: [(Owner, &str); 3] = [(SENSOR, "sensor"), (WEB, "web"), (MQTT, "mqtt")];

/// The last four failures, with the shares of five owners.
pub(crate) type Log = FailureLog<4, 5>;

static OWNER: CurrentOwner = CurrentOwner::new();

thread_local! {
    static MILLISECONDS: Cell<u32> = const { Cell::new(0) };
}

/// What the program knows of the moment.
struct Now;

impl TraceContext for Now {
    fn ticks(&self) -> u32 {
        MILLISECONDS.get()
    }

    fn owner(&self) -> Owner {
        OWNER.get()
    }
}

/// Where frames go: here a line of the log each.
type Port = fn(&[u8]) -> bool;
/// The observers: accounts of 2048 blocks, 64 places and 5 owners; behind them the stream and the
/// log of failures.
type Observers<'a> = Ledger<Now, (Stream<Port>, &'a mut Log), 2048, 64, 5>;

pub(crate) struct Device<'a> {
    heaps: HeapCaps<Unpoisoned, Observers<'a>>,
    _memory: SimulatedMemory, // dropped after the heaps
}

impl<'a> Device<'a> {
    pub(crate) fn booted(log: &'a mut Log) -> Self {
        let stream = Stream::new(send as Port);
        let mut heaps = HeapCaps::new(Ledger::new(Now, (stream, log)));
        let memory = SimulatedMemory::new();
        let options = ESP32.default_options();
        let symbols = ESP32.sample_symbols(&options);
        // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
        unsafe { heaps.boot(&ESP32, &options, &symbols, &memory) }.unwrap();
        // SAFETY: nobody stands on simulated stacks.
        unsafe { heaps.enable_startup_stack_heaps(&memory) };
        let mut device = Self {
            heaps,
            _memory: memory,
        };
        device.introduce();
        device
    }

    /// Tells the other end who speaks: the clock, the owners, the heaps.
    fn introduce(&mut self) {
        self.say(&Event::Program {
            ticks_per_second: 1000,
            name: "esp32 sensor node",
        });
        for (owner, name) in NAMES {
            self.say(&Event::OwnerName { owner, name });
        }
        let views: Vec<_> = self.heaps.inspect().heaps().collect();
        let (stream, _) = self.heaps.observer_mut().event_sink_mut();
        stream.describe(0, views.into_iter());
    }

    fn say(&mut self, event: &Event<'_>) {
        let (stream, _) = self.heaps.observer_mut().event_sink_mut();
        stream.emit(MILLISECONDS.get(), event);
    }

    pub(crate) fn mark(&mut self, name: &str) {
        self.say(&Event::Mark { name });
    }

    pub(crate) fn at_minute(&mut self, minute: u32) {
        MILLISECONDS.set(minute * 60_000);
    }

    pub(crate) fn free_bytes(&self) -> u32 {
        self.heaps.inspect().free_size(Caps::BIT8)
    }

    /// Some work on behalf of an owner.
    pub(crate) fn by<R>(&mut self, owner: Owner, work: impl FnOnce(&mut Self) -> R) -> R {
        OWNER.with(owner, || work(self))
    }

    #[track_caller]
    pub(crate) fn allocate(&mut self, size: usize) -> Result<u32, Box<Failure>> {
        MILLISECONDS.set(MILLISECONDS.get() + 3);
        self.heaps.malloc(size, Caps::BIT8).map_err(Box::new)
    }

    pub(crate) fn free(&mut self, block: u32) {
        MILLISECONDS.set(MILLISECONDS.get() + 40);
        self.heaps.free(block).unwrap();
    }
}

fn send(frame: &[u8]) -> bool {
    let mut line = String::from("events\t");
    for byte in frame {
        let _ = write!(line, "{byte:02x}");
    }
    println!("{line}");
    true
}
