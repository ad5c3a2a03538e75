//! A flag that is set once, by one of several concurrent callers.
//!
//! ```text
//!   chip with an atomic exchange       exchange
//!   without one (S2, C2, C3)           the program's critical section: load, store
//!   without either                     no flag: the program does not compile
//! ```
//!
//! It excludes others by itself: a lock of the caller's choice may exclude nobody, and two callers
//! may bring different ones.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

/// A flag that is not set at first.
pub(super) struct Once(AtomicBool);

impl Once {
    /// Returns a flag that is not set.
    ///
    /// # Compile-time errors
    /// The chip has no atomic exchange, and the crate not the feature `critical-section`.
    #[allow(
        clippy::assertions_on_constants,
        reason = "in a block of its own it would refuse programs without a claim"
    )]
    pub(super) const fn new() -> Self {
        assert!(
            cfg!(any(target_has_atomic = "8", feature = "critical-section")),
            "this chip has no atomic exchange: a claim needs the feature `critical-section` of heap-caps-alloc"
        );
        Self(AtomicBool::new(false))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the flag; whether it was set before. Of concurrent callers one gets `false`.
    pub(super) fn was_set(&self) -> bool {
        #[cfg(target_has_atomic = "8")]
        let was_set = self.0.swap(true, Ordering::Relaxed);
        #[cfg(not(target_has_atomic = "8"))]
        let was_set = self.was_set_alone();
        was_set
    }

    #[cfg(all(feature = "critical-section", any(test, not(target_has_atomic = "8"))))]
    fn was_set_alone(&self) -> bool {
        critical_section::with(|_| {
            let was_set = self.0.load(Ordering::Relaxed);
            self.0.store(true, Ordering::Relaxed);
            was_set
        })
    }

    /// Never called: [`Once::new`] does not compile.
    #[cfg(not(any(target_has_atomic = "8", feature = "critical-section")))]
    #[expect(clippy::unused_self, reason = "as its namesake")]
    const fn was_set_alone(&self) -> bool {
        true
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(all(test, feature = "critical-section"))]
mod tests {
    use super::Once;
    use std::thread;
    use std::vec::Vec;

    /// Runs two threads along the same flags.
    fn one_of_two_is_first(was_set: fn(&Once) -> bool) {
        let flags: Vec<Once> = (0..200_000).map(|_| Once::new()).collect();
        let firsts = || flags.iter().filter(|flag| !was_set(flag)).count();
        let all = thread::scope(|scope| {
            let other = scope.spawn(firsts);
            firsts() + other.join().unwrap_or(0)
        });
        assert_eq!(all, flags.len());
    }

    #[test]
    fn of_callers_at_the_same_time_one_is_first() {
        one_of_two_is_first(Once::was_set);
    }

    #[test]
    fn without_an_atomic_exchange_one_is_first_too() {
        one_of_two_is_first(Once::was_set_alone);
    }
}
