//! Bytes that a DMA engine may read and write.

use core::fmt;
use core::future::Future;
use core::ops::{Deref, DerefMut};
use core::slice;

use heap_caps::{AllocRequest, Failure, Hardware, Owner};
use soc_regions::Caps;

use super::Owned;
use crate::memory_kind::HeapRef;
use crate::shared::SharedHeap;

/// What DMA engines move at once: sizes are rounded up to it, so that a last word written whole
/// hits nobody.
const WORD: u32 = 4;

/// A buffer that DMA engines reach, alone on its cache lines: start and size are whole ones.
///
/// ```text
///   cache line   |               |               |               |
///                | bytes of the slice .............. |  unused   |      whole(): from line to line
/// ```
///
/// So neither writing the cache back nor throwing it away can touch a neighbour. How long a line
/// is, the heap knows from [`CapsHeap::set_hardware`](crate::CapsHeap::set_hardware) (ESP32: DMA
/// bypasses the caches, so it is a word). Dropping frees it: stop the engine first.
///
/// ```
/// # use heap_caps::SimulatedMemory;
/// # use heap_caps_alloc::{CapsHeap, DmaBuffer, Unlocked};
/// # use soc_regions::ESP32;
/// # let memory = SimulatedMemory::new();
/// # let options = ESP32.default_options();
/// let heap: CapsHeap<Unlocked> = CapsHeap::new(());
/// # // SAFETY: nothing else uses the simulated memory, and it outlives the heap.
/// # unsafe { heap.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }.unwrap();
/// let mut frame = DmaBuffer::new(&heap, 1500).unwrap();
/// frame[0] = 0x55;
/// assert!(ESP32.is_dma_capable(frame.address()));
/// assert_eq!(frame.len(), 1500);
/// ```
pub struct DmaBuffer<H: HeapRef> {
    block: Owned<H>,
    address: u32,
    length: usize,
    whole: usize,
}

#[expect(
    clippy::result_large_err,
    reason = "a buffer that can't be had wants an explanation"
)]
impl<H: HeapRef> DmaBuffer<H> {
    /// `length` zeros in internal memory.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`](crate::CapsHeap::malloc); also where `length` is 0.
    #[track_caller]
    pub fn new(heap: H, length: usize) -> Result<Self, Failure> {
        Self::with_alignment(heap, length, 1)
    }

    /// `length` zeros in internal memory, start and size in multiples of `alignment` (a power of
    /// two) too, if the engine wants more than the chip does.
    ///
    /// # Errors
    /// As [`DmaBuffer::new`]; also where `alignment` is not a power of two.
    #[track_caller]
    pub fn with_alignment(heap: H, length: usize, alignment: u32) -> Result<Self, Failure> {
        let line = heap.heap().hardware().internal_line;
        Self::in_memory(heap, length, alignment.max(line), Caps::INTERNAL)
    }

    /// `length` zeros in external memory, where the chip's DMA engines reach it (not on the ESP32).
    ///
    /// # Errors
    /// As [`DmaBuffer::new`].
    #[track_caller]
    pub fn external(heap: H, length: usize) -> Result<Self, Failure> {
        let line = heap.heap().hardware().external_line;
        Self::in_memory(heap, length, line, Caps::SPIRAM)
    }

    /// The same as [`DmaBuffer::new`] on the account of `owner`, whoever runs: its limits hold for
    /// it (`PressureControl::limit_owner`).
    ///
    /// ```
    /// # use heap_caps::Owner;
    /// # use heap_caps_alloc::{CapsHeap, DmaBuffer, SpinLock};
    /// # fn receive(heap: &CapsHeap<SpinLock>) -> Result<(), heap_caps::Failure> {
    /// const WIFI: Owner = Owner(2);
    /// let packet = DmaBuffer::owned_by(heap, WIFI, 1600)?;
    /// # drop(packet);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`DmaBuffer::new`].
    #[track_caller]
    pub fn owned_by(heap: H, owner: Owner, length: usize) -> Result<Self, Failure> {
        let line = heap.heap().hardware().internal_line;
        let (request, whole) = Self::request(&heap, length, line, Caps::INTERNAL);
        let block = Owned::new(heap, &request.on_behalf_of(owner))?;
        Ok(Self::of(block, length, whole))
    }

    /// The same as [`DmaBuffer::new`] as soon as there is memory: see
    /// [`CapsHeap::allocate_async`](crate::CapsHeap::allocate_async). For tasks that share memory
    /// by back-pressure.
    ///
    /// ```
    /// # use heap_caps_alloc::{CapsHeap, CriticalSectionLock, DmaBuffer};
    /// # static HEAP: CapsHeap<CriticalSectionLock> = CapsHeap::new(());
    /// async fn capture() -> Result<(), heap_caps::Failure> {
    ///     let frame = DmaBuffer::ready(&HEAP, 20 * 1024).await?; // until others have sent theirs
    ///     # drop(frame);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// No heap could ever serve it.
    #[track_caller]
    pub fn ready(heap: H, length: usize) -> impl Future<Output = Result<Self, Failure>> {
        let line = heap.heap().hardware().internal_line;
        let (request, whole) = Self::request(&heap, length, line, Caps::INTERNAL);
        async move {
            let block = Owned::ready(heap, request).await?;
            Ok(Self::of(block, length, whole))
        }
    }

    #[track_caller]
    fn in_memory(heap: H, length: usize, unit: u32, place: Caps) -> Result<Self, Failure> {
        let (request, whole) = Self::request(&heap, length, unit, place);
        let block = Owned::new(heap, &request)?;
        Ok(Self::of(block, length, whole))
    }

    /// Returns the request for whole cache lines, and their bytes.
    #[track_caller]
    fn request(heap: &H, length: usize, unit: u32, place: Caps) -> (AllocRequest<'static>, usize) {
        let Hardware { encrypted_dma, .. } = heap.heap().hardware();
        let unit = unit.max(encrypted_dma).max(WORD) as usize; // widening
        let whole = length.checked_next_multiple_of(unit).unwrap_or(usize::MAX);
        let request = AllocRequest::new(whole, Caps::DMA | Caps::BIT8 | place)
            .aligned_to(unit)
            .zeroed();
        (request, whole)
    }

    fn of(block: Owned<H>, length: usize, whole: usize) -> Self {
        Self {
            address: block.address().unwrap_or_default(), // a block just allocated has one
            block,
            length,
            whole,
        }
    }
}

impl<H: HeapRef> DmaBuffer<H> {
    /// Returns the chip's address of the first byte: what goes into a descriptor.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.address
    }

    /// Returns the bytes from the first to the last line that the buffer owns, a multiple of the
    /// line: what to write back or to invalidate.
    #[must_use]
    pub const fn whole(&self) -> usize {
        self.whole
    }
}

impl<H: HeapRef> Deref for DmaBuffer<H> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the block has at least `length` bytes, was zeroed, and is borrowed with `self`.
        unsafe { slice::from_raw_parts(self.block.start.as_ptr(), self.length) }
    }
}

impl<H: HeapRef> DerefMut for DmaBuffer<H> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.block.start.as_ptr(), self.length) }
    }
}

impl<H: HeapRef> fmt::Debug for DmaBuffer<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address, length, ..
        } = self;
        write!(out, "DmaBuffer({length} bytes at 0x{address:08X})")
    }
}
