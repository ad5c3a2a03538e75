//! Allocation: the route of the capabilities, the heaps along it, the first block that fits.
//!
//! ```text
//!   request ─► layout: size and alignment, checked once
//!           ─► route: heaps that may serve, in order               route.rs
//!           ─► each heap: ordinary, or constrained (below)         multi_heap
//!           ─► the block's address; deferred work, if there is any pending.rs
//!           ─► none: the reason, once                              refuse.rs
//! ```
//!
//! One function, [`HeapCaps::take`], decides for every request. Layers above call it and, where it finds nothing, ask
//! why; so a fast path and a slow path cannot disagree.

use core::panic::Location;

use multi_heap::{Offset, Poison, Request};
use soc_regions::{Caps, TypeIndex};

use crate::failure::Failure;
use crate::heap_caps::HeapCaps;
use crate::observer::{Allocated, Observer};
use crate::pending::PendingAllocation;
use crate::registry::HeapIndex;
use crate::request::{AllocRequest, Placement};
use crate::route::{RouteIndex, Step};

/// A block that was just allocated: where, and in which heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The address as it is handed out: on the instruction side for EXEC memory that has one.
    pub address: u32,
    /// The heap that served.
    pub heap: HeapIndex,
}

/// Free bytes that a block of `size` user bytes uses up at most: whole words, header, canaries, and the header of the
/// gap that a large alignment may leave.
#[inline(always)]
pub(crate) const fn charge<P: Poison>(layout: Request) -> u32 {
    const HEADER: u32 = 4;
    let gap = if layout.alignment() > Request::MIN_ALIGNMENT {
        HEADER
    } else {
        0
    };
    ((layout.size() + 3) & !3) + HEADER + gap + P::OVERHEAD // sizes are at most 2^30
}

/// Allocation in one call.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; layers with locks use the phases"
)]
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Allocates what `request` asks for and returns the address. O(heaps), and O(size) for zeros and under
    /// comprehensive poisoning.
    ///
    /// The address is a multiple of 4. For EXEC memory that the instruction bus sees at another address it is that one.
    ///
    /// # Errors
    /// The [`Failure`] says which heaps were considered and why none served. Size 0 is refused, but not recorded.
    pub fn allocate(&mut self, request: &AllocRequest<'_>) -> Result<u32, Failure> {
        let Some(taken) = self.take_any(request) else {
            return Err(self.failure(request));
        };
        let pending = self.pending(taken, request);
        // SAFETY: the heaps stay borrowed, so nobody frees the block, or uses one that nobody has heard of.
        let finished = unsafe { pending.finish() };
        finished.map_err(|corrupt| {
            self.record_corrupt(request, corrupt);
            self.failure(request)
        })
    }

    /// Allocates `size` bytes of memory that has all of `caps`: [`HeapCaps::allocate`] by ESP-IDF's name.
    ///
    /// # Errors
    /// As [`HeapCaps::allocate`].
    #[track_caller]
    pub fn malloc(&mut self, size: usize, caps: Caps) -> Result<u32, Failure> {
        self.allocate(&AllocRequest::new(size, caps))
    }

    /// Allocates `count` times `size` bytes of zeros: [`HeapCaps::allocate`] by ESP-IDF's name.
    ///
    /// # Errors
    /// As [`HeapCaps::allocate`]; also if the product overflows.
    #[track_caller]
    pub fn calloc(&mut self, count: usize, size: usize, caps: Caps) -> Result<u32, Failure> {
        let request = AllocRequest::array(count, size, caps).zeroed();
        self.allocate(&request)
    }

    /// Allocates `size` bytes at a multiple of `alignment`: [`HeapCaps::allocate`] by ESP-IDF's name.
    ///
    /// # Errors
    /// As [`HeapCaps::allocate`]; also if `alignment` is not a power of two.
    #[track_caller]
    pub fn aligned_alloc(
        &mut self,
        alignment: usize,
        size: usize,
        caps: Caps,
    ) -> Result<u32, Failure> {
        let request = AllocRequest::new(size, caps).aligned_to(alignment);
        self.allocate(&request)
    }
}

