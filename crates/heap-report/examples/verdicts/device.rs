//! A simulated ESP32 whose events are written down, and the rng of the programs that run on it.

use heap_caps::Policy;
use heap_report::simulate::machine::{Machine, Requests, Setup};
use heap_report::{Event, HeapDescription, History, Site, TimedEvent};
use multi_heap::Unpoisoned;
use soc_regions::{Caps, ESP32};

pub(crate) const OWNERS: [&str; 6] = ["nobody", "sensor", "web", "mqtt", "ui", "log"];

pub(crate) struct Device {
    machine: Machine<Unpoisoned>,
    pub(crate) history: History,
    state: u64,
}

impl Device {
    pub(crate) fn new(seed: u64) -> Device {
        let options = ESP32.default_options();
        let sample = ESP32.sample_symbols(&options);
        let names = [
            "_data_start",
            "_heap_start",
            "_iram_start",
            "_init_start",
            "_iram_end",
        ];
        let known =
            |name: &'static str| Some((name, soc_regions::Symbols::address(&sample, name)?));
        let setup = Setup {
            chip: &ESP32,
            options,
            symbols: names.into_iter().filter_map(known).collect(),
            policy: Policy::Guaranteed,
            reserve: None,
        };
        let mut machine = Machine::boot(&setup).unwrap();
        machine.enable_startup_stacks();
        let active = machine.heaps().inspect().heaps().filter(|heap| heap.active);
        let heaps = active
            .map(|heap| HeapDescription {
                index: u8::try_from(heap.index.get()).unwrap(),
                start: heap.span.start(),
                size: heap.span.size(),
                caps: heap.caps,
                name: heap.name.to_owned(),
            })
            .collect();
        let owners = (1..)
            .zip(OWNERS.iter().skip(1))
            .map(|(owner, name)| (owner, (*name).to_owned()));
        let history = History {
            heaps,
            owners: owners.collect(),
            sites: (0..40)
                .map(|line| Site {
                    file: if line == 0 {
                        String::new()
                    } else {
                        "src/main.rs".to_owned()
                    },
                    line,
                    ..Site::default()
                })
                .collect(),
            ..History::default()
        };
        Device {
            machine,
            history,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D,
        }
    }

    /// Below `end`: splitmix64.
    pub(crate) fn random(&mut self, end: u32) -> u32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(end)).unwrap()
    }

    pub(crate) fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.random(to - from)
    }

    /// The line of the source is the site.
    pub(crate) fn allocate(&mut self, owner: u8, line: usize, size: u32) -> Option<u32> {
        let taken = self.machine.allocate(Requests::Caps(Caps::BIT8), size, 4);
        let event = match taken {
            Ok(address) => Event::Allocated {
                address,
                size,
                site: line,
                owner,
            },
            Err(_) => Event::Failed {
                size,
                caps: Caps::BIT8,
                owner,
                sentence: None,
            },
        };
        self.emit(event);
        taken.ok()
    }

    pub(crate) fn free(&mut self, address: u32) {
        self.machine.free(address).unwrap();
        self.emit(Event::Freed { address });
    }

    pub(crate) fn free_bytes(&self) -> u32 {
        self.machine.free_bytes(Requests::Caps(Caps::BIT8))
    }

    fn emit(&mut self, event: Event) {
        let ticks = self.history.events.len() as u64;
        self.history.events.push(TimedEvent { ticks, event });
    }
}
