//! Memory of the program before it becomes a heap.

use core::mem::MaybeUninit;
use core::slice;

use enumset::EnumSet;
use heap_caps::AddRegionError;
use heap_caps_alloc::TaggedBuffer;
use soc_regions::TypeIndex;

use crate::capability::MemoryCapability;
use crate::stats::RegionStats;

/// How many regions a heap can have.
pub const REGIONS: usize = 8;

/// Memory for [`EspHeap::add_region`](crate::EspHeap::add_region).
pub struct HeapRegion {
    start: *mut MaybeUninit<u8>,
    size: usize,
    capabilities: EnumSet<MemoryCapability>,
}

// SAFETY: its maker hands the memory over, exclusively and for good; nothing is read
// through the pointer before it becomes a heap.
unsafe impl Send for HeapRegion {}

impl HeapRegion {
    /// `size` bytes from `heap_bottom` on, which have these capabilities.
    ///
    /// # Safety
    /// - The memory is readable and writable for as long as the program runs.
    /// - Nothing else uses it from now on, except the users of allocated blocks within their
    ///   blocks.
    #[must_use]
    pub const unsafe fn new(
        heap_bottom: *mut u8,
        size: usize,
        capabilities: EnumSet<MemoryCapability>,
    ) -> Self {
        Self {
            start: heap_bottom.cast(),
            size,
            capabilities,
        }
    }

    /// Returns what it will be: all of it free, less what the heap needs for itself.
    #[must_use]
    pub fn stats(&self) -> RegionStats {
        RegionStats {
            size: self.size,
            used: 0,
            free: self.size,
            capabilities: self.capabilities,
        }
    }

    pub(crate) const fn capabilities(&self) -> EnumSet<MemoryCapability> {
        self.capabilities
    }

    /// Returns the memory as a buffer that a heap can be made of. Regions serve in the order of
    /// their numbers.
    pub(crate) fn buffer(self, number: usize) -> Result<TaggedBuffer, AddRegionError> {
        let full = AddRegionError::TableFull { places: REGIONS };
        let tag = TypeIndex(u8::try_from(number).map_err(|_| full)?);
        if self.start.is_null() {
            return Err(AddRegionError::Unreachable);
        }
        // SAFETY: `new`'s caller has handed over these bytes, exclusively and for good; `self` is
        // consumed, so this happens once.
        let bytes = unsafe { slice::from_raw_parts_mut(self.start, self.size) };
        Ok(TaggedBuffer::new(tag, bytes))
    }
}
