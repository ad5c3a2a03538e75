//! Mutual exclusion: the lock trait, and `Locked`, the only access to a protected value.
//!
//! ```text
//!   Locked<L, T>   | L: lock word | T: what it protects |      .acquire() ─► Guard ─► &mut T ─► drop releases
//! ```
//!
//! **Where the lock word lives.** In internal RAM, never in PSRAM: on ESP32, ESP32-S2 and ESP32-S3
//! a compare-and-swap on external memory does not exclude anybody. A `static` that the linker
//! script places in `.bss` or `.data` is right.

#[cfg(feature = "critical-section")]
mod critical_section;
mod masked;
#[cfg(all(feature = "spin", target_has_atomic = "32"))]
mod spin;
mod unlocked;

#[cfg(feature = "critical-section")]
pub use self::critical_section::CriticalSectionLock;
pub use self::masked::{InterruptMask, Masked};
#[cfg(all(feature = "spin", target_has_atomic = "32"))]
pub use self::spin::SpinLock;
pub use self::unlocked::Unlocked;

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// Mutual exclusion: between a return of `acquire` and the `release` that follows, no other
/// `acquire` returns.
///
/// A trait of our own, because those of the ecosystem differ between versions; any lock implements
/// it in three lines. What is done while it is held takes O(heaps) time: nothing that an interrupt
/// could not wait for.
///
/// # Safety
/// - While a token of `acquire` has not been released, `acquire` on the same lock does not return:
///   not on another core or thread, not in an interrupt, and not to the holder itself. It may wait,
///   or diverge.
/// - What one holder wrote before `release` is visible to the next one after `acquire`.
/// - A type that is `Sync` keeps this among all threads, cores and interrupts that the lock is
///   documented for.
pub unsafe trait RawLock {
    /// An open lock.
    const INIT: Self;

    /// What `release` needs back: the interrupt level to restore, for example.
    type Token;

    /// Waits until nobody holds the lock, and takes it.
    fn acquire(&self) -> Self::Token;

    /// Opens the lock.
    ///
    /// # Safety
    /// `token` is the one that the last `acquire` on this lock, in the same context, returned.
    unsafe fn release(&self, token: Self::Token);
}

/// A value that is reached through a lock only.
#[repr(C)] // on Xtensa an instruction reaches the first KiB: the lock, and what is read most
pub struct Locked<L, T> {
    lock: L,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is reached through a `Guard` only, of which the lock lets exist one at a time, so
// `T` is handed from thread to thread, which `T: Send` allows. The lock itself is shared, hence `L:
// Sync`.
unsafe impl<L: RawLock + Sync, T: Send> Sync for Locked<L, T> {}

impl<L: RawLock, T> Locked<L, T> {
    /// Wraps `value` behind an open lock.
    pub const fn new(value: T) -> Self {
        Self {
            lock: L::INIT,
            value: UnsafeCell::new(value),
        }
    }

    /// Returns the value, while nobody else can have it.
    pub(crate) const fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Returns where the value is, without the lock: to be named, not to be read.
    pub(crate) const fn as_ptr(&self) -> *mut T {
        self.value.get()
    }

    /// Returns the value, until the guard is dropped.
    pub fn acquire(&self) -> Guard<'_, L, T> {
        let token = self.lock.acquire();
        Guard {
            locked: self,
            token: Some(token),
        }
    }
}

/// Exclusive access to a locked value. **Invariant:** the lock is held for as long as this exists.
pub struct Guard<'a, L: RawLock, T> {
    locked: &'a Locked<L, T>,
    /// Always there, until the drop takes it.
    token: Option<L::Token>,
}

impl<L: RawLock, T> Deref for Guard<'_, L, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held (invariant), so nobody else has a reference.
        unsafe { &*self.locked.value.get() }
    }
}

impl<L: RawLock, T> DerefMut for Guard<'_, L, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held (invariant), and this guard is borrowed exclusively.
        unsafe { &mut *self.locked.value.get() }
    }
}

impl<L: RawLock, T> Drop for Guard<'_, L, T> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            // SAFETY: the token is this guard's own, and guards of one lock do not overlap.
            unsafe { self.locked.lock.release(token) };
        }
    }
}

/// The holder of a lock asked for it again: an observer used the heap that it observes, or an
/// interrupt came in where it must not. Waiting would last for ever, and going on would break the
/// heap.
#[cold]
#[expect(
    clippy::panic,
    reason = "no input leads here, only a broken contract; the alternatives are a silent hang and a broken heap"
)]
pub(crate) fn reentered() -> ! {
    panic!(
        "the heap was used while its lock was held by the same context: by an observer, or by an interrupt that the lock does not mask"
    )
}
