//! Allocation: a block under the lock, its bytes without.
//!
//! ```text
//!   take            lock ─► Phases::allocate_ordinary ─► pointer ─► unlock                         nearly every request
//!     └─ nothing ─► allocate_slowly: a Search, piece by piece: lock ─► a heap ─► unlock …
//!                     └─► fills, zeros, handlers                                        without the lock
//! ```

use core::panic::Location;
use core::ptr::NonNull;

use heap_caps::{
    AllocRequest, AllocatedBlock, Corrupt, Failure, HeapCaps, NotServed, Observer, Placement,
    Progress, Search,
};
use multi_heap::{Poison, Request, zero_block};
use soc_regions::Caps;

use crate::heap::{CapsHeap, State};
use crate::lock::{Guard, RawLock};
use crate::pressure::Hooks;
use crate::record::{Record, RecordWanted};
use crate::report::{Action, Fault, OnFailure};

/// Makes a block ready that was just allocated: [`CapsHeap::finish`] or [`CapsHeap::finish_data`].
pub(crate) type Finish<'s, L, P, O, const HEAPS: usize> = fn(
    &'s CapsHeap<L, P, O, HEAPS>,
    Guard<'s, L, State<L, P, O, HEAPS>>,
    AllocatedBlock,
    &AllocRequest<'_>,
    RecordWanted<'_, State<L, P, O, HEAPS>>,
) -> Option<NonNull<u8>>;

/// Allocation. All are O(heaps) under the lock, plus O(size) outside of it where bytes are zeroed
/// or poisoned.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; GlobalAlloc and the typed allocators use the cause alone"
)]
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Allocates what `request` asks for.
    ///
    /// The pointer is good for what the memory can do: without `8BIT` among the capabilities, only
    /// aligned words may be accessed.
    ///
    /// # Errors
    /// The [`Failure`] says which heaps were considered and why none served. The failure handler
    /// was called. Size 0 is refused, but not recorded.
    pub fn allocate(&self, request: &AllocRequest<'_>) -> Result<NonNull<u8>, Failure> {
        match self.allocate_at_once(request) {
            Ok(block) => Ok(block),
            Err(in_vain) => self.allocate_or_explain(request, in_vain),
        }
    }

    #[cold]
    #[inline(never)]
    fn allocate_or_explain(
        &self,
        request: &AllocRequest<'_>,
        in_vain: NotServed,
    ) -> Result<NonNull<u8>, Failure> {
        let mut record = Record::new();
        let block = self.allocate_slowly(*request, in_vain, Self::finish, Some(&mut record));
        block.ok_or_else(|| record.of_refused(self, request))
    }

    /// Allocates `size` bytes of memory that has all of `caps`: [`CapsHeap::allocate`] by ESP-IDF's
    /// name.
    ///
    /// # Errors
    /// As [`CapsHeap::allocate`].
    #[track_caller]
    pub fn malloc(&self, size: usize, caps: Caps) -> Result<NonNull<u8>, Failure> {
        self.allocate(&AllocRequest::new(size, caps))
    }

    /// Allocates `count` times `size` bytes of zeros: [`CapsHeap::allocate`] by ESP-IDF's name.
    ///
    /// # Errors
    /// As [`CapsHeap::allocate`]; also if the product overflows.
    #[track_caller]
    pub fn calloc(&self, count: usize, size: usize, caps: Caps) -> Result<NonNull<u8>, Failure> {
        let request = AllocRequest::array(count, size, caps).zeroed();
        self.allocate(&request)
    }

    /// Allocates `size` bytes at a multiple of `alignment`: [`CapsHeap::allocate`] by ESP-IDF's
    /// name.
    ///
    /// # Errors
    /// As [`CapsHeap::allocate`]; also if `alignment` is not a power of two.
    #[track_caller]
    pub fn aligned_alloc(
        &self,
        alignment: usize,
        size: usize,
        caps: Caps,
    ) -> Result<NonNull<u8>, Failure> {
        let request = AllocRequest::new(size, caps).aligned_to(alignment);
        self.allocate(&request)
    }
}

