//! How a block changes its size: where it lies, downwards, or by moving to another place.
//!
//! ```text
//!   the block's heap has the capabilities, the address is aligned as asked, and it is on the right side of the memory?
//!     yes ─► in place ─► downwards into the free block below ─┐
//!     no ────────────────────────────────────────────────────►│ another block, copy, free the old one
//! ```
//!
//! Under comprehensive poisoning a block that changes its size in place does so in the phases of a move from itself to itself: what it
//! gives up is filled before it is given up, what it gains after it was gained, both outside of any lock.
//!
//! The old block stays as it is until the new one is ready. Without capabilities in the demand, the block keeps those
//! of the memory it lies in. A demand's alignment is kept; a block does not remember the one it was allocated with.

use core::panic::Location;

use multi_heap::{Poison, Request};
use soc_regions::Caps;

use crate::demand::Demand;
use crate::failure::{Cause, ReallocateError};
use crate::heap_caps::HeapCaps;
use crate::misuse::Misuse;
use crate::observer::{Observer, Reallocated};
use crate::take::charge;
use crate::work::{Block, Move, Reallocation};

/// Reallocation in one call.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; layers with locks use the phases"
)]
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Resizes the block at `address` to `size` bytes of memory that has all of `caps`; returns its address, old or new. The first
    /// `min(old, new)` bytes are kept. O(heaps) if it stays where it is, else O(size).
    ///
    /// Empty `caps` mean those of the memory in which the block lies. A `size` of 0 is refused: who wants a free calls it.
    ///
    /// # Errors
    /// [`ReallocateError::Misuse`] for an address that was not handed out, [`ReallocateError::Failure`] if there is no memory. The
    /// block is as it was in both cases.
    #[track_caller]
    pub fn realloc(
        &mut self,
        address: u32,
        size: usize,
        caps: Caps,
    ) -> Result<u32, ReallocateError> {
        let demand = Demand::new(size, caps).from(Location::caller());
        self.resize(address, &demand, &[caps])
    }

    /// As [`HeapCaps::realloc`], and the result is a multiple of `alignment`.
    ///
    /// # Errors
    /// As [`HeapCaps::realloc`].
    #[track_caller]
    pub fn aligned_realloc(
        &mut self,
        address: u32,
        alignment: usize,
        size: usize,
        caps: Caps,
    ) -> Result<u32, ReallocateError> {
        let demand = Demand::new(size, caps)
            .aligned_to(alignment)
            .from(Location::caller());
        self.resize(address, &demand, &[caps])
    }

    /// As [`HeapCaps::realloc`] with the first of `choices` that can be met.
    ///
    /// # Errors
    /// As [`HeapCaps::realloc`], once, about the last choice.
    #[track_caller]
    pub fn realloc_prefer(
        &mut self,
        address: u32,
        size: usize,
        choices: &[Caps],
    ) -> Result<u32, ReallocateError> {
        let demand = Demand::new(size, Caps::empty()).from(Location::caller());
        self.resize(address, &demand, choices)
    }

    /// As [`HeapCaps::realloc`] in the memory that [`HeapCaps::malloc_default`] would choose for `size`.
    ///
    /// # Errors
    /// As [`HeapCaps::realloc`], once, about the last set tried.
    #[track_caller]
    pub fn realloc_default(&mut self, address: u32, size: usize) -> Result<u32, ReallocateError> {
        let (choices, count) = self.default_choices(size);
        let demand = Demand::new(size, Caps::empty()).from(Location::caller());
        self.resize(address, &demand, choices.get(..count).unwrap_or(&choices))
    }

    fn resize(
        &mut self,
        address: u32,
        demand: &Demand,
        choices: &[Caps],
    ) -> Result<u32, ReallocateError> {
        self.resized_and_copied(address, demand, choices)
            .map_err(|error| match error {
                ReallocateError::Misuse(misuse) => ReallocateError::Misuse(misuse),
                ReallocateError::Failure(cause) => {
                    ReallocateError::Failure(self.record(demand, cause))
                }
            })
    }

    #[inline(never)]
    fn resized_and_copied(
        &mut self,
        address: u32,
        demand: &Demand,
        choices: &[Caps],
    ) -> Result<u32, ReallocateError<Cause>> {
        match self.reallocate_preferring(address, demand, choices)? {
            Reallocation::InPlace(address) => Ok(address),
            Reallocation::Moving(moving) => {
                let copied = moving.copy();
                copied.map_err(|corrupt| {
                    ReallocateError::Failure(self.note_corrupt(demand, corrupt))
                })?;
                Ok(self.finish_move(moving)?)
            }
        }
    }
}

