//! Routes: which heaps may serve a set of capabilities, in the order in which they are tried.
//!
//! ```text
//!   keys      DMA            8BIT|INTERNAL     EXEC           the sets asked for last, packed; 0: nothing kept here
//!   entries |  3 | 5 | 0 |  | 1*| 3*| 5 | 0 | | 7 | 4'| 0 |  heap + 1 and what to mind; 0 ends a route
//!
//!   entry   | constrained ' | reserved * | heap + 1: 6 bits |
//! ```
//!
//! A route depends on nothing that an allocation changes. It is computed at the first request for a
//! set and kept until heaps are registered or enabled or a reserve changes; a request then costs a
//! comparison and the walk along the entries.

use multi_heap::Poison;
use soc_regions::{Caps, PRIORITIES, union};

use crate::constraints::Rules;
use crate::failure::FailureKind;
use crate::policy::first_column;
use crate::registry::{HeapIndex, Offer, Registry};
use crate::reserve::Reserves;

/// How many routes are kept.
const KEPT: usize = 14;

/// One heap on a route, and what to mind when it is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteEntry(u8);

impl RouteEntry {
    const END: Self = Self(0);
    const HEAP: u8 = 0x3F;
    /// Size, alignment or address are not simply those asked for: whole words, cache lines, the
    /// instruction side; or a watch records what is allocated.
    const CONSTRAINED: u8 = 0x80;
    /// A reserve limits what may be taken, or it is counted.
    const RESERVED: u8 = 0x40;

    #[inline(always)]
    pub(crate) const fn is_end(self) -> bool {
        self.0 == Self::END.0
    }

    #[inline(always)]
    pub(crate) const fn heap(self) -> HeapIndex {
        HeapIndex((self.0 & Self::HEAP).wrapping_sub(1))
    }

    /// Returns whether there is a heap, and it is asked for just what the request says, whatever it
    /// holds.
    #[inline(always)]
    pub(crate) const fn is_ordinary(self) -> bool {
        self.0.wrapping_sub(1) < Self::HEAP
    }

    #[inline(always)]
    pub(crate) const fn is_constrained(self) -> bool {
        self.0 >= Self::CONSTRAINED
    }

    #[inline(always)]
    pub(crate) const fn is_reserved(self) -> bool {
        self.0 & Self::RESERVED != 0
    }
}

/// The routes computed last.
#[repr(C)] // as `HeapCaps`
pub(crate) struct Routes<const N: usize> {
    keys: [Caps; KEPT],
    entries: [[RouteEntry; N]; KEPT],
    /// The bits to look for behind each key.
    bits: [Caps; KEPT],
    next: u32,
    /// How often heaps or reserves have changed.
    generation: u32,
    /// 1 while the routes are hidden. Here, within reach of an instruction.
    hidden: u16,
    /// 1 while what is allocated along them is counted.
    counted: u16,
    /// The keys and the first route while they are hidden.
    hidden_keys: [Caps; KEPT],
    hidden_first: [RouteEntry; N],
}

/// Who looks at what is allocated along a route.
#[derive(Clone, Copy)]
pub(crate) struct Observed {
    /// A watch: every entry is constrained.
    pub(crate) watched: bool,
    /// An allowance: every entry is reserved.
    pub(crate) counted: bool,
}

/// A route that is being computed, a column at a time.
pub(crate) struct Plan<const N: usize> {
    entries: [RouteEntry; N],
    count: usize,
    column: usize,
    /// The place in the order of the search from which the column is looked for.
    place: usize,
    generation: u32,
}

/// Where a route is kept.
pub(crate) type RouteIndex = usize;

impl<const N: usize> Routes<N> {
    pub(crate) const fn new() -> Self {
        Self {
            keys: [Caps::empty(); KEPT],
            entries: [[RouteEntry::END; N]; KEPT],
            bits: [Caps::empty(); KEPT],
            next: 0,
            generation: 0,
            hidden: 0,
            counted: 0,
            hidden_keys: [Caps::empty(); KEPT],
            hidden_first: [RouteEntry::END; N],
        }
    }

    #[inline(always)]
    pub(crate) const fn are_hidden(&self) -> bool {
        self.hidden != 0
    }

    #[inline(always)]
    pub(crate) const fn are_counted(&self) -> bool {
        self.counted != 0
    }

    /// Sets whether entries say that a ruling has a say, and invalidates all routes.
    pub(crate) fn set_counted(&mut self, counted: bool) {
        self.counted = u16::from(counted);
        self.invalidate();
    }

    /// Hides all routes, so that nothing is found, or shows them again. Whoever asks for the one
    /// set that the hidden keys name finds an empty route. No route may be kept meanwhile.
    pub(crate) fn set_hidden(&mut self, hidden: bool) {
        const NOT_ASKED_FOR: Caps = Caps::from_bits_retain(u32::MAX);
        if hidden == self.are_hidden() {
            return;
        }
        self.hidden = u16::from(hidden);
        let first = self.entries.first_mut();
        if hidden {
            self.hidden_keys = core::mem::replace(&mut self.keys, [NOT_ASKED_FOR; KEPT]);
            if let Some(first) = first {
                self.hidden_first = core::mem::replace(first, [RouteEntry::END; N]);
            }
        } else {
            self.keys = self.hidden_keys;
            if let Some(first) = first {
                *first = self.hidden_first;
            }
        }
    }

