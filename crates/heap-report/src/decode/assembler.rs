//! Assembler: events from frames, and the meaning of their numbers.
//!
//! ```text
//!   stream      site 3 = a.rs:7     allocated … site 3      (the program restarted)   site 3 = b.rs:9     allocated … site 3
//!   history     sites[1] = a.rs:7   Allocated … site 1      Restarted                  sites[2] = b.rs:9   Allocated … site 2
//! ```
//!
//! A site that is named before it is described has a place already, which its description fills.

use std::collections::{HashMap, HashSet};

use heap_trace::{BuildId, Decoder, Event as WireEvent};

use crate::history::{Event, HeapDescription, History, Site, TimedEvent};
use crate::symbols::Identity;
use crate::terminal::printable;

/// Largest gap in the event counter that counts as loss rather than as a restart.
const LONGEST_GAP: u32 = u32::MAX / 2;

#[derive(Debug, Default)]
pub(super) struct Assembler {
    decoder: Decoder,
    history: History,
    sites: SiteIndices,
    /// Events so far, as the last sync said, and those that came since.
    counted: Option<u32>,
    /// What was missed before the program restarted.
    missed_before: u64,
}

/// The places of the stream's sites in the history.
#[derive(Debug, Default)]
struct SiteIndices {
    by_number: HashMap<u32, usize>,
    /// Numbers that were described since the last sync.
    fresh: HashSet<u32>,
}

impl Assembler {
    /// Returns whether it is a frame.
    pub(super) fn frame(&mut self, bytes: &[u8]) -> bool {
        let Some((_, sync)) = decoded(&mut Decoder::new(), bytes, synced) else {
            return false;
        };
        let is_first_sync = sync.is_some() && self.counted.is_none();
        if let Some(events) = sync {
            self.sync(events);
        }
        let sites = &mut self.sites;
        let history = &mut self.history;
        let event = decoded(&mut self.decoder, bytes, |wire| {
            converted(wire, history, sites)
        });
        match event {
            Some((ticks, Some(event))) => {
                self.count(&event);
                self.history.events.push(TimedEvent { ticks, event });
            }
            Some((clock, None)) if is_first_sync => self.end_at(clock),
            _ => {}
        }
        self.history.gaps.missed = self.missed_before + u64::from(self.decoder.missed());
        true
    }

    /// What was received before the first sync ended when that set the clock: a receiver that began
    /// to listen in the middle did not know it before.
    fn end_at(&mut self, clock: u64) {
        let last = self.history.events.last().map_or(clock, |last| last.ticks);
        let earlier = clock.saturating_sub(last);
        for timed in &mut self.history.events {
            timed.ticks += earlier;
        }
    }

    /// Those that the stream counts.
    fn count(&mut self, event: &Event) {
        let events = match event {
            Event::Dropped { events } => *events,
            Event::Mark { .. } | Event::Pressure { .. } | Event::Restarted => 0,
            _ => 1,
        };
        self.counted = self.counted.map(|counted| counted.wrapping_add(events));
    }

    pub(super) fn broken(&mut self, bytes: usize) {
        self.history.gaps.broken_frames += 1;
        self.history.gaps.broken_bytes += bytes as u64;
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn take_events(&mut self) -> Vec<TimedEvent> {
        std::mem::take(&mut self.history.events)
    }

    pub(super) fn into_history(self) -> History {
        self.history
    }

    /// A program that has fewer events behind it than arrived has restarted.
    fn sync(&mut self, events: u32) {
        let arrived = self.counted.replace(events);
        if arrived.is_some_and(|arrived| events.wrapping_sub(arrived) > LONGEST_GAP) {
            self.missed_before = self.history.gaps.missed;
            self.decoder = Decoder::new();
            self.sites.restart();
            let event = Event::Restarted;
            self.history.events.push(TimedEvent { ticks: 0, event });
        }
        self.sites.fresh.clear();
    }
}

impl SiteIndices {
    /// Returns the index of a site. Number 0 is the unknown one; a new number gets a place without
    /// a description.
    fn of(&mut self, number: u32, history: &mut History) -> usize {
        if number == 0 {
            return 0;
        }
        *self
            .by_number
            .entry(number)
            .or_insert_with(|| new_place(history))
    }