/// Reallocation in phases: these under a lock, [`Move::copy`] without.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Resizes the block at `address` where it lies, or takes the block to which it has to move. O(heaps).
    ///
    /// # Errors
    /// As [`HeapCaps::realloc`].
    pub fn reallocate(
        &mut self,
        address: u32,
        demand: &Demand,
    ) -> Result<Reallocation<P>, ReallocateError<Cause>> {
        self.reallocate_preferring(address, demand, &[demand.caps])
    }

    /// As [`HeapCaps::reallocate`] where [`HeapCaps::malloc_default`] would allocate the new size.
    ///
    /// # Errors
    /// As [`HeapCaps::realloc_default`].
    pub fn reallocate_default(
        &mut self,
        address: u32,
        demand: &Demand,
    ) -> Result<Reallocation<P>, ReallocateError<Cause>> {
        let (choices, count) = self.default_choices(demand.size);
        self.reallocate_preferring(address, demand, choices.get(..count).unwrap_or(&choices))
    }

    /// As [`HeapCaps::reallocate`] with the first of `choices` that can be met.
    ///
    /// # Errors
    /// As [`HeapCaps::realloc_prefer`].
    #[inline(never)] // one copy, and a frame of its own: what it is inlined into gets more than Xtensa's back end can spill
    pub fn reallocate_preferring(
        &mut self,
        address: u32,
        demand: &Demand,
        choices: &[Caps],
    ) -> Result<Reallocation<P>, ReallocateError<Cause>> {
        let old = self.block_at(address)?;
        let mut last = (Caps::empty(), demand.refusal().unwrap_or(Cause::NoCaps));
        for &caps in choices.iter().filter(|_| demand.refusal().is_none()) {
            match self.resized_or_moving(&old, demand, caps)? {
                Ok(done) => return Ok(done),
                Err(cause) => last = (caps, cause),
            }
        }
        let attempts = u8::try_from(choices.len()).unwrap_or(u8::MAX);
        let (caps, cause) = last;
        Err(ReallocateError::Failure(
            self.refuse(demand, caps, cause, attempts),
        ))
    }

    /// Last phase of a move: gives up the old block, or what is too much of it. Returns the new address. O(1).
    ///
    /// # Errors
    /// The old block was overwritten or freed since the first phase. Both blocks stay allocated, as evidence.
    #[inline(never)]
    pub fn finish_move(&mut self, moving: Move<P>) -> Result<u32, Misuse> {
        if moving.within {
            self.set_size(&moving.to, moving.to.kept())?;
            self.note_given(&moving.to);
        } else {
            self.give_back(&moving.from)?;
        }
        self.tell_reallocated(&moving.from, &moving.to, &moving.demand, moving.caps);
        Ok(moving.to.address)
    }

    /// The block at its new size or on its way; the inner error says why neither is possible with these capabilities.
    #[inline(never)]
    fn resized_or_moving(
        &mut self,
        old: &Block<P>,
        demand: &Demand,
        caps: Caps,
    ) -> Result<Result<Reallocation<P>, Cause>, Misuse> {
        let kept = self
            .registry
            .get(old.heap)
            .map_or(Caps::empty(), |entry| entry.caps);
        let keeps = caps.is_empty();
        let caps = if keeps { keeping(old, kept) } else { caps };
        let bits = match self.rules.caps(caps) {
            Ok(bits) => bits,
            Err(cause) => return Ok(Err(cause)),
        };
        let unit = match self.rules.unit(caps, kept) {
            unit if keeps && !is_whole(old, unit) => 1,
            unit => unit,
        };
        let Some(request) = demand.request(unit) else {
            return Ok(Err(Cause::TooLarge));
        };
        if self.may_stay(old, bits, request)
            && let Some(done) = self.resized(old, demand, caps, request)?
        {
            return Ok(Ok(done));
        }
        Ok(self.find(demand, caps).map(|fresh| {
            let (from, to) = (*old, fresh.block);
            Reallocation::Moving(Move {
                from,
                to,
                within: false,
                demand: *demand,
                caps,
            })
        }))
    }

    /// Whether the block may stay in its heap: it has the capabilities on the side where the block was handed out, at this alignment.
    fn may_stay(&self, old: &Block<P>, bits: Caps, request: Request) -> bool {
        let Some(entry) = self.registry.get(old.heap) else {
            return false;
        };
        let right_side = match (entry.alias.is_some(), old.code.is_some()) {
            (true, on_code_side) => bits.contains(Caps::EXEC) == on_code_side,
            (false, _) => true,
        };
        let grows_by = charge::<P>(request.size()).saturating_sub(charge::<P>(old.usable));
        let forbidden = || {
            let honoured = self.rules.policy.honours_reserves() && grows_by > 0;
            let forbidding = || {
                self.reserves
                    .forbidding(bits, entry.caps, grows_by, &self.registry)
            };
            honoured.then(forbidding).flatten()
        };
        entry.caps.contains(bits)
            && right_side
            && old.address.is_multiple_of(request.alignment())
            && forbidden().is_none()
    }

    /// The block at its new size in its own heap, in place or growing downwards; `None` if there is no room.
    #[inline(never)]
    fn resized(
        &mut self,
        old: &Block<P>,
        demand: &Demand,
        caps: Caps,
        request: Request,
    ) -> Result<Option<Reallocation<P>>, Misuse> {
        let Some(entry) = self.registry.get_mut(old.heap) else {
            return Ok(None);
        };
        let size = match entry.is_word_only() || old.code.is_some() {
            true => request.size().next_multiple_of(4),
            false => request.size(),
        };
        let alias = entry.alias.filter(|_| old.code.is_some());
        let fixed = alias.is_some_and(|alias| !alias.resizes_in_place());
        let at_new_size = Block {
            usable: size,
            ..*old
        };
        let in_place = match fixed {
            true => size <= old.usable,
            false => self.fits_in_place(old, at_new_size.kept())?,
        };
        if P::FILLS && in_place && !fixed {
            let to = Block {
                bytes: old.bytes.max(at_new_size.kept()),
                ..at_new_size
            };
            return Ok(Some(Reallocation::within(old, to, demand, caps)));
        }
        if in_place {
            self.note_given(old);
            self.tell_reallocated(old, old, demand, caps);
            return Ok(Some(Reallocation::InPlace(old.address)));
        }
        let downwards = old.code.is_none() && request.alignment() == Request::MIN_ALIGNMENT;
        let moved = if downwards {
            self.grow_downwards(old, size)?
        } else {
            None
        };
        Ok(moved.map(|to| Reallocation::within(old, to, demand, caps)))
    }

    /// Resizes a block where it lies if there is room. Where it gives up bytes that have to be filled before, [`HeapCaps::finish_move`] does.
    fn fits_in_place(&mut self, block: &Block<P>, bytes: u32) -> Result<bool, Misuse> {
        if P::FILLS && bytes < block.bytes {
            return Ok(true);
        }
        self.set_size(block, bytes)
    }

    #[inline(never)]
    fn set_size(&mut self, block: &Block<P>, size: u32) -> Result<bool, Misuse> {
        let refused = |misuse| Misuse::in_heap(block.address, block.heap, block.base, misuse);
        let heap = self
            .registry
            .get_mut(block.heap)
            .and_then(|entry| entry.heap.as_mut());
        heap.map_or(Ok(false), |heap| {
            heap.resize(block.offset, size).map_err(refused)
        })
    }

    #[inline(never)]
    fn grow_downwards(&mut self, block: &Block<P>, size: u32) -> Result<Option<Block<P>>, Misuse> {
        let refused = |misuse| Misuse::in_heap(block.address, block.heap, block.base, misuse);
        let heap = self
            .registry
            .get_mut(block.heap)
            .and_then(|entry| entry.heap.as_mut());
        let Some(heap) = heap else { return Ok(None) };
        let Some(moved) = heap.grow_backward(block.offset, size).map_err(refused)? else {
            return Ok(None);
        };
        let bytes = match P::FILLS {
            true => heap.usable_size(moved.to).map_err(refused)?,
            false => size,
        };
        Ok(Some(Block {
            offset: moved.to,
            address: block.base.wrapping_add(moved.to.get()),
            bytes,
            usable: size,
            ..*block
        }))
    }

    /// Tells the watches that the block's heap gave bytes away.
    fn note_given(&mut self, block: &Block<P>) {
        let caps = self
            .registry
            .get(block.heap)
            .map_or(Caps::empty(), |entry| entry.caps);
        self.watches.given(caps, &self.registry);
    }

    fn tell_reallocated(&mut self, old: &Block<P>, new: &Block<P>, demand: &Demand, caps: Caps) {
        if O::LISTENS {
            let now = self.event(new, demand, caps);
            self.observer.on_reallocate(&Reallocated {
                old_address: old.address,
                old_usable: old.usable,
                old_heap: old.heap,
                now,
            });
        }
    }
}

/// Whether a block may have whole units to itself, as one for DMA has: without capabilities in the demand, it keeps them.
fn is_whole<P: Poison>(old: &Block<P>, unit: u32) -> bool {
    old.address.is_multiple_of(unit) && old.usable >= unit
}

/// The capabilities that keep a block in memory like the one it lies in, less those that exclude each other.
fn keeping<P: Poison>(old: &Block<P>, heap_caps: Caps) -> Caps {
    const DATA: Caps = Caps::BIT8.union(Caps::DMA);
    match old.code {
        Some(_) => heap_caps.difference(DATA),
        None if heap_caps.intersects(DATA) => heap_caps.difference(Caps::EXEC),
        None => heap_caps,
    }
}
