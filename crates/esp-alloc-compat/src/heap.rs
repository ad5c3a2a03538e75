//! The heap as its users know it: regions in the order of their registration, blocks by
//! capabilities.
//!
//! ```text
//!   add_region                ─► tag 0, tag 1, …     first added, first asked
//!   alloc, allocate, malloc   ─► allocate_block ┐
//!   realloc, grow, shrink     ─► change         ├─► CapsHeap: one lock, O(regions) under it
//!   dealloc, deallocate, free ─► free_block     ┘   and the program's hooks outside of it
//! ```

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use enumset::EnumSet;
use heap_caps::{AddRegionError, AllocRequest, Policy};
use heap_caps_alloc::ffi::without_unwinding;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use multi_heap::Unpoisoned;
use soc_regions::Caps;

use crate::capability::{self, MemoryCapability};
use crate::hooks;
use crate::region::{HeapRegion, REGIONS};
use crate::stats::{HeapStats, RegionStats};

/// The heap underneath: what it can do besides is one call away.
pub type Heaps = CapsHeap<CriticalSectionLock, Unpoisoned, Freed, REGIONS>;

/// Observer of frees, called under the lock.
#[cfg(not(feature = "internal-heap-stats"))]
type Freed = ();

/// Bytes of all blocks that were freed or resized, with the word in front of each.
#[cfg(feature = "internal-heap-stats")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Freed(u64);

#[cfg(feature = "internal-heap-stats")]
impl heap_caps::Observer for Freed {
    fn on_free(&mut self, event: &heap_caps::Freed) {
        self.0 = self.0.saturating_add(u64::from(event.usable) + HEADER);
    }

    fn on_reallocate(&mut self, event: &heap_caps::Reallocated) {
        self.0 = self.0.saturating_add(u64::from(event.old_usable) + HEADER);
    }
}

/// The word in front of each block.
#[cfg(feature = "internal-heap-stats")]
const HEADER: u64 = 4;

/// A heap of up to [`REGIONS`] regions.
pub struct EspHeap {
    heaps: Heaps,
}

impl EspHeap {
    /// Without memory yet: every allocation is refused.
    #[must_use]
    pub const fn empty() -> Self {
        #[cfg(not(feature = "internal-heap-stats"))]
        let observer = ();
        #[cfg(feature = "internal-heap-stats")]
        let observer = Freed(0);
        Self {
            heaps: CapsHeap::with_policy(observer, Policy::Tagged2016),
        }
    }

    /// Returns the heap underneath: failures that say why, reports of double frees, integrity
    /// checks.
    #[must_use]
    pub const fn heaps(&self) -> &Heaps {
        &self.heaps
    }

    /// Adds memory, to be asked after that which is there. Up to 3 bytes at each end are left out:
    /// a heap is made of words.
    ///
    /// # Panics
    /// The region does not become a heap: see [`EspHeap::try_add_region`].
    ///
    /// # Safety
    /// The caller of [`HeapRegion::new`] keeps its promises.
    #[expect(
        clippy::panic,
        reason = "esp-alloc's contract: a program without its memory can't go on, and nothing is returned that could say so"
    )]
    pub unsafe fn add_region(&self, region: HeapRegion) {
        // SAFETY: the caller keeps the same contract.
        if let Err(error) = unsafe { self.try_add_region(region) } {
            panic!("esp_alloc: no heap is made of this region: {error}");
        }
    }

    /// As [`EspHeap::add_region`], returning what is wrong.
    ///
    /// # Errors
    /// See [`AddRegionError`]: the region is too small or too large, is a heap already, or there
    /// are [`REGIONS`].
    ///
    /// # Safety
    /// As [`EspHeap::add_region`].
    pub unsafe fn try_add_region(&self, region: HeapRegion) -> Result<(), AddRegionError> {
        let kind = capability::memory_type(region.capabilities());
        let number = self.heaps.inspect().heaps().count();
        let buffer = region.buffer(number)?;
        self.heaps.add_tagged_buffer(&kind, buffer).map(|_| ())
    }

    /// Returns the bytes in use in all regions.
    #[must_use]
    pub fn used(&self) -> usize {
        self.stats().current_usage
    }

    /// Returns the free bytes in all regions.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free_caps(EnumSet::empty())
    }

    /// Returns the free bytes in regions that have all of these capabilities.
    #[must_use]
    pub fn free_caps(&self, capabilities: EnumSet<MemoryCapability>) -> usize {
        self.heaps
            .inspect()
            .free_size(capability::wanted(capabilities)) as usize // widening
    }

    /// Returns the figures of the heap and of each region; they can be printed.
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        let mut region_stats = [const { None }; REGIONS];
        for (place, heap) in region_stats.iter_mut().zip(self.heaps.inspect().heaps()) {
            *place = Some(RegionStats::of(&heap));
        }
        let sum = |figure: fn(&RegionStats) -> usize| {
            let figures = region_stats.iter().flatten().map(figure);
            figures.fold(0, usize::saturating_add)
        };
        HeapStats {
            size: sum(|region| region.size),
            current_usage: sum(|region| region.used),
            #[cfg(feature = "internal-heap-stats")]
            max_usage: sum(|region| region.size).saturating_sub(self.least_free()),
            #[cfg(feature = "internal-heap-stats")]
            total_allocated: self.freed().saturating_add(self.live()),
            #[cfg(feature = "internal-heap-stats")]
            total_freed: self.freed(),
            region_stats,
        }
    }

    /// Returns a block for `layout` in the first region with these capabilities that has room; null
    /// if there is none.
    ///
    /// # Safety
    /// `layout` has a size.
    #[must_use]
    pub unsafe fn alloc_caps(
        &self,
        capabilities: EnumSet<MemoryCapability>,
        layout: Layout,
    ) -> *mut u8 {
        to_raw(self.allocate_block(capabilities, Wanted::new(layout)))
    }
}

