//! The last events of an image's heaps ([`heap_trace::Recent`]), the latest first.

use std::collections::HashMap;

use heap_trace::{PastEventKind, RecentLayout};

use super::MemoryImage;
use crate::crash::PastEvent;
use crate::history::Site;

/// No ring is longer.
const MOST_EVENTS: u32 = 1 << 16;
/// No event has more return addresses.
const DEEPEST: u32 = 64;
/// More places with a ring's first bytes are chance.
const MOST_RINGS: usize = 16;

/// Returns the events of all rings that are whole in the image; each ring's latest ones first. The
/// sites that they need are added to `sites`.
pub(super) fn events(
    memory: &MemoryImage,
    pointer_bytes: u32,
    sites: &mut Vec<Site>,
) -> Vec<PastEvent> {
    let reader = Reader {
        memory,
        pointer_bytes,
    };
    let mut numbers: HashMap<SiteKey, usize> = HashMap::new();
    for (number, site) in sites.iter().enumerate() {
        numbers.entry(site_key(site)).or_insert(number);
    }
    let rings = memory.find(&RecentLayout::MAGIC).take(MOST_RINGS);
    let events = rings.filter_map(|ring| reader.ring(ring)).flatten();
    let numbered = events.map(|(event, site)| {
        let number = numbers.entry(site_key(&site)).or_insert_with(|| {
            sites.push(site);
            sites.len() - 1
        });
        PastEvent {
            site: *number,
            ..event
        }
    });
    numbered.collect()
}

/// File, line, call stack: a ring does not tell the capabilities, and the ledger's site with the
/// same place is the same one.
type SiteKey = (String, u32, Vec<u32>);

fn site_key(site: &Site) -> SiteKey {
    (site.file.clone(), site.line, site.callers.clone())
}

struct Reader<'a> {
    memory: &'a MemoryImage,
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

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::Caps;

    /// A ring with one event: 48 bytes freed at a place with one caller.
    fn ring(caller: u32) -> Vec<u8> {
        let place = RecentLayout::PLACE;
        let bytes = place + 4 + 4;
        let mut ring = vec![0; (RecentLayout::EVENTS + bytes) as usize];
        let mut put = |at: u32, value: &[u8]| {
            ring[at as usize..at as usize + value.len()].copy_from_slice(value);
        };
        put(0, &RecentLayout::MAGIC);
        put(RecentLayout::CAPACITY, &1_u32.to_le_bytes());
        put(RecentLayout::DEPTH, &1_u32.to_le_bytes());
        put(RecentLayout::EVENT_BYTES, &bytes.to_le_bytes());
        let event = RecentLayout::EVENTS;
        put(event + RecentLayout::KIND, &[1]);
        put(event + RecentLayout::USABLE, &48_u32.to_le_bytes());
        put(event + place + 4, &caller.to_le_bytes());
        ring
    }

    /// It was a second site with the same label, so both were told apart by their capabilities.
    #[test]
    fn a_site_that_the_ledger_has_is_the_same_one() {
        let mut memory = MemoryImage::default();
        memory.add(0x3FFB_0000, &ring(0x400D_1234)).unwrap();
        memory.add(0x3FFB_1000, &ring(0x400D_5678)).unwrap();
        let of_ledger = Site {
            caps: Caps::DMA,
            callers: vec![0x400D_1234],
            ..Site::default()
        };
        let mut sites = vec![Site::default(), of_ledger];
        let events = events(&memory, 4, &mut sites);
        let numbers: Vec<usize> = events.iter().map(|event| event.site).collect();
        assert_eq!((numbers, sites.len()), (vec![1, 2], 3));
    }
}
