//! `HeapRef`: a heap without its lock, poisoning and observer as type parameters.

use core::future::Future;
use core::ptr::NonNull;

use heap_caps::{AllocRequest, Failure, Hardware, Observer};
use multi_heap::Poison;

use crate::heap::CapsHeap;
use crate::lock::RawLock;
use crate::pressure::Allocating;

mod sealed {
    pub trait Sealed {}
}

/// A [`CapsHeap`] of any kind. Its methods are those of the heap; others can't implement it.
pub trait SharedHeap: sealed::Sealed {
    /// A request that waits for memory.
    type Waiting<'h>: Future<Output = Result<NonNull<u8>, Failure>>
    where
        Self: 'h;

    /// Allocates what `request` asks for as soon as there is memory.
    fn allocate_async(&self, request: AllocRequest<'static>) -> Self::Waiting<'_>;

    /// Allocates what `request` asks for, without the record of a failure.
    fn try_allocate(&self, request: AllocRequest<'_>) -> Option<NonNull<u8>>;

    /// Allocates what `request` asks for, with the whole record of a failure.
    ///
    /// # Errors
    /// As [`CapsHeap::allocate`].
    #[expect(
        clippy::result_large_err,
        reason = "the record is what one calls it for"
    )]
    fn allocate(&self, request: &AllocRequest<'_>) -> Result<NonNull<u8>, Failure>;

    /// Frees a block; a fault goes to the report handler.
    ///
    /// # Safety
    /// As [`CapsHeap::free`].
    unsafe fn free(&self, block: NonNull<u8>);

    /// Resizes a block, in place if possible; `None` if that is impossible. A fault goes to the
    /// report handler.
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        request: AllocRequest<'_>,
    ) -> Option<NonNull<u8>>;

    /// Returns the chip's address of a byte in a heap.
    fn address(&self, pointer: NonNull<u8>) -> Option<u32>;

    /// Returns the word at a chip's address, on either side of the memory.
    ///
    /// # Safety
    /// As [`Inspection::word`](heap_caps::Inspection::word).
    unsafe fn word(&self, address: u32) -> Option<u32>;

    /// Writes the word at a chip's address, on either side of the memory; returns `false` where
    /// there is none.
    ///
    /// # Safety
    /// As [`HeapCaps::set_word`](heap_caps::HeapCaps::set_word).
    unsafe fn set_word(&self, address: u32, value: u32) -> bool;

    /// Returns what the chip's caches and engines demand of buffers.
    fn hardware(&self) -> Hardware;
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> sealed::Sealed
    for CapsHeap<L, P, O, HEAPS>
{
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> SharedHeap
    for CapsHeap<L, P, O, HEAPS>
{
    type Waiting<'h>
        = Allocating<'h, L, P, O, HEAPS>
    where
        Self: 'h;

    fn allocate_async(&self, request: AllocRequest<'static>) -> Self::Waiting<'_> {
        CapsHeap::allocate_async(self, request)
    }

    fn try_allocate(&self, request: AllocRequest<'_>) -> Option<NonNull<u8>> {
        CapsHeap::try_allocate(self, request)
    }

    fn allocate(&self, request: &AllocRequest<'_>) -> Result<NonNull<u8>, Failure> {
        CapsHeap::allocate(self, request)
    }

    unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.free_or_report(block) };
    }

    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        request: AllocRequest<'_>,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.reallocate_or_report(block, request) }
    }

    fn address(&self, pointer: NonNull<u8>) -> Option<u32> {
        self.inspect().address_of(pointer).ok()
    }

    unsafe fn word(&self, address: u32) -> Option<u32> {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.state.acquire().heaps.inspect().word(address) }
    }

    unsafe fn set_word(&self, address: u32, value: u32) -> bool {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.state.acquire().heaps.set_word(address, value) }
    }

    fn hardware(&self) -> Hardware {
        self.inspect().hardware()
    }
}
