//! Relief: the retry of a request that found no room.

use core::ptr::NonNull;

use heap_caps::{
    AllocRequest, HeapMask, Observer, Placement, PressureEvent, PressureKind, ReallocateError,
    Relief,
};
use multi_heap::Poison;

use super::Begun;
use super::shrink::{Shortage, ShrinkerOrder, helps};
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;
use crate::record::RecordWanted;

/// How often one shrinker is called for one request at most.
const CALLS: u16 = 1000;

/// How far the relief of one request has got.
pub(super) struct Relieving {
    relief: Relief,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Begin {
        peers: HeapMask,
    },
    Shrinking {
        candidates: HeapMask,
        last: Option<Last>,
    },
    /// The shrinkers have nothing more to give; none of these heaps if nothing may be run.
    Shrunk {
        candidates: HeapMask,
    },
}

/// The shrinker that was called last.
#[derive(Clone, Copy)]
struct Last {
    place: ShrinkerOrder,
    calls: u16,
    gave: u32,
}

impl Relieving {
    pub(super) const fn new() -> Self {
        Self::for_block(HeapMask::NONE)
    }

    /// Returns the relief of a block that is to be resized: `peers` serve it where the request
    /// names no capabilities.
    const fn for_block(peers: HeapMask) -> Self {
        Self {
            relief: Relief::NONE,
            stage: Stage::Begin { peers },
        }
    }

    /// Returns the heaps whose reserves may be released: those that could serve, once no shrinker
    /// helps.
    const fn releasable(&self) -> HeapMask {
        match self.stage {
            Stage::Shrunk { candidates } => candidates,
            Stage::Begin { .. } | Stage::Shrinking { .. } => HeapMask::NONE,
        }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Serves a request that found no room, or that everybody looks at: tries, makes something give
    /// memory back, tries again.
    pub(super) fn allocate_or_relieve(
        &self,
        request: &AllocRequest<'_>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Option<NonNull<u8>> {
        let request = &self.with_owner(request);
        let mut progress = Relieving::new();
        let served = loop {
            let mut state = self.state.acquire();
            let ruling = state.rule(request);
            if let Some(allocated) = state.allocate_open(request, &ruling) {
                break self.finish(state, allocated, request, wanted);
            }
            let stopped = state.stopped(request, &ruling, HeapMask::NONE);
            drop(state);
            if stopped.is_none() && self.relieve(request, &mut progress) {
                continue;
            }
            let served = self.release_for(progress.releasable(), |state| {
                let ruling = state.rule(request);
                state.allocate_open(request, &ruling)
            });
            if let Some(allocated) = served {
                break self.finish(self.state.acquire(), allocated, request, wanted);
            }
            let held = self.release_for_handlers(progress.releasable(), &mut progress.relief);
            let mut state = self.state.acquire();
            state.refuse(request, &progress.relief, &ruling, stopped);
            self.refused(state, request, wanted);
            drop(held);
            break None;
        };
        self.run_deferred();
        served
    }

    /// Begins to resize the block at `address`; where there is no room, makes something give memory
    /// back and tries again. The failure handler is called if it is refused.
    pub(super) fn begin_reallocate_or_relieve(
        &self,
        address: u32,
        request: &AllocRequest<'_>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Begun<P> {
        let peers = self.state.acquire().heaps.inspect().peers_of(address);
        let mut progress = Relieving::for_block(peers);
        loop {
            let mut state = self.state.acquire();
            let resizing = state.rule_resizing(address, request)?;
            let phases = state.heaps.phases();
            if let Some(begun) = phases.attempt_reallocate(address, request, resizing.within)? {
                state.begin_resized(&resizing, &begun);
                return Ok(begun);
            }
            let stopped = state.stopped(request, &resizing.ruling, peers);
            drop(state);
            if stopped.is_none() && self.relieve(request, &mut progress) {
                continue;
            }
            let served = self.release_for(progress.releasable(), |state| {
                state.begin_resizing(address, request).ok().flatten()
            });
            if let Some(begun) = served {
                return Ok(begun);
            }
            let held = self.release_for_handlers(progress.releasable(), &mut progress.relief);
            let mut state = self.state.acquire();
            let cause = state.refuse(request, &progress.relief, &resizing.ruling, stopped);
            self.refused(state, request, wanted);
            drop(held);
            return Err(ReallocateError::Failure(cause));
        }
    }

    /// Makes one shrinker give memory back; `false` if there is none left that could help, or
    /// nothing may be run.
    pub(super) fn relieve(&self, request: &AllocRequest<'_>, progress: &mut Relieving) -> bool {
        if let Stage::Begin { peers } = progress.stage {
            progress.stage = self.begin_relief(request, peers);
        }
        let Stage::Shrinking { candidates, last } = progress.stage else {
            return false;
        };
        if let Some(called) = self.shrink(request, candidates, last, &mut progress.relief) {
            let last = Some(called);
            progress.stage = Stage::Shrinking { candidates, last };
            return true;
        }
        progress.stage = Stage::Shrunk { candidates };
        false
    }

    fn begin_relief(&self, request: &AllocRequest<'_>, peers: HeapMask) -> Stage {
        const NOTHING: Stage = Stage::Shrunk {
            candidates: HeapMask::NONE,
        };
        if request.is_fail_fast() || !self.may_call_out() {
            return NOTHING;
        }
        let candidates = match request.placement() {
            Placement::Caps(caps) if caps.is_empty() => peers,
            _ => self.state.acquire().heaps.phases().candidates(request),
        };
        if candidates.is_empty() {
            return NOTHING;
        }
        Stage::Shrinking {
            candidates,
            last: None,
        }
    }

    /// Runs the shrinker that was run last as long as it gives something, then the next one.
    fn shrink(
        &self,
        request: &AllocRequest<'_>,
        candidates: HeapMask,
        last: Option<Last>,
        relief: &mut Relief,
    ) -> Option<Last> {
        let mut state = self.state.acquire();
        let crate::heap::State {
            heaps, pressure, ..
        } = &mut *state;
        let again = last.filter(|last| last.gave > 0 && last.calls < CALLS);
        let again = again.and_then(|last| {
            let shrinker = pressure.shrinkers.start_again(last.place)?;
            Some((last.place, last.calls, shrinker))
        });
        let (place, calls, shrinker) = match again {
            Some(again) => again,
            None => {
                let behind = last.map(|last| last.place);
                let (place, shrinker) = pressure.shrinkers.start_next(behind, |caps| {
                    helps(heaps.inspect().heaps_with(caps), candidates)
                })?;
                (place, 0, shrinker)
            }
        };
        drop(state);
        let mut running = Running {
            heap: self,
            place,
            name: shrinker.name,
            gave: 0,
        };
        running.gave = shrinker.run.shrink(&Shortage::of(request, calls));
        let gave = running.gave;
        drop(running);
        relief.add(shrinker.name, gave);
        Some(Last {
            place,
            calls: calls + 1, // at most CALLS
            gave,
        })
    }
}

/// A shrinker that runs. When this is dropped, it does not any more, even if it panicked.
struct Running<'a, L: RawLock, P: Poison, O: Observer, const HEAPS: usize> {
    heap: &'a CapsHeap<L, P, O, HEAPS>,
    place: ShrinkerOrder,
    name: &'static str,
    gave: u32,
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Drop for Running<'_, L, P, O, HEAPS> {
    fn drop(&mut self) {
        let mut state = self.heap.state.acquire();
        state.pressure.shrinkers.ended(self.place, self.gave);
        let event = PressureEvent::new(self.name, PressureKind::Shrunk(self.gave));
        state.heaps.phases().notify_pressure(&event);
    }
}
