//! The heap as Rust's global allocator.
//!
//! `malloc`'s policy: internal memory, external memory only above
//! [`CapsHeap::set_external_threshold`], which excludes it at first: atomics do not work in the
//! PSRAM of ESP32, ESP32-S2 and ESP32-S3, and nobody knows what a `Box` will contain.

use core::alloc::{GlobalAlloc, Layout};
use core::hint::assert_unchecked;
use core::mem;
use core::ptr::{self, NonNull};

use heap_caps::{AllocRequest, ClosedHeaps, NotServed, Observer, Placement, Relief};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::heap::CapsHeap;
use crate::lock::RawLock;
use crate::report::{Action, Fault};

// SAFETY:
// - Blocks are of heaps whose memory is theirs for good (contracts of `boot`, `add_region` …), do
//   not overlap, and stay allocated until they are freed; DEFAULT memory takes bytes.
// - Size and alignment of every layout are kept: the heaps align places in memory, not numbers, and
//   `resize` keeps the alignment.
// - Nothing unwinds: faults go to `report`, and a panic of an observer or a handler ends in
//   `AbortOnDrop`.
unsafe impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> GlobalAlloc
    for CapsHeap<L, P, O, HEAPS>
where
    Self: Sync,
{
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        without_unwinding(|| self.allocate_layout(layout, false))
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        without_unwinding(|| self.allocate_layout(layout, true))
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(pointer) = NonNull::new(pointer).filter(|_| layout.size() != 0) {
            // SAFETY: the caller gives up a block of this allocator.
            without_unwinding(|| unsafe { self.free_data(pointer) });
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller owns the block, and uses the pointer returned from now on.
        without_unwinding(|| unsafe { self.reallocate_layout(pointer, layout, size) })
    }
}

/// Malloc's policy for layouts.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// # Safety
    /// As [`GlobalAlloc::realloc`].
    #[inline(always)]
    unsafe fn reallocate_layout(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        let old = NonNull::new(pointer).filter(|_| layout.size() != 0 && size != 0);
        let Some(old) = old else {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.reallocate_nothing(pointer, layout, new) };
        };
        // SAFETY: the caller owns the block, and uses the pointer returned from now on.
        let resized = unsafe { self.reallocate_data(old, &request(new)) };
        resized.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    /// Resizes a block of no bytes to one of some, or the other way round.
    ///
    /// # Safety
    /// As [`GlobalAlloc::realloc`].
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn reallocate_nothing(&self, pointer: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        if let Some(pointer) = NonNull::new(pointer).filter(|_| old.size() != 0) {
            // SAFETY: the caller gives up a block of this allocator.
            unsafe { self.free_data(pointer) };
        }
        self.allocate_layout_slowly(new, false, NotServed::NOT_ASKED)
    }

    #[inline(always)]
    fn allocate_layout(&self, layout: Layout, zeroed: bool) -> *mut u8 {
        let mut wanted = request(layout);
        if zeroed {
            wanted = wanted.zeroed();
        }
        match self.allocate_at_once(&wanted) {
            Ok(block) => block.as_ptr(),
            Err(in_vain) => self.allocate_layout_slowly(layout, zeroed, in_vain),
        }
    }

    /// Allocates outside of the fast path. The request is built again: nothing of it is written to
    /// memory where it is served at once.
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn allocate_layout_slowly(&self, layout: Layout, zeroed: bool, in_vain: NotServed) -> *mut u8 {
        if layout.size() == 0 {
            return layout.dangling_ptr().as_ptr();
        }
        let mut wanted = request(layout);
        if zeroed {
            wanted = wanted.zeroed();
        }
        let block = self.allocate_slowly(wanted, in_vain, Self::finish_data, None);
        block.map_or(ptr::null_mut(), NonNull::as_ptr)
    }
}

/// Blocks of this allocator lie on the data side of their memory: what frees and moves code is not
/// linked for them. Nor is what fills, but under comprehensive poisoning, or what frees memory
/// under pressure, before something is registered for that.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// # Safety
    /// As [`GlobalAlloc::dealloc`].
    #[inline(always)]
    unsafe fn free_data(&self, pointer: NonNull<u8>) {
        if !self.free_ordinary(pointer) {
            self.free_data_slowly(pointer);
        }
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn free_data_slowly(&self, pointer: NonNull<u8>) {
        if P::FILLS {
            self.free_slowly_or_report(pointer);
            return;
        }
        let mut state = self.state.acquire();
        let Some(hooks) = state.pressure.hooks else {
            drop(state);
            self.report_data(Action::Free, pointer);
            return;
        };
        let is_due = (hooks.free_watched)(&mut state, pointer);
        drop(state);
        match is_due {
            Some(false) => {}
            Some(true) => (hooks.run_deferred)(self),
            None => {
                (hooks.free)(self, pointer);
            }
        }
    }

    /// # Safety
    /// As [`GlobalAlloc::realloc`].
    #[inline(always)]
    unsafe fn reallocate_data(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller keeps the same contract.
        let resized = unsafe { self.reallocate_at_once(pointer, request) };
        if let Some(resized) = resized {
            return resized.ok();
        }
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate_data_slowly(pointer, request) }
    }

    /// # Safety
    /// As [`GlobalAlloc::realloc`].
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn reallocate_data_slowly(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Option<NonNull<u8>> {
        if P::FILLS {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.reallocate_or_report(pointer, *request) };
        }
        let mut state = self.state.acquire();
        if let Some(hooks) = state.pressure.hooks {
            drop(state);
            // SAFETY: the caller keeps the same contract.
            return unsafe { (hooks.reallocate)(self, pointer, *request) };
        }
        let set = state
            .heaps
            .inspect()
            .first_set(request.placement(), request.size());
        if request.layout().is_none() || set.is_none() {
            state
                .heaps
                .phases()
                .fail_after(request, &Relief::NONE, &ClosedHeaps::NONE);
            self.refused(state, request, None);
        } else {
            drop(state);
            self.report_data(Action::Reallocate, pointer);
        }
        None
    }

    /// Reports why a block was neither freed nor resized.
    fn report_data(&self, action: Action, pointer: NonNull<u8>) {
        let address = self.state.acquire().address_of(pointer);
        let misuse = match address {
            Ok(address) => self.explain(address),
            Err(misuse) => misuse,
        };
        self.report(action, Fault::Misuse(misuse));
    }
}

/// Returns what a global allocator asks for.
#[inline(always)]
#[must_use]
pub const fn request(layout: Layout) -> AllocRequest<'static> {
    // SAFETY: every layout's alignment is a power of two.
    unsafe { assert_unchecked(layout.align().is_power_of_two()) };
    AllocRequest::new(layout.size(), Caps::empty())
        .aligned_to(layout.align())
        .placed(Placement::Default)
        .anonymous()
}

/// What is dropped by a panic that must not leave the global allocator: it panics once more, which
/// ends the program.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    #[cold]
    #[expect(
        clippy::panic,
        reason = "only while unwinding from a panic of an observer or a handler"
    )]
    fn drop(&mut self) {
        panic!("an observer or a handler of the global allocator panicked");
    }
}

/// Does some work of a global allocator; a panic ends the program. Where panics abort, as on chips,
/// this costs nothing.
#[inline(always)]
pub fn without_unwinding<R>(work: impl FnOnce() -> R) -> R {
    let abort = AbortOnDrop;
    let done = work();
    mem::forget(abort);
    done
}
