//! Sampling at allocation: whose turn it is, and how its block gets a guard.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use heap_caps::{AllocRequest, Placement};
use heap_trace::TraceContext;
use soc_regions::Caps;

use super::Guarded;
use crate::contents::Forbidden;
use crate::guardable::GuardableHeap;
use crate::guards::Guard;
use crate::origin::Origin;
use crate::sampling::Candidate;
use crate::watch::Watchpoints;

/// Bytes behind a guarded block's user part, where a breakpoint can watch as many.
const ZONE: u32 = 32;

impl<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize> Guarded<H, W, C, KEPT> {
    /// Returns a guarded block for `request`, if it is its turn.
    #[inline(always)]
    pub(crate) fn sampled(&self, request: &AllocRequest<'_>) -> Option<NonNull<u8>> {
        if self.countdown.is_due() {
            self.sample(request)
        } else {
            None
        }
    }

    #[cold]
    #[inline(never)]
    fn sample(&self, request: &AllocRequest<'_>) -> Option<NonNull<u8>> {
        self.poll();
        let larger = enlarged::<W>(request)?;
        let caps = first_caps(request.placement())?;
        let needed = larger.size().checked_add(larger.alignment())?;
        if usize::try_from(self.heap.largest_free_block(caps)).ok()? < needed {
            return None; // a guard is no reason to refuse somebody memory
        }
        let origin = Origin::now(&self.context, request.caller());
        let slot = self.reserve(request.size(), &origin)?;
        let Some((block, guard)) = self.guarded(request, &larger, origin) else {
            self.state.acquire().guards.empty(slot, &self.slots);
            return None;
        };
        let mut state = self.state.acquire();
        state.sampled = state.sampled.saturating_add(1);
        state
            .guards
            .arm(slot, guard, &self.slots, &self.watchpoints);
        self.active.store(true, Ordering::Relaxed);
        Some(block)
    }

    /// Returns a slot for a request that the sampling wants; the next interval begins.
    fn reserve(&self, size: usize, origin: &Origin) -> Option<usize> {
        let [caller, ..] = origin.callers;
        let candidate = Candidate {
            size,
            owner: origin.owner,
            place: origin.place,
            caller,
        };
        let (slot, guard, hit) = {
            let mut state = self.state.acquire();
            if !state.sampling.wants(&candidate) {
                return None;
            }
            let slot = state.guards.room(&self.watchpoints, self.allowed)?;
            let random = state.random.next(origin.ticks);
            self.countdown.set(state.sampling.interval(random));
            let (guard, hit) = state.guards.disarm(slot, &self.slots, &self.watchpoints);
            self.slots.set_pointer(slot, 0);
            (slot, guard, hit)
        };
        self.ended(&guard, hit);
        Some(slot)
    }

    /// Returns a block that is larger than asked for, with the pattern behind the user's part.
    fn guarded(
        &self,
        request: &AllocRequest<'_>,
        larger: &AllocRequest<'_>,
        origin: Origin,
    ) -> Option<(NonNull<u8>, Guard)> {
        let block = self.heap.try_allocate(*larger)?;
        let address = self.heap.address_of(block).ok()?;
        let size = u32::try_from(request.size()).ok()?;
        let room = u32::try_from(larger.size()).ok()?;
        // SAFETY: the block was just allocated with that many bytes, and its user knows of the
        // first `size` only.
        let behind = unsafe { Forbidden::behind(block, size, room) };
        behind.fill();
        let place = (block.as_ptr().expose_provenance(), address);
        Some((block, Guard::live(place, (size, room), origin)))
    }
}

/// The same request, larger by what is watched behind it, and so aligned that much of it can be
/// watched when it is free. `None` if it is one that gets no guard: of code, by type, impossible.
fn enlarged<'a, W: Watchpoints>(request: &AllocRequest<'a>) -> Option<AllocRequest<'a>> {
    const ALIGNMENT: u32 = 64;
    let alignment = usize::try_from(ALIGNMENT.min(W::LARGEST)).ok()?;
    let zone = usize::try_from(ZONE.min(W::LARGEST)).ok()?;
    if request.size() == 0 || !request.is_well_aligned() {
        return None;
    }
    let used = request.size().checked_next_multiple_of(4)?;
    let larger = request.with_size(used.checked_add(zone)?);
    let alignment = alignment.max(request.alignment());
    Some(larger.aligned_to(alignment).fail_fast())
}

/// Returns the capabilities by which memory is looked for first; `None` for code, which has two
/// addresses, and for memory by its type.
fn first_caps(placement: Placement<'_>) -> Option<Caps> {
    let caps = match placement {
        Placement::Caps(caps) => caps,
        Placement::Default => Caps::DEFAULT,
        Placement::Prefer(sets) => *sets.first()?,
        Placement::Tag(_) => return None,
    };
    (!caps.contains(Caps::EXEC)).then_some(caps)
}
