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

use crate::HEAP;
use crate::capability::MemoryCapability;
use crate::heap::{EspHeap, Wish};

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
trait Kind {
    const LINE: usize = 1;

    fn heap(&self) -> &EspHeap {
        &HEAP
    }

    fn capabilities(&self) -> EnumSet<MemoryCapability>;
}

impl Kind for EspHeap {
    fn heap(&self) -> &EspHeap {
        self
    }

    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        EnumSet::empty()
    }
}

impl Kind for AnyMemory {
    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        EnumSet::empty()
    }
}

impl Kind for InternalMemory {
    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::Internal.into()
    }
}

impl Kind for ExternalMemory {
    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::External.into()
    }
}

impl Kind for DmaCompatibleInternalMemory {
    const LINE: usize = INTERNAL_LINE;

    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::Internal.into()
    }
}

impl Kind for DmaCompatibleExternalMemory {
    const LINE: usize = EXTERNAL_LINE;

    fn capabilities(&self) -> EnumSet<MemoryCapability> {
        MemoryCapability::External.into()
    }
}

/// The layout in whole lines; `None` if that is more than an address can say.
fn lines<K: Kind>(layout: Layout) -> Option<Layout> {
    let aligned = layout.align_to(K::LINE).ok()?;
    let size = aligned.size().checked_next_multiple_of(K::LINE)?;
    Layout::from_size_align(size, aligned.align()).ok()
}

fn allocate<K: Kind>(kind: &K, layout: Layout, wish: fn(Layout) -> Wish) -> Option<NonNull<[u8]>> {
    if layout.size() == 0 {
        return Some(slice(layout.dangling_ptr(), layout));
    }
    let block = kind
        .heap()
        .take(kind.capabilities(), wish(lines::<K>(layout)?));
    Some(slice(block?, layout))
}

/// # Safety
/// `block` is a block of this kind that was allocated with `layout`; nobody uses it any more.
unsafe fn deallocate<K: Kind>(kind: &K, block: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        let whole = lines::<K>(layout).unwrap_or(layout); // it was allocated with them
        // SAFETY: the caller keeps the same contract.
        unsafe { kind.heap().give(block, whole) };
    }
}

/// A block of another size with the same first bytes, where it lies if that has room and the new
/// alignment.
///
/// # Safety
/// `block` is a block of this kind that was allocated with `old`; after a success nobody uses it by
/// the old pointer.
unsafe fn change<K: Kind>(
    kind: &K,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<[u8]>> {
    let stays = old.size() != 0 && new.size() != 0 && new.align() <= old.align();
    if !stays {
        // SAFETY: the caller keeps the same contract.
        return unsafe { replace(kind, block, old, new) };
    }
    let (before, wish) = (lines::<K>(old)?.size(), Wish::new(lines::<K>(new)?));
    // SAFETY: the caller keeps the same contract.
    let changed = unsafe { kind.heap().change(block, before, kind.capabilities(), wish) };
    Some(slice(changed?, new))
}

/// # Safety
/// As [`change`].
unsafe fn replace<K: Kind>(
    kind: &K,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<[u8]>> {
    let fresh = allocate(kind, new, Wish::new)?;
    let bytes = old.size().min(new.size());
    // SAFETY: both blocks have that many bytes, and a new block overlaps no allocated one.
    unsafe { block.copy_to_nonoverlapping(fresh.cast(), bytes) };
    // SAFETY: the caller gives the old block up.
    unsafe { deallocate(kind, block, old) };
    Some(fresh)
}

/// # Safety
/// As [`change`]; `new` is not smaller than `old`.
unsafe fn grow_zeroed<K: Kind>(
    kind: &K,
    block: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<[u8]>> {
    // SAFETY: the caller keeps the same contract.
    let grown = unsafe { change(kind, block, old, new) }?;
    let added = new.size().saturating_sub(old.size());
    // SAFETY: the old size is at most the new one.
    let behind = unsafe { grown.cast::<u8>().add(new.size() - added) };
    // SAFETY: the bytes from there to the block's end are the caller's.
    unsafe { behind.write_bytes(0, added) };
    Some(grown)
}

fn slice(start: NonNull<u8>, layout: Layout) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(start, layout.size())
}

macro_rules! allocators {
    ($module:path: $($kind:ty),+) => {
        const _: () = {
            use $module::{AllocError, Allocator};
            $(
                // SAFETY:
                // - blocks stay where and what they are until they are deallocated, whichever copy
                //   of the allocator is used: all copies lead to one heap; a heap that is the
                //   allocator itself does not end while it is borrowed;
                // - the heap keeps size and alignment of each layout, and the contents of blocks
                //   that change their size.
                unsafe impl Allocator for $kind {
                    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                        allocate(self, layout, Wish::new).ok_or(AllocError)
                    }

                    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                        allocate(self, layout, |layout| Wish::new(layout).zeroed())
                            .ok_or(AllocError)
                    }

                    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { deallocate(self, block, layout) };
                    }

                    unsafe fn grow(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { change(self, block, old, new) }.ok_or(AllocError)
                    }

                    unsafe fn grow_zeroed(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { grow_zeroed(self, block, old, new) }.ok_or(AllocError)
                    }

                    unsafe fn shrink(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { change(self, block, old, new) }.ok_or(AllocError)
                    }
                }
            )+
        };
    };
}

allocators!(
    allocator_api2::alloc: EspHeap, AnyMemory, InternalMemory, ExternalMemory,
    DmaCompatibleInternalMemory, DmaCompatibleExternalMemory
);
#[cfg(all(feature = "nightly", compiler_has_allocator_api))]
allocators!(
    core::alloc: EspHeap, AnyMemory, InternalMemory, ExternalMemory,
    DmaCompatibleInternalMemory, DmaCompatibleExternalMemory
);
