//! On whose behalf memory is allocated: a number for a task, a subsystem, a connection.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicU8, Ordering};
use core::task::{Context, Poll};

/// The owner of an allocation. The program assigns the numbers; 0 is no owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u8);

impl Owner {
    /// Nobody said.
    pub const NOBODY: Self = Self(0);

    /// Returns the number as an index.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize // widening
    }
}

multi_heap::texts!(Owner {
    Self::NOBODY => "nobody";
    Self(number) => "owner {}", number;
});

/// The current owner, on one core: for a `static`, read by the program's trace context
/// (`heap_trace::TraceContext`) and by the function that names the current owner to a heap with
/// limits.
///
/// ```
/// use heap_caps::{CurrentOwner, Owner};
///
/// static OWNER: CurrentOwner = CurrentOwner::new();
/// const MQTT: Owner = Owner(1);
///
/// OWNER.with(MQTT, || assert_eq!(OWNER.get(), MQTT)); // and what is allocated in here is MQTT's
/// assert_eq!(OWNER.get(), Owner::NOBODY);
/// ```
///
/// An interrupt handler that uses `with` leaves it as it was. Threads that interrupt each other at
/// any time need one each: their program returns a number of the running thread instead.
#[derive(Debug, Default)]
pub struct CurrentOwner(AtomicU8);

impl CurrentOwner {
    /// Nobody's.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// Returns the owner now.
    #[must_use]
    pub fn get(&self) -> Owner {
        Owner(self.0.load(Ordering::Relaxed))
    }

    /// Runs `work` on behalf of `owner`. Nests; the owner before is back afterwards, after a panic
    /// too.
    pub fn with<R>(&self, owner: Owner, work: impl FnOnce() -> R) -> R {
        let _back = self.set(owner);
        work()
    }

    /// Returns the future, on behalf of `owner` whenever it is polled: what a task allocates is its
    /// own, however tasks take turns.
    pub const fn instrument<F: Future>(&'static self, owner: Owner, future: F) -> Instrumented<F> {
        Instrumented {
            current: self,
            owner,
            future,
        }
    }

    fn set(&self, owner: Owner) -> Restore<'_> {
        let before = self.get();
        self.0.store(owner.0, Ordering::Relaxed);
        Restore {
            current: self,
            before,
        }
    }
}

/// Brings the owner before back when it is dropped.
struct Restore<'a> {
    current: &'a CurrentOwner,
    before: Owner,
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.current.0.store(self.before.0, Ordering::Relaxed);
    }
}

/// A future with an owner, see [`CurrentOwner::instrument`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Instrumented<F> {
    current: &'static CurrentOwner,
    owner: Owner,
    future: F,
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let (current, owner) = (self.current, self.owner);
        // SAFETY: the future is reached through the pin only, and moves nowhere: `Instrumented` has
        // no other way in.
        let future = unsafe { self.map_unchecked_mut(|instrumented| &mut instrumented.future) };
        current.with(owner, || future.poll(context))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use core::pin::pin;
    use core::task::Waker;
    use std::format;

    static OWNER: CurrentOwner = CurrentOwner::new();

    #[test]
    fn an_owner_is_the_current_one_while_its_work_is_done_and_its_future_polled() {
        assert_eq!(OWNER.get(), Owner::NOBODY);
        let inside = OWNER.with(Owner(3), || {
            let nested = OWNER.with(Owner(4), || OWNER.get());
            (nested, OWNER.get())
        });
        assert_eq!((inside, OWNER.get()), ((Owner(4), Owner(3)), Owner::NOBODY));
        let mut polls = 0;
        let future = core::future::poll_fn(|_| {
            polls += 1;
            assert_eq!(OWNER.get(), Owner(5));
            if polls == 2 {
                Poll::Ready(polls)
            } else {
                Poll::Pending
            }
        });
        let mut future = pin!(OWNER.instrument(Owner(5), future));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(future.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(OWNER.get(), Owner::NOBODY);
        assert_eq!(future.poll(&mut context), Poll::Ready(2));
        assert_eq!((Owner(5).get(), Owner::NOBODY.get()), (5, 0));
        assert_eq!(format!("{} {}", Owner(5), Owner::NOBODY), "owner 5 nobody");
    }
}
