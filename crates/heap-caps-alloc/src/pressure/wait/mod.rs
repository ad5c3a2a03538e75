//! Waiting for memory: requests that are served when enough is freed.
//!
//! ```text
//!   allocate_async ─► room? ─► shrinkers ─► the queue ◄── every free asks whom it can serve ─► waker
//! ```

mod park;
mod queue;

pub use self::park::{Park, WaitError};
pub use self::queue::PATIENCE;

use core::cell::UnsafeCell;
use core::future::Future;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll, Waker};

use heap_caps::{AllocRequest, Failure, HeapMask, Observer, PressureEvent, PressureKind};
use multi_heap::Poison;

pub(super) use self::queue::Queue;
use self::queue::{Attempt, Waiter, WaiterState};
use super::Relieving;
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;
use crate::record::Record;

/// A request that waits for memory: see [`CapsHeap::allocate_async`].
///
/// Dropping it gives up the place in the queue, or the block if it was just served.
#[must_use = "a future does nothing until it is awaited"]
pub struct Allocating<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize> {
    heap: &'h CapsHeap<L, P, O, HEAPS>,
    /// Accessed under the heap's lock only.
    waiter: UnsafeCell<Waiter>,
    begun: bool,
    _pinned: PhantomPinned,
}

// SAFETY: the waiter is accessed under the lock of the heap only, and not bound to a thread.
unsafe impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Send
    for Allocating<'_, L, P, O, HEAPS>
