//! Allocation: the route of the capabilities, the heaps along it, the first block that fits.
//!
//! ```text
//!   request ─► layout: size and alignment, checked once
//!           ─► route: heaps that may serve, in order               route.rs
//!           ─► each heap: ordinary, or constrained (below)         multi_heap
//!           ─► the block's address; deferred work, if there is any pending.rs
//!           ─► none: other heaps, other sets, the reason, in pieces  search.rs
//! ```
//!
//! [`Phases::allocate_ordinary`] asks one heap: the first on the route that may have a block.
//! Nearly every request is served by it. All others are a [`Search`], which goes along the same
//! route and asks each heap in the same way.

use core::mem;
use core::panic::Location;

use multi_heap::{Offset, Poison, Request};
use soc_regions::{Caps, TypeIndex};

use crate::attempt::HeapMask;
use crate::failure::{Failure, FailureKind};
use crate::heap_caps::HeapCaps;
use crate::observer::{Allocated, Observer};
use crate::owner::Owner;
use crate::pending::PendingAllocation;
use crate::registry::HeapIndex;
use crate::request::{AllocRequest, Placement};
use crate::route::{Observed, Plan, RouteEntry, RouteIndex};
use crate::search::{NotServed, Progress, Search};

/// A block that was just allocated: where, and in which heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocatedBlock {
    /// The address as it is handed out: on the instruction side for EXEC memory that has one.
    pub address: u32,
    /// The heap that served.
    pub heap: HeapIndex,
}

/// Bytes of a block's header.
pub(crate) const HEADER: u32 = 4;

/// Bytes that a block may have beyond what was asked for: two words that are no block of their own.
pub(crate) const LEFT_OVER: u32 = 8;

/// Returns the bytes that a block with `usable` bytes takes of its heap.
#[inline(always)]
pub(crate) const fn block_bytes<P: Poison>(usable: u32) -> u32 {
    usable.saturating_add(HEADER + P::OVERHEAD)
}

