//! Waiting that blocks: for threads and tasks without an executor.

use core::future::Future;
use core::pin::pin;
use core::ptr::NonNull;
use core::task::{Context, Poll, Waker};

use heap_caps::{AllocRequest, FailureKind, Observer};
use multi_heap::Poison;

use crate::heap::CapsHeap;
use crate::lock::RawLock;

/// How the calling task is stopped and started again.
///
/// A value is made for one wait: it knows the task, and until when it waits. With the standard
/// library:
///
/// ```
/// use std::sync::Arc;
/// use std::task::{Wake, Waker};
/// use std::thread::{self, Thread};
/// use std::time::Instant;
/// use heap_caps_alloc::Park;
///
/// struct Unpark(Thread);
///
/// impl Wake for Unpark {
///     fn wake(self: Arc<Self>) {
///         self.0.unpark();
///     }
/// }
///
/// struct Until(Instant);
///
/// impl Park for Until {
///     fn waker(&self) -> Waker {
///         Arc::new(Unpark(thread::current())).into()
///     }
///
///     fn park(&self) -> bool {
///         let left = self.0.saturating_duration_since(Instant::now());
///         thread::park_timeout(left);
///         !left.is_zero()
///     }
/// }
/// ```
///
/// An RTOS has task notifications: `waker` makes a [`Waker`] of the task's handle.
pub trait Park {
    /// Returns a waker that lets `park` return in the calling task. It may be woken in any context,
    /// interrupt handlers included, and after the wait has ended.
    fn waker(&self) -> Waker;

    /// Stops the calling task until the waker is woken, or not at all if it was since `park`
    /// returned last. It may return for no reason. Returns `false` when time is up.
    fn park(&self) -> bool;
}

/// Why a wait has ended without memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// Time was up.
    TimedOut,
    /// The request cannot be served, however long it waits; the heap has the record.
    Refused(FailureKind),
}

multi_heap::texts!(WaitError {
    Self::TimedOut => "no memory until time was up";
    Self::Refused(cause) => "{}", cause;
});

impl core::error::Error for WaitError {}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Allocates what `request` asks for as soon as there is memory; stops the calling task until
    /// then. As [`CapsHeap::allocate_async`] otherwise. Not for interrupt handlers.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::{Duration, Instant};
    /// use heap_caps::AllocRequest;
    /// use heap_caps_alloc::{CapsHeap, SpinLock, WaitError};
    /// use soc_regions::Caps;
    /// # use std::{sync::Arc, task::{Wake, Waker}, thread::Thread};
    /// # struct Unpark(Thread);
    /// # impl Wake for Unpark {
    /// #     fn wake(self: Arc<Self>) { self.0.unpark(); }
    /// # }
    /// # struct Until(Instant);
    /// # impl heap_caps_alloc::Park for Until {
    /// #     fn waker(&self) -> Waker { Arc::new(Unpark(thread::current())).into() }
    /// #     fn park(&self) -> bool {
    /// #         let left = self.0.saturating_duration_since(Instant::now());
    /// #         thread::park_timeout(left);
    /// #         !left.is_zero()
    /// #     }
    /// # }
    ///
    /// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
    /// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 32_768].into_boxed_slice());
    /// # HEAP.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory).unwrap();
    /// let within = |time| Until(Instant::now() + time); // `Until` as in the example of `Park`
    /// let frame = || AllocRequest::new(20_000, Caps::BIT8);
    /// let first = HEAP.allocate_blocking(frame(), 0, &within(Duration::ZERO)).unwrap();
    /// let in_vain = HEAP.allocate_blocking(frame(), 0, &within(Duration::from_millis(1)));
    /// assert_eq!(in_vain, Err(WaitError::TimedOut));
    ///
    /// let first = first.as_ptr().expose_provenance();
    /// let sender = thread::spawn(move || {
    ///     let first = std::ptr::NonNull::new(std::ptr::with_exposed_provenance_mut(first));
    ///     // SAFETY: the block was handed over to this thread.
    ///     unsafe { HEAP.free(first.unwrap()) }.unwrap();
    /// });
    /// let next = HEAP.allocate_blocking(frame(), 0, &within(Duration::from_secs(60))).unwrap();
    /// # sender.join().unwrap();
    /// # // SAFETY: the block is this program's own.
    /// # unsafe { HEAP.free(next) }.unwrap();
    /// ```
    ///
    /// # Errors
    /// Time was up, or the request cannot be served at all.
    pub fn allocate_blocking(
        &self,
        request: AllocRequest<'static>,
        priority: u8,
        park: &impl Park,
    ) -> Result<NonNull<u8>, WaitError> {
        let waker = park.waker();
        let mut context = Context::from_waker(&waker);
        let mut waiting = pin!(self.allocate_async(request).with_priority(priority));
        let mut in_time = true;
        loop {
            match waiting.as_mut().poll(&mut context) {
                Poll::Ready(served) => {
                    return served.map_err(|failure| WaitError::Refused(failure.cause));
                }
                Poll::Pending if !in_time => return Err(WaitError::TimedOut),
                Poll::Pending => in_time = park.park(),
            }
        }
    }
}
