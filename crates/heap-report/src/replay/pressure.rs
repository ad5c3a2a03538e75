//! Shortages of memory: how long which level lasted, and what was done about it.
//!
//! ```text
//!   event      internal low      critical       low   tiles gave …     normal
//!   bands      ├──── low ────────┼── critical ──┼──────── low ─────────┤
//! ```

use std::collections::{BTreeMap, VecDeque};

use heap_caps::{Level, PressureKind};
use serde::Serialize;

use crate::history::{Event, TimedEvent};

/// A stretch of time in which a gauge stood below its thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelBand {
    /// The gauge.
    pub gauge: String,
    /// `Low` or `Critical`.
    pub level: Level,
    /// Number of the event that began it.
    pub from: usize,
    /// When.
    pub from_ticks: u64,
    /// Number of the event that ended it; that of all events where nothing did.
    pub to: usize,
    /// When.
    pub to_ticks: u64,
}

/// Something was done about a shortage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PressureNote {
    /// Number of the event.
    pub event: usize,
    /// When.
    pub ticks: u64,
    /// The name of the shrinker, reserve or limit.
    pub name: String,
    /// What happened; never [`PressureKind::Level`].
    pub kind: PressureKind,
}

/// Requests that waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// How many began to wait.
    pub begun: u64,
    /// How many of them were served.
    pub served: u64,
    /// How many gave up.
    pub ended: u64,
    /// The longest wait that ended, in ticks; requests of one size are served in their order.
    pub longest_ticks: u64,
}

/// Shortages of memory, in the order in which they began.
#[derive(Debug, Clone, Default)]
pub struct Shortage {
    /// The stretches of time in which memory was short, by gauge.
    pub bands: Vec<LevelBand>,
    /// What was done meanwhile.
    pub notes: Vec<PressureNote>,
    /// Requests that waited.
    pub waits: Waits,
    /// The band of each gauge that has not ended, by its place in `bands`.
    open: BTreeMap<String, usize>,
    /// When those that wait began to, by their sizes.
    waiting: BTreeMap<u32, VecDeque<u64>>,
    /// When the event before was.
    last: u64,
}

impl Shortage {
    /// Returns whether memory was never short.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bands.is_empty() && self.notes.is_empty()
    }

    pub(super) fn follow(&mut self, number: usize, timed: &TimedEvent) {
        match &timed.event {
            Event::Pressure {
                name,
                kind: PressureKind::Level(level),
            } => {
                self.close(name, number, timed.ticks);
                if *level != Level::Normal {
                    self.begin(name, *level, number, timed.ticks);
                }
            }
            Event::Pressure { name, kind } => {
                self.count(*kind, timed.ticks);
                self.notes.push(PressureNote {
                    event: number,
                    ticks: timed.ticks,
                    name: name.clone(),
                    kind: *kind,
                });
            }
            Event::Restarted => {
                self.end(number, self.last); // its clock begins at 0 again
                self.waiting.clear();
            }
            _ => {}
        }
        self.last = timed.ticks;
    }

    /// Ends all bands after `number` events.
    pub(super) fn end(&mut self, number: usize, ticks: u64) {
        for place in std::mem::take(&mut self.open).into_values() {
            self.close_at(place, number, ticks);
        }
    }

    fn begin(&mut self, gauge: &str, level: Level, number: usize, ticks: u64) {
        self.open.insert(gauge.to_owned(), self.bands.len());
        self.bands.push(LevelBand {
            gauge: gauge.to_owned(),
            level,
            from: number,
            from_ticks: ticks,
            to: number,
            to_ticks: ticks,
        });
    }

    fn close(&mut self, gauge: &str, number: usize, ticks: u64) {
        if let Some(place) = self.open.remove(gauge) {
            self.close_at(place, number, ticks);
        }
    }

    fn close_at(&mut self, place: usize, number: usize, ticks: u64) {
        if let Some(band) = self.bands.get_mut(place) {
            band.to = number;
            band.to_ticks = ticks.max(band.from_ticks);
        }
    }

    fn count(&mut self, kind: PressureKind, ticks: u64) {
        match kind {
            PressureKind::WaitBegan(size) => {
                self.waits.begun += 1;
                self.waiting.entry(size).or_default().push_back(ticks);
            }
            PressureKind::WaitServed(size) => {
                self.waits.served += 1;
                self.wait_over(size, ticks);
            }
            PressureKind::WaitEnded(size) => {
                self.waits.ended += 1;
                self.wait_over(size, ticks);
            }
            _ => {}
        }
    }

    fn wait_over(&mut self, size: u32, ticks: u64) {
        let began = self.waiting.get_mut(&size).and_then(VecDeque::pop_front);
        let lasted = began.map_or(0, |began| ticks.saturating_sub(began));
        self.waits.longest_ticks = self.waits.longest_ticks.max(lasted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(events: &[(u64, &str, PressureKind)]) -> Shortage {
        let mut shortage = Shortage::default();
        for (number, (ticks, name, kind)) in events.iter().enumerate() {
            let event = Event::Pressure {
                name: (*name).to_owned(),
                kind: *kind,
            };
            let ticks = *ticks;
            shortage.follow(number, &TimedEvent { ticks, event });
        }
        shortage.end(events.len(), 100);
        shortage
    }

    #[test]
    fn a_band_lasts_until_its_gauge_has_another_level() {
        let level = PressureKind::Level;
        let shortage = followed(&[
            (10, "internal", level(Level::Low)),
            (20, "dma", level(Level::Critical)),
            (30, "internal", level(Level::Critical)),
            (40, "dma", level(Level::Normal)),
        ]);
        let bands: Vec<_> = shortage
            .bands
            .iter()
            .map(|band| {
                (
                    band.gauge.as_str(),
                    band.level,
                    band.from_ticks,
                    band.to_ticks,
                    band.to,
                )
            })
            .collect();
        assert_eq!(
            bands,
            [
                ("internal", Level::Low, 10, 30, 2),
                ("dma", Level::Critical, 20, 40, 3),
                ("internal", Level::Critical, 30, 100, 4),
            ]
        );
    }

    #[test]
    fn waits_are_measured_from_their_beginning() {
        let shortage = followed(&[
            (10, "a request", PressureKind::WaitBegan(64)),
            (15, "a request", PressureKind::WaitBegan(64)),
            (30, "a request", PressureKind::WaitServed(64)),
            (70, "a request", PressureKind::WaitEnded(64)),
        ]);
        let waits = Waits {
            begun: 2,
            served: 1,
            ended: 1,
            longest_ticks: 55,
        };
        assert_eq!(shortage.waits, waits);
        assert_eq!(shortage.notes.len(), 4);
    }

    #[test]
    fn a_restart_ends_every_band_and_wait() {
        let mut shortage = Shortage::default();
        let low = PressureKind::Level(Level::Low);
        for (number, kind) in [low, PressureKind::WaitBegan(8)].into_iter().enumerate() {
            let name = "internal".to_owned();
            let event = Event::Pressure { name, kind };
            shortage.follow(number, &TimedEvent { ticks: 50, event });
        }
        let event = Event::Restarted;
        shortage.follow(2, &TimedEvent { ticks: 0, event });
        assert_eq!((shortage.bands[0].to, shortage.bands[0].to_ticks), (2, 50));
        let event = Event::Pressure {
            name: "a request".to_owned(),
            kind: PressureKind::WaitServed(8),
        };
        shortage.follow(3, &TimedEvent { ticks: 5, event });
        assert_eq!(shortage.waits.longest_ticks, 0);
    }
}
