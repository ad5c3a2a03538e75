//! Waiting in a loop: threads of a host, and cores whose interrupts are masked.

use core::mem;

use spin::mutex::SpinMutex;

use super::RawLock;

/// A lock word and a loop.
///
/// On bare metal an interrupt handler that waits for the very code it interrupted waits for ever:
/// there, use it inside of [`Masked`](super::Masked), or take `CriticalSectionLock`. It needs a
/// compare-and-swap: ESP32, ESP32-S3, ESP32-C6, ESP32-H2 and ESP32-P4 have one, ESP32-S2, ESP32-C2
/// and ESP32-C3 do not (or enable the feature `portable-atomic` of `spin`).
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