/// Returns the free bytes that a block of `size` user bytes uses up at most: whole words, header,
/// canaries, and the header of the gap that a large alignment may leave.
#[inline(always)]
pub(crate) const fn charge<P: Poison>(layout: Request) -> u32 {
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
    /// Allocates what `request` asks for and returns the address. O(heaps), and O(size) for zeros
    /// and under comprehensive poisoning.
    ///
    /// The address is a multiple of 4. For EXEC memory that the instruction bus sees at another
    /// address it is that one.
    ///
    /// # Errors
    /// The [`Failure`] says which heaps were considered and why none served. Size 0 is refused, but
    /// not recorded.
    pub fn allocate(&mut self, request: &AllocRequest<'_>) -> Result<u32, Failure> {
        let Some(allocated) = self.allocate_any(request) else {
            return Err(self.failure(request));
        };
        let pending = self.pending(allocated, request);
        // SAFETY: the heaps stay borrowed, so nobody frees the block, or uses one that nobody has
        // heard of.
        let finished = unsafe { pending.finish() };
        finished.map_err(|corrupt| {
            self.record_corrupt(request, corrupt);
            self.failure(request)
        })
    }

    /// Allocates `size` bytes of memory that has all of `caps`: [`HeapCaps::allocate`] by ESP-IDF's
    /// name.
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

    /// Allocates `size` bytes at a multiple of `alignment`: [`HeapCaps::allocate`] by ESP-IDF's
    /// name.
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
    /// See [`Phases::allocate_any`](crate::Phases::allocate_any).
    #[inline(never)]
    pub(crate) fn allocate_any(&mut self, request: &AllocRequest<'_>) -> Option<AllocatedBlock> {
        let first = self.first_set(request.placement, request.size);
        let mut in_vain = NotServed::NOT_ASKED;
        // Only a search reports an owner that the request names.
        let is_heard = O::LISTENS && request.owner().is_some();
        if let (Some(layout), Some(caps), false) = (request.layout(), first, is_heard) {
            match self.allocate_ordinary(layout, caps, request.caller) {
                Ok(allocated) => return Some(allocated),
                Err(asked) => in_vain = asked,
            }
        }
        match self.search(&mut Search::new(request).after(in_vain)) {
            Progress::Found(allocated) => Some(allocated),
            _ => None,
        }
    }

    /// See [`Phases::allocate_ordinary`](crate::Phases::allocate_ordinary).
    #[inline(always)]
    pub(crate) fn allocate_ordinary(
        &mut self,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Result<AllocatedBlock, NotServed> {
        let allocated = self.find_ordinary(layout, caps)?;
        if O::LISTENS {
            self.notify_allocated(allocated, layout, caps, caller, None);
        }
        Ok(allocated)
    }

    /// See [`Inspection::first_set`](crate::Inspection::first_set).
    #[inline(always)]
    pub(crate) fn first_set(&self, placement: Placement<'_>, size: usize) -> Option<Caps> {
        match placement {
            Placement::Caps(caps) => Some(caps),
            Placement::Default => Some(self.default_set(size)),
            Placement::Prefer(sets) => sets.first().copied(),
            Placement::Tag(_) => None,
        }
    }

    /// Returns a block of the first heap on the route that is worth asking. One heap is asked: a
    /// layer with a lock opens it before the next one.
    #[inline(always)]
    pub(crate) fn find_ordinary(
        &mut self,
        layout: Request,
        caps: Caps,
    ) -> Result<AllocatedBlock, NotServed> {
        let route = self.routes.position(caps).ok_or(NotServed::NOT_ASKED)?;
        let (index, entry) = self.worth_asking::<false>(route, layout, 0)?;
        let allocated = self.try_unconstrained(entry, layout);
        allocated.ok_or(NotServed { from: index + 1 })
    }

    /// See [`Phases::allocate_kept`](crate::Phases::allocate_kept).
    #[inline(always)]
    pub(crate) fn allocate_kept(
        &mut self,
        layout: Request,
        request: &AllocRequest<'_>,
    ) -> Option<AllocatedBlock> {
        let caps = self.first_set(request.placement, request.size)?;
        let route = self.routes.kept_position(caps)?;
        let mut from = 0;
        let allocated = loop {
            let (index, entry) = self.worth_asking::<true>(route, layout, from).ok()?;
            match self.try_unconstrained(entry, layout) {
                Some(allocated) => break allocated,
                None => from = index + 1,
            }
        };
        if O::LISTENS {
            self.notify_allocated(allocated, layout, caps, request.caller, request.owner());
        }
        Some(allocated)
    }

    /// Returns a block of the heap at an entry, as `layout` says.
    #[inline(always)]
    fn try_unconstrained(&mut self, entry: RouteEntry, layout: Request) -> Option<AllocatedBlock> {
        let slot = self.registry.slots.get_mut(entry.heap().get())?;
        let offset = slot.heap.as_mut()?.allocate(layout)?;
        Some(AllocatedBlock {
            address: slot.start.wrapping_add(offset.get()),
            heap: entry.heap(),
        })
    }

    /// Returns the first entry of a route, at `from` or behind it, whose heap may have a block of
    /// `layout`. A constrained one, and one where a reserve forbids it, ends the search.
    #[inline(always)]
    fn worth_asking<const KEPT: bool>(
        &mut self,
        route: RouteIndex,
        layout: Request,
        from: usize,
    ) -> Result<(usize, RouteEntry), NotServed> {
        let mut index = from;
        while let Some(&entry) = if KEPT {
            self.routes.kept_entries(route)
        } else {
            self.routes.entries(route)
        }
        .get(index)
        {
            let in_vain = Err(NotServed { from: index });
            if entry.is_constrained() || entry.is_end() {
                return in_vain;
            }
            let slot = self.registry.slots.get(entry.heap().get());
            let Some(heap) = slot.and_then(|slot| slot.heap.as_ref()) else {
                return in_vain;
            };
            if heap.may_serve(layout.size()) {
                let bits = self.routes.bits(route);
                let allowed = !entry.is_reserved()
                    || self.reserves_permit(entry.heap(), charge::<P>(layout), bits);
                return if allowed { Ok((index, entry)) } else { in_vain };
            }
            index += 1;
        }
        Err(NotServed { from: index })
    }

    /// Returns a block of the first heap on the route that has one, of those in `within`. O(heaps).
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn find(
        &mut self,
        layout: Request,
        caps: Caps,
        within: HeapMask,
    ) -> Option<AllocatedBlock> {
        let route = self.route(caps)?;
        for index in 0..HEAPS {
            let entry = *self.routes.entries(route).get(index)?;
            if entry.is_end() {
                break;
            }
            if !within.contains(entry.heap()) {
                continue;
            }
            if let Some(allocated) = self.ask(entry, layout, caps, route) {
                self.watches.record_minimum(allocated.heap, &self.registry);
                return Some(allocated);
            }
        }
        None
    }

    /// Returns a block of the heap at an entry of the route for `caps`.
    #[inline(always)]
    pub(crate) fn ask(
        &mut self,
        entry: RouteEntry,
        layout: Request,
        caps: Caps,
        route: RouteIndex,
    ) -> Option<AllocatedBlock> {
        if entry.is_constrained() {
            return self.find_constrained(entry, layout, caps);
        }
        if !self.reserves_allow(entry, layout, self.routes.bits(route)) {
            return None;
        }
        self.try_unconstrained(entry, layout)
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn route(&mut self, caps: Caps) -> Option<RouteIndex> {
        if self.routes.position(caps).is_none() {
            let mut plan = Plan::new();
            while !self.plan_on(&mut plan, caps).ok()? {}
        }
        self.routes.position(caps)
    }

    /// Computes the next entries of the route for `caps`; behind the last one the route is kept,
    /// and `true` returned.
    ///
    /// # Errors
    /// No memory can have these capabilities.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn plan_on(
        &mut self,
        plan: &mut Plan<HEAPS>,
        caps: Caps,
    ) -> Result<bool, FailureKind> {
        let Self {
            routes,
            registry,
            reserves,
            rules,
            watches,
            ..
        } = self;
        plan.restart_unless(routes.generation());
        let observed = Observed {
            watched: watches.any(),
            counted: routes.are_counted(),
        };
        let bits = plan.next(caps, rules, registry, reserves, observed)?;
        if let Some(bits) = bits {
            routes.keep(caps, bits, plan);
        }
        Ok(bits.is_some())
    }

    /// Returns a block of a heap that has to be asked for more or other than `layout`.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn find_constrained(
        &mut self,
        entry: RouteEntry,
        layout: Request,
        caps: Caps,
    ) -> Option<AllocatedBlock> {
        let memory = self.registry.caps(entry.heap());
        let bits = self.rules.caps(caps).ok()?;
        let granularity = self.rules.granularity(caps, memory);
        let wanted = in_units(layout, granularity, !memory.contains(Caps::BIT8))?;
        if bits.contains(Caps::EXEC) && self.registry.has_code_side(entry.heap()) {
            return self.find_code(entry, wanted, bits);
        }
        if !self.reserves_allow(entry, wanted, bits) {
            return None;
        }
        self.try_unconstrained(entry, wanted)
    }

    /// Returns whether no reserve forbids a request that looks for `bits` to take a block of
    /// `layout` at a entry.
    #[inline(always)]
    fn reserves_allow(&mut self, entry: RouteEntry, layout: Request, bits: Caps) -> bool {
        !entry.is_reserved() || self.reserves_permit_slowly(entry.heap(), charge::<P>(layout), bits)
    }

    /// [`HeapCaps::reserves_permit`] beside the fast paths.
    #[inline(always)]
    pub(crate) fn reserves_permit_slowly(
        &mut self,
        heap: HeapIndex,
        bytes: u32,
        bits: Caps,
    ) -> bool {
        match self.rulings {
            Some(rulings) => (rulings.leave_uncounted)(self, heap, bytes, bits),
            None => true,
        }
    }

    /// Returns whether the reserves permit a request that looks for `bits`, and that they limit
    /// there, to use that many bytes of a heap; and the allowance, if what is allocated counts.
    #[inline(always)]
    pub(crate) fn reserves_permit(&mut self, heap: HeapIndex, bytes: u32, bits: Caps) -> bool {
        match self.rulings {
            Some(rulings) => (rulings.leave)(self, heap, bytes, bits),
            None => true,
        }
    }

    /// Returns a block that is handed out by its address on the instruction side, see `alias.rs`.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn find_code(
        &mut self,
        entry: RouteEntry,
        wanted: Request,
        bits: Caps,
    ) -> Option<AllocatedBlock> {
        let heap = entry.heap();
        let alias = self.registry.get(heap)?.alias?;
        let layout = alias.request(wanted)?;
        if !self.reserves_allow(entry, layout, bits) {
            return None;
        }
        let slot = self.registry.slots.get_mut(heap.get())?;
        let memory = slot.heap.as_mut()?;
        let offset = memory.allocate(layout)?;
        let block = slot.start.wrapping_add(offset.get());
        let back = alias.back_word(block, layout)?;
        let address = alias.handed_out(back)?;
        if !address.is_multiple_of(wanted.alignment()) {
            // Larger alignments than the two sides share; nobody has seen the block
            memory.try_free(offset);
            return None;
        }
        let place = Offset::new(back.wrapping_sub(slot.start))?;
        // SAFETY: the word lies in a block that was just allocated and is nobody else's yet.
        unsafe { memory.contents().set_word(place, block) };
        Some(AllocatedBlock { address, heap })
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn allocate_tagged(
        &mut self,
        layout: Request,
        tag: TypeIndex,
        request: &AllocRequest<'_>,
        within: HeapMask,
    ) -> Option<AllocatedBlock> {
        let allocated = self.find_tagged(layout, tag, within)?;
        self.watches.record_minimum(allocated.heap, &self.registry);
        if O::LISTENS {
            let (caller, owner) = (request.caller, request.owner());
            self.notify_allocated(allocated, layout, Caps::empty(), caller, owner);
        }
        Some(allocated)
    }

    /// See [`Phases::pending`](crate::Phases::pending).
    #[inline]
    pub(crate) fn pending(
        &self,
        allocated: AllocatedBlock,
        request: &AllocRequest<'_>,
    ) -> PendingAllocation<P> {
        let block = if P::FILLS || request.is_zeroed() {
            self.block_at(allocated.address).ok()
        } else {
            None
        };
        PendingAllocation {
            allocated,
            block,
            zeroed: request.is_zeroed(),
        }
    }
}

