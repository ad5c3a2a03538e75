//! How a request finds its heap.
//!
//! One path serves malloc, calloc, aligned and preferring allocation: a [`Demand`] is judged once, the route of its
//! capabilities is looked up, the heaps along it are tried. What is made of a refusal is in `refuse.rs`.

use core::panic::Location;

use multi_heap::Poison;
use soc_regions::Caps;

use crate::demand::Demand;
use crate::failure::{Cause, Failure};
use crate::heap_caps::HeapCaps;
use crate::observer::{Allocated, Observer};
use crate::take::try_heap;
use crate::work::{Block, Fresh};

/// Allocation in one call.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; layers with locks use the phases"
)]
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Allocates `size` bytes of memory that has all of `caps`; returns their address. O(heaps), O(size) under comprehensive poisoning.
    ///
    /// The address is a multiple of 4. For EXEC memory that the instruction bus sees at another address it is that one.
    ///
    /// # Errors
    /// The [`Failure`] says which heaps were considered and why none served. `size` 0 is refused, but not reported.
    #[track_caller]
    pub fn malloc(&mut self, size: usize, caps: Caps) -> Result<u32, Failure> {
        self.obtain(Demand::new(size, caps).from(Location::caller()))
    }

    /// As [`HeapCaps::malloc`] for `count` times `size` bytes filled with zeros. O(size).
    ///
    /// # Errors
    /// As [`HeapCaps::malloc`]; also where the product overflows.
    #[track_caller]
    pub fn calloc(&mut self, count: usize, size: usize, caps: Caps) -> Result<u32, Failure> {
        self.obtain(
            Demand::array(count, size, caps)
                .zeroed()
                .from(Location::caller()),
        )
    }

    /// As [`HeapCaps::malloc`] at a multiple of `alignment`, of the address that is returned: on the instruction side too.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc`]; also where `alignment` is not a power of two.
    #[track_caller]
    pub fn aligned_alloc(
        &mut self,
        alignment: usize,
        size: usize,
        caps: Caps,
    ) -> Result<u32, Failure> {
        self.obtain(
            Demand::new(size, caps)
                .aligned_to(alignment)
                .from(Location::caller()),
        )
    }

    /// As [`HeapCaps::malloc`] with the first of `choices` that can be met.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc`], once, about the last choice.
    #[track_caller]
    pub fn malloc_prefer(&mut self, size: usize, choices: &[Caps]) -> Result<u32, Failure> {
        self.obtain_preferring(
            Demand::new(size, Caps::empty()).from(Location::caller()),
            choices,
        )
    }

    /// As [`HeapCaps::calloc`] with the first of `choices` that can be met.
    ///
    /// # Errors
    /// As [`HeapCaps::calloc`], once, about the last choice.
    #[track_caller]
    pub fn calloc_prefer(
        &mut self,
        count: usize,
        size: usize,
        choices: &[Caps],
    ) -> Result<u32, Failure> {
        let demand = Demand::array(count, size, Caps::empty())
            .zeroed()
            .from(Location::caller());
        self.obtain_preferring(demand, choices)
    }

    /// What C's `malloc` does: DEFAULT memory, internal below the threshold, preferably external above it.
    ///
    /// | [`external_threshold`](HeapCaps::external_threshold) | first tried | then |
    /// |---|---|---|
    /// | `None` | `DEFAULT\|INTERNAL` | |
    /// | `Some(limit)`, size ≤ limit | `DEFAULT\|INTERNAL` | `DEFAULT` |
    /// | `Some(limit)`, size > limit | `DEFAULT\|SPIRAM` | `DEFAULT` |
    ///
    /// Source: ESP-IDF `heap_caps_malloc_default`.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc`], once, about the last set tried.
    #[track_caller]
    pub fn malloc_default(&mut self, size: usize) -> Result<u32, Failure> {
        self.obtain_default(Demand::new(size, Caps::empty()).from(Location::caller()))
    }

    /// As [`HeapCaps::malloc_default`] for `count` times `size` bytes filled with zeros.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc_default`]; also where the product overflows.
    #[track_caller]
    pub fn calloc_default(&mut self, count: usize, size: usize) -> Result<u32, Failure> {
        self.obtain_default(
            Demand::array(count, size, Caps::empty())
                .zeroed()
                .from(Location::caller()),
        )
    }

    /// As [`HeapCaps::malloc_default`] at a multiple of `alignment`.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc_default`]; also where `alignment` is not a power of two.
    #[track_caller]
    pub fn aligned_alloc_default(&mut self, alignment: usize, size: usize) -> Result<u32, Failure> {
        self.obtain_default(
            Demand::new(size, Caps::empty())
                .aligned_to(alignment)
                .from(Location::caller()),
        )
    }

    /// Any of the above in one call, second phase included.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc`].
    #[inline(always)]
    pub fn obtain(&mut self, demand: Demand) -> Result<u32, Failure> {
        if P::FILLS || demand.zeroed {
            return self.obtain_in_phases(&demand);
        }
        match self.take_quickly(&demand, demand.caps) {
            Some(ready) => Ok(ready.address()),
            None => self.obtain_in_phases(&demand),
        }
    }

    #[inline(never)]
    fn obtain_in_phases(&mut self, demand: &Demand) -> Result<u32, Failure> {
        let fresh = self.allocate(demand);
        self.settled(fresh, demand)
    }

    fn obtain_preferring(&mut self, demand: Demand, choices: &[Caps]) -> Result<u32, Failure> {
        let fresh = self.allocate_preferring(&demand, choices);
        self.settled(fresh, &demand)
    }

    fn obtain_default(&mut self, demand: Demand) -> Result<u32, Failure> {
        let fresh = self.allocate_default(&demand);
        self.settled(fresh, &demand)
    }

    pub(crate) fn settled(
        &mut self,
        fresh: Result<Fresh<P>, Cause>,
        demand: &Demand,
    ) -> Result<u32, Failure> {
        let settled = fresh.and_then(|fresh| {
            fresh
                .settle()
                .map_err(|corrupt| self.note_corrupt(demand, corrupt))
        });
        settled.map_err(|cause| self.record(demand, cause))
    }
}

