//! Memory that is not for Rust values: for DMA engines, for words only, for code.

mod code;
mod dma;
mod words;

pub use self::code::CodeBuffer;
pub use self::dma::DmaBuffer;
pub use self::words::WordBuffer;

use core::ptr::NonNull;

use heap_caps::{AllocRequest, Failure};

use crate::memory_kind::HeapRef;
use crate::shared::SharedHeap;

/// A block that is freed when this is dropped. **Invariant:** `start` is the pointer of an
/// allocated block of `heap`, which nobody else uses.
pub(crate) struct Owned<H: HeapRef> {
    heap: H,
    start: NonNull<u8>,
}

impl<H: HeapRef> Owned<H> {
    #[expect(
        clippy::result_large_err,
        reason = "passed on to whoever wants to know"
    )]
    pub(crate) fn new(heap: H, request: &AllocRequest<'_>) -> Result<Self, Failure> {
        let start = heap.heap().allocate(request)?;
        Ok(Self { heap, start })
    }

    /// The same as soon as there is memory.
    pub(crate) async fn ready(heap: H, request: AllocRequest<'static>) -> Result<Self, Failure> {
        let start = heap.heap().allocate_async(request).await?;
        Ok(Self { heap, start })
    }

    /// Returns the pointer of the block.
    pub(crate) const fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Returns the chip's address of the block.
    fn address(&self) -> Option<u32> {
        self.heap.heap().address(self.start)
    }
}

impl<H: HeapRef> Drop for Owned<H> {
    fn drop(&mut self) {
        // SAFETY: the block is this value's own (invariant), and this is the end of it.
        unsafe { self.heap.heap().free(self.start) };
    }
}

// SAFETY: the block belongs to this value alone and is not bound to a thread; the way to its heap
// is, if `H` is.
unsafe impl<H: HeapRef + Send> Send for Owned<H> {}

// SAFETY: through a shared reference the block is only read.
unsafe impl<H: HeapRef + Sync> Sync for Owned<H> {}
