//! Sampling: allocations that get a guard.

use core::panic::Location;
use core::sync::atomic::{AtomicU32, Ordering};

use heap_trace::Owner;

/// A request that could get a guard.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// Bytes asked for.
    pub size: usize,
    /// On whose behalf.
    pub owner: Owner,
    /// The line, where the interface knows it.
    pub place: Option<&'static Location<'static>>,
    /// The innermost return address, if the context has one; else 0.
    pub caller: u32,
}

/// Allocations that get a guard: one of N, of all or of some.
///
/// ```
/// use heap_guard::Sampling;
/// use heap_trace::Owner;
///
/// let _ordinary = Sampling::one_of(1000);
/// let _all_of_a_suspect = Sampling::one_of(1).only(|candidate| candidate.owner == Owner(2));
/// let _a_size = Sampling::one_of(10).only(|candidate| (90..=100).contains(&candidate.size));
/// let _a_line = Sampling::one_of(1).only(|candidate| {
///     candidate.place.is_some_and(|place| place.file().ends_with("tls.rs") && place.line() == 88)
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    rate: u32,
    wanted: fn(&Candidate) -> bool,
}

impl Sampling {
    /// None.
    pub const OFF: Self = Self::one_of(0);

    /// On average one of `rate` allocations; which ones is random, so that a program's own rhythm
    /// does not hide some of them. 1: every one, as far as there are slots; 0: none.
    #[must_use]
    pub const fn one_of(rate: u32) -> Self {
        Self {
            rate,
            wanted: |_| true,
        }
    }

    /// The same, but only what `wanted` says: when the turn has come, the next allocation that it
    /// wants gets the guard. It is called with the guards' lock held, and must not allocate.
    #[must_use]
    pub const fn only(self, wanted: fn(&Candidate) -> bool) -> Self {
        Self { wanted, ..self }
    }

    pub(crate) fn wants(&self, candidate: &Candidate) -> bool {
        (self.wanted)(candidate)
    }

    /// After how many allocations, from now on, the next one gets a guard: 1 to twice the rate less
    /// one, all equally likely.
    pub(crate) fn interval(&self, random: u32) -> u32 {
        match self.rate {
            0 => 0,
            rate => 1 + random % rate.saturating_mul(2).saturating_sub(1).max(1),
        }
    }
}

/// How many allocations are left to the next guard; 0: none will come. Counts without exclusion: if
/// two cores count at one moment, one of them may not be seen.
#[derive(Debug)]
pub(crate) struct Countdown(AtomicU32);

impl Countdown {
    pub(crate) const fn stopped() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn set(&self, allocations: u32) {
        self.0.store(allocations, Ordering::Relaxed);
    }

    /// Returns whether it is this allocation's turn.
    #[inline(always)]
    pub(crate) fn is_due(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left == 0 {
            return false;
        }
        // At 1 it stays: whoever is refused a guard leaves the turn to the next one.
        if left > 1 {
            self.0.store(left - 1, Ordering::Relaxed);
        }
        left == 1
    }
}

/// A source of numbers that a program's rhythm does not know: xorshift.
#[derive(Debug)]
pub(crate) struct Random(u32);

impl Random {
    pub(crate) const fn new() -> Self {
        Self(0x9E37_79B9)
    }

    pub(crate) fn next(&mut self, stir: u32) -> u32 {
        let mut x = self.0 ^ stir;
        if x == 0 {
            x = 0x9E37_79B9;
        }
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.0 = x;
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_the_rate_as_their_mean() {
        for rate in [1_u32, 2, 10, 1000] {
            let (mut random, mut sum) = (Random::new(), 0_u64);
            for _ in 0..20_000 {
                let interval = Sampling::one_of(rate).interval(random.next(0));
                assert!((1..2 * rate).contains(&interval));
                sum += u64::from(interval);
            }
            let (mean, rate) = (sum / 200, u64::from(rate) * 100);
            assert!(mean.abs_diff(rate) * 50 <= rate, "{mean} for {rate}");
        }
        assert_eq!(Sampling::OFF.interval(7), 0);
    }

    #[test]
    fn a_turn_that_nobody_takes_is_the_next_ones() {
        let countdown = Countdown::stopped();
        assert!(!countdown.is_due());
        countdown.set(3);
        let turns = [(); 5].map(|()| countdown.is_due());
        assert_eq!(turns, [false, false, true, true, true]);
        countdown.set(0);
        assert!(!countdown.is_due());
    }
}