/// Allocation in two phases: these under a lock, [`Fresh::settle`] without. Errors are small here; the whole record is
/// [`HeapCaps::last_failure`].
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Takes a block for the demand. O(heaps).
    ///
    /// # Errors
    /// As [`HeapCaps::malloc`].
    #[inline]
    pub fn allocate(&mut self, demand: &Demand) -> Result<Fresh<P>, Cause> {
        match self.take_quickly(demand, demand.caps) {
            Some(fresh) => Ok(fresh),
            None => self.allocate_by_search(demand),
        }
    }

    #[inline(never)]
    fn allocate_by_search(&mut self, demand: &Demand) -> Result<Fresh<P>, Cause> {
        match self.take_by_search(demand, demand.caps) {
            Ok(fresh) => Ok(fresh),
            Err(cause) => Err(self.refuse(demand, demand.caps, cause, 1)),
        }
    }

    /// Takes a block for the demand with the first of `choices` (instead of the demand's capabilities) that can be met.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc_prefer`].
    pub fn allocate_preferring(
        &mut self,
        demand: &Demand,
        choices: &[Caps],
    ) -> Result<Fresh<P>, Cause> {
        let mut last = (Caps::empty(), Cause::NoCaps);
        for &caps in choices {
            if let Some(fresh) = self.take_quickly(demand, caps) {
                return Ok(fresh);
            }
            match self.take_by_search(demand, caps) {
                Ok(fresh) => return Ok(fresh),
                Err(cause) => last = (caps, cause),
            }
        }
        let attempts = u8::try_from(choices.len()).unwrap_or(u8::MAX);
        let (caps, cause) = last;
        Err(self.refuse(demand, caps, demand.refusal().unwrap_or(cause), attempts))
    }

    /// Takes a block for the demand where [`HeapCaps::malloc_default`] would; the demand's capabilities don't matter.
    ///
    /// # Errors
    /// As [`HeapCaps::malloc_default`].
    #[inline]
    pub fn allocate_default(&mut self, demand: &Demand) -> Result<Fresh<P>, Cause> {
        let ([first, _], _) = self.default_choices(demand.size);
        match self.take_quickly(demand, first) {
            Some(fresh) => Ok(fresh),
            None => self.allocate_default_by_search(demand),
        }
    }

    #[inline(never)]
    fn allocate_default_by_search(&mut self, demand: &Demand) -> Result<Fresh<P>, Cause> {
        let (choices, count) = self.default_choices(demand.size);
        self.allocate_preferring(demand, choices.get(..count).unwrap_or(&choices))
    }

    /// Takes a block and tells the observer.
    fn take_by_search(&mut self, demand: &Demand, caps: Caps) -> Result<Fresh<P>, Cause> {
        let block = self.search(demand, caps)?;
        self.tell_allocated(&block, demand, caps);
        Ok(Fresh {
            block,
            zeroed: demand.zeroed,
        })
    }

    /// Takes a block from the first heap on the route that has one.
    #[inline]
    pub(crate) fn find(&mut self, demand: &Demand, caps: Caps) -> Result<Fresh<P>, Cause> {
        let zeroed = demand.zeroed;
        match self.quick_block(demand, caps) {
            Some(block) => Ok(Fresh { block, zeroed }),
            None => self
                .search(demand, caps)
                .map(|block| Fresh { block, zeroed }),
        }
    }

    #[inline(never)]
    fn search(&mut self, demand: &Demand, caps: Caps) -> Result<Block<P>, Cause> {
        if let Some(cause) = demand.refusal() {
            return Err(cause);
        }
        let Self {
            routes,
            registry,
            reserves,
            watches,
            rules,
            ..
        } = self;
        let route = routes.find(caps, rules, registry, reserves)?;
        demand.request(1).ok_or(Cause::TooLarge)?;
        for &step in route.steps() {
            let Some(request) = demand.request(step.unit) else {
                continue;
            };
            if let Some(block) = try_heap(registry, reserves, route.caps, step, request) {
                watches.given_by(step.heap, registry);
                return Ok(block);
            }
        }
        Err(Cause::NoMemory)
    }
}

/// Telling.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    #[inline(always)]
    pub(crate) fn tell_allocated(&mut self, block: &Block<P>, demand: &Demand, caps: Caps) {
        if O::LISTENS {
            let event = self.event(block, demand, caps);
            self.observer.on_allocate(&event);
        }
    }

    /// What observers hear of a block.
    pub(crate) fn event(&self, block: &Block<P>, demand: &Demand, caps: Caps) -> Allocated {
        Allocated {
            address: block.address,
            size: saturated(demand.size),
            usable: self.usable_bytes(block).unwrap_or(block.usable),
            alignment: saturated(demand.alignment),
            caps,
            heap: block.heap,
            caller: demand.caller,
        }
    }

    /// Bytes that can be used of a block whose back word may not be written yet.
    fn usable_bytes(&self, block: &Block<P>) -> Option<u32> {
        let entry = self.registry.get(block.heap)?;
        let bytes = entry.heap.as_ref()?.usable_size(block.offset).ok()?;
        match (block.code, entry.alias) {
            (Some((back, _)), Some(alias)) => {
                alias.usable_bytes(block.offset.get(), bytes, back.get())
            }
            _ => Some(bytes),
        }
    }
}

fn saturated(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
