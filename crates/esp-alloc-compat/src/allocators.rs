//! Memory by type: allocators without size over [`HEAP`](crate::HEAP), and every [`EspHeap`] as
//! one.
//!
//! | allocator | memory | besides |
//! |---|---|---|
//! | [`AnyMemory`] | the first region that has room | |
//! | [`InternalMemory`], [`ExternalMemory`] | on the chip, PSRAM | |
//! | [`DmaCompatibleInternalMemory`], [`DmaCompatibleExternalMemory`] | the same | start and size in whole cache lines |

use core::alloc::Layout;
use core::ptr::NonNull;

use enumset::EnumSet;
use heap_caps_alloc::blocks::{Blocks, Changed};

use crate::HEAP;
use crate::capability::MemoryCapability;
use crate::heap::{EspHeap, Wanted};

/// Whatever memory there is.
pub struct AnyMemory;
/// Memory on the chip.
pub struct InternalMemory;
/// PSRAM. **No atomics:** they do not work there on ESP32, ESP32-S2 and ESP32-S3.
pub struct ExternalMemory;
/// Memory on the chip, for DMA: alone on its cache lines where there is a cache.
pub struct DmaCompatibleInternalMemory;
/// PSRAM, for DMA: alone on its cache lines. **No atomics**, see [`ExternalMemory`].
pub struct DmaCompatibleExternalMemory;

/// Least alignment of DMA buffers on the chip. Only the ESP32-P4 has a cache there. Source:
/// esp-alloc 0.11.
const INTERNAL_LINE: usize = if cfg!(feature = "esp32p4") { 64 } else { 4 };

/// Largest cache line that the chip can be set to for PSRAM. Source: esp-alloc 0.11.
const EXTERNAL_LINE: usize = if cfg!(feature = "esp32p4") {
    128
} else if cfg!(any(feature = "esp32s3", feature = "esp32s31")) {
    64
} else {
    32
};

/// What an allocator says of the memory it wants.
trait WantedMemory {
    const LINE: usize = 1;

    fn heap(&self) -> &EspHeap {
        &HEAP
    }

    fn capabilities(&self) -> EnumSet<MemoryCapability>;
}

impl WantedMemory for EspHeap {
    fn heap(&self) -> &EspHeap {
        self
    }

    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        EnumSet::empty()
    }
}

impl WantedMemory for AnyMemory {
    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        EnumSet::empty()
    }
}

impl WantedMemory for InternalMemory {
    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::Internal.into()
    }
}

impl WantedMemory for ExternalMemory {
    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::External.into()
    }
}

impl WantedMemory for DmaCompatibleInternalMemory {
    const LINE: usize = INTERNAL_LINE;

    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::Internal.into()
    }
}

impl WantedMemory for DmaCompatibleExternalMemory {
    const LINE: usize = EXTERNAL_LINE;

    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::External.into()
    }
}

/// Returns the layout in whole lines; `None` if that is more than an address can say.
fn lines<K: WantedMemory>(layout: Layout) -> Option<Layout> {
    let aligned = layout.align_to(K::LINE).ok()?;
    let size = aligned.size().checked_next_multiple_of(K::LINE)?;
    Layout::from_size_align(size, aligned.align()).ok()
}

fn allocate<K: WantedMemory>(kind: &K, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
    let mut wanted = Wanted::new(lines::<K>(layout)?);
    if zeroed {
        wanted = wanted.zeroed();
    }
    kind.heap().allocate_block(kind.capabilities(), wanted)
}

/// # Safety
/// As [`Blocks::free_block`].
unsafe fn free<K: WantedMemory>(kind: &K, block: NonNull<u8>, layout: Layout) {
    let whole = lines::<K>(layout).unwrap_or(layout); // it was allocated with them
    // SAFETY: the caller keeps the same contract.
    unsafe { kind.heap().free_block(block, whole) };
}

/// # Safety
/// As [`Blocks::change`].
unsafe fn change<K: WantedMemory>(
    kind: &K,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Changed {
    if new.align() > old.align() {
        return Changed::Moves;
    }
    let (Some(before), Some(after)) = (lines::<K>(old), lines::<K>(new)) else {
        return Changed::Refused;
    };
    let (capabilities, wanted) = (kind.capabilities(), Wanted::new(after));
    let heap = kind.heap();
    // SAFETY: the caller keeps the same contract.
    let changed = unsafe { heap.change(block, before.size(), capabilities, wanted) };
    changed.map_or(Changed::Refused, Changed::To)
}

macro_rules! allocators {
    ($($kind:ty),+) => {
        $(
            // SAFETY:
            // - all copies of the allocator lead to one heap; a heap that is the allocator itself
            //   does not end while it is borrowed;
            // - the heap keeps size and alignment of each layout, and the contents of blocks that
            //   change their size.
            unsafe impl Blocks for $kind {
                fn allocate_block(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
                    allocate(self, layout, zeroed)
                }

                unsafe fn free_block(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: the caller keeps the same contract.
                    unsafe { free(self, block, layout) };
                }

                unsafe fn change(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Changed {
                    // SAFETY: the caller keeps the same contract.
                    unsafe { change(self, block, old, new) }
                }
            }
        )+
        heap_caps_alloc::allocators!(allocator_api2::alloc: $([] $kind),+);
        #[cfg(all(feature = "nightly", compiler_has_allocator_api))]
        heap_caps_alloc::allocators!(core::alloc: $([] $kind),+);
    };
}

allocators!(
    EspHeap,
    AnyMemory,
    InternalMemory,
    ExternalMemory,
    DmaCompatibleInternalMemory,
    DmaCompatibleExternalMemory
);
