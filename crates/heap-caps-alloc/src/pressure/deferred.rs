//! Deferred work: decided under the lock when free memory changes, and done without it.

use core::task::Waker;

use heap_caps::Observer;
use multi_heap::Poison;

use super::emergency::{Arming, EmergencyHandler, EmergencyRelease, Held};
use super::level::{GaugeIndex, LevelChange, LevelHandler, Notification};
use super::limit::{Limits, OwnerHandler, OwnerPressure};
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;

/// One thing to do without the lock.
enum DeferredStep<P: Poison> {
    Arm(Arming<P>),
    NotifyRelease(EmergencyHandler, EmergencyRelease),
    NotifyLevel(GaugeIndex, LevelHandler, LevelChange),
    NotifyOwner(OwnerHandler, OwnerPressure),
    Wake(Option<Waker>),
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// The next thing to do. `may_call_out`: outside of interrupt handlers; `may_arm`: no reserve
    /// has met damaged memory yet. Bytes of a reserve that its handlers are to have serve no waiter
    /// and arm no reserve: who ends that comes by once more.
    fn next_step(&mut self, may_call_out: bool, may_arm: bool) -> Option<DeferredStep<P>> {
        if !self.pressure.emergencies.is_held() {
            if let Some(waker) = self.serve_next() {
                return Some(DeferredStep::Wake(waker));
            }
            if may_arm && let Some(arming) = self.arm_next() {
                return Some(DeferredStep::Arm(arming));
            }
        }
        match self.next_notification(may_call_out) {
            Some(Notification::Waker(waker)) => return Some(DeferredStep::Wake(Some(waker))),
            Some(Notification::Handler(gauge, handler, change)) => {
                return Some(DeferredStep::NotifyLevel(gauge, handler, change));
            }
            None => {}
        }
        if may_call_out {
            let limits = self.pressure.limits.as_mut();
            if let Some((handler, pressure)) = limits.and_then(Limits::next_notification) {
                return Some(DeferredStep::NotifyOwner(handler, pressure));
            }
            if let Some((handler, release)) = self.pressure.emergencies.next_unreported() {
                return Some(DeferredStep::NotifyRelease(handler, release));
            }
        }
        self.measure_quiet();
        None
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Does the work that the last changes of free memory left.
    pub(super) fn run_deferred(&self) {
        let (may_call_out, mut may_arm) = (self.may_call_out(), true);
        loop {
            let step = self.state.acquire().next_step(may_call_out, may_arm);
            match step {
                None => return,
                Some(DeferredStep::Arm(arming)) => may_arm = self.finish_arming(arming),
                Some(DeferredStep::Wake(waker)) => {
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                Some(DeferredStep::NotifyRelease(handler, release)) => {
                    let _held = Held::begun(self);
                    handler(&release);
                }
                Some(DeferredStep::NotifyOwner(handler, pressure)) => handler(&pressure),
                Some(DeferredStep::NotifyLevel(gauge, handler, change)) => {
                    handler(&change);
                    self.state.acquire().mark_notified(gauge);
                }
            }
        }
    }
}
