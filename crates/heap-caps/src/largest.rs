//! Largest request: what an allocation with certain capabilities could have, found by asking
//! without allocating.
//!
//! ```text
//!   largest hole ─► less header and canaries ─► no more than reserves leave ─► whole units ─► would the heap serve it?
//!                                                                                        └─► one unit less
//! ```

use multi_heap::{Heap, Poison, Request};
use soc_regions::{Caps, union};

use crate::allocate::{charge, in_units};
use crate::inspect::Inspection;
use crate::observer::Observer;
use crate::policy::first_column;
use crate::registry::{Entry, HeapIndex, Offer};

/// How many sizes are tried: a hole may begin and end inside of a unit, a reserve charges a gap,
/// code its hidden word.
const TRIES: u32 = 8;

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the largest request for `caps` that succeeds now; one byte more fails. 0 where no
    /// memory can have these capabilities.
    ///
    /// It is what is left when reserves, whole cache lines and the hidden word of code have had
    /// their share. The empty set, for which no request succeeds, stands for all heaps here, too:
    /// the largest free block of any.
    #[must_use]
    pub fn largest_free_block(self, caps: Caps) -> u32 {
        let largest = (0..).map_while(|number| self.largest_free_block_in(number, caps));
        largest.max().unwrap_or(0)
    }

    /// Returns the part of one heap in [`Inspection::largest_free_block`], 0 where it does not
    /// serve; `None` behind the last heap. For layers with locks, which open theirs in between.
    #[must_use]
    pub fn largest_free_block_in(self, number: usize, caps: Caps) -> Option<u32> {
        let index = u8::try_from(number).ok().map(HeapIndex)?;
        let entry = self.heaps.registry.get(index)?;
        if caps.is_empty() {
            return Some(entry.heap.map_or(0, Heap::largest_free_block));
        }
        let bits = self.heaps.rules.caps(caps).ok()?;
        let offer = self.heaps.registry.offer(index);
        let serves = |offer: &Offer| first_column(&offer.columns, bits).is_some();
        let offer = offer.filter(serves);
        Some(offer.map_or(0, |offer| self.largest_in(&offer, caps, bits)))
    }

    /// Returns the largest request for `caps`, which looks for `bits`, that a heap on its route
    /// would serve. O(heaps).
    fn largest_in(self, offer: &Offer, caps: Caps, bits: Caps) -> u32 {
        let memory = union(offer.columns);
        let Some(entry) = self.heaps.registry.get(offer.heap) else {
            return 0;
        };
        let hole = entry.heap.map_or(0, Heap::largest_free_block);
        let kept = self.reserves_leave(bits, memory);
        let code = entry.alias.is_some() && bits.contains(Caps::EXEC);
        if !code && kept == u32::MAX && self.heaps.rules.granularity(caps, memory) <= 4 {
            return hole; // what the heap says of itself
        }
        let most = hole.min(kept.saturating_sub(charge_of_nothing::<P>()));
        // A size between two multiples of 4 needs as much as the next one.
        let unit = self.heaps.rules.granularity(caps, memory).max(4);
        let largest = most & !(unit - 1); // a power of two
        let sizes = (0..TRIES).map_while(|tries| largest.checked_sub(tries * unit));
        let mut sizes = sizes.take_while(|&size| size != 0);
        let fits = |size: &u32| self.would_serve(&entry, *size, [caps, bits, memory], kept);
        sizes.find(fits).unwrap_or(0)
    }

    /// Returns whether a heap on the route of `caps` would serve a request for `size` bytes.
    fn would_serve(
        self,
        entry: &Entry<'_, P>,
        size: u32,
        [caps, bits, memory]: [Caps; 3],
        kept: u32,
    ) -> bool {
        let granularity = self.heaps.rules.granularity(caps, memory);
        let asked = Request::new(size as usize); // widening
        let words = !memory.contains(Caps::BIT8);
        let wanted = asked.and_then(|asked| in_units(asked, granularity, words));
        let code = entry.alias.filter(|_| bits.contains(Caps::EXEC));
        let layout = match code {
            Some(alias) => wanted.and_then(|wanted| alias.request(wanted)),
            None => wanted,
        };
        layout
            .zip(entry.heap)
            .is_some_and(|(layout, heap)| charge::<P>(layout) <= kept && heap.can_allocate(layout))
    }

    /// Returns the free bytes, headers included, that reserves leave to requests for `bits` in this
    /// memory.
    fn reserves_leave(self, bits: Caps, memory: Caps) -> u32 {
        if self.heaps.rules.policy.honours_reserves() {
            self.heaps
                .reserves
                .leave(bits, memory, &self.heaps.registry)
        } else {
            u32::MAX
        }
    }
}

/// Returns what a block takes beyond its bytes.
const fn charge_of_nothing<P: Poison>() -> u32 {
    4 + P::OVERHEAD
}
