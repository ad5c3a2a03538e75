//! A heap as the workloads see it.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::counter::{Counter, Operation};

/// What a workload asks of a heap. Sizes and alignments are in bytes, capabilities the bits of
/// ESP-IDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A block at the natural alignment of 4.
    Allocate {
        /// Bytes.
        size: usize,
    },
    /// A block at another alignment.
    AllocateAligned {
        /// Bytes.
        size: usize,
        /// A power of two.
        alignment: usize,
    },
    /// A block in memory that has all these capabilities.
    AllocateCaps {
        /// Bytes.
        size: usize,
        /// Bits of ESP-IDF's `MALLOC_CAP_…`.
        caps: u32,
    },
    /// Frees a block.
    Free {
        /// Its address.
        block: usize,
        /// Its size.
        size: usize,
        /// Its alignment.
        alignment: usize,
    },
    /// Makes a block at the natural alignment larger or smaller.
    Reallocate {
        /// Its address.
        block: usize,
        /// Its size so far.
        size: usize,
        /// Its size from now on.
        new_size: usize,
    },
    /// How many bytes are free.
    FreeSize,
    /// How large the largest free block is.
    LargestBlock,
}

/// A function with its arguments, as a counter calls it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The function.
    pub operation: Operation,
    /// What it is called with.
    pub arguments: [usize; 4],
}

/// A heap behind plain addresses; 0 is no block. Sizes are checked inside, as in C's `malloc`.
pub trait Allocator: Sized {
    /// What figures call it.
    const NAME: &'static str;
    /// Whether requests can name capabilities.
    const HAS_CAPS: bool = false;
    /// Whether it answers [`Request::FreeSize`] and [`Request::LargestBlock`].
    const HAS_STATISTICS: bool = false;
    /// A request that no heap of this size can serve, with the capabilities that it names where
    /// there are any.
    const TOO_LARGE: usize = 8 << 20;

    /// Prepares a heap at its final place (some heaps can't be moved). `false`: the region is too
    /// small, and nothing is there.
    ///
    /// # Safety
    /// The region belongs to the heap until it is forgotten.
    unsafe fn start(place: &mut MaybeUninit<Self>, region: NonNull<[u8]>) -> bool;
    /// A block at the natural alignment of 4.
    fn allocate(&mut self, size: usize) -> usize {
        self.allocate_aligned(size, 4)
    }
    /// A block at another alignment.
    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize;
    /// Frees a block.
    ///
    /// # Safety
    /// `block` was allocated with this size and alignment.
    unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize);
    /// Makes a block larger or smaller, moving it if it must.
    ///
    /// # Safety
    /// `block` was allocated with `size`, at the natural alignment.
    unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize {
        let new = self.allocate(new_size);
        if new != 0 {
            // SAFETY: both blocks have as many bytes, and are different.
            unsafe { copy(block, new, size.min(new_size)) };
            // SAFETY: the caller's block.
            unsafe { self.free(block, size, 4) };
        }
        new
    }

    /// Allocates a block in memory with capabilities, where [`Allocator::HAS_CAPS`] says so.
    fn allocate_caps(&mut self, _size: usize, _caps: u32) -> usize {
        0
    }

    /// Returns how many bytes are free, where [`Allocator::HAS_STATISTICS`] says so.
    fn free_size(&mut self) -> usize {
        0
    }

    /// Returns how large the largest free block is, where [`Allocator::HAS_STATISTICS`] says so.
    fn largest_block(&mut self) -> usize {
        0
    }

    /// Keeps `bytes` bytes for requests that name `caps`, 0 to end that; `false` where there are no
    /// reserves.
    fn set_reserve(&mut self, _caps: u32, _bytes: u32) -> bool {
        false
    }

    /// Returns the bytes that the heap needs for itself, blocks' headers not counted.
    fn control_bytes(&self) -> usize {
        size_of::<Self>()
    }

    /// Returns the function that serves `request`, and its arguments: one around the method of this
    /// trait. A heap whose functions C calls directly names those.
    fn call(&mut self, request: Request) -> Call {
        let heap = core::ptr::from_mut(self).expose_provenance();
        let (operation, [b, c, d]): (Operation, _) = match request {
            Request::Allocate { size } => (allocate::<Self>, [size, 0, 0]),
            Request::AllocateAligned { size, alignment } => {
                (allocate_aligned::<Self>, [size, alignment, 0])
            }
            Request::AllocateCaps { size, caps } => {
                (allocate_caps::<Self>, [size, caps as usize, 0])
            }
            Request::Free {
                block,
                size,
                alignment,
            } => (free::<Self>, [block, size, alignment]),
            Request::Reallocate {
                block,
                size,
                new_size,
            } => (reallocate::<Self>, [block, size, new_size]),
            Request::FreeSize => (free_size::<Self>, [0; 3]),
            Request::LargestBlock => (largest_block::<Self>, [0; 3]),
        };
        Call {
            operation,
            arguments: [heap, b, c, d],
        }
    }
}

/// An allocator at work, every operation measured. **Invariant:** it was started.
pub(crate) struct Measured<'a, S, M> {
    heap: &'a mut MaybeUninit<S>,
    counter: &'a M,
    allocator: PhantomData<S>,
}

