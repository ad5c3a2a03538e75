//! Spin lock, for host threads and for cores that mask interrupts.

use core::mem;

use spin::mutex::SpinMutex;

use super::RawLock;

/// Spin lock on one word.
///
/// On bare metal an interrupt handler that waits for the code it interrupted deadlocks: wrap it in
/// [`Masked`](super::Masked), or use `CriticalSectionLock`. It needs a compare-and-swap: all chips
/// have one except ESP32-S2, ESP32-C2 and ESP32-C3; there, enable the feature `portable-atomic` of
/// `spin`.
#[derive(Debug, Default)]
pub struct SpinLock(SpinMutex<()>);

// SAFETY: the mutex of `spin` is held from `acquire`, which forgets its guard, to `release`, which
// opens it by force; compare-and-swap with acquire order, store with release order.
unsafe impl RawLock for SpinLock {
    const INIT: Self = Self(SpinMutex::new(()));

    type Token = ();

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn acquire(&self) {
        mem::forget(self.0.lock());
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn release(&self, (): ()) {
        // SAFETY: the caller holds the lock, whose guard `acquire` has forgotten.
        unsafe { self.0.force_unlock() };
    }
}
