//! Rate at which blocks come and go, over the last seconds.

use std::collections::VecDeque;

/// Over how many seconds is counted.
const WINDOW: f64 = 2.0;

/// Blocks a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// That come.
    pub allocations: f64,
    /// That go.
    pub frees: f64,
}

/// Counts at the last moments, the oldest first. The first is at most the window old, or the last
/// before that.
#[derive(Debug, Default)]
pub(super) struct Rates(VecDeque<(f64, u64, u64)>);

impl Rates {
    pub(super) fn record(&mut self, seconds: f64, allocations: u64, frees: u64) {
        self.0.push_back((seconds, allocations, frees));
        while self
            .0
            .get(1)
            .is_some_and(|(second, ..)| *second <= seconds - WINDOW)
        {
            self.0.pop_front();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn rate(&self) -> Rate {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else {
            return Rate::default();
        };
        let seconds = last.0 - first.0;
        if seconds <= 0.0 {
            return Rate::default();
        }
        let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        Rate {
            allocations: per_second(first.1, last.1),
            frees: per_second(first.2, last.2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_two_seconds() {
        let mut rates = Rates::default();
        assert_eq!(rates.rate(), Rate::default());
        for (seconds, allocations, frees) in
            [(0.0, 0, 0), (1.0, 1000, 0), (2.0, 1010, 4), (3.0, 1020, 8)]
        {
            rates.record(seconds, allocations, frees);
        }
        assert_eq!(
            rates.rate(),
            Rate {
                allocations: 10.0,
                frees: 4.0
            }
        );
    }

    #[test]
    fn at_one_moment_there_is_no_rate() {
        let mut rates = Rates::default();
        rates.record(1.0, 5, 5);
        rates.record(1.0, 9, 9);
        assert_eq!(rates.rate(), Rate::default());
    }
}
