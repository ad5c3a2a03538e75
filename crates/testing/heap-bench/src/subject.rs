//! A heap as the workloads see it.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::meter::{Meter, Operation};

/// A heap behind plain addresses; 0 is no block. Sizes are checked inside, as in C's `malloc`.
pub trait Subject: Sized {
    /// What figures call it.
    const NAME: &'static str;

    /// Prepares a heap at its final place (some heaps can't be moved). `false`: the region is too small, and nothing is there.
    ///
    /// # Safety
    /// The region belongs to the heap until it is forgotten.
    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool;
    /// A block at the natural alignment of 4.
    fn allocate(&mut self, size: usize) -> usize;
    /// A block at another alignment.
    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize;
    /// Gives a block back.
    ///
    /// # Safety
    /// `block` was allocated with this size and alignment.
    unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize);
    /// Makes a block larger or smaller, moving it if it must.
    ///
    /// # Safety
    /// `block` was allocated with `size`, at the natural alignment.
    unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize;

    /// Bytes that the heap needs for itself, blocks' headers not counted.
    fn control_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// A subject at work, every operation measured. **Invariant:** it was started.
pub(crate) struct Measured<'a, S, M> {
    heap: &'a mut MaybeUninit<S>,
    meter: &'a M,
    subject: PhantomData<S>,
}

impl<'a, S: Subject, M: Meter> Measured<'a, S, M> {
    /// # Safety
    /// As [`Subject::start`].
    pub(crate) unsafe fn start(
        place: &'a mut MaybeUninit<S>,
        meter: &'a M,
        region: NonNull<[u8]>,
    ) -> Option<Self> {
        // SAFETY: the caller keeps the same contract.
        let started = unsafe { S::start(place, region) };
        started.then_some(Self {
            heap: place,
            meter,
            subject: PhantomData,
        })
    }

    fn measure(
        &mut self,
        operation: Operation,
        [b, c, d]: [usize; 3],
    ) -> (MaybeUninit<usize>, u32) {
        let heap = self.heap.as_mut_ptr().expose_provenance();
        self.meter.measure(operation, [heap, b, c, d])
    }

    fn measure_block(&mut self, operation: Operation, arguments: [usize; 3]) -> (usize, u32) {
        let (block, cost) = self.measure(operation, arguments);
        // SAFETY: the operations that this is called with have a result.
        (unsafe { block.assume_init() }, cost)
    }

    pub(crate) fn control_bytes(&self) -> usize {
        // SAFETY: it was started.
        unsafe { self.heap.assume_init_ref() }.control_bytes()
    }

    pub(crate) fn allocate(&mut self, size: usize) -> (usize, u32) {
        self.measure_block(allocate::<S>, [size, 0, 0])
    }

    pub(crate) fn allocate_aligned(&mut self, size: usize, alignment: usize) -> (usize, u32) {
        self.measure_block(allocate_aligned::<S>, [size, alignment, 0])
    }

    pub(crate) fn free(&mut self, block: usize, size: usize, alignment: usize) -> u32 {
        self.measure(free::<S>, [block, size, alignment]).1
    }

    pub(crate) fn reallocate(
        &mut self,
        block: usize,
        size: usize,
        new_size: usize,
    ) -> (usize, u32) {
        self.measure_block(reallocate::<S>, [block, size, new_size])
    }
}

/// The four functions of a heap, for a program that shows how large they are.
pub type Operations = [Operation; 4];

/// Allocate, allocate aligned, free, reallocate; each takes the heap's address first.
#[must_use]
pub fn operations<S: Subject>() -> Operations {
    [
        allocate::<S>,
        allocate_aligned::<S>,
        free::<S>,
        reallocate::<S>,
    ]
}

/// The heap behind the first argument.
///
/// # Safety
/// `heap` is the address of a started subject that nothing else uses meanwhile.
unsafe fn subject<'a, S>(heap: usize) -> &'a mut S {
    // SAFETY: the caller promises it.
    unsafe { &mut *core::ptr::with_exposed_provenance_mut(heap) }
}

#[inline(never)]
extern "C" fn allocate<S: Subject>(
    heap: usize,
    size: usize,
    _: usize,
    _: usize,
) -> MaybeUninit<usize> {
    // SAFETY: `Measured` passes its started subject.
    MaybeUninit::new(unsafe { subject::<S>(heap) }.allocate(size))
}

#[inline(never)]
extern "C" fn allocate_aligned<S: Subject>(
    heap: usize,
    size: usize,
    alignment: usize,
    _: usize,
) -> MaybeUninit<usize> {
    // SAFETY: `Measured` passes its started subject.
    MaybeUninit::new(unsafe { subject::<S>(heap) }.allocate_aligned(size, alignment))
}

#[inline(never)]
extern "C" fn free<S: Subject>(
    heap: usize,
    block: usize,
    size: usize,
    alignment: usize,
) -> MaybeUninit<usize> {
    // SAFETY: `Measured` passes its started subject.
    let heap = unsafe { subject::<S>(heap) };
    // SAFETY: the workloads free what they allocated.
    let block = unsafe { pointer(block) };
    // SAFETY: and with the same size and alignment.
    unsafe { heap.free(block, size, alignment) };
    MaybeUninit::uninit()
}

#[inline(never)]
extern "C" fn reallocate<S: Subject>(
    heap: usize,
    block: usize,
    size: usize,
    new_size: usize,
) -> MaybeUninit<usize> {
    // SAFETY: `Measured` passes its started subject.
    let heap = unsafe { subject::<S>(heap) };
    // SAFETY: the workloads resize what they allocated.
    let block = unsafe { pointer(block) };
    // SAFETY: and tell its size.
    MaybeUninit::new(unsafe { heap.reallocate(block, size, new_size) })
}

/// A block as the workloads name it.
///
/// # Safety
/// `block` is not 0.
unsafe fn pointer(block: usize) -> NonNull<u8> {
    // SAFETY: the caller promises it.
    unsafe { NonNull::new_unchecked(core::ptr::with_exposed_provenance_mut(block)) }
}

/// The name of a block, 0 for none.
pub(crate) fn address(block: Option<NonNull<u8>>) -> usize {
    block.map_or(0, |block| block.as_ptr().expose_provenance())
}

/// What Rust's heaps are asked with: the check of the size is part of the work.
#[must_use]
pub const fn layout(size: usize, alignment: usize) -> Option<Layout> {
    match Layout::from_size_align(size, alignment) {
        Ok(layout) => Some(layout),
        Err(_) => None,
    }
}

/// Moves the contents of a block that could not grow where it lay.
///
/// # Safety
/// Both blocks have `bytes` bytes and do not overlap.
pub(crate) unsafe fn copy(from: NonNull<u8>, to: usize, bytes: usize) {
    let to: *mut u8 = core::ptr::with_exposed_provenance_mut(to);
    // SAFETY: the caller promises it.
    unsafe { to.copy_from_nonoverlapping(from.as_ptr(), bytes) };
}
