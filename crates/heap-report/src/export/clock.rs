//! Export clock: a time that never goes back, with a unit.
//!
//! ```text
//!   ticks of the program    10  20  40 │ 5  15         it restarted
//!   time here               10  20  40 │ 45 55
//! ```

use crate::history::{Event, History, Source, TimedEvent};

/// The unit of a history's times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// Its name.
    pub(super) name: &'static str,
    /// That of a million of them.
    pub(super) million: &'static str,
    /// Events below which a life is short.
    pub(super) short: u64,
    /// How many of them a tick is.
    per_tick: f64,
}

impl Unit {
    pub(super) fn of(history: &History) -> Unit {
        let (name, million, short, per_tick) = match (history.ticks_per_second, history.source) {
            (0, Source::Recorded) => ("operations", "million operations", 10, 1.0),
            (0, _) => ("ticks", "million ticks", 1000, 1.0),
            (ticks, _) => ("µs", "s", 1000, 1e6 / f64::from(ticks)),
        };
        Unit {
            name,
            million,
            short,
            per_tick,
        }
    }

    /// Ticks in this unit.
    #[expect(clippy::cast_precision_loss, reason = "2⁵³ ticks are centuries")]
    pub(super) fn times(self, ticks: u64) -> f64 {
        ticks as f64 * self.per_tick
    }

    /// Ticks in this unit, without what is behind the point.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative, and saturating"
    )]
    pub(super) fn whole(self, ticks: u64) -> u64 {
        self.times(ticks) as u64
    }
}

/// Returns the events of a history with their numbers and their times in ticks, which never go
/// back.
pub(super) fn timed_events(history: &History) -> impl Iterator<Item = (usize, u64, &TimedEvent)> {
    let mut before = 0;
    let mut last = 0;
    history
        .events
        .iter()
        .enumerate()
        .map(move |(number, timed)| {
            if timed.event == Event::Restarted {
                before = last;
            }
            last = last.max(before + timed.ticks);
            (number, last, timed)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(ticks: u64) -> TimedEvent {
        let name = String::new();
        TimedEvent {
            ticks,
            event: Event::Mark { name },
        }
    }

    #[test]
    fn time_goes_on_when_the_program_restarts() {
        let restarted = TimedEvent {
            ticks: 5,
            event: Event::Restarted,
        };
        let events = vec![mark(10), mark(40), restarted, mark(15)];
        let history = History {
            events,
            ..History::default()
        };
        let times: Vec<u64> = timed_events(&history).map(|(_, time, _)| time).collect();
        assert_eq!(times, [10, 40, 45, 55]);
    }

    #[test]
    fn ticks_are_microseconds_where_the_clock_is_known() {
        let history = History {
            ticks_per_second: 10_000_000,
            ..History::default()
        };
        let unit = Unit::of(&history);
        assert_eq!((unit.name, unit.whole(25), unit.times(25)), ("µs", 2, 2.5));
        assert_eq!(Unit::of(&History::default()).name, "ticks");
    }
}
