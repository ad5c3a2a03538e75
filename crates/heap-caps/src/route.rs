//! Which heaps may serve a set of capabilities, and in what order they are tried.
//!
//! ```text
//!   asked for DMA ─► Route { caps: DMA, alignment: 4, steps: [ D/IRAM 3FFE0440, D/IRAM 3FFE4350, DRAM 3FFB2EC8 ] }
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
use crate::terms::{Rules, Terms};

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
}

/// The heaps that serve one set of capabilities, each once, in the order of the search.
#[derive(Clone, Copy)]
pub(crate) struct Route<const N: usize> {
    asked: Caps,
    pub(crate) terms: Terms,
    steps: [Option<Step>; N],
}

impl<const N: usize> Route<N> {
    fn new<P: Poison>(
        asked: Caps,
        rules: &Rules,
        registry: &Registry<P, N>,
        reserves: &Reserves,
    ) -> Result<Self, Cause> {
        let terms = rules.terms(asked)?;
        let mut route = Self {
            asked,
            terms,
            steps: [None; N],
        };
        for column in 0..PRIORITIES {
            let here = |entry: &Entry<P>| {
                entry.heap.is_some()
                    && rules.policy.column(&entry.columns, terms.caps) == Some(column)
            };
            for (heap, entry) in registry.in_order().filter(|(_, entry)| here(entry)) {
                route.append(Step {
                    heap,
                    words: entry.is_word_only(),
                    alias: terms.caps.contains(Caps::EXEC) && entry.alias.is_some(),
                    reserved: rules.policy.honours_reserves()
                        && reserves.limit(terms.caps, entry.caps),
                });
            }
        }
        Ok(route)
    }

    fn append(&mut self, step: Step) {
        let place = self.steps.iter_mut().find(|place| place.is_none());
        place.into_iter().for_each(|place| *place = Some(step)); // N heaps, each appended once
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.steps.iter().map_while(|step| *step)
    }
}

/// The routes used last.
pub(crate) struct Routes<const N: usize> {
    kept: [Option<Route<N>>; KEPT],
    next: usize,
}

impl<const N: usize> Routes<N> {
    pub(crate) const fn new() -> Self {
        Self {
            kept: [None; KEPT],
            next: 0,
        }
    }

    /// Heaps or reserves have changed.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    /// The route for `asked`. O(1) if it is kept, O(heaps²) else.
    pub(crate) fn find<P: Poison>(
        &mut self,
        asked: Caps,
        rules: &Rules,
        registry: &Registry<P, N>,
        reserves: &Reserves,
    ) -> Result<&Route<N>, Cause> {
        let is_kept =
            |route: &Option<Route<N>>| route.as_ref().is_some_and(|route| route.asked == asked);
        let place = match self.kept.iter().position(is_kept) {
            Some(place) => place,
            None => self.keep(Route::new(asked, rules, registry, reserves)?),
        };
        self.kept
            .get(place)
            .and_then(Option::as_ref)
            .ok_or(Cause::NoMemory)
    }

    /// Keeps a route in place of the oldest one.
    fn keep(&mut self, route: Route<N>) -> usize {
        let place = self.next;
        self.next = (place + 1) % KEPT;
        self.kept
            .iter_mut()
            .skip(place)
            .take(1)
            .for_each(|oldest| *oldest = Some(route));
        place
    }
}

/// Whether a type with these columns is ever tried for `caps`.
pub(crate) fn offers<P: Poison>(policy: Policy, entry: &Entry<P>, caps: Caps) -> bool {
    policy.column(&entry.columns, caps).is_some()
}