    /// Returns how often heaps or reserves have changed: a plan of an earlier generation is good
    /// for nothing.
    pub(crate) const fn generation(&self) -> u32 {
        self.generation
    }

    /// Invalidates all routes: heaps or reserves have changed.
    #[cold]
    #[inline(never)]
    pub(crate) fn invalidate(&mut self) {
        let (hidden, counted) = (self.are_hidden(), self.counted);
        let generation = self.generation.wrapping_add(1);
        // The entries too: a request without capabilities finds the places that are empty.
        *self = Self {
            generation,
            counted,
            ..Self::new()
        };
        self.set_hidden(hidden);
    }

    /// Returns where the route for `asked` is kept, if it is. O(1).
    #[inline(always)]
    pub(crate) fn position(&self, asked: Caps) -> Option<RouteIndex> {
        self.keys.iter().position(|&key| key == asked)
    }

    /// [`Routes::position`], whether the routes are hidden or not.
    #[inline(always)]
    pub(crate) fn kept_position(&self, asked: Caps) -> Option<RouteIndex> {
        let keys = if self.are_hidden() {
            &self.hidden_keys
        } else {
            &self.keys
        };
        keys.iter().position(|&key| key == asked)
    }

    /// Returns the entries of a kept route; [`RouteEntry::is_end`] ends them where they are fewer
    /// than the heaps there can be.
    #[inline(always)]
    pub(crate) fn entries(&self, route: RouteIndex) -> &[RouteEntry; N] {
        const { assert!(N > 0) };
        self.entries.get(route).unwrap_or(&[RouteEntry::END; N])
    }

    /// [`Routes::entries`], whether the routes are hidden or not.
    #[inline(always)]
    pub(crate) fn kept_entries(&self, route: RouteIndex) -> &[RouteEntry; N] {
        match route {
            0 if self.are_hidden() => &self.hidden_first,
            other => self.entries(other),
        }
    }

    /// Returns the bits that a kept route looks for.
    #[inline(always)]
    pub(crate) fn bits(&self, route: RouteIndex) -> Caps {
        self.bits.get(route).copied().unwrap_or(Caps::empty())
    }

    /// Keeps the route for `asked`, which looks for `bits`, in place of the oldest one; the plan is
    /// at its beginning again.
    pub(crate) fn keep(&mut self, asked: Caps, bits: Caps, plan: &mut Plan<N>) {
        let route = self.next as usize; // widening
        self.next = if route + 1 == KEPT { 0 } else { self.next + 1 };
        if let (Some(key), Some(kept), Some(entries)) = (
            self.keys.get_mut(route),
            self.bits.get_mut(route),
            self.entries.get_mut(route),
        ) {
            (*key, *kept, *entries) = (asked, bits, plan.entries);
        }
        *plan = Plan::new();
    }
}

impl<const N: usize> Plan<N> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: [RouteEntry::END; N],
            count: 0,
            column: 0,
            place: 0,
            generation: 0,
        }
    }

    /// Discards what was computed before heaps or reserves changed.
    pub(crate) fn restart_unless(&mut self, generation: u32) {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::new()
            };
        }
    }

    /// Computes the next entries of the route for `asked`, in bounded time; behind the last one
    /// returns the bits to look for.
    ///
    /// # Errors
    /// No memory can have these capabilities.
    pub(crate) fn next<P: Poison>(
        &mut self,
        asked: Caps,
        rules: &Rules,
        registry: &Registry<P, N>,
        reserves: &Reserves,
        observed: Observed,
    ) -> Result<Option<Caps>, FailureKind> {
        const LOOKED_AT: usize = 8;
        let caps = rules.caps(asked)?;
        for _ in 0..LOOKED_AT {
            if self.place == registry.len() {
                self.place = 0;
                self.column += 1;
                return Ok((self.column == PRIORITIES).then_some(caps));
            }
            let offer = registry.offer_at(self.place);
            self.place += 1;
            let column = |offer: &Offer| first_column(&offer.columns, caps);
            let Some(offer) = offer.filter(|offer| column(offer) == Some(self.column)) else {
                continue;
            };
            if let Some(entry) = self.entries.get_mut(self.count) {
                *entry = entry_of::<P>(&offer, asked, caps, rules, reserves);
                if observed.watched {
                    entry.0 |= RouteEntry::CONSTRAINED;
                }
                if observed.counted {
                    entry.0 |= RouteEntry::RESERVED;
                }
                self.count += 1;
            }
            break;
        }
        Ok(None)
    }
}

#[inline(always)]
fn entry_of<P: Poison>(
    offer: &Offer,
    asked: Caps,
    caps: Caps,
    rules: &Rules,
    reserves: &Reserves,
) -> RouteEntry {
    let memory = union(offer.columns);
    // Without canaries every block is whole words
    let words = P::OVERHEAD != 0 && !memory.contains(Caps::BIT8);
    let alias = offer.has_code_side && caps.contains(Caps::EXEC);
    let constrained = words || alias || rules.granularity(asked, memory) != 1;
    let reserved = rules.policy.honours_reserves() && reserves.limit(caps, memory);
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    RouteEntry(
        (offer.heap.0 + 1)
            | flag(constrained, RouteEntry::CONSTRAINED)
            | flag(reserved, RouteEntry::RESERVED),
    )
}
