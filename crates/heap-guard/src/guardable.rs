//! Interface of the heap behind guards: allocation, free, resize, reports.

use core::alloc::GlobalAlloc;
use core::ptr::NonNull;

use heap_caps::{AllocRequest, Failure, Misuse, Observer, ReallocateError};
use heap_caps_alloc::{Action, CapsHeap, Fault, RawLock};
use multi_heap::Poison;
use soc_regions::Caps;

mod sealed {
    pub trait Sealed {}
}

/// A heap that can have guarded blocks: a [`CapsHeap`], whatever its lock, poisoning, observer and
/// number of heaps.
#[expect(
    clippy::result_large_err,
    reason = "the errors are those of `CapsHeap`'s functions"
)]
pub trait GuardableHeap: sealed::Sealed + GlobalAlloc {
    /// The lock, that of the heap and of the guards alike.
    type Lock: RawLock;

    /// [`CapsHeap::allocate`].
    ///
    /// # Errors
    /// As there.
    fn allocate(&self, request: &AllocRequest<'_>) -> Result<NonNull<u8>, Failure>;

    /// [`CapsHeap::try_allocate`].
    fn try_allocate(&self, request: AllocRequest<'_>) -> Option<NonNull<u8>>;

    /// [`CapsHeap::free`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Safety
    /// As there.
    unsafe fn free(&self, pointer: NonNull<u8>) -> Result<(), Misuse>;

    /// [`CapsHeap::reallocate`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Safety
    /// As there.
    unsafe fn reallocate(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Result<NonNull<u8>, ReallocateError>;

    /// Returns the bytes that can be used of a block.
    ///
    /// # Errors
    /// No block begins there.
    fn usable_size(&self, pointer: NonNull<u8>) -> Result<u32, Misuse>;

    /// Returns the chip's address of a pointer.
    ///
    /// # Errors
    /// It leads into none of the heaps.
    fn address_of(&self, pointer: NonNull<u8>) -> Result<u32, Misuse>;

    /// Returns where the heap with this address begins; `None` outside of all heaps.
    fn heap_start(&self, address: u32) -> Option<u32>;

    /// Returns the largest request for memory with `caps` that would be served now.
    fn largest_free_block(&self, caps: Caps) -> u32;

    /// Reports a misuse to the heap's fault handler.
    fn report(&self, action: Action, misuse: Misuse, pointer: NonNull<u8>);
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> sealed::Sealed
    for CapsHeap<L, P, O, HEAPS>
{
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> GuardableHeap
    for CapsHeap<L, P, O, HEAPS>
where
    Self: GlobalAlloc,
{
    type Lock = L;

    #[inline(always)]
    fn allocate(&self, request: &AllocRequest<'_>) -> Result<NonNull<u8>, Failure> {
        self.allocate(request)
    }

    #[inline(always)]
    fn try_allocate(&self, request: AllocRequest<'_>) -> Option<NonNull<u8>> {
        self.try_allocate(request)
    }

    #[inline(always)]
    unsafe fn free(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.free(pointer) }
    }

    #[inline(always)]
    unsafe fn reallocate(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Result<NonNull<u8>, ReallocateError> {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate(pointer, request) }
    }

    fn usable_size(&self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        self.inspect().usable_size(pointer)
    }

    fn address_of(&self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        self.inspect().address_of(pointer)
    }

    fn heap_start(&self, address: u32) -> Option<u32> {
        let view = self.inspect().locked(|heaps| heaps.heap_at(address));
        view.map(|view| view.span.start())
    }

    fn largest_free_block(&self, caps: Caps) -> u32 {
        self.inspect().largest_free_block(caps)
    }

    fn report(&self, action: Action, misuse: Misuse, pointer: NonNull<u8>) {
        let faults = self.faults();
        faults.report_of(action, Fault::Misuse(misuse), pointer.as_ptr());
    }
}
