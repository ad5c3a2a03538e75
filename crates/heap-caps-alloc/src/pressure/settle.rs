//! Settling: what a change of free memory asks for, decided under the lock and done without it.

use core::task::Waker;

use heap_caps::Observer;
use multi_heap::Poison;

use super::emergency::{Arming, EmergencyHandler, EmergencyRelease};
use super::level::{GaugeIndex, LevelChange, LevelHandler, News};
use super::limit::{Limits, OwnerHandler, OwnerPressure};
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;

/// One thing to do without the lock.
enum Step<P: Poison> {
    Arm(Arming<P>),
    TellRelease(EmergencyHandler, EmergencyRelease),
    TellLevel(GaugeIndex, LevelHandler, LevelChange),
    TellOwner(OwnerHandler, OwnerPressure),
    Wake(Option<Waker>),
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// The next thing to do. `may_call_out`: outside of interrupt handlers; `may_arm`: no reserve
    /// has met damaged memory yet.
    fn next_step(&mut self, may_call_out: bool, may_arm: bool) -> Option<Step<P>> {
        if let Some(waker) = self.serve_next() {
            return Some(Step::Wake(waker));
        }
        if may_arm && let Some(arming) = self.arm_next() {
            return Some(Step::Arm(arming));
        }
        match self.next_news(may_call_out) {
            Some(News::Waker(waker)) => return Some(Step::Wake(Some(waker))),
            Some(News::Handler(gauge, handler, change)) => {
                return Some(Step::TellLevel(gauge, handler, change));
            }
            None => {}
        }
        if !may_call_out {
            return None;
        }
        let limits = self.pressure.limits.as_mut();
        if let Some((handler, pressure)) = limits.and_then(Limits::next_news) {
            return Some(Step::TellOwner(handler, pressure));
        }
        let (handler, release) = self.pressure.emergencies.next_unreported()?;
        Some(Step::TellRelease(handler, release))
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Does what the last changes of free memory ask for.
    pub(super) fn settle(&self) {
        let (may_call_out, mut may_arm) = (self.may_call_out(), true);
        loop {
            let step = self.state.acquire().next_step(may_call_out, may_arm);
            match step {
                None => return,
                Some(Step::Arm(arming)) => may_arm = self.finish_arming(arming),
                Some(Step::Wake(waker)) => {
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                Some(Step::TellRelease(handler, release)) => handler(&release),
                Some(Step::TellOwner(handler, pressure)) => handler(&pressure),
                Some(Step::TellLevel(gauge, handler, change)) => {
                    handler(&change);
                    self.state.acquire().told(gauge);
                }
            }
        }
    }
}