    /// A number that is described as something else means that from now on: what had it before
    /// keeps its place.
    fn describe(&mut self, number: u32, described: Site, history: &mut History) {
        let mut place = self.of(number, history);
        let is_other = |site: &Site| *site != Site::default() && *site != described;
        if history.sites.get(place).is_some_and(is_other) {
            place = new_place(history);
            self.by_number.insert(number, place);
        }
        self.fresh.insert(number);
        if let Some(site) = history.sites.get_mut(place).filter(|_| place > 0) {
            *site = described;
        }
    }

    /// Sites are described before the first sync.
    fn restart(&mut self) {
        let fresh = &self.fresh;
        self.by_number.retain(|number, _| fresh.contains(number));
    }
}

fn new_place(history: &mut History) -> usize {
    history.sites.push(Site::default());
    history.sites.len() - 1
}

/// Returns what `read` makes of the event in a frame, and its time.
fn decoded<R>(
    decoder: &mut Decoder,
    bytes: &[u8],
    read: impl FnOnce(&WireEvent<'_>) -> R,
) -> Option<(u64, R)> {
    for &byte in bytes {
        decoder.push(byte);
    }
    let frame = decoder.push(0)?.ok()?;
    Some((frame.ticks, read(&frame.event)))
}

fn synced(wire: &WireEvent<'_>) -> Option<u32> {
    match *wire {
        WireEvent::Sync { events, .. } => Some(events),
        _ => None,
    }
}

/// Converts an event of the wire; names are kept, events returned.
fn converted(
    wire: &WireEvent<'_>,
    history: &mut History,
    sites: &mut SiteIndices,
) -> Option<Event> {
    Some(match *wire {
        WireEvent::Allocated {
            address,
            size,
            site,
            owner,
        } => Event::Allocated {
            address,
            size,
            site: sites.of(site.0, history),
            owner: owner.0,
        },
        WireEvent::Freed { address } => Event::Freed { address },
        WireEvent::Resized {
            old_address,
            address,
            size,
            site,
            owner,
        } => Event::Resized {
            old_address,
            address,
            size,
            site: sites.of(site.0, history),
            owner: owner.0,
        },
        WireEvent::Failed { size, caps, owner } => Event::Failed {
            size,
            caps,
            owner: owner.0,
            sentence: None,
        },
        WireEvent::Dropped { events } => {
            history.gaps.dropped += u64::from(events);
            Event::Dropped { events }
        }
        WireEvent::Mark { name } => Event::Mark {
            name: printable(name).into_owned(),
        },
        WireEvent::Pressure { kind, name } => Event::Pressure {
            name: printable(name).into_owned(),
            kind,
        },
        _ => {
            keep_name(wire, history, sites);
            return None;
        }
    })
}

/// A program that restarts may be another one.
fn keep_build(id: BuildId<'_>, history: &mut History) {
    let Some(build) = Identity::of_bytes(id.bytes()) else {
        return;
    };
    if history
        .build
        .as_ref()
        .is_some_and(|known| !known.is(&build))
    {
        let note = "the program was replaced by another build on the way: its ELF file names the \
                    call stacks of one of them only";
        history.notes.push(note.to_owned());
    }
    history.build = Some(build);
}

fn keep_name(wire: &WireEvent<'_>, history: &mut History, sites: &mut SiteIndices) {
    match *wire {
        WireEvent::Site {
            site,
            caps,
            alignment,
            line,
            callers,
            file,
        } => {
            let described = Site {
                caps,
                alignment,
                line,
                file: printable(file).into_owned(),
                callers: callers.iter().collect(),
                ..Site::default()
            };
            sites.describe(site.0, described, history);
        }
        WireEvent::OwnerName { owner, name } => {
            history.owners.insert(owner.0, printable(name).into_owned());
        }
        WireEvent::Heap {
            index,
            start,
            size,
            caps,
            name,
        } => {
            history.heaps.retain(|heap| heap.index != index);
            history.heaps.push(HeapDescription {
                index,
                start,
                size,
                caps,
                name: printable(name).into_owned(),
            });
            history.heaps.sort_by_key(|heap| heap.index);
        }
        WireEvent::Program {
            ticks_per_second,
            name,
        } => {
            history.program = printable(name).into_owned();
            history.ticks_per_second = ticks_per_second;
        }
        WireEvent::Build { id } => keep_build(id, history),
        _ => {}
    }
}
