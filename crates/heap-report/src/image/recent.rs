//! The last events of an image's heaps ([`heap_trace::Recent`]), the latest first.

use heap_trace::{PastEventKind, RecentLayout};

use super::Memory;
use crate::crash::PastEvent;
use crate::history::Site;

/// No ring is longer.
const MOST_EVENTS: u32 = 1 << 16;
/// No event has more return addresses.
const DEEPEST: u32 = 64;
/// More places with a ring's first bytes are chance.
const MOST_RINGS: usize = 16;

/// The events of all rings that are whole in the image; each ring's latest ones first. The sites
/// that they need are added to `sites`.
pub(super) fn events(memory: &Memory, pointer_bytes: u32, sites: &mut Vec<Site>) -> Vec<PastEvent> {
    let reader = Reader {
        memory,
        pointer_bytes,
    };
    let rings = memory.find(&RecentLayout::MAGIC).take(MOST_RINGS);
    rings
        .filter_map(|ring| reader.ring(ring))
        .flatten()
        .map(|(event, site)| PastEvent {
            site: number_of(site, sites),
            ..event
        })
        .collect()
}

/// The site's number among `sites`: 0 for one of which nothing is known.
fn number_of(site: Site, sites: &mut Vec<Site>) -> usize {
    if site == Site::default() {
        return 0;
    }
    let known = sites.iter().position(|known| *known == site);
    known.unwrap_or_else(|| {
        sites.push(site);
        sites.len() - 1
    })
}

struct Reader<'a> {
    memory: &'a Memory,
    pointer_bytes: u32,
}

impl Reader<'_> {
    fn word(&self, at: u64, offset: u32) -> Option<u32> {
        self.memory.word(at + u64::from(offset))
    }

    fn byte(&self, at: u64, offset: u32) -> Option<u8> {
        let number = self.memory.number(at + u64::from(offset), 1)?;
        u8::try_from(number).ok()
    }

    /// `None` where this is no ring, or it is not wholly in the image.
    fn ring(&self, at: u64) -> Option<Vec<(PastEvent, Site)>> {
        let capacity = self.word(at, RecentLayout::CAPACITY)?;
        let next = self.word(at, RecentLayout::NEXT)?;
        let depth = self.word(at, RecentLayout::DEPTH)?;
        let bytes = self.word(at, RecentLayout::EVENT_BYTES)?;
        let least = RecentLayout::PLACE + self.pointer_bytes + 4 * depth.min(DEEPEST);
        let is_ring = capacity <= MOST_EVENTS && next < capacity && depth <= DEEPEST;
        if !is_ring || !(least..least + 8).contains(&bytes) {
            return None;
        }
        let latest_first = (0..next).rev().chain((next..capacity).rev());
        let first = at + u64::from(RecentLayout::EVENTS);
        let places = latest_first.map(|number| first + u64::from(number) * u64::from(bytes));
        let mut events = Vec::new();
        for event in places {
            let kind = self.byte(event, RecentLayout::KIND)?;
            if kind != 0 {
                events.push(self.event(event, RecentLayout::kind(kind)?, depth)?);
            }
        }
        Some(events)
    }

    fn event(&self, at: u64, kind: PastEventKind, depth: u32) -> Option<(PastEvent, Site)> {
        let place = at + u64::from(RecentLayout::PLACE);
        let (file, line) = self
            .source(self.memory.pointer(place, self.pointer_bytes)?)
            .unwrap_or_default();
        let callers = place + u64::from(self.pointer_bytes);
        let callers = self.memory.words(callers, depth as usize)?;
        let site = Site {
            file,
            line,
            callers: callers
                .into_iter()
                .take_while(|caller| *caller != 0)
                .collect(),
            ..Site::default()
        };
        let event = PastEvent {
            kind,
            address: self.word(at, RecentLayout::ADDRESS)?,
            size: self.word(at, RecentLayout::USABLE)?,
            ticks: self.word(at, RecentLayout::TICKS)?,
            owner: self.byte(at, RecentLayout::OWNER)?,
            site: 0,
        };
        Some((event, site))
    }

    /// File and line of a `core::panic::Location`.
    fn source(&self, place: u64) -> Option<(String, u32)> {
        let line = place + 2 * u64::from(self.pointer_bytes);
        let file = self.memory.text(place, self.pointer_bytes);
        file.filter(|_| place != 0).zip(self.memory.word(line))
    }
}
