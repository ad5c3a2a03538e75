//! Account of memory shortages: current levels, and sums of what was done about them.

use heap_caps::{Level, PressureEvent, PressureKind};

/// How many gauges have their level kept: as many as a heap can have.
const GAUGES: usize = 4;

/// Levels of the gauges, and what was done about shortages since the program began. `'n` is how
/// long the gauges' names live: on a device `'static`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PressureFigures<'n> {
    levels: [Option<(&'n str, Level)>; GAUGES],
    /// Calls of shrinkers.
    pub shrinker_calls: u32,
    /// Bytes that shrinkers freed, as they say.
    pub shrunk_bytes: u32,
    /// Emergency reserves that were released.
    pub released_reserves: u32,
    /// Requests that were refused because of their owner's hard limit.
    pub limit_refusals: u32,
    /// Requests that had to wait.
    pub waits: u32,
    /// Requests that wait now.
    pub waiting: u32,
}

impl<'n> PressureFigures<'n> {
    /// Nothing has happened yet.
    pub const NONE: Self = Self {
        levels: [None; GAUGES],
        shrinker_calls: 0,
        shrunk_bytes: 0,
        released_reserves: 0,
        limit_refusals: 0,
        waits: 0,
        waiting: 0,
    };

    /// Returns the gauges that reported a level so far, by name, and the level of each.
    pub fn levels(&self) -> impl Iterator<Item = (&'n str, Level)> + Clone {
        self.levels.into_iter().flatten()
    }

    /// Counts an event. Sums stop at `u32::MAX`. O(gauges).
    pub fn record(&mut self, event: &PressureEvent) {
        self.record_named(event.name, event.kind);
    }

    /// Counts an event of a gauge, shrinker, reserve or limit whose name may be read from a stream.
    /// Sums stop at `u32::MAX`. O(gauges).
    pub fn record_named(&mut self, name: &'n str, kind: PressureKind) {
        let count = |sum: &mut u32, more: u32| *sum = sum.saturating_add(more);
        match kind {
            PressureKind::Level(level) => self.set_level(name, level),
            PressureKind::Shrunk(bytes) => {
                count(&mut self.shrinker_calls, 1);
                count(&mut self.shrunk_bytes, bytes);
            }
            PressureKind::Released(_) => count(&mut self.released_reserves, 1),
            PressureKind::OverLimit(_) => count(&mut self.limit_refusals, 1),
            PressureKind::WaitBegan(_) => {
                count(&mut self.waits, 1);
                count(&mut self.waiting, 1);
            }
            PressureKind::WaitServed(_) | PressureKind::WaitEnded(_) => {
                self.waiting = self.waiting.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn set_level(&mut self, name: &'n str, level: Level) {
        let is_its =
            |slot: &&mut Option<(&str, Level)>| slot.is_none_or(|(known, _)| known == name);
        if let Some(slot) = self.levels.iter_mut().find(is_its) {
            *slot = Some((name, level));
        }
    }
}

impl Default for PressureFigures<'_> {
    fn default() -> Self {
        Self::NONE
    }
}
