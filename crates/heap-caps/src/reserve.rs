//! How much free memory is kept for requests that name certain capabilities.
//!
//! A reserve is a quota, not a carved pool: no block is set aside, nothing is fragmented by it, and a request that
//! asks for the reserve's capabilities may take any of it. The rule, for a reserve `{ caps, bytes }` and a request:
//!
//! - the request names all of `caps`: the reserve does not concern it;
//! - a heap lacks one of `caps`: taking from it leaves the reserve as it is, so it is allowed;
//! - otherwise the request may take `n` bytes (block header and canaries included) from the heap only if the free bytes
//!   of *all* enabled heaps that have `caps` stay at `bytes` or above.
//!
//! A block that grows in place is let through by what it asks for; it may take the slack of one block (at most two words)
//! more. What a quota does not promise: that the kept bytes lie in one piece.

use core::fmt;

use multi_heap::Poison;
use soc_regions::Caps;

use crate::registry::Registry;

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

impl Reserve {
    /// Whether the reserve limits requests for `caps`.
    pub(crate) const fn concerns(&self, caps: Caps) -> bool {
        !caps.contains(self.caps)
    }
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

impl fmt::Display for ReserveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCaps => {
                out.write_str("a reserve must name the capabilities for which it keeps memory")
            }
            Self::TableFull => write!(out, "there are {RESERVES} reserves already"),
        }
    }
}

impl core::error::Error for ReserveError {}

/// The reserves in force.
pub(crate) struct Reserves([Option<Reserve>; RESERVES]);

impl Reserves {
    pub(crate) const fn new() -> Self {
        Self([None; RESERVES])
    }

    /// Adds a reserve, or replaces the one with the same capabilities. A reserve of 0 bytes ends it.
    pub(crate) fn set(&mut self, reserve: Reserve) -> Result<(), ReserveError> {
        if reserve.caps.is_empty() {
            return Err(ReserveError::NoCaps);
        }
        let same = |place: &Option<Reserve>| place.is_some_and(|other| other.caps == reserve.caps);
        let wanted = (reserve.bytes > 0).then_some(reserve);
        let place = match self.0.iter().position(same) {
            Some(index) => self.0.get_mut(index),
            None if wanted.is_none() => return Ok(()),
            None => self.0.iter_mut().find(|place| place.is_none()),
        };
        *place.ok_or(ReserveError::TableFull)? = wanted;
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Reserve> + '_ {
        self.0.iter().flatten().copied()
    }

    /// The reserves that limit requests for `caps` on memory that has `heap_caps`.
    fn limiting(&self, caps: Caps, heap_caps: Caps) -> impl Iterator<Item = Reserve> + '_ {
        self.iter()
            .filter(move |reserve| reserve.concerns(caps) && heap_caps.contains(reserve.caps))
    }

    /// Whether any reserve limits requests for `caps` on memory that has `heap_caps`.
    pub(crate) fn limit(&self, caps: Caps, heap_caps: Caps) -> bool {
        self.limiting(caps, heap_caps).next().is_some()
    }

    /// The reserve that forbids a request for `caps` to take `bytes` from memory that has `heap_caps`.
    pub(crate) fn forbidding<P: Poison, const N: usize>(
        &self,
        caps: Caps,
        heap_caps: Caps,
        bytes: u32,
        registry: &Registry<P, N>,
    ) -> Option<Reserve> {
        self.limiting(caps, heap_caps)
            .find(|reserve| registry.free_bytes(reserve.caps) < reserve.bytes.saturating_add(bytes))
    }
}