/// `layout` with start and size in multiples of `granularity`, or at least of words.
pub(crate) fn in_units(layout: Request, granularity: u32, whole_words: bool) -> Option<Request> {
    let granularity = if whole_words {
        granularity.max(4)
    } else {
        granularity
    };
    layout.aligned_to(granularity)?.rounded_up_to(granularity)
}

/// Frees a block that its caller will not get, if the observer panics. Where panics abort it costs
/// nothing.
struct Undo<'h, P: Poison, O: Observer, const HEAPS: usize> {
    heaps: &'h mut HeapCaps<P, O, HEAPS>,
    address: u32,
}

impl<P: Poison, O: Observer, const HEAPS: usize> Drop for Undo<'_, P, O, HEAPS> {
    #[cold]
    fn drop(&mut self) {
        let freed = self.heaps.free_unobserved(self.address);
        debug_assert!(freed.is_ok(), "a block just allocated");
    }
}

/// Notification.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    #[inline(always)]
    pub(crate) fn notify_allocated(
        &mut self,
        allocated: AllocatedBlock,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
        owner: Option<Owner>,
    ) {
        let event = self.allocated_event(allocated, layout, caps, caller, owner);
        let undo = Undo {
            heaps: self,
            address: allocated.address,
        };
        undo.heaps.observer.on_allocate(&event);
        mem::forget(undo);
    }

    /// Returns what observers see of a block.
    pub(crate) fn allocated_event(
        &self,
        allocated: AllocatedBlock,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
        owner: Option<Owner>,
    ) -> Allocated {
        let block = self.block_at(allocated.address);
        let asked = layout.alignment() > Request::MIN_ALIGNMENT;
        Allocated {
            address: allocated.address,
            size: layout.size(),
            usable: block.map_or(layout.size(), |block| block.usable),
            alignment: if asked { layout.alignment() } else { 1 },
            caps,
            heap: allocated.heap,
            caller,
            owner,
        }
    }
}
