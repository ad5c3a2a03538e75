//! Reallocation: a block changes its size where it lies, downwards, or by moving to another place.
//!
//! ```text
//!   the block's heap has the capabilities, the address is aligned as asked, and it is on the right side of the memory?
//!     yes ─► in place ─► downwards into the free block below ─┐
//!     no ────────────────────────────────────────────────────►│ another block, copy, free the old one
//! ```
//!
//! Nearly every reallocation is *ordinary*: a block on the data side, a heap that is asked for just
//! what the request says, no filling. These move no structure and are decided first. Under
//! comprehensive poisoning a block that changes its size in place does so in the phases of a move
//! from itself to itself: what it gives up is filled before it is given up, what it gains after it
//! was gained, both outside of any lock.
//!
//! The old block stays as it is until the new one is ready. Without capabilities in the request,
//! the block keeps those of the memory it lies in. A request's alignment is kept; a block does not
//! remember the one it was allocated with.

use core::mem;
use core::panic::Location;

use multi_heap::{Offset, Poison, Request};
use soc_regions::{Caps, WordOrder};

use crate::allocate::{AllocatedBlock, charge, in_units};
use crate::attempt::{HeapMask, ResizeWithin};
use crate::failure::{FailureKind, ReallocateError};
use crate::heap_caps::HeapCaps;
use crate::misuse::Misuse;
use crate::observer::{Observer, Reallocated};
use crate::owner::Owner;
use crate::pending::{BlockHandle, CopiedMove, PendingMove, Reallocation};
use crate::registry::HeapIndex;
use crate::request::AllocRequest;
use crate::route::RouteEntry;
use crate::search::{NotServed, Progress, Search};

/// Reallocation in one call.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; layers with locks use the phases"
)]
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Resizes the block at `address` to what `request` asks for; returns its address, old or new.
    /// The first `min(old, new)` bytes are kept; zeros are not written. O(heaps) if it stays where
    /// it is, else O(size).
    ///
    /// Empty capabilities mean those of the memory in which the block lies. Size 0 is refused: to
    /// free, call [`HeapCaps::free`].
    ///
    /// # Errors
    /// [`ReallocateError::Misuse`] for an address that was not handed out,
    /// [`ReallocateError::Failure`] if there is no memory. The block is as it was in both cases.
    pub fn reallocate(
        &mut self,
        address: u32,
        request: &AllocRequest<'_>,
    ) -> Result<u32, ReallocateError> {
        let moved = match self.begin_reallocate(address, request) {
            Ok(Reallocation::InPlace(address)) => return Ok(address),
            Ok(Reallocation::Moving(pending)) => {
                // SAFETY: the heaps stay borrowed: nobody frees or uses the blocks meanwhile, but
                // users of the block, who gave it up for the length of this call.
                unsafe { pending.copy() }
            }
            Err(ReallocateError::Misuse(misuse)) => return Err(ReallocateError::Misuse(misuse)),
            Err(ReallocateError::Failure(cause)) => {
                debug_assert_eq!(cause, self.last_cause(request));
                return Err(ReallocateError::Failure(self.failure(request)));
            }
        };
        match moved {
            Ok(copied) => Ok(self.finish_move(copied, request)?),
            Err(corrupt) => {
                self.record_corrupt(request, corrupt);
                Err(ReallocateError::Failure(self.failure(request)))
            }
        }
    }

    /// Resizes the block at `address` to `size` bytes of memory that has `caps`:
    /// [`HeapCaps::reallocate`] by ESP-IDF's name.
    ///
    /// # Errors
    /// As [`HeapCaps::reallocate`].
    #[track_caller]
    pub fn realloc(
        &mut self,
        address: u32,
        size: usize,
        caps: Caps,
    ) -> Result<u32, ReallocateError> {
        let request = AllocRequest::new(size, caps);
        self.reallocate(address, &request)
    }
}

/// An ordinary block that has to move.
#[derive(Debug)]
#[must_use = "the contents are still at the old place"]
pub struct OrdinaryMove {
    /// Where the block moves.
    pub to: AllocatedBlock,
    /// Bytes to be copied there, upwards: the places may overlap.
    pub bytes: u32,
    /// Bytes that a block keeps which grew downwards; its old place is part of the new one.
    resized_to: Option<u32>,
}