/// The path of every allocation, for layers above.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Allocates what `request` asks for, without the record of a failure.
    #[doc(hidden)]
    #[inline(always)]
    pub fn try_allocate(&self, request: AllocRequest<'_>) -> Option<NonNull<u8>> {
        match self.allocate_at_once(&request) {
            Ok(block) => Some(block),
            Err(in_vain) => self.allocate_slowly(request, in_vain, Self::finish, None),
        }
    }

    /// Allocates what `request` asks for if the first heap that is worth asking has a block, at an
    /// alignment of at most 8. Else [`CapsHeap::allocate_slowly`] finds other memory, or the
    /// reason.
    #[inline(always)]
    pub(crate) fn allocate_at_once(
        &self,
        request: &AllocRequest<'_>,
    ) -> Result<NonNull<u8>, NotServed> {
        // Zeros are written by the data side's address.
        if P::FILLS || request.owner().is_some() || request.is_zeroed() && request.is_for_code() {
            return Err(NotServed::NOT_ASKED);
        }
        let layout = request.plain_layout().ok_or(NotServed::NOT_ASKED)?;
        let block = self.allocate_ordinary(layout, request.placement(), request.caller())?;
        if request.is_zeroed() {
            // SAFETY: a block just allocated, of that size, which nobody else knows of.
            unsafe { zero_block(block, layout.size()) };
        }
        Ok(block)
    }

    #[inline(always)]
    fn allocate_ordinary(
        &self,
        layout: Request,
        placement: Placement<'_>,
        caller: Option<&'static Location<'static>>,
    ) -> Result<NonNull<u8>, NotServed> {
        let mut state = self.state.acquire();
        let size = layout.size() as usize; // widening
        let caps = state.heaps.inspect().first_set(placement, size);
        let allocated = state.heaps.phases().allocate_ordinary(
            layout,
            caps.ok_or(NotServed::NOT_ASKED)?,
            caller,
        )?;
        Ok(state.pointer_to(allocated.address))
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn allocate_slowly<'s>(
        &'s self,
        request: AllocRequest<'_>,
        in_vain: NotServed,
        finish: Finish<'s, L, P, O, HEAPS>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Option<NonNull<u8>> {
        let mut state = self.state.acquire();
        if let Some(hooks) = state.pressure.hooks {
            return self.allocate_hooked(state, hooks, request, finish, wanted);
        }
        let mut in_vain = in_vain;
        if in_vain == NotServed::NOT_ASKED
            && request.owner().is_none()
            && let (Some(layout), Some(caps)) = (
                request.layout(),
                state
                    .heaps
                    .inspect()
                    .first_set(request.placement(), request.size()),
            )
        {
            match state
                .heaps
                .phases()
                .allocate_ordinary(layout, caps, request.caller())
            {
                Ok(allocated) => return finish(self, state, allocated, &request, wanted),
                Err(asked) => in_vain = asked,
            }
            drop(state); // lets waiting contexts in
            state = self.state.acquire();
        }
        let mut search = Search::new(&request).after(in_vain);
        let allocated = loop {
            match state.heaps.phases().advance(&mut search) {
                Progress::Going => {
                    drop(state); // lets waiting contexts in
                    state = self.state.acquire();
                }
                Progress::Found(allocated) => break allocated,
                _ => {
                    self.refused(state, &request, wanted);
                    return None;
                }
            }
        };
        finish(self, state, allocated, &request, wanted)
    }

    /// [`CapsHeap::allocate_slowly`] once something is registered for short memory.
    #[inline]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn allocate_hooked<'s>(
        &'s self,
        mut state: Guard<'s, L, State<L, P, O, HEAPS>>,
        hooks: Hooks<Self, State<L, P, O, HEAPS>, P>,
        mut request: AllocRequest<'_>,
        finish: Finish<'s, L, P, O, HEAPS>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Option<NonNull<u8>> {
        if request.owner().is_none()
            && let Some(current) = (hooks.current)(&state)
        {
            drop(state); // a program's code
            request = request.on_behalf_of(current());
            state = self.state.acquire();
        }
        let Some((allocated, is_due)) = (hooks.allocate_watched)(&mut state, &request) else {
            drop(state);
            return (hooks.allocate)(self, &request, wanted);
        };
        let block = finish(self, state, allocated, &request, wanted);
        if is_due {
            (hooks.run_deferred)(self);
        }
        block
    }

    /// Makes a block ready that `state` has just taken for `request`, after the lock is released.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn finish(
        &self,
        mut state: Guard<'_, L, State<L, P, O, HEAPS>>,
        allocated: AllocatedBlock,
        request: &AllocRequest<'_>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Option<NonNull<u8>> {
        let pending = state.heaps.phases().pending(allocated, request);
        let block = state.pointer_to(allocated.address);
        drop(state);
        // SAFETY: nothing else refers to the block yet, and memory of a heap stays the heap's
        // (contract of `boot` …).
        match unsafe { pending.finish() } {
            Ok(_) => Some(block),
            Err(corrupt) => {
                self.refused_as_corrupt(request, corrupt, wanted);
                None
            }
        }
    }

    /// [`CapsHeap::finish`] for a block on the data side, where nothing is filled.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn finish_data(
        &self,
        state: Guard<'_, L, State<L, P, O, HEAPS>>,
        allocated: AllocatedBlock,
        request: &AllocRequest<'_>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) -> Option<NonNull<u8>> {
        if P::FILLS {
            return self.finish(state, allocated, request, wanted);
        }
        let block = state.pointer_to(allocated.address);
        drop(state);
        if request.is_zeroed()
            && let Some(layout) = request.layout()
        {
            // SAFETY: a block just allocated, of that size, which nobody else knows of.
            unsafe { zero_block(block, layout.size()) };
        }
        Some(block)
    }

    /// Hands out the record of a failure that `state` has just made, and calls the failure handler
    /// after the lock is released.
    #[inline(always)]
    pub(crate) fn refused(
        &self,
        state: Guard<'_, L, State<L, P, O, HEAPS>>,
        request: &AllocRequest<'_>,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) {
        if let Some(record) = wanted {
            record.take(&state, request);
        }
        if let Some(on_failure) = state.handlers.on_failure
            && request.size() != 0
        {
            Self::notify_refused(state, on_failure, request);
        }
    }

    #[cold]
    #[inline(never)]
    fn notify_refused(
        state: Guard<'_, L, State<L, P, O, HEAPS>>,
        on_failure: OnFailure<HeapCaps<P, O, HEAPS>>,
        request: &AllocRequest<'_>,
    ) {
        let failure = (on_failure.record)(&state.heaps, request);
        drop(state);
        (on_failure.handler)(&failure);
    }

    /// Memory was found, but it was written to after it was freed: both handlers are
    /// called.
    #[cold]
    #[inline(never)]
    pub(crate) fn refused_as_corrupt(
        &self,
        request: &AllocRequest<'_>,
        corrupt: Corrupt,
        wanted: RecordWanted<'_, State<L, P, O, HEAPS>>,
    ) {
        self.report(Action::Allocate, Fault::Corrupt(corrupt));
        let mut state = self.state.acquire();
        state.heaps.phases().record_corrupt(request, corrupt);
        self.refused(state, request, wanted);
    }
}
