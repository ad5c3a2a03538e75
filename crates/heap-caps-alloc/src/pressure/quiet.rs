//! Quiet changes: how many bytes may be allocated and freed before anything has to be looked at.
//!
//! ```text
//!   free bytes                ───╲                    ╱─
//!   level ends (hysteresis)   - - ╲- - - - - - - - - ╱ -   up: freed bytes until a level can be better
//!                                  ╲                ╱
//!   level begins              ══════╲══════════════╱════   down: allocated bytes until one can be worse,
//!                                                          or a guaranteed minimum is touched
//! ```
//!
//! Allocated bytes count against `down`, freed ones against `up`, and neither is made up for by the
//! other: so both are lower bounds, and a call subtracts one number. The call that exhausts one
//! looks at everything and measures both again.
//!
//! `down` is the heaps' own allowance ([`Phases::set_allowance`](heap_caps::Phases)), which the
//! ordinary fast path counts against where a reserve would have its say. So as long as nothing of
//! this depends on frees (all levels are normal, there are no limits), no call comes here.

use core::ptr::NonNull;

use heap_caps::{AllocRequest, AllocatedBlock, Observer};
use multi_heap::Poison;

use super::emergency::Emergencies;
use super::level::Gauges;
use super::limit::Limits;
use crate::heap::State;
use crate::lock::RawLock;

/// Bytes that can be allocated and freed without a look. **Invariant:** allocations of no more than
/// `down` bytes make no level worse and leave every guaranteed minimum free; frees of no more than
/// `up` bytes make no level better and help nobody who waits for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quiet {
    pub(super) down: u32,
    pub(super) up: u32,
    /// The heaps and reserves that were measured.
    pub(super) generation: u32,
}

impl Quiet {
    /// Every change has to be looked at.
    pub(super) const NONE: Self = Self {
        down: 0,
        up: 0,
        generation: 0,
    };

    /// Nothing has to be looked at.
    pub(super) const ALL: Self = Self {
        down: u32::MAX,
        up: u32::MAX,
        generation: 0,
    };

    /// Returns the less of both.
    pub(super) const fn and(self, other: Self) -> Self {
        const fn less(one: u32, other: u32) -> u32 {
            if one < other { one } else { other }
        }
        Self {
            down: less(self.down, other.down),
            up: less(self.up, other.up),
            generation: self.generation,
        }
    }
}

/// Calls while every change of free memory is observed.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Allocates what `request` asks for, if its first heap has it and nothing else has to be
    /// looked at; returns the block, and whether there is deferred work. `None` says nothing.
    /// O(heaps + limits).
    #[inline]
    pub(super) fn allocate_watched(
        &mut self,
        request: &AllocRequest<'_>,
    ) -> Option<(AllocatedBlock, bool)> {
        let heaps = self.heaps.inspect();
        if P::FILLS || !heaps.is_detoured() && !heaps.is_counting() {
            return None;
        }
        let layout = request.plain_layout()?;
        let charged_to = match &self.pressure.limits {
            Some(limits) => {
                let bytes = self.heaps.inspect().most_bytes_for(layout);
                limits.permits(request.owner()?, bytes)?
            }
            None => None,
        };
        let allocated = self.heaps.phases().allocate_kept(layout, request)?;
        let is_due = charged_to.is_some_and(|owner| {
            let bytes = self.heaps.inspect().allocated_bytes(allocated);
            self.charge_bytes(owner, allocated, bytes.unwrap_or(0))
        });
        Some((allocated, is_due))
    }

    /// Frees an ordinary block; returns whether there is deferred work. `None`: it was not freed,
    /// which says nothing. O(heaps).
    #[inline]
    pub(super) fn free_watched(&mut self, pointer: NonNull<u8>) -> Option<bool> {
        if !self.heaps.inspect().is_detoured() {
            return None;
        }
        let address = self.known_address(pointer)?;
        let bytes = self.heaps.phases().free_measured(address)?;
        let quiet = self.pressure.quiet;
        let is_known = quiet.generation == self.heaps.inspect().generation();
        let mut is_due = match quiet.up.checked_sub(bytes) {
            Some(up) if is_known => {
                self.pressure.quiet.up = up;
                false
            }
            _ => true,
        };
        is_due |= self.discharge(address, None);
        Some(is_due)
    }

    /// Measures again what may be changed without a look. O((gauges + limits) × heaps).
    pub(super) fn measure_quiet(&mut self) {
        let heaps = self.heaps.inspect();
        let pressure = &self.pressure;
        let mut quiet = Quiet {
            generation: heaps.generation(),
            ..Quiet::ALL
        };
        if !pressure.waiters.is_empty() || Emergencies::is_any_open(&pressure.emergencies) {
            quiet.up = 0;
        }
        quiet = quiet.and(Gauges::quiet(&pressure.gauges, heaps));
        if let Some(limits) = &pressure.limits {
            quiet = quiet.and(Limits::quiet(limits, |caps| heaps.free_size(caps)));
        }
        if pressure.emergencies.is_any_unreported() {
            (quiet.down, quiet.up) = (0, 0);
        }
        let is_limited = pressure.limits.as_ref().is_some_and(Limits::is_any);
        self.pressure.quiet = quiet;
        // As long as no free matters, ordinary calls count for themselves.
        let phases = self.heaps.phases();
        phases.set_detoured(is_limited || quiet.up != u32::MAX);
        self.heaps.phases().set_allowance(quiet.down);
    }
}
