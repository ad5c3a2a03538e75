//! The part of esp-sync 0.3 that esp-alloc and the measurements use, for emulated chips.
//!
//! esp-sync itself needs inline assembly, which the compiler for the emulated Xtensa does not have.
//! This executes the same instructions on a dual-core chip: interrupts up to level 5 masked, the
//! core's number exchanged into the lock word, a store and the old interrupt level at the end.
//! RISC-V chips have one core, and only mask.

#![no_std]

mod machine;

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering, compiler_fence};

/// No core has this number.
const NOBODY: usize = 0x100;
/// A bit that the processor's status leaves free.
const REENTERED: u32 = 1 << 31;

/// What the interrupts were before, and whether the lock was held by the same core already.
#[derive(Clone, Copy, Debug)]
pub struct RestoreState(u32);

impl RestoreState {
    /// Returns the state of [`RestoreState::inner`].
    ///
    /// # Safety
    /// - `inner` is from a state of the same lock.
    #[must_use]
    pub const unsafe fn new(inner: u32) -> Self {
        Self(inner)
    }

    /// Returns the state as a number.
    #[must_use]
    pub const fn inner(self) -> u32 {
        self.0
    }

    /// Returns whether the core held the lock already.
    #[must_use]
    pub const fn is_reentry(self) -> bool {
        self.0 & REENTERED != 0
    }
}

/// A lock for interrupts and two cores.
#[derive(Debug)]
pub struct RawMutex {
    owner: AtomicUsize,
}

impl RawMutex {
    /// Creates an open lock.
    #[must_use]
    pub const fn new() -> Self {
        let owner = AtomicUsize::new(NOBODY);
        Self { owner }
    }

    /// Masks interrupts and takes the lock; waits with interrupts on.
    ///
    /// # Safety
    /// - One [`RawMutex::release`] follows, with the state returned, in reverse order where locks
    ///   nest.
    #[inline]
    pub unsafe fn acquire(&self) -> RestoreState {
        loop {
            let status = machine::mask();
            compiler_fence(Ordering::SeqCst);
            let core = machine::core_number();
            match exchange(&self.owner, NOBODY, core) {
                Ok(_) => return RestoreState(status),
                Err(owner) if owner == core => return RestoreState(status | REENTERED),
                Err(_) => machine::restore(status),
            }
        }
    }

    /// Opens the lock unless it was held before, and brings the interrupts back.
    ///
    /// # Safety
    /// - `state` is that of the last [`RawMutex::acquire`].
    #[inline]
    pub unsafe fn release(&self, state: RestoreState) {
        if !state.is_reentry() {
            self.owner.store(NOBODY, Ordering::Release);
            compiler_fence(Ordering::SeqCst);
            machine::restore(state.0);
        }
    }
}

impl Default for RawMutex {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_has_atomic = "32")]
#[inline]
fn exchange(word: &AtomicUsize, expected: usize, new: usize) -> Result<usize, usize> {
    word.compare_exchange(expected, new, Ordering::Acquire, Ordering::Relaxed)
}

/// Returns one core, whose interrupts are masked.
#[cfg(not(target_has_atomic = "32"))]
#[inline]
fn exchange(word: &AtomicUsize, expected: usize, new: usize) -> Result<usize, usize> {
    let found = word.load(Ordering::Acquire);
    if found == expected {
        word.store(new, Ordering::Relaxed);
        Ok(found)
    } else {
        Err(found)
    }
}

/// A value behind a lock that its holder cannot take again.
#[derive(Debug)]
pub struct NonReentrantMutex<T> {
    lock: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: one holder at a time has the value.
unsafe impl<T: Send> Sync for NonReentrantMutex<T> {}

impl<T> NonReentrantMutex<T> {
    /// Returns the value behind an open lock.
    pub const fn new(value: T) -> Self {
        Self {
            lock: RawMutex::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `work` on the value while the lock is held.
    ///
    /// # Panics
    /// The holder takes the lock again.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: released below, once.
        let state = unsafe { self.lock.acquire() };
        if state.is_reentry() {
            reentered();
        }
        // SAFETY: the lock is held.
        let result = work(unsafe { &mut *self.value.get() });
        // SAFETY: the state of the lock taken above. Panics abort here.
        unsafe { self.lock.release(state) };
        result
    }
}

#[cold]
#[inline(never)]
fn reentered() -> ! {
    panic!("lock is not reentrant")
}
