//! Which heaps may serve a set of capabilities, and in what order they are tried.
//!
//! ```text
//!   asked for DMA ─► Route { caps: DMA, steps: [ D/IRAM 3FFE0440, D/IRAM 3FFE4350, DRAM 3FFB2EC8 ] }
//! ```
//!
//! A route depends on nothing that an allocation changes. It is worked out at the first request for a set and kept until heaps
//! are registered or enabled or a reserve changes; a request then costs a comparison and the walk along the steps.

use multi_heap::Poison;
use soc_regions::{Caps, PRIORITIES};

use crate::failure::Cause;
use crate::policy::Policy;
use crate::registry::{Entry, HeapIndex, Registry};
use crate::reserve::Reserves;
use crate::terms::Rules;

/// How many routes are kept.
const KEPT: usize = 4;

/// One heap on a route, and what is special about taking from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) heap: HeapIndex,
    /// The size is rounded up to whole words.
    pub(crate) words: bool,
    /// The block is handed out by its instruction-side address.
    pub(crate) alias: bool,
    /// Reserves have to be asked.
    pub(crate) reserved: bool,
    /// Start and size are multiples of this: the hardware's wish about this memory.
    pub(crate) unit: u32,
}

/// The heaps that serve one set of capabilities, each once, in the order of the search.
#[derive(Clone, Copy)]
pub(crate) struct Route<const N: usize> {
    /// The bits to look for.
    pub(crate) caps: Caps,
    steps: [Step; N],
    count: usize,
    /// Nothing is special about any step.
    plain: bool,
}

impl<const N: usize> Route<N> {
    /// To nowhere.
    const EMPTY: Self = Self {
        caps: Caps::empty(),
        steps: [Step {
            heap: HeapIndex(0),
            words: false,
            alias: false,
            reserved: false,
            unit: 1,
        }; N],
        count: 0,
        plain: true,
    };

    fn new<P: Poison>(
        asked: Caps,
        rules: &Rules,
        registry: &Registry<P, N>,
        reserves: &Reserves,
    ) -> Result<Self, Cause> {
        let caps = rules.caps(asked)?;
        let mut route = Self {
            caps,
            ..Self::EMPTY
        };
        for column in 0..PRIORITIES {
            let here = |entry: &Entry<P>| {
                entry.heap.is_some()
                    && !entry.by_tag_only
                    && rules.policy.column(&entry.columns, caps) == Some(column)
            };
            for (heap, entry) in registry.in_order().filter(|(_, entry)| here(entry)) {
                let words = entry.is_word_only();
                let alias = caps.contains(Caps::EXEC) && entry.alias.is_some();
                let reserved = rules.policy.honours_reserves() && reserves.limit(caps, entry.caps);
                route.append(Step {
                    heap,
                    words,
                    alias,
                    reserved,
                    unit: rules.unit(asked, entry.caps),
                });
            }
        }
        Ok(route)
    }

    fn append(&mut self, step: Step) {
        let place = self.steps.get_mut(self.count);
        place.into_iter().for_each(|place| *place = step); // N heaps, each appended once
        self.count += 1;
        self.plain &= !(step.words || step.alias || step.reserved) && step.unit == 1;
    }

    #[inline]
    pub(crate) fn steps(&self) -> &[Step] {
        self.steps.get(..self.count).unwrap_or(&self.steps)
    }
}

/// The routes used last.
///
/// ```text
///   asked   DMA      8BIT     –     –          densely packed: what a request looks through; – is the empty set, that nobody may ask for
///   kept    Route    Route
/// ```
#[repr(C)] // as `HeapCaps`
pub(crate) struct Routes<const N: usize> {
    asked: [Caps; KEPT],
    next: usize,
    kept: [Route<N>; KEPT],
}

impl<const N: usize> Routes<N> {
    pub(crate) const fn new() -> Self {
        Self {
            asked: [Caps::empty(); KEPT],
            kept: [Route::EMPTY; KEPT],
            next: 0,
        }
    }

    /// Heaps or reserves have changed.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    /// The heaps for `asked`, if that is known and all of them are plain. O(1).
    #[inline]
    pub(crate) fn plain(&self, asked: Caps) -> Option<&[Step]> {
        let place = self.asked.iter().position(|&kept| kept == asked)?;
        let route = self.kept.get(place)?;
        route.plain.then(|| route.steps())
    }

    /// The route for `asked`. O(1) if it is kept, O(heaps²) else.
    pub(crate) fn find<P: Poison>(
        &mut self,
        asked: Caps,
        rules: &Rules,
        registry: &Registry<P, N>,
        reserves: &Reserves,
    ) -> Result<&Route<N>, Cause> {
        let place = match self.asked.iter().position(|&kept| kept == asked) {
            Some(place) if !asked.is_empty() => place,
            _ => self.work_out(asked, rules, registry, reserves)?,
        };
        self.kept.get(place).ok_or(Cause::NoMemory)
    }

    /// Keeps the route for `asked` in place of the oldest one.
    #[cold]
    #[inline(never)]
    fn work_out<P: Poison>(
        &mut self,
        asked: Caps,
        rules: &Rules,
        registry: &Registry<P, N>,
        reserves: &Reserves,
    ) -> Result<usize, Cause> {
        let route = Route::new(asked, rules, registry, reserves)?;
        let place = self.next;
        self.next = (place + 1) % KEPT;
        let oldest = self.asked.iter_mut().zip(&mut self.kept).nth(place);
        oldest
            .into_iter()
            .for_each(|oldest| (*oldest.0, *oldest.1) = (asked, route));
        Ok(place)
    }
}

/// Whether a type with these columns is ever tried for `caps`.
pub(crate) fn offers<P: Poison>(policy: Policy, entry: &Entry<P>, caps: Caps) -> bool {
    policy.column(&entry.columns, caps).is_some()
}