impl OrdinaryMove {
    /// Returns the move of a block of `bytes` to a block just taken for it.
    pub const fn to(to: AllocatedBlock, bytes: u32) -> Self {
        Self {
            to,
            bytes,
            resized_to: None,
        }
    }
}

/// What became of an ordinary block that was to be resized where it lies.
#[derive(Debug)]
#[must_use = "a move has to be copied and finished"]
pub enum Stay {
    /// It was resized.
    InPlace,
    /// It grew downwards.
    Down(OrdinaryMove),
    /// It does not fit, or must not stay; this many of its bytes are to be copied. Nothing was
    /// changed.
    Moves(u32),
    /// Nothing was changed: it is not an ordinary block.
    /// [`Phases::begin_reallocate`](crate::Phases::begin_reallocate) does it, or finds the reason.
    Undecided,
}

/// Ordinary reallocation, for layers with locks: these under the lock, the copy without.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// See [`Phases::stay`](crate::Phases::stay).
    #[inline(always)]
    pub(crate) fn stay(
        &mut self,
        address: u32,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Stay {
        if P::FILLS || caps.is_empty() || caps.contains(Caps::EXEC) {
            return Stay::Undecided;
        }
        let Some(heap) = self.registry.containing(address) else {
            return Stay::Undecided;
        };
        let wanted = self.wanted_of(heap, address, layout, caps);
        let Some(slot) = self.registry.slots.get_mut(heap.get()) else {
            return Stay::Undecided;
        };
        let offset = Offset::new(address.wrapping_sub(slot.start));
        let (Some(offset), Some(memory)) = (offset, slot.heap.as_mut()) else {
            return Stay::Undecided;
        };
        let Some(old) = (if O::LISTENS {
            memory.try_usable_size(offset)
        } else {
            Some(0)
        }) else {
            return Stay::Undecided;
        };
        if let Some(wanted) = wanted {
            match memory.try_resize(offset, wanted.size()) {
                Ok(true) => {
                    self.resized(
                        address,
                        old,
                        AllocatedBlock { address, heap },
                        layout,
                        caps,
                        caller,
                        None,
                    );
                    return Stay::InPlace;
                }
                Ok(false) => {}
                Err(_) => return Stay::Undecided,
            }
            if wanted.alignment() == Request::MIN_ALIGNMENT {
                match memory.try_grow_backward(offset, wanted.size()) {
                    Ok(Some(moved)) => {
                        let address = slot.start.wrapping_add(moved.to.get());
                        return Stay::Down(OrdinaryMove {
                            to: AllocatedBlock { address, heap },
                            bytes: moved.bytes,
                            resized_to: Some(wanted.size()),
                        });
                    }
                    Ok(None) => {}
                    Err(_) => return Stay::Undecided,
                }
            }
        }
        match memory.try_usable_size(offset) {
            Some(bytes) => Stay::Moves(bytes.min(layout.size())),
            None => Stay::Undecided,
        }
    }

    /// [`Phases::stay`], one copy for searches.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn stay_outlined(
        &mut self,
        address: u32,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Stay {
        self.stay(address, layout, caps, caller)
    }

    /// Returns the size and alignment of a block that may stay in its heap with `caps`; `None` if
    /// it must not.
    #[inline(always)]
    fn wanted_of(
        &mut self,
        heap: HeapIndex,
        address: u32,
        layout: Request,
        caps: Caps,
    ) -> Option<Request> {
        let route = self.routes.position(caps)?;
        let mut entries = self.routes.entries(route).iter();
        let entry = *entries.find(|entry| entry.heap() == heap)?;
        let wanted = if entry.is_ordinary() {
            layout
        } else {
            self.wanted_if_allowed(entry, address, layout, caps)?
        };
        address.is_multiple_of(wanted.alignment()).then_some(wanted)
    }

    /// [`HeapCaps::wanted_of`] where hardware wants whole units of memory, or a reserve has a say
    /// in what the block gains.
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn wanted_if_allowed(
        &mut self,
        entry: RouteEntry,
        address: u32,
        layout: Request,
        caps: Caps,
    ) -> Option<Request> {
        let memory = self.registry.caps(entry.heap());
        let bits = self.rules.caps(caps).ok()?;
        let granularity = self.rules.granularity(caps, memory);
        let wanted = in_units(layout, granularity, !memory.contains(Caps::BIT8))?;
        let slot = self.registry.slots.get(entry.heap().get())?;
        let place = Offset::new(address.wrapping_sub(slot.start))?;
        let old = Request::new(slot.heap.as_ref()?.try_usable_size(place)? as usize)?; // widening
        let gain = charge::<P>(wanted).saturating_sub(charge::<P>(old));
        let allowed =
            gain == 0 || !entry.is_reserved() || self.reserves_permit(entry.heap(), gain, bits);
        allowed.then_some(wanted)
    }

    /// See [`Phases::allocate_unnotified`](crate::Phases::allocate_unnotified).
    #[inline(always)]
    pub(crate) fn allocate_unnotified(
        &mut self,
        layout: Request,
        caps: Caps,
    ) -> Result<AllocatedBlock, NotServed> {
        self.find_ordinary(layout, caps)
    }

    /// See [`Phases::finish_ordinary`](crate::Phases::finish_ordinary).
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn finish_ordinary(
        &mut self,
        address: u32,
        moved: OrdinaryMove,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
    ) -> Result<(), Misuse> {
        let OrdinaryMove {
            to,
            bytes,
            resized_to,
        } = moved;
        let old = if let Some(size) = resized_to {
            let offset = self.offset_in(to)?;
            let memory = self.registry.heap_mut(to.heap);
            let resized = memory.map(|memory| memory.try_resize(offset, size));
            if !matches!(resized, Some(Ok(true))) {
                return Err(self.data_misuse_of(to.address));
            }
            bytes
        } else {
            let released = self.release(address);
            released.ok_or_else(|| self.data_misuse_of(address))?
        };
        self.resized(address, old, to, layout, caps, caller, None);
        Ok(())
    }

    fn offset_in(&self, allocated: AllocatedBlock) -> Result<Offset, Misuse> {
        let slot = self.registry.slots.get(allocated.heap.get());
        let offset = slot.and_then(|slot| Offset::new(allocated.address.wrapping_sub(slot.start)));
        offset.ok_or(Misuse::outside(allocated.address))
    }

    /// A block has its new size: notifies watches and observers.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of an event, which is computed only for observers that use it"
    )]
    #[inline(always)]
    fn resized(
        &mut self,
        old_address: u32,
        old_usable: u32,
        now: AllocatedBlock,
        layout: Request,
        caps: Caps,
        caller: Option<&'static Location<'static>>,
        owner: Option<Owner>,
    ) {
        self.watches.record_minimum(now.heap, &self.registry);
        if O::LISTENS {
            let old_heap = self.registry.containing(old_address).unwrap_or(now.heap);
            let now = self.allocated_event(now, layout, caps, caller, owner);
            let event = Reallocated {
                old_address,
                old_usable,
                old_heap,
                now,
            };
            let resized = NoWayBack;
            self.observer.on_reallocate(&event);
            mem::forget(resized);
        }
    }
}