#[cfg(feature = "internal-heap-stats")]
impl EspHeap {
    fn least_free(&self) -> usize {
        self.heaps.inspect().minimum_free_size(Caps::empty()) as usize // widening
    }

    fn freed(&self) -> u64 {
        self.heaps.with_observer(|freed| freed.0)
    }

    /// Returns the bytes of all blocks that are allocated now, with the word in front of each.
    fn live(&self) -> u64 {
        let info = self.heaps.inspect().info(Caps::empty());
        u64::from(info.total_allocated_bytes) + u64::from(info.allocated_blocks) * HEADER
    }
}

/// A block's way, with calls of the hooks.
impl EspHeap {
    /// Allocates a block in the first region with these capabilities that has room.
    pub(crate) fn allocate_block(
        &self,
        capabilities: EnumSet<MemoryCapability>,
        wanted: Wanted,
    ) -> Option<NonNull<u8>> {
        let block = self.heaps.try_allocate(wanted.request(capabilities));
        hooks::allocated(self, capabilities, block, wanted.size());
        block
    }

    /// Returns the block with another size, in a region with these capabilities; `None` if it is as
    /// it was.
    ///
    /// # Safety
    /// `block` is one of this heap with `old` bytes, nobody else uses it, and after a success it is
    /// used by the new pointer alone.
    pub(crate) unsafe fn change(
        &self,
        block: NonNull<u8>,
        old: usize,
        capabilities: EnumSet<MemoryCapability>,
        wanted: Wanted,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller keeps the same contract.
        let changed = unsafe {
            self.heaps
                .try_reallocate(block, wanted.request(capabilities))
        }
        .ok();
        if changed.is_some() {
            hooks::freed(self, block, old);
        }
        hooks::allocated(self, capabilities, changed, wanted.size());
        changed
    }

    /// Frees a block. An invalid pointer is reported, see [`Faults::set_report_handler`].
    ///
    /// # Safety
    /// If `block` is one of this heap, nobody uses it any more.
    pub(crate) unsafe fn free_block(&self, block: NonNull<u8>, layout: Layout) {
        hooks::freed(self, block, layout.size());
        // SAFETY: the caller gives the block up; the heap knows blocks by their addresses alone.
        unsafe { self.heaps.dealloc(block.as_ptr(), layout) };
    }
}

/// What is asked for, before it is said of which memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    layout: Layout,
    zeroed: bool,
}

impl Wanted {
    pub(crate) const fn new(layout: Layout) -> Self {
        Self {
            layout,
            zeroed: false,
        }
    }

    pub(crate) const fn zeroed(self) -> Self {
        Self {
            zeroed: true,
            ..self
        }
    }

    const fn size(&self) -> usize {
        self.layout.size()
    }

    fn request(&self, capabilities: EnumSet<MemoryCapability>) -> AllocRequest<'static> {
        let caps: Caps = capability::wanted(capabilities);
        let request = AllocRequest::new(self.size(), caps).aligned_to(self.layout.align());
        let request = request.anonymous();
        if self.zeroed {
            request.zeroed()
        } else {
            request
        }
    }
}

// SAFETY:
// - Blocks are of regions that their owners gave away for good, do not overlap, and stay allocated
//   until they are freed; regions take bytes.
// - Size and alignment of every layout are kept, by `resize` too.
// - Nothing unwinds: what is wrong is reported, and a panic of a hook or handler ends the program.
unsafe impl GlobalAlloc for EspHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        without_unwinding(|| to_raw(self.allocate_block(EnumSet::empty(), Wanted::new(layout))))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        without_unwinding(|| {
            to_raw(self.allocate_block(EnumSet::empty(), Wanted::new(layout).zeroed()))
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller gives the block up.
            without_unwinding(|| unsafe { self.free_block(block, layout) });
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let new = Layout::from_size_align(size, layout.align()).ok();
        let changed = NonNull::new(block).zip(new).and_then(|(block, new)| {
            // SAFETY: the caller owns the block, and uses the pointer returned from now on.
            without_unwinding(|| unsafe {
                self.change(block, layout.size(), EnumSet::empty(), Wanted::new(new))
            })
        });
        to_raw(changed)
    }
}

pub(crate) fn to_raw(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}
