//! Reserves: free memory that is kept for requests with certain capabilities.
//!
//! A reserve is a quota, not a carved pool: no block is set aside, nothing is fragmented by it, and
//! a request that asks for the reserve's capabilities may take any of it. The rule, for a reserve
//! `{ caps, bytes }` and a request:
//!
//! - the request names all of `caps`: the reserve does not concern it;
//! - a heap lacks one of `caps`: taking from it leaves the reserve as it is, so it is allowed;
//! - otherwise the request may take `n` bytes (block header and canaries included) from the heap
//!   only if the free bytes of *all* enabled heaps that have `caps` stay at `bytes` or above.
//!
//! A block that grows in place is let through by what it asks for; it may take the slack of one
//! block (at most two words) more. What a quota does not promise: that the kept bytes lie in one
//! piece.

use multi_heap::Poison;
use soc_regions::Caps;

use crate::registry::{HeapIndex, Registry};

/// How many reserves there can be.
pub const RESERVES: usize = 4;

/// Free bytes kept for requests that name all of `caps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Capabilities that a request must name to be served from the reserve.
    pub caps: Caps,
    /// Bytes to keep, summed over the enabled heaps that have the capabilities.
    pub bytes: u32,
}

/// Why a reserve is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// It names no capability, so every request would name all of them.
    NoCaps,
    /// There are [`RESERVES`] already.
    TableFull,
}

multi_heap::texts!(ReserveError {
    Self::NoCaps => "a reserve must name the capabilities for which it keeps memory";
    Self::TableFull => "there are {} reserves already", RESERVES;
});

impl core::error::Error for ReserveError {}

/// The reserves in force: those in front; the first that keeps nothing ends them.
pub(crate) struct Reserves {
    places: [ReserveEntry; RESERVES],
}

/// A reserve in force; none where no bytes are entry.
#[derive(Clone, Copy)]
struct ReserveEntry {
    caps: Caps,
    bytes: u32,
    /// A heap with the capabilities that had more free than all that is kept when it was last
    /// looked at: it is asked first.
    witness: HeapIndex,
}

impl ReserveEntry {
    const NONE: Self = Self {
        caps: Caps::empty(),
        bytes: 0,
        witness: HeapIndex(0),
    };

    /// Returns whether the reserve limits requests for `caps` on memory that has `heap_caps`.
    #[inline(always)]
    const fn limits(&self, caps: Caps, heap_caps: Caps) -> bool {
        self.bytes != 0 && !caps.contains(self.caps) && heap_caps.contains(self.caps)
    }

    const fn reserve(&self) -> Reserve {
        Reserve {
            caps: self.caps,
            bytes: self.bytes,
        }
    }
}

impl Reserves {
    pub(crate) const fn new() -> Self {
        Self {
            places: [ReserveEntry::NONE; RESERVES],
        }
    }

    /// Adds a reserve, or replaces the one with the same capabilities. A reserve of 0 bytes ends
    /// it.
    pub(crate) fn set(&mut self, reserve: Reserve) -> Result<(), ReserveError> {
        if reserve.caps.is_empty() {
            return Err(ReserveError::NoCaps);
        }
        let same = |entry: &ReserveEntry| entry.bytes != 0 && entry.caps == reserve.caps;
        let index = match self.places.iter().position(same) {
            Some(index) => index,
            None if reserve.bytes == 0 => return Ok(()),
            None => {
                let free = self.places.iter().position(|entry| entry.bytes == 0);
                free.ok_or(ReserveError::TableFull)?
            }
        };
        let place = self.places.get_mut(index);
        *place.ok_or(ReserveError::TableFull)? = ReserveEntry {
            caps: reserve.caps,
            bytes: reserve.bytes,
            witness: HeapIndex(u8::MAX),
        };
        if reserve.bytes == 0
            && let Some(behind) = self.places.get_mut(index..)
        {
            behind.rotate_left(1);
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) const fn is_any(&self) -> bool {
        let [first, ..] = &self.places;
        first.bytes != 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Reserve> + '_ {
        let in_force = self.places.iter().filter(|entry| entry.bytes != 0);
        in_force.map(ReserveEntry::reserve)
    }

    /// Returns whether any reserve limits requests for `caps` on memory that has `heap_caps`.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn limit(&self, caps: Caps, heap_caps: Caps) -> bool {
        self.places
            .iter()
            .any(|entry| entry.limits(caps, heap_caps))
    }

    /// Returns the reserve that forbids a request for `caps` to take `bytes` from memory that has
    /// `heap_caps`. O(heaps).
    pub(crate) fn forbidding<P: Poison, const N: usize>(
        &self,
        caps: Caps,
        heap_caps: Caps,
        bytes: u32,
        registry: &Registry<P, N>,
    ) -> Option<Reserve> {
        let limiting = self
            .places
            .iter()
            .filter(|entry| entry.limits(caps, heap_caps));
        let mut limiting = limiting.map(ReserveEntry::reserve);
        limiting
            .find(|reserve| registry.free_bytes(reserve.caps) < reserve.bytes.saturating_add(bytes))
    }

    /// Returns the free bytes that reserves leave to requests for `caps` in memory that has
    /// `heap_caps`; `u32::MAX` where none limits them. O(heaps).
    pub(crate) fn leave<P: Poison, const N: usize>(
        &self,
        caps: Caps,
        heap_caps: Caps,
        registry: &Registry<P, N>,
    ) -> u32 {
        let limiting = self
            .places
            .iter()
            .filter(|entry| entry.limits(caps, heap_caps));
        let left =
            limiting.map(|entry| registry.free_bytes(entry.caps).saturating_sub(entry.bytes));
        left.min().unwrap_or(u32::MAX)
    }

    /// Returns whether no reserve forbids a request for `caps` to take `bytes` from a heap, on
    /// which at least one limits it ([`Reserves::limit`]). Nearly always one heap alone has enough:
    /// it is remembered. O(1) then, else O(heaps).
    #[inline(always)]
    pub(crate) fn allow<P: Poison, const N: usize>(
        &mut self,
        caps: Caps,
        heap: HeapIndex,
        bytes: u32,
        registry: &Registry<P, N>,
    ) -> bool {
        let [first, others @ ..] = &mut self.places;
        if others.first().is_none_or(|second| second.bytes == 0) {
            debug_assert!(first.limits(caps, registry.caps(heap)));
            return first.is_kept(bytes, registry);
        }
        let heap_caps = registry.caps(heap);
        let in_force = self.places.iter_mut().take_while(|entry| entry.bytes != 0);
        let mut limiting = in_force.filter(|entry| entry.limits(caps, heap_caps));
        limiting.all(|entry| entry.is_kept(bytes, registry))
    }
}

impl ReserveEntry {
    /// Returns whether the reserve is still there when `bytes` are taken.
    #[inline(always)]
    fn is_kept<P: Poison, const N: usize>(
        &mut self,
        bytes: u32,
        registry: &Registry<P, N>,
    ) -> bool {
        let needed = self.bytes.saturating_add(bytes);
        registry.has_free(self.witness, needed) || self.find_witness(needed, registry)
    }

    /// Looks for a heap that alone has as many free bytes; where there is none, the sum of all
    /// decides.
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn find_witness<P: Poison, const N: usize>(
        &mut self,
        needed: u32,
        registry: &Registry<P, N>,
    ) -> bool {
        let mut serving = registry.serving(self.caps);
        if let Some((heap, ..)) = serving.find(|(_, _, heap)| heap.free_bytes() >= needed) {
            self.witness = heap;
            return true;
        }
        registry.free_bytes(self.caps) >= needed
    }
}
