//! What typed allocators and buffers need of a heap, whatever its lock, poisoning and observer are.

use core::ptr::NonNull;

use heap_caps::{Cause, Demand, Failure, Hardware, Observer};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::heap::CapsHeap;
use crate::lock::RawLock;
use crate::release::Choice;

mod sealed {
    pub trait Sealed {}
}

/// A [`CapsHeap`] of any kind. Its methods are those of the heap; others can't implement it.
pub trait SharedHeap: sealed::Sealed {
    /// A block for `demand` with the first of `choices` that can be met.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc_prefer`].
    fn take(&self, demand: &Demand, choices: &[Caps]) -> Result<NonNull<u8>, Cause>;

    /// The same with the whole record of a refusal.
    ///
    /// # Errors
    /// As [`CapsHeap::obtain`].
    #[expect(
        clippy::result_large_err,
        reason = "the record is what one calls it for"
    )]
    fn take_or_explain(&self, demand: &Demand) -> Result<NonNull<u8>, Failure>;

    /// Gives a block back; a fault is told to the report handler.
    ///
    /// # Safety
    /// As [`CapsHeap::free`].
    unsafe fn give_back(&self, block: NonNull<u8>);

    /// Resizes a block, in place if possible; `None` if that is impossible. A fault is told to the report handler.
    ///
    /// # Safety
    /// As [`CapsHeap::realloc`].
    unsafe fn change(
        &self,
        block: NonNull<u8>,
        demand: &Demand,
        choices: &[Caps],
    ) -> Option<NonNull<u8>>;

    /// The chip's address of a byte in a heap.
    fn address(&self, pointer: NonNull<u8>) -> Option<u32>;

    /// The word at a chip's address, on either side of the memory.
    fn word(&self, address: u32) -> Option<u32>;

    /// Writes the word at a chip's address, on either side of the memory; `false` where there is none.
    fn set_word(&self, address: u32, value: u32) -> bool;

    /// What the chip's caches and engines demand of buffers.
    fn hardware(&self) -> Hardware;
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> sealed::Sealed
    for CapsHeap<L, P, O, HEAPS>
{
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> SharedHeap
    for CapsHeap<L, P, O, HEAPS>
{
    fn take(&self, demand: &Demand, choices: &[Caps]) -> Result<NonNull<u8>, Cause> {
        self.obtained(demand, |heaps| heaps.allocate_preferring(demand, choices))
    }

    fn take_or_explain(&self, demand: &Demand) -> Result<NonNull<u8>, Failure> {
        self.obtain(demand)
    }

    unsafe fn give_back(&self, block: NonNull<u8>) {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.free_or_report(block) };
    }

    unsafe fn change(
        &self,
        block: NonNull<u8>,
        demand: &Demand,
        choices: &[Caps],
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.resize_or_report(block, demand, Choice::Preferring(choices)) }
    }

    fn address(&self, pointer: NonNull<u8>) -> Option<u32> {
        self.address_of(pointer).ok()
    }

    fn word(&self, address: u32) -> Option<u32> {
        self.state.acquire().heaps.word(address)
    }

    fn set_word(&self, address: u32, value: u32) -> bool {
        self.state.acquire().heaps.set_word(address, value)
    }

    fn hardware(&self) -> Hardware {
        CapsHeap::hardware(self)
    }
}