/// What a panic of an observer drops when the block has its new size already: the caller would go
/// on with the old one. It panics once more, which ends the program. Where panics abort it costs
/// nothing.
struct NoWayBack;

impl Drop for NoWayBack {
    #[cold]
    #[expect(
        clippy::panic,
        reason = "only while unwinding from a panic of an observer"
    )]
    fn drop(&mut self) {
        panic!("an observer panicked after a block was resized: its owner knows nothing of that");
    }
}

/// Reallocation of any kind, for layers with locks: these under the lock, [`PendingMove::copy`]
/// without.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// See [`Phases::begin_reallocate`](crate::Phases::begin_reallocate).
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn begin_reallocate(
        &mut self,
        address: u32,
        request: &AllocRequest<'_>,
    ) -> Result<Reallocation<P>, ReallocateError<FailureKind>> {
        if let Some(done) = self.attempt_reallocate(address, request, None)? {
            return Ok(done);
        }
        let refused = self.search(&mut Search::refused(request));
        debug_assert!(matches!(refused, Progress::Refused));
        Err(ReallocateError::Failure(self.last_cause(request)))
    }

    /// See [`Phases::attempt_reallocate`](crate::Phases::attempt_reallocate); `None`: anywhere. A
    /// constant would lie in flash.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn attempt_reallocate(
        &mut self,
        address: u32,
        request: &AllocRequest<'_>,
        within: Option<&ResizeWithin>,
    ) -> Result<Option<Reallocation<P>>, Misuse> {
        let old = self.block_at(address)?;
        let Some(layout) = request.layout() else {
            return Ok(None);
        };
        self.with_routes(|heaps| {
            for index in 0.. {
                let Some(caps) = heaps.nth_set(request, index) else {
                    break;
                };
                if let Some(done) = heaps.resize_or_move(&old, request, layout, caps, within)? {
                    return Ok(Some(done));
                }
            }
            Ok(None)
        })
    }

    /// See [`Phases::finish_move`](crate::Phases::finish_move).
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn finish_move(
        &mut self,
        CopiedMove(moving): CopiedMove<P>,
        request: &AllocRequest<'_>,
    ) -> Result<u32, Misuse> {
        let PendingMove {
            from,
            to,
            within,
            caps,
        } = &moving;
        if *within {
            self.set_size(to, to.kept())?;
        } else {
            self.free_block(from)?; // its back word may be filled
        }
        if let Some(layout) = request.layout() {
            let now = AllocatedBlock {
                address: to.address,
                heap: to.heap,
            };
            self.resized(
                from.address,
                from.usable,
                now,
                layout,
                *caps,
                request.caller,
                request.owner(),
            );
        }
        Ok(to.address)
    }

    /// Returns the block at its new size or on its way; `None` if neither is possible with these
    /// capabilities.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn resize_or_move(
        &mut self,
        old: &BlockHandle<P>,
        request: &AllocRequest<'_>,
        layout: Request,
        caps: Caps,
        within: Option<&ResizeWithin>,
    ) -> Result<Option<Reallocation<P>>, Misuse> {
        let (stays, moves_to) = match within {
            None => (true, HeapMask::ALL),
            Some(within) => (within.stays, within.moves_to),
        };
        let kept = self.registry.caps(old.heap);
        let keeps = caps.is_empty();
        let caps = if keeps { keeping(old, kept) } else { caps };
        let Ok(bits) = self.rules.caps(caps) else {
            return Ok(None);
        };
        let granularity = match self.rules.granularity(caps, kept) {
            granularity if keeps && !is_whole(old, granularity) => 1,
            granularity => granularity,
        };
        let units = layout.aligned_to(granularity);
        let Some(units) = units.and_then(|units| units.rounded_up_to(granularity)) else {
            return Ok(None);
        };
        if stays
            && self.may_stay(old, bits, units)
            && let Some(done) = self.resize_here(old, request, caps, layout, units)?
        {
            return Ok(Some(done));
        }
        let Some(allocated) = self.find(layout, caps, moves_to) else {
            return Ok(None);
        };
        let mut to = self.block_at(allocated.address)?;
        to.usable = to.usable.min(layout.size());
        let (from, within) = (*old, false);
        Ok(Some(Reallocation::Moving(PendingMove {
            from,
            to,
            within,
            caps,
        })))
    }

    /// Returns whether the block may stay in its heap: it has the capabilities on the side where
    /// the block was handed out, at this alignment, and no reserve forbids what it gains.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn may_stay(&mut self, old: &BlockHandle<P>, bits: Caps, layout: Request) -> bool {
        let memory = self.registry.caps(old.heap);
        let on_code_side = old.code.is_some();
        let right_side =
            !self.registry.has_code_side(old.heap) || bits.contains(Caps::EXEC) == on_code_side;
        let before = Request::new(old.usable.max(1) as usize).map_or(0, charge::<P>); // widening
        let grows_by = charge::<P>(layout).saturating_sub(before);
        memory.contains(bits)
            && right_side
            && old.address.is_multiple_of(layout.alignment())
            && (grows_by == 0
                || !self.rules.policy.honours_reserves()
                || !self.reserves.limit(bits, memory)
                || self.reserves_permit_slowly(old.heap, grows_by, bits))
    }

    /// Returns the block at its new size in its own heap, in place or growing downwards; `None` if
    /// there is no room.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn resize_here(
        &mut self,
        old: &BlockHandle<P>,
        request: &AllocRequest<'_>,
        caps: Caps,
        layout: Request,
        units: Request,
    ) -> Result<Option<Reallocation<P>>, Misuse> {
        let words = !self.registry.caps(old.heap).contains(Caps::BIT8) || old.code.is_some();
        let size = if words {
            units.size().next_multiple_of(4)
        } else {
            units.size()
        };
        // Of an inverted block the handed-out address depends on its end.
        let fixed = matches!(old.code, Some((_, WordOrder::Inverted)));
        let at_new_size = BlockHandle {
            usable: size,
            ..*old
        };
        let within = |to| {
            let from = *old;
            Reallocation::Moving(PendingMove {
                from,
                to,
                within: true,
                caps,
            })
        };
        let in_place = if fixed {
            size <= old.usable
        } else {
            P::FILLS && at_new_size.kept() < old.bytes || self.set_size(old, at_new_size.kept())?
        };
        if P::FILLS && in_place && !fixed {
            let bytes = old.bytes.max(at_new_size.kept());
            return Ok(Some(within(BlockHandle {
                bytes,
                ..at_new_size
            })));
        }
        if in_place {
            let now = AllocatedBlock {
                address: old.address,
                heap: old.heap,
            };
            let (caller, owner) = (request.caller, request.owner());
            self.resized(old.address, old.usable, now, layout, caps, caller, owner);
            return Ok(Some(Reallocation::InPlace(old.address)));
        }
        if old.code.is_some() || units.alignment() != Request::MIN_ALIGNMENT {
            return Ok(None);
        }
        Ok(self.grow_downwards(old, size)?.map(within))
    }

    /// Resizes a block where it lies; `false` if there is no room.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn set_size(&mut self, block: &BlockHandle<P>, size: u32) -> Result<bool, Misuse> {
        let Some(heap) = self.registry.heap_mut(block.heap) else {
            return Ok(false);
        };
        match heap.try_resize(block.offset, size) {
            Ok(resized) => Ok(resized),
            Err(_) => Err(self.misuse_of(block.address)),
        }
    }

    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn grow_downwards(
        &mut self,
        block: &BlockHandle<P>,
        size: u32,
    ) -> Result<Option<BlockHandle<P>>, Misuse> {
        let Some(heap) = self.registry.heap_mut(block.heap) else {
            return Ok(None);
        };
        let moved = match heap.try_grow_backward(block.offset, size) {
            Ok(Some(moved)) => moved,
            Ok(None) => return Ok(None),
            Err(_) => return Err(self.misuse_of(block.address)),
        };
        let held = if P::FILLS {
            heap.try_usable_size(moved.to)
        } else {
            Some(size)
        };
        Ok(Some(BlockHandle {
            offset: moved.to,
            address: block.base.wrapping_add(moved.to.get()),
            bytes: held.unwrap_or(size),
            usable: size,
            ..*block
        }))
    }
}

/// Returns whether a block may have whole cache lines to itself, as one for DMA has: without
/// capabilities in the request, it keeps them.
fn is_whole<P: Poison>(old: &BlockHandle<P>, granularity: u32) -> bool {
    old.address.is_multiple_of(granularity) && old.usable >= granularity
}

/// Returns the capabilities that keep a block in memory like the one it lies in, less those that
/// exclude each other.
fn keeping<P: Poison>(old: &BlockHandle<P>, heap_caps: Caps) -> Caps {
    const DATA: Caps = Caps::BIT8.union(Caps::DMA);
    match old.code {
        Some(_) => heap_caps.difference(DATA),
        None if heap_caps.intersects(DATA) => heap_caps.difference(Caps::EXEC),
        None => heap_caps,
    }
}