impl<'a, S: Allocator, M: Counter> Measured<'a, S, M> {
    /// # Safety
    /// As [`Allocator::start`].
    pub(crate) unsafe fn start(
        place: &'a mut MaybeUninit<S>,
        counter: &'a M,
        region: NonNull<[u8]>,
    ) -> Option<Self> {
        // SAFETY: the caller keeps the same contract.
        let started = unsafe { S::start(place, region) };
        started.then_some(Self {
            heap: place,
            counter,
            allocator: PhantomData,
        })
    }

    fn measure(&mut self, request: Request) -> (MaybeUninit<usize>, u32) {
        let call = self.allocator().call(request);
        self.counter.measure(call.operation, call.arguments)
    }

    /// Returns a request that has a result, with that.
    pub(crate) fn ask(&mut self, request: Request) -> (usize, u32) {
        let (result, cost) = self.measure(request);
        // SAFETY: the operations that this is called with have a result.
        (unsafe { result.assume_init() }, cost)
    }

    /// Returns the heap itself, for what is not measured.
    pub(crate) fn allocator(&mut self) -> &mut S {
        // SAFETY: it was started.
        unsafe { self.heap.assume_init_mut() }
    }

    pub(crate) fn control_bytes(&self) -> usize {
        // SAFETY: it was started.
        unsafe { self.heap.assume_init_ref() }.control_bytes()
    }

    pub(crate) fn allocate(&mut self, size: usize) -> (usize, u32) {
        self.ask(Request::Allocate { size })
    }

    pub(crate) fn allocate_aligned(&mut self, size: usize, alignment: usize) -> (usize, u32) {
        self.ask(Request::AllocateAligned { size, alignment })
    }

    /// Nothing happens to 0, which is no block.
    pub(crate) fn free(&mut self, block: usize, size: usize, alignment: usize) -> u32 {
        if block == 0 {
            return 0;
        }
        let request = Request::Free {
            block,
            size,
            alignment,
        };
        self.measure(request).1
    }

    pub(crate) fn reallocate(
        &mut self,
        block: usize,
        size: usize,
        new_size: usize,
    ) -> (usize, u32) {
        self.ask(Request::Reallocate {
            block,
            size,
            new_size,
        })
    }
}

/// The four functions of a heap, for a program that shows how large they are.
pub type Operations = [Operation; 4];

/// Allocate, allocate aligned, free, reallocate; each takes the heap's address first.
#[must_use]
pub fn operations<S: Allocator>() -> Operations {
    [
        allocate::<S>,
        allocate_aligned::<S>,
        free::<S>,
        reallocate::<S>,
    ]
}

/// Returns the heap behind the first argument.
///
/// # Safety
/// `heap` is the address of a started allocator that nothing else uses meanwhile.
unsafe fn allocator<'a, S>(heap: usize) -> &'a mut S {
    // SAFETY: the caller promises it.
    unsafe { &mut *core::ptr::with_exposed_provenance_mut(heap) }
}

/// A function around a method, as a counter calls it.
macro_rules! operation {
    ($name:ident, |$heap:ident, $b:ident, $c:ident, $d:ident| $result:expr) => {
        #[inline(never)]
        extern "C" fn $name<S: Allocator>(
            heap: usize,
            $b: usize,
            $c: usize,
            $d: usize,
        ) -> MaybeUninit<usize> {
            // SAFETY: `Measured` passes its started allocator.
            let $heap = unsafe { allocator::<S>(heap) };
            $result
        }
    };
}

operation!(allocate, |heap, size, _c, _d| MaybeUninit::new(
    heap.allocate(size)
));
operation!(allocate_aligned, |heap, size, alignment, _d| {
    MaybeUninit::new(heap.allocate_aligned(size, alignment))
});
operation!(allocate_caps, |heap, size, caps, _d| {
    MaybeUninit::new(heap.allocate_caps(size, u32::try_from(caps).unwrap_or_default()))
});
operation!(free_size, |heap, _b, _c, _d| MaybeUninit::new(
    heap.free_size()
));
operation!(largest_block, |heap, _b, _c, _d| MaybeUninit::new(
    heap.largest_block()
));
operation!(free, |heap, block, size, alignment| {
    // SAFETY: the workloads free what they allocated.
    let block = unsafe { pointer(block) };
    // SAFETY: and with the same size and alignment.
    unsafe { heap.free(block, size, alignment) };
    MaybeUninit::uninit()
});
operation!(reallocate, |heap, block, size, new_size| {
    // SAFETY: the workloads resize what they allocated.
    let block = unsafe { pointer(block) };
    // SAFETY: and return its size.
    MaybeUninit::new(unsafe { heap.reallocate(block, size, new_size) })
});

/// Returns a block as the workloads name it.
///
/// # Safety
/// `block` is not 0.
unsafe fn pointer(block: usize) -> NonNull<u8> {
    // SAFETY: the caller promises it.
    unsafe { NonNull::new_unchecked(core::ptr::with_exposed_provenance_mut(block)) }
}

/// Returns the name of a block, 0 for none.
pub(crate) fn address(block: Option<NonNull<u8>>) -> usize {
    block.map_or(0, |block| block.as_ptr().expose_provenance())
}

/// Returns what Rust's heaps are asked with: the check of the size is part of the work.
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
