//! Conversion of a dump's records to events, the oldest first.

use std::collections::{BTreeMap, HashMap};

use super::line::Record;
use crate::history::{Event, History, Site, TimedEvent};

/// Appends the events of `records`. O(n log n).
pub(super) fn write<'a>(records: impl Iterator<Item = &'a Record>, history: &mut History) {
    let mut writer = Writer::default();
    for record in records {
        writer.write(record, history);
    }
    writer.free_all(history);
}

/// A site by its call stack and its line, where one is known.
type SiteKey = (Vec<u32>, Option<(String, u32)>);

#[derive(Default)]
struct Writer {
    ticks: u64,
    /// Blocks that were freed, nobody knows when: first and last address. They never overlap.
    freed: BTreeMap<u32, u64>,
    /// Sites by what makes them the same.
    sites: HashMap<SiteKey, usize>,
}

impl Writer {
    fn write(&mut self, record: &Record, history: &mut History) {
        self.ticks = later(self.ticks, record.clock);
        self.free_where(record, history);
        let site = self.site(record, history);
        if record.freed_by.is_some() {
            self.freed.insert(record.address, end(record));
        }
        let (address, size) = (record.address, record.size);
        self.push(
            history,
            Event::Allocated {
                address,
                size,
                site,
                owner: 0,
            },
        );
    }

    /// A block that was freed has gone before another one comes to its place.
    fn free_where(&mut self, record: &Record, history: &mut History) {
        let below = self.freed.range(..record.address).next_back();
        let reaching_in = below.filter(|(_, last)| **last > u64::from(record.address));
        let inside = self
            .freed
            .range(record.address..)
            .take_while(|(start, _)| u64::from(**start) < end(record));
        let gone: Vec<u32> = reaching_in
            .into_iter()
            .chain(inside)
            .map(|(start, _)| *start)
            .collect();
        for address in gone {
            self.freed.remove(&address);
            self.push(history, Event::Freed { address });
        }
    }

    fn free_all(&mut self, history: &mut History) {
        for address in std::mem::take(&mut self.freed).into_keys() {
            self.push(history, Event::Freed { address });
        }
    }

    fn push(&self, history: &mut History, event: Event) {
        history.events.push(TimedEvent {
            ticks: self.ticks,
            event,
        });
    }

    /// Returns the number 0 where nothing is known.
    fn site(&mut self, record: &Record, history: &mut History) -> usize {
        let place = record
            .place
            .as_ref()
            .map(|place| (place.file.clone(), place.line));
        let key = (record.callers.clone(), place);
        if key == (Vec::new(), None) {
            return 0;
        }
        *self
            .sites
            .entry(key)
            .or_insert_with_key(|(callers, place)| {
                let (file, line) = place.clone().unwrap_or_default();
                history.sites.push(Site {
                    file,
                    line,
                    callers: callers.clone(),
                    ..Site::default()
                });
                history.sites.len() - 1
            })
    }
}

/// Returns the first address behind a block.
fn end(record: &Record) -> u64 {
    u64::from(record.address) + u64::from(record.size.max(1))
}

/// Returns the time whose last 32 bits are `clock`, at or behind `ticks`; a clock that is a little
/// behind is that of the other core.
fn later(ticks: u64, clock: u32) -> u64 {
    let [a, b, c, d, ..] = ticks.to_le_bytes();
    let ahead = clock.wrapping_sub(u32::from_le_bytes([a, b, c, d]));
    match ahead {
        0x8000_0000.. => ticks,
        _ => ticks + u64::from(ahead),
    }
}

#[cfg(test)]
mod tests {
    use super::later;

    #[test]
    fn a_clock_that_wraps_goes_on_and_that_of_the_other_core_does_not_turn_time_back() {
        assert_eq!(later(0xFFFF_FF00, 0x10), 0x1_0000_0010);
        assert_eq!(later(0x2000, 0x1FF0), 0x2000);
    }
}
