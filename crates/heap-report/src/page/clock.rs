//! Page clock: a time that goes on where the program restarts.
//!
//! ```text
//!   ticks of the program   100  200  300 │ 5  40          its clock begins at 0 again
//!   time of the report       0  100  200 │ 200 235        counted from the first event
//! ```

use crate::history::{Event, History};

/// Turns the ticks of a history into times that never go back.
pub(super) struct Clock {
    /// After how many events a start begins, the ticks then, and the time; ascending, the first is
    /// 0.
    starts: Vec<(usize, u64, u64)>,
}

impl Clock {
    pub(super) fn of(history: &History) -> Clock {
        let first = history.events.first().map_or(0, |timed| timed.ticks);
        let mut clock = Clock {
            starts: vec![(0, first, 0)],
        };
        for (number, pair) in history.events.windows(2).enumerate() {
            if let [before, restart] = pair
                && restart.event == Event::Restarted
            {
                let time = clock.time(number + 1, before.ticks);
                clock.starts.push((number + 2, restart.ticks, time));
            }
        }
        clock
    }

    /// Returns the time of `ticks` that came with the last of `events` events.
    pub(super) fn time(&self, events: usize, ticks: u64) -> u64 {
        let start = self.starts.iter().rfind(|(from, _, _)| *from <= events);
        let (_, from, time) = start.copied().unwrap_or_default();
        time.saturating_add(ticks.saturating_sub(from))
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use crate::history::{Event, History, TimedEvent};

    fn history(events: &[(u64, Event)]) -> History {
        let timed = |(ticks, event): &(u64, Event)| TimedEvent {
            ticks: *ticks,
            event: event.clone(),
        };
        History {
            events: events.iter().map(timed).collect(),
            ..History::default()
        }
    }

    fn freed() -> Event {
        Event::Freed { address: 16 }
    }

    #[test]
    fn the_first_event_is_at_zero() {
        let clock = Clock::of(&history(&[(100, freed()), (200, freed())]));
        assert_eq!([clock.time(0, 100), clock.time(2, 200)], [0, 100]);
    }

    #[test]
    fn a_restart_goes_on_where_the_run_before_ended() {
        let events = [
            (100, freed()),
            (300, freed()),
            (5, Event::Restarted),
            (40, freed()),
        ];
        let clock = Clock::of(&history(&events));
        let times = [(2, 300), (3, 5), (4, 40)].map(|(events, ticks)| clock.time(events, ticks));
        assert_eq!(times, [200, 200, 235]);
    }
}
