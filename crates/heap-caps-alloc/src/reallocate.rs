//! Free and reallocation: validated under the lock, filled and copied without.

use core::ptr::NonNull;

use heap_caps::{
    AllocRequest, FailureKind, Inquiry, Misuse, NotServed, Observer, OrdinaryMove, Progress,
    ReallocateError, Reallocation, Search, Stay,
};
use multi_heap::{Poison, Request, copy_block};
use soc_regions::Caps;

use crate::figures::SharedInspection;
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;
use crate::record::{Record, RecordWanted};
use crate::report::{Action, Fault};

/// Blocks that the search for the reason of a refusal walks over while it holds the lock.
const BLOCKS_AT_ONCE: u32 = 16;

/// Free and reallocation.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; GlobalAlloc and the typed allocators use the cause alone"
)]
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Frees a block, whichever function it came from. O(heaps) under the lock; under comprehensive
    /// poisoning also O(size) without it.
    ///
    /// # Errors
    /// The heaps did not hand the pointer out, it was freed before, or the block was overwritten.
    /// Nothing is changed then.
    ///
    /// # Safety
    /// - If `pointer` is that of an allocated block of this heap, nobody uses the block any more.
    ///
    /// Any other pointer is an error, not a danger.
    #[inline]
    pub unsafe fn free(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        if self.free_ordinary(pointer) {
            return Ok(());
        }
        self.free_slowly(pointer)
    }

    /// Resizes a block to what `request` asks for, where it lies if possible; returns the pointer
    /// to use from now on. The first `min(old, new)` bytes are kept; zeros are not written. Empty
    /// capabilities mean those of the memory in which the block lies. O(heaps) under the lock,
    /// O(size) without it if the block moves or is filled (comprehensive poisoning).
    ///
    /// # Errors
    /// [`ReallocateError::Misuse`] as for [`CapsHeap::free`]; [`ReallocateError::Failure`] if there
    /// is no memory, for which the failure handler was called. The block is as it was in both
    /// cases.
    ///
    /// # Safety
    /// - If `pointer` is that of an allocated block of this heap, nobody uses the block by the old
    ///   pointer after a success, and nobody else uses it during the call.
    pub unsafe fn reallocate(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Result<NonNull<u8>, ReallocateError> {
        // SAFETY: the caller keeps the same contract.
        match unsafe { self.reallocate_at_once(pointer, request) } {
            Some(Ok(resized)) => Ok(resized),
            Some(Err(_)) => Err(ReallocateError::Failure(
                Record::new().of_refused(self, request),
            )),
            // SAFETY: as above.
            None => unsafe { self.reallocate_or_explain(pointer, request) },
        }
    }

    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[cold]
    #[inline(never)]
    unsafe fn reallocate_or_explain(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Result<NonNull<u8>, ReallocateError> {
        let mut record = Record::new();
        // SAFETY: the caller keeps the same contract.
        let resized = unsafe { self.reallocate_slowly(pointer, *request, Some(&mut record)) };
        resized.map_err(|error| match error {
            ReallocateError::Misuse(misuse) => ReallocateError::Misuse(misuse),
            ReallocateError::Failure(_) => {
                ReallocateError::Failure(record.of_refused(self, request))
            }
        })
    }

    /// Resizes a block to `size` bytes of memory that has `caps`: [`CapsHeap::reallocate`] by
    /// ESP-IDF's name.
    ///
    /// # Errors
    /// As [`CapsHeap::reallocate`].
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[track_caller]
    pub unsafe fn realloc(
        &self,
        pointer: NonNull<u8>,
        size: usize,
        caps: Caps,
    ) -> Result<NonNull<u8>, ReallocateError> {
        let request = AllocRequest::new(size, caps);
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate(pointer, &request) }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> SharedInspection<'_, L, P, O, HEAPS> {
    /// Returns the bytes that can be used at `pointer`, at least those asked for. O(heaps).
    ///
    /// # Errors
    /// As [`CapsHeap::free`].
    pub fn usable_size(self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        let state = self.heap.state.acquire();
        let address = state.address_of(pointer)?;
        if state.heaps.inspect().is_refused(address) {
            drop(state);
            return Err(self.heap.explain(address));
        }
        state.heaps.inspect().usable_size(address)
    }

    /// Returns the chip's address of a byte in a heap: what a DMA descriptor wants to know.
    /// O(heaps).
    ///
    /// # Errors
    /// The pointer lies in no heap.
    pub fn address_of(self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        self.heap.state.acquire().address_of(pointer)
    }
}

/// The path of every free and reallocation, for layers above.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Frees an ordinary block; `false` says nothing: [`CapsHeap::free_slowly`] frees others, or
    /// finds the reason.
    #[inline(always)]
    pub(crate) fn free_ordinary(&self, pointer: NonNull<u8>) -> bool {
        if P::FILLS {
            return false;
        }
        let mut state = self.state.acquire();
        if state.heaps.inspect().is_detoured() {
            return false;
        }
        match state.known_address(pointer) {
            Some(address) => state.heaps.phases().free_ordinary(address),
            None => false,
        }
    }

    /// Returns why the address on the data side was refused: found in pieces of some blocks each,
    /// between which waiting contexts get the lock. O(blocks) of its heap.
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn explain(&self, address: u32) -> Misuse {
        let mut inquiry = Inquiry::new(address);
        loop {
            let state = self.state.acquire();
            let reason = state
                .heaps
                .inspect()
                .explain_within(&mut inquiry, BLOCKS_AT_ONCE);
            drop(state);
            if let Some(misuse) = reason {
                return misuse;
            }
        }
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn free_slowly(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        let mut state = self.state.acquire();
        if !P::FILLS
            && let Some(hooks) = state.pressure.hooks
            && let Some(is_due) = (hooks.free_watched)(&mut state, pointer)
        {
            drop(state);
            if is_due {
                (hooks.run_deferred)(self);
            }
            return Ok(());
        }
        let address = state.address_of(pointer)?;
        if state.heaps.inspect().is_refused(address) {
            drop(state);
            return Err(self.explain(address));
        }
        let pending = state.heaps.phases().begin_free(address)?;
        let heap = pending.heap();
        drop(state);
        // SAFETY: the caller of `free` gave the block up; memory of a heap stays the heap's.
        let filled = unsafe { pending.fill() };
        let mut state = self.state.acquire();
        let freed = state.heaps.phases().finish_free(filled);
        if let (Ok(()), Some(hooks)) = (freed, state.pressure.hooks) {
            (hooks.freed)(&mut state, address, heap);
        }
        let deferred = state.deferred_work();
        drop(state);
        if let Some(run) = deferred {
            run(self);
        }
        freed
    }

    /// Frees a block for a caller without a way to return faults: they go to the report handler.
    /// Returns whether it was freed.
    ///
    /// # Safety
    /// As [`CapsHeap::free`].
    #[inline(always)]
    pub(crate) unsafe fn free_or_report(&self, pointer: NonNull<u8>) -> bool {
        self.free_ordinary(pointer) || self.free_slowly_or_report(pointer)
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn free_slowly_or_report(&self, pointer: NonNull<u8>) -> bool {
        let freed = self.free_slowly(pointer);
        if let Err(misuse) = freed {
            self.report(Action::Free, Fault::Misuse(misuse));
        }
        freed.is_ok()
    }

    /// Resizes a block; the cause of a failure is all that is returned of it.
    ///
    /// # Errors
    /// As [`CapsHeap::reallocate`].
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn try_reallocate(
        &self,
        pointer: NonNull<u8>,
        request: AllocRequest<'_>,
    ) -> Result<NonNull<u8>, ReallocateError<FailureKind>> {
        // SAFETY: the caller keeps the same contract.
        let resized = unsafe { self.reallocate_at_once(pointer, &request) };
        if let Some(resized) = resized {
            return resized.map_err(ReallocateError::Failure);
        }
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate_slowly(pointer, request, None) }
    }

    /// Resizes a block for a caller without a way to return faults: they go to the report handler.
    /// `None` if the block is as it was.
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[inline(always)]
    pub(crate) unsafe fn reallocate_or_report(
        &self,
        pointer: NonNull<u8>,
        request: AllocRequest<'_>,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller keeps the same contract.
        let resized = unsafe { self.try_reallocate(pointer, request) };
        self.resized_or_report(resized)
    }

    /// [`CapsHeap::reallocate_or_report`] for a block of any kind.
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    pub(crate) unsafe fn reallocate_slowly_or_report(
        &self,
        pointer: NonNull<u8>,
        request: AllocRequest<'_>,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller keeps the same contract.
        let resized = unsafe { self.reallocate_slowly(pointer, request, None) };
        self.resized_or_report(resized)
    }

    fn resized_or_report(
        &self,
        resized: Result<NonNull<u8>, ReallocateError<FailureKind>>,
    ) -> Option<NonNull<u8>> {
        match resized {
            Ok(resized) => Some(resized),
            Err(ReallocateError::Failure(_)) => None,
            Err(ReallocateError::Misuse(misuse)) => {
                self.report(Action::Reallocate, Fault::Misuse(misuse));
                None
            }
        }
    }

    /// [`CapsHeap::reallocate_ordinary`], where nothing is filled and the layout is possible.
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[inline(always)]
    pub(crate) unsafe fn reallocate_at_once(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Option<Result<NonNull<u8>, FailureKind>> {
        if P::FILLS || request.owner().is_some() {
            return None;
        }
        let layout = request.plain_layout().or_else(|| request.layout())?;
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate_ordinary(pointer, layout, request) }
    }

    /// Resizes an ordinary block, or fails; `None` says that nothing was changed:
    /// [`CapsHeap::reallocate_slowly`] does it, or finds the reason.
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn reallocate_ordinary(
        &self,
        pointer: NonNull<u8>,
        layout: Request,
        request: &AllocRequest<'_>,
    ) -> Option<Result<NonNull<u8>, FailureKind>> {
        let mut state = self.state.acquire();
        let address = state.known_address(pointer)?;
        let size = layout.size() as usize; // widening
        let mut caps = state.heaps.inspect().first_set(request.placement(), size)?;
        let moving = match state
            .heaps
            .phases()
            .stay(address, layout, caps, request.caller())
        {
            Stay::InPlace => return Some(Ok(pointer)),
            Stay::Undecided => return None,
            Stay::Down(moving) => moving,
            Stay::Moves(bytes) => {
                drop(state); // lets waiting contexts in
                state = self.state.acquire();
                let allocated = state.heaps.phases().allocate_unnotified(layout, caps);
                match allocated {
                    Ok(to) => OrdinaryMove::to(to, bytes),
                    Err(_) if state.pressure.hooks.is_some() => return None,
                    Err(in_vain) => {
                        drop(state);
                        let mut cause = FailureKind::NoMemory;
                        let (found, met) = self.search_for(address, request, in_vain, &mut cause);
                        caps = met;
                        state = self.state.acquire();
                        match found {
                            Progress::Found(to) => OrdinaryMove::to(to, bytes),
                            Progress::Stayed(Stay::Down(moving)) => moving,
                            Progress::Stayed(_) => return Some(Ok(pointer)),
                            Progress::Refused | Progress::Going => return Some(Err(cause)),
                        }
                    }
                }
            }
        };
        let target = state.pointer_to(moving.to.address);
        drop(state);
        // SAFETY: the caller gave the old block up for the length of this call, nobody knows of the
        // new one yet.
        unsafe { copy_block(pointer, target, moving.bytes) };
        let mut state = self.state.acquire();
        let finished =
            state
                .heaps
                .phases()
                .finish_ordinary(address, moving, layout, caps, request.caller());
        drop(state);
        if let Err(misuse) = finished {
            // The old block was damaged meanwhile, the new one has the contents: it is what the
            // caller needs.
            self.report(Action::Reallocate, Fault::Misuse(misuse));
        }
        Some(Ok(target))
    }

    /// Returns the place to which a block moves, or stays after all, with one of the sets of a
    /// request; and which set. Opens the lock between the pieces of the search. A refusal is
    /// reported, and is the `cause`.
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn search_for(
        &self,
        address: u32,
        request: &AllocRequest<'_>,
        in_vain: NotServed,
        cause: &mut FailureKind,
    ) -> (Progress, Caps) {
        let mut search = Search::moving(address, request).after(in_vain);
        loop {
            let mut state = self.state.acquire();
            match state.heaps.phases().advance(&mut search) {
                Progress::Going => {}
                Progress::Refused => {
                    *cause = state.heaps.phases().last_cause(request);
                    self.refused(state, request, None);
                    return (Progress::Refused, search.caps());
                }
                found => return (found, search.caps()),
            }
        }
    }

    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn reallocate_slowly(
        &self,
        pointer: NonNull<u8>,
        request: AllocRequest<'_>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Result<NonNull<u8>, ReallocateError<FailureKind>> {
        // SAFETY: the caller keeps the same contract.
        let moved = unsafe { self.move_slowly(pointer, request, wanted) };
        let deferred = self.state.acquire().deferred_work();
        if let Some(run) = deferred {
            run(self);
        }
        moved
    }

    /// # Safety
    /// As [`CapsHeap::reallocate`].
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn move_slowly(
        &self,
        pointer: NonNull<u8>,
        request: AllocRequest<'_>,
        mut wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Result<NonNull<u8>, ReallocateError<FailureKind>> {
        let mut state = self.state.acquire();
        let address = state.address_of(pointer)?;
        if state.heaps.inspect().is_refused(address) {
            drop(state);
            return Err(self.explain(address).into());
        }
        let begun = if let Some(hooks) = state.pressure.hooks {
            drop(state);
            let wanted = wanted.as_deref_mut();
            let begun = (hooks.begin_reallocate)(self, address, &request, wanted)?;
            state = self.state.acquire();
            begun
        } else {
            let begun = state.heaps.phases().begin_reallocate(address, &request);
            if let Err(ReallocateError::Failure(_)) = begun {
                self.refused(state, &request, wanted);
                return begun.map(|_| pointer);
            }
            begun?
        };
        let Reallocation::Moving(pending) = begun else {
            return Ok(pointer);
        };
        let target = state.pointer_to(pending.allocated().address);
        let from = (address, Some(pending.from_heap()));
        drop(state);
        // SAFETY: as in `reallocate_ordinary`; memory of a heap stays the heap's.
        let copied = match unsafe { pending.copy() } {
            Ok(copied) => copied,
            Err(corrupt) => {
                self.refused_as_corrupt(&request, corrupt, wanted);
                return Err(ReallocateError::Failure(FailureKind::Corrupt(corrupt)));
            }
        };
        let mut state = self.state.acquire();
        let finished = state.heaps.phases().finish_move(copied, &request);
        if let (Ok(to), Some(hooks)) = (finished, state.pressure.hooks) {
            (hooks.moved)(&mut state, from, to);
        }
        drop(state);
        if let Err(misuse) = finished {
            // As in `reallocate_ordinary`.
            self.report(Action::Reallocate, Fault::Misuse(misuse));
        }
        Ok(target)
    }
}