where
    CapsHeap<L, P, O, HEAPS>: Sync,
{
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Allocating<'_, L, P, O, HEAPS> {
    /// The same request at another priority: higher numbers are served first (by default 0).
    pub const fn with_priority(mut self, priority: u8) -> Self {
        self.waiter.get_mut().priority = priority;
        self
    }

    fn waiter(&self) -> NonNull<Waiter> {
        NonNull::from(&self.waiter).cast()
    }

    /// Queues the request; `false` if no heap could ever serve it.
    fn begin(self: Pin<&Self>, waker: Waker) -> bool {
        let place = self.waiter();
        // SAFETY: the waiter is in no queue yet, and this is its future.
        let waiter = unsafe { &mut *place.as_ptr() };
        waiter.request = self.heap.with_owner(&waiter.request);
        let mut state = self.heap.state.acquire();
        let candidates = state.heaps.phases().candidates(&waiter.request);
        waiter.candidates = candidates.without(state.never_open(&waiter.request));
        if waiter.candidates.is_empty() {
            return false;
        }
        waiter.waker = Some(waker);
        state.hook();
        // SAFETY: it is pinned, and removed before it is dropped; from now on it is accessed under
        // the lock of this heap only.
        unsafe { state.pressure.waiters.insert(place) };
        state.update_detour();
        true
    }

    /// Returns the block, once it was served.
    fn served(self: Pin<&Self>) -> Option<Result<NonNull<u8>, Failure>> {
        let state = self.heap.state.acquire();
        // SAFETY: the lock is held, so no queue accesses it.
        let waiter = unsafe { &mut *self.waiter().as_ptr() };
        let WaiterState::Served(allocated) = waiter.place else {
            return None;
        };
        waiter.place = WaiterState::Outside;
        let request = waiter.request;
        let mut record = Record::new();
        let block = self
            .heap
            .finish(state, allocated, &request, Some(&mut record));
        Some(block.ok_or_else(|| record.of_refused(self.heap, &request)))
    }

    /// Notifies observers that the request waits, unless it was served meanwhile.
    fn announce(self: Pin<&Self>) {
        if !O::LISTENS {
            return;
        }
        let mut state = self.heap.state.acquire();
        // SAFETY: the lock is held, so no queue accesses it.
        let waiter = unsafe { &mut *self.waiter().as_ptr() };
        if waiter.place == WaiterState::Queued {
            waiter.is_announced = true;
            state.notify_waiter(waiter.request.size(), PressureKind::WaitBegan);
        }
    }

    /// Leaves another waker, which is given back if it is not needed.
    fn set_waker(self: Pin<&Self>, waker: Waker) -> Option<Waker> {
        let _state = self.heap.state.acquire();
        // SAFETY: the lock is held, so no queue accesses it.
        let waiter = unsafe { &mut *self.waiter().as_ptr() };
        waiter.waker.replace(waker)
    }

    /// Lets the shrinkers free memory, which serves whoever has waited longest.
    fn shrink(
        self: Pin<&Self>,
        request: &AllocRequest<'_>,
    ) -> Option<Result<NonNull<u8>, Failure>> {
        let mut progress = Relieving::new();
        loop {
            self.heap.run_deferred();
            if let Some(served) = self.served() {
                return Some(served);
            }
            if !self.heap.relieve(request, &mut progress) {
                return None;
            }
        }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Future
    for Allocating<'_, L, P, O, HEAPS>
{
    type Output = Result<NonNull<u8>, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let fresh = context.waker().clone(); // a program's code: not under the lock
        if !self.begun {
            // SAFETY: the field is not pinned by anybody.
            unsafe { self.as_mut().get_unchecked_mut() }.begun = true;
            let this = self.as_ref();
            // SAFETY: it is in no queue yet.
            let request = unsafe { (*this.waiter.get()).request };
            let served = if this.begin(fresh) {
                this.shrink(&request)
            } else {
                Some(this.heap.allocate(&request)) // refused, with its reason
            };
            if served.is_none() {
                this.announce();
            }
            return served.map_or(Poll::Pending, Poll::Ready);
        }
        let before = self.as_ref().set_waker(fresh);
        drop(before);
        match self.as_ref().served() {
            Some(served) => Poll::Ready(served),
            None => Poll::Pending,
        }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Drop
    for Allocating<'_, L, P, O, HEAPS>
{
    fn drop(&mut self) {
        if !self.begun {
            return;
        }
        let mut state = self.heap.state.acquire();
        // SAFETY: the lock is held, so no queue accesses it.
        let waiter = unsafe { &*self.waiter.get() };
        let announced = waiter.is_announced.then(|| waiter.request.size());
        match waiter.place {
            WaiterState::Outside => {}
            WaiterState::Queued => {
                // SAFETY: it is in the queue of this heap.
                unsafe { state.pressure.waiters.remove(self.waiter()) };
                state.update_detour();
                if let Some(size) = announced {
                    state.notify_waiter(size, PressureKind::WaitEnded);
                }
                drop(state);
                self.heap.run_deferred(); // it may have stood in somebody's way
            }
            WaiterState::Served(allocated) => {
                let block = state.pointer_to(allocated.address);
                drop(state);
                // SAFETY: the block was this request's own, and nobody has heard of it.
                unsafe { self.heap.free_or_report(block) };
            }
        }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Serves the next waiter that can be; returns its waker.
    pub(super) fn serve_next(&mut self) -> Option<Option<Waker>> {
        let mut waiters = core::mem::replace(&mut self.pressure.waiters, Queue::new());
        let served = waiters.serve_next(|request, closed| {
            let ruling = self.rule(request);
            if let Some(allocated) = self.allocate_outside(request, &ruling, closed) {
                return Attempt::Served(allocated);
            }
            match self.stopped(request, &ruling, HeapMask::NONE) {
                Some(_) => Attempt::Stopped,
                None => Attempt::NoMemory,
            }
        });
        self.pressure.waiters = waiters;
        let served = served?;
        self.update_detour();
        if let Some(size) = served.announced {
            self.notify_waiter(size, PressureKind::WaitServed);
        }
        Some(served.waker)
    }

    /// Notifies observers of the end of a wait for `size` bytes.
    fn notify_waiter(&mut self, size: usize, kind: fn(u32) -> PressureKind) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let event = PressureEvent::new("a request", kind(size));
        self.heaps.phases().notify_pressure(&event);
    }
}

/// Waiting.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Allocates what `request` asks for as soon as there is memory. No executor is needed in
    /// particular, and nothing is allocated: who waits lives in the future.
    ///
    /// Shrinkers are run once; emergency reserves are not released. Waiters are served by priority
    /// and then in the order of their arrival, by whoever frees enough, interrupt handlers
    /// included. One that needs more than there is lets others pass by, but only [`PATIENCE`] times
    /// from memory that it could use itself: then those behind it get nothing of that memory until
    /// it is served. Requests that do not wait are served at any time.
    ///
    /// Dropping the future gives up; a time-out is the executor's.
    ///
    /// ```
    /// use core::pin::pin;
    /// use core::task::{Context, Poll, Waker};
    /// use heap_caps::AllocRequest;
    /// use heap_caps_alloc::{CapsHeap, SpinLock};
    /// use soc_regions::Caps;
    ///
    /// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
    /// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 32_768].into_boxed_slice());
    /// # HEAP.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory).unwrap();
    /// let frame = HEAP.malloc(20_000, Caps::BIT8).unwrap();
    /// let mut next = pin!(HEAP.allocate_async(AllocRequest::new(20_000, Caps::BIT8)));
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(next.as_mut().poll(&mut context).is_pending());
    /// // SAFETY: the block is this program's own.
    /// unsafe { HEAP.free(frame) }.unwrap(); // wakes the task of `next`
    /// let Poll::Ready(Ok(next)) = next.as_mut().poll(&mut context) else { panic!() };
    /// # // SAFETY: as above.
    /// # unsafe { HEAP.free(next) }.unwrap();
    /// # use std::future::Future;
    /// ```
    ///
    /// # Errors
    /// No heap could ever serve it; memory that can is waited for. As [`CapsHeap::allocate`]
    /// otherwise.
    pub const fn allocate_async(
        &self,
        request: AllocRequest<'static>,
    ) -> Allocating<'_, L, P, O, HEAPS> {
        Allocating {
            heap: self,
            waiter: UnsafeCell::new(Waiter::new(request)),
            begun: false,
            _pinned: PhantomPinned,
        }
    }
}
