//! A program that never was: owners, call stacks, failures, a leak and gaps, as a stream would have
//! them.

use std::collections::BTreeMap;

use heap_report::{Event, Frame, Gaps, HeapDescription, History, Site, Source, TimedEvent};
use soc_regions::Caps;

const OWNERS: [&str; 5] = ["wifi", "mqtt", "http", "ui", "logger"];

/// A call: function, file, line.
type Call = (&'static str, &'static str, u32);
/// Allocating functions: about how many bytes, and through which calls, the innermost first.
type CallSite = (u8, u32, &'static [Call]);

const ASKERS: [CallSite; 12] = [
    (
        1,
        1600,
        &[
            ("wifi::rx::receive_buffer", "src/wifi/rx.rs", 41),
            ("wifi::task", "src/wifi/mod.rs", 88),
        ],
    ),
    (
        1,
        96,
        &[
            ("wifi::scan::add_record", "src/wifi/scan.rs", 120),
            ("wifi::scan::start", "src/wifi/scan.rs", 60),
            ("wifi::task", "src/wifi/mod.rs", 93),
        ],
    ),
    (
        2,
        220,
        &[
            ("mqtt::packet::encode", "src/mqtt/packet.rs", 77),
            ("mqtt::client::publish", "src/mqtt/client.rs", 143),
            ("app::telemetry", "src/app.rs", 210),
            ("main", "src/main.rs", 31),
        ],
    ),
    (
        2,
        48,
        &[
            ("mqtt::session::remember", "src/mqtt/session.rs", 52),
            ("mqtt::client::publish", "src/mqtt/client.rs", 150),
            ("app::telemetry", "src/app.rs", 210),
            ("main", "src/main.rs", 31),
        ],
    ),
    (
        2,
        512,
        &[
            ("mqtt::inbox::push", "src/mqtt/inbox.rs", 19),
            ("mqtt::client::poll", "src/mqtt/client.rs", 201),
            ("app::run", "src/app.rs", 98),
            ("main", "src/main.rs", 31),
        ],
    ),
    (
        3,
        2048,
        &[
            ("http::response::body", "src/http/response.rs", 310),
            ("http::server::answer", "src/http/server.rs", 77),
            ("http::task", "src/http/mod.rs", 12),
        ],
    ),
    (
        3,
        160,
        &[
            ("http::headers::insert", "src/http/headers.rs", 45),
            ("http::server::answer", "src/http/server.rs", 70),
            ("http::task", "src/http/mod.rs", 12),
        ],
    ),
    (
        3,
        24,
        &[
            ("http::cookie::parse", "src/http/cookie.rs", 8),
            ("http::server::answer", "src/http/server.rs", 71),
            ("http::task", "src/http/mod.rs", 12),
        ],
    ),
    (
        4,
        6400,
        &[
            ("ui::canvas::strip", "src/ui/canvas.rs", 26),
            ("ui::frame", "src/ui/mod.rs", 55),
            ("ui::task", "src/ui/mod.rs", 20),
        ],
    ),
    (
        4,
        72,
        &[
            ("ui::label::set_text", "src/ui/label.rs", 33),
            ("app::show", "src/app.rs", 150),
            ("app::run", "src/app.rs", 101),
            ("main", "src/main.rs", 31),
        ],
    ),
    (
        5,
        128,
        &[
            ("logger::line", "src/logger.rs", 64),
            ("logger::write", "src/logger.rs", 40),
            ("app::run", "src/app.rs", 99),
            ("main", "src/main.rs", 31),
        ],
    ),
    (
        0,
        300,
        &[
            ("alloc::vec::Vec<T>::reserve", "src/config.rs", 18),
            ("config::load", "src/config.rs", 11),
            ("main", "src/main.rs", 22),
        ],
    ),
];
/// The site that never frees.
const LEAK: usize = 4;

/// About `events` events of that program. Always the same for the same number.
pub fn program(events: usize) -> History {
    let mut maker = Maker::new();
    let step = (events / 5).max(1);
    for number in 0..events {
        maker.ticks += 40 + maker.random(900);
        if number % step == step / 2 {
            let name = ["connected", "update", "night", "morning", "evening"][number / step % 5];
            maker.emit(Event::Mark {
                name: name.to_owned(),
            });
        }
        maker.step(number, events);
    }
    maker.history
}

struct Maker {
    history: History,
    /// Address and size.
    blocks: BTreeMap<u32, (u32, usize)>,
    ticks: u64,
    seed: u64,
}

impl Maker {
    fn new() -> Maker {
        let owners = OWNERS
            .iter()
            .zip(1..)
            .map(|(name, number)| (number, (*name).to_owned()));
        let history = History {
            program: "weather-station".to_owned(),
            ticks_per_second: 1_000_000,
            heaps: vec![
                heap(0, "DRAM", 0x3FFB_2EC8, 120_000),
                heap(1, "D/IRAM", 0x3FFE_0440, 15_072),
            ],
            owners: owners.collect(),
            sites: std::iter::once(Site::default())
                .chain(ASKERS.iter().map(site))
                .collect(),
            source: Source::Stream,
            gaps: Gaps {
                dropped: 17,
                ..Gaps::default()
            },
            ..History::default()
        };
        Maker {
            history,
            blocks: BTreeMap::new(),
            ticks: 5_000,
            seed: 7,
        }
    }

    fn step(&mut self, number: usize, events: usize) {
        if number == events / 3 {
            return self.emit(Event::Dropped { events: 17 });
        }
        let busy = number * 8 / events % 3 != 1;
        let most = if busy { 170 } else { 70 };
        let going = self
            .blocks
            .values()
            .filter(|(_, site)| *site != LEAK)
            .count();
        if going > 0 && self.random(most) < going as u64 {
            self.free_one(going);
        } else {
            self.allocate_one();
        }
    }

    fn free_one(&mut self, going: usize) {
        let nth = self.random(going as u64) as usize;
        let mut all = self.blocks.iter().filter(|(_, (_, site))| *site != LEAK);
        let Some(address) = all.nth(nth).map(|(address, _)| *address) else {
            return;
        };
        self.blocks.remove(&address);
        self.emit(Event::Freed { address });
    }

    fn allocate_one(&mut self) {
        let leaks = self.history.events.len().is_multiple_of(90);
        let site = if leaks {
            LEAK
        } else {
            1 + self.random(ASKERS.len() as u64) as usize
        };
        if site == LEAK && !leaks {
            return;
        }
        let (owner, about, _) = ASKERS[site - 1];
        let size = if leaks {
            48
        } else {
            about / 2 + self.random(u64::from(about)) as u32
        };
        let event = match self.place(size) {
            Some(address) => {
                self.blocks.insert(address, (size, site));
                Event::Allocated {
                    address,
                    size,
                    site,
                    owner,
                }
            }
            None => Event::Failed {
                size,
                caps: Caps::DEFAULT,
                owner,
                sentence: None,
            },
        };
        self.emit(event);
    }

    /// First fit: the lowest hole that is big enough.
    fn place(&self, size: u32) -> Option<u32> {
        let needed = size.next_multiple_of(4) + 4;
        self.history.heaps.iter().find_map(|heap| {
            let mut from = heap.start;
            for (address, (used, _)) in self.blocks.range(heap.start..heap.start + heap.size) {
                if address - 4 - from >= needed {
                    break;
                }
                from = address + used.next_multiple_of(4);
            }
            (from + needed <= heap.start + heap.size).then_some(from + 4)
        })
    }

    fn emit(&mut self, event: Event) {
        let ticks = self.ticks;
        self.history.events.push(TimedEvent { ticks, event });
    }

    /// Below `end`.
    fn random(&mut self, end: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % end
    }
}

fn heap(index: u8, name: &str, start: u32, size: u32) -> HeapDescription {
    let caps = Caps::DMA | Caps::BIT8 | Caps::BIT32 | Caps::INTERNAL | Caps::DEFAULT;
    HeapDescription {
        index,
        start,
        size,
        caps,
        name: name.to_owned(),
    }
}

fn site((_, _, stack): &CallSite) -> Site {
    let frame = |(function, file, line): &Call| Frame {
        function: (*function).to_owned(),
        file: (*file).to_owned(),
        line: *line,
    };
    Site {
        caps: Caps::DEFAULT,
        frames: stack.iter().map(frame).collect(),
        ..Site::default()
    }
}