/// Allocation for layers with locks: these under the lock, what is left to do without.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Allocates what `request` asks for. [`HeapCaps::pending`] and [`PendingAllocation::finish`] have to follow. Returns
    /// `None` if no heap can serve it; [`HeapCaps::failure`] has the record then. O(heaps).
    #[inline(never)]
    pub fn take_any(&mut self, request: &AllocRequest<'_>) -> Option<Taken> {
        let first = self.first_set(request.placement, request.size);
        if let (Some(layout), Some(caps)) = (request.layout(), first)
            && let Some(taken) = self.take_outlined(layout, caps, request)
        {
            return Some(taken);
        }
        self.take_or_refuse(request)
    }

    /// Allocates a block of `layout` in memory that has `caps`, and notifies the observer. Returns `None` if there is
    /// none; [`HeapCaps::take_or_refuse`] then tries other memory, and finds the reason. O(heaps).
    ///
    /// The block is ready, but for comprehensive poisoning and zeros.
    #[inline(always)]
    pub fn take(
        &mut self,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Option<Taken> {
        let taken = match self.find_ordinary(layout, caps) {
            Ok(taken) => taken,
            Err(from) => self.find(layout, caps, from)?,
        };
        if O::LISTENS {
            self.notify_allocated(taken, layout, caps, caller);
        }
        Some(taken)
    }

    /// The set of capabilities that a request for `size` bytes tries first; `None` where there are no capabilities.
    #[inline(always)]
    pub fn first_set(&self, placement: Placement<'_>, size: usize) -> Option<Caps> {
        match placement {
            Placement::Caps(caps) => Some(caps),
            Placement::Default => Some(self.default_set(size)),
            Placement::Prefer(sets) => sets.first().copied(),
            Placement::Tag(_) => None,
        }
    }

    /// Continues a request whose first set of capabilities has just been tried in vain: the other sets, then the record
    /// of the failure. As [`HeapCaps::take_any`] otherwise.
    #[cold]
    #[inline(never)]
    pub fn take_or_refuse(&mut self, request: &AllocRequest<'_>) -> Option<Taken> {
        let size = request.size.min(Request::MAX_SIZE as usize); // widening; 64 bits know larger ones
        let first = self.first_set(request.placement, size);
        let mut last = first.unwrap_or(Caps::empty());
        let others: &[Caps] = match request.placement {
            Placement::Caps(_) => &[],
            Placement::Default if self.external_above().is_some() => &[Caps::DEFAULT],
            Placement::Default => &[],
            Placement::Prefer(sets) => sets.get(1..).unwrap_or(&[]),
            Placement::Tag(tag) => return self.take_tagged(request, tag),
        };
        for &caps in others {
            last = caps;
            if let Some(layout) = request.layout()
                && let Some(taken) = self.take_outlined(layout, caps, request)
            {
                return Some(taken);
            }
        }
        let attempts = usize::from(first.is_some()) + others.len();
        self.refuse(request, last, u8::try_from(attempts).unwrap_or(u8::MAX));
        None
    }

    /// [`HeapCaps::take`], one copy for the rare paths.
    #[inline(never)]
    fn take_outlined(
        &mut self,
        layout: Request,
        caps: Caps,
        request: &AllocRequest<'_>,
    ) -> Option<Taken> {
        self.take(layout, caps, request.caller)
    }

    /// A block of the first heap on the route that is worth asking, at an alignment of at most 8.
    ///
    /// # Errors
    /// The step at which [`HeapCaps::find`] has to go on.
    #[inline(always)]
    fn find_ordinary(&mut self, layout: Request, caps: Caps) -> Result<Taken, usize> {
        if !layout.is_ordinary() {
            return Err(0);
        }
        let route = self.routes.position(caps).ok_or(0_usize)?;
        let (index, step) = self.first_worth_asking(route, layout.size())?;
        if step.is_reserved() && !self.reserves_allow_in(route, step, layout.size()) {
            return Err(index + 1);
        }
        let slot = self.registry.slots.get_mut(step.heap().get());
        let slot = slot.ok_or(index)?;
        let heap = slot.heap.as_mut().ok_or(index)?;
        let offset = heap.allocate_plain(layout).ok_or(index + 1)?;
        Ok(Taken {
            address: slot.start.wrapping_add(offset.get()),
            heap: step.heap(),
        })
    }

    /// The first step of a route whose heap may have `size` bytes.
    ///
    /// # Errors
    /// The step that ends the search: the last one, or a constrained one.
    #[inline(always)]
    fn first_worth_asking(&self, route: RouteIndex, size: u32) -> Result<(usize, Step), usize> {
        for (index, &step) in self.routes.steps(route).iter().enumerate() {
            if step.is_constrained() || step.is_end() {
                return Err(index);
            }
            let slot = self.registry.slots.get(step.heap().get()).ok_or(index)?;
            let heap = slot.heap.as_ref().ok_or(index)?;
            if heap.may_serve(size) {
                return Ok((index, step));
            }
        }
        Err(HEAPS)
    }

    /// The first heap on the route, from a step on, that has a block: the whole search.
    #[inline(never)]
    pub(crate) fn find(&mut self, layout: Request, caps: Caps, from: usize) -> Option<Taken> {
        let route = self.route(caps)?;
        for index in from..HEAPS {
            let step = *self.routes.steps(route).get(index)?;
            if step.is_end() {
                break;
            }
            let found = match step.is_constrained() {
                true => self.find_constrained(step, layout, caps),
                false => self.find_in(step, layout, route),
            };
            if let Some(taken) = found {
                self.watches.taken_from(taken.heap, &self.registry);
                return found;
            }
        }
        None
    }

    /// A block of a heap that is asked for just what `layout` says.
    #[inline(always)]
    fn find_in(&mut self, step: Step, layout: Request, route: RouteIndex) -> Option<Taken> {
        if step.is_reserved() && !self.reserves_allow(step, layout, self.routes.bits(route)) {
            return None;
        }
        let slot = self.registry.slots.get_mut(step.heap().get())?;
        let offset = slot.heap.as_mut()?.allocate(layout)?;
        Some(Taken {
            address: slot.start.wrapping_add(offset.get()),
            heap: step.heap(),
        })
    }

    #[inline(always)]
    pub(crate) fn route(&mut self, caps: Caps) -> Option<RouteIndex> {
        match self.routes.position(caps) {
            None => self.compute_route(caps),
            kept => kept,
        }
    }

    /// The step of a route at which a heap is asked; `None` if it is not on the route.
    #[inline(always)]
    pub(crate) fn step(&mut self, caps: Caps, heap: HeapIndex) -> Option<Step> {
        let route = self.route(caps)?;
        let mut steps = self.routes.steps(route).iter();
        steps.find(|step| step.heap() == heap).copied()
    }

    #[cold]
    #[inline(never)]
    fn compute_route(&mut self, caps: Caps) -> Option<RouteIndex> {
        let Self {
            routes,
            registry,
            reserves,
            rules,
            watches,
            ..
        } = self;
        let watched = watches.any();
        routes
            .compute(caps, rules, registry, reserves, watched)
            .ok()
    }

    /// A block of a heap that has to be asked for more or other than `layout`.
    #[inline(never)]
    fn find_constrained(&mut self, step: Step, layout: Request, caps: Caps) -> Option<Taken> {
        let memory = self.registry.caps(step.heap());
        let bits = self.rules.caps(caps).ok()?;
        let granularity = self.rules.granularity(caps, memory);
        let wanted = in_units(layout, granularity, !memory.contains(Caps::BIT8))?;
        if bits.contains(Caps::EXEC) && self.registry.has_code_side(step.heap()) {
            return self.find_code(step, wanted, bits);
        }
        if !self.reserves_allow(step, wanted, bits) {
            return None;
        }
        let slot = self.registry.slots.get_mut(step.heap().get())?;
        let offset = slot.heap.as_mut()?.allocate(wanted)?;
        Some(Taken {
            address: slot.start.wrapping_add(offset.get()),
            heap: step.heap(),
        })
    }

    /// [`HeapCaps::reserves_allow`] for a kept route and an ordinary layout.
    #[inline(never)]
    fn reserves_allow_in(&mut self, route: RouteIndex, step: Step, size: u32) -> bool {
        let memory = self.registry.caps(step.heap());
        let bytes = ((size + 3) & !3) + 8 + P::OVERHEAD; // a header, and one for a gap
        let bits = self.routes.bits(route);
        self.reserves.allow(bits, memory, bytes, &self.registry)
    }

    #[inline(always)]
    fn reserves_allow(&mut self, step: Step, layout: Request, bits: Caps) -> bool {
        let memory = self.registry.caps(step.heap());
        let bytes = charge::<P>(layout);
        !step.is_reserved() || self.reserves.allow(bits, memory, bytes, &self.registry)
    }

    /// A block that is handed out by its address on the instruction side, see `alias.rs`.
    #[inline(never)]
    fn find_code(&mut self, step: Step, wanted: Request, bits: Caps) -> Option<Taken> {
        let heap = step.heap();
        let alias = self.registry.get(heap)?.alias?;
        let layout = alias.request(wanted)?;
        if !self.reserves_allow(step, layout, bits) {
            return None;
        }
        let slot = self.registry.slots.get_mut(heap.get())?;
        let memory = slot.heap.as_mut()?;
        let offset = memory.allocate(layout)?;
        let block = slot.start.wrapping_add(offset.get());
        let back = alias.back_word(block, layout)?;
        let address = alias.handed_out(back)?;
        if !address.is_multiple_of(wanted.alignment()) {
            memory.try_free(offset); // larger alignments than the two sides share; nobody has seen the block
            return None;
        }
        let place = Offset::new(back.wrapping_sub(slot.start))?;
        // SAFETY: the word lies in a block that was just allocated and is nobody else's yet.
        unsafe { memory.contents().set_word(place, block) };
        Some(Taken { address, heap })
    }

    fn take_tagged(&mut self, request: &AllocRequest<'_>, tag: TypeIndex) -> Option<Taken> {
        let layout = request.layout();
        let found = layout.and_then(|layout| Some((layout, self.find_tagged(layout, tag)?)));
        let Some((layout, taken)) = found else {
            self.refuse(request, Caps::empty(), 1);
            return None;
        };
        self.watches.taken_from(taken.heap, &self.registry);
        if O::LISTENS {
            self.notify_allocated(taken, layout, Caps::empty(), request.caller);
        }
        Some(taken)
    }

    /// What is left to do for a block that was just taken for `request`, without the lock.
    #[inline]
    pub fn pending(&self, taken: Taken, request: &AllocRequest<'_>) -> PendingAllocation<P> {
        let block = match P::FILLS || request.zeroed {
            true => self.block_at(taken.address).ok(),
            false => None,
        };
        PendingAllocation {
            taken,
            block,
            zeroed: request.zeroed,
        }
    }
}

/// `layout` with start and size in multiples of `granularity`, or at least of words.
fn in_units(layout: Request, granularity: u32, whole_words: bool) -> Option<Request> {
    let granularity = if whole_words {
        granularity.max(4)
    } else {
        granularity
    };
    layout.aligned_to(granularity)?.rounded_up_to(granularity)
}

/// Notification.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    #[inline(always)]
    fn notify_allocated(
        &mut self,
        taken: Taken,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) {
        let event = self.allocated_event(taken, layout, caps, caller);
        self.observer.on_allocate(&event);
    }

    /// What observers are told of a block.
    pub(crate) fn allocated_event(
        &self,
        taken: Taken,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Allocated {
        let block = self.block_at(taken.address);
        let asked = layout.alignment() > Request::MIN_ALIGNMENT;
        Allocated {
            address: taken.address,
            size: layout.size(),
            usable: block.map_or(layout.size(), |block| block.usable),
            alignment: if asked { layout.alignment() } else { 1 },
            caps,
            heap: taken.heap,
            caller,
        }
    }
}
