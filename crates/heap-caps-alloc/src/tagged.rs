//! Memory by tag, and tagged buffers of the program.
//!
//! ```text
//!   buffers of the program   ─► addresses ─► regions with tags ─► heaps          once, or one by one
//!   32 bits: a buffer's address is its own        larger hosts: above those before, congruent modulo 64 KiB
//! ```

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use heap_caps::{AddRegionError, BootError, Booted, HeapIndex, Memory, Observer, TaggedRegion};
use multi_heap::Poison;
use soc_regions::{Caps, Chip, MemoryType, Span, TypeIndex};

use crate::figures::SharedInspection;
use crate::heap::CapsHeap;
use crate::lock::RawLock;
use crate::register::{Buffer, whole_words};

/// A buffer of the program that is to be memory with a tag.
///
/// Rust memory takes bytes, and heaps whose type lacks `8BIT` use whole words only: that makes
/// every type safe to claim.
#[derive(Debug)]
pub struct TaggedBuffer {
    bytes: NonNull<[u8]>,
    tag: TypeIndex,
    code: Option<u32>,
}

impl TaggedBuffer {
    /// Creates a buffer for a tag. Heaps are made of whole words: up to 3 bytes are left out at
    /// each end.
    #[must_use]
    pub fn new(tag: TypeIndex, buffer: &'static mut [MaybeUninit<u8>]) -> Self {
        let bytes = NonNull::slice_from_raw_parts(NonNull::from(&mut *buffer).cast(), buffer.len());
        Self {
            bytes: whole_words(bytes),
            tag,
            code: None,
        }
    }

    /// The same buffer, seen by the instruction bus from `address` on, its last word first.
    ///
    /// ```compile_fail,E0133
    /// # use heap_caps_alloc::TaggedBuffer;
    /// # fn anywhere(buffer: TaggedBuffer) -> TaggedBuffer {
    /// buffer.with_code_at(0x4000_0000) // blocks at an address that safe code chose
    /// # }
    /// ```
    ///
    /// # Safety
    /// - From `address` on lie the words of this buffer, last word first, for as long as the heap
    ///   is used: blocks for code are handed out by these addresses.
    #[must_use]
    pub unsafe fn with_code_at(self, address: u32) -> Self {
        Self {
            code: Some(address),
            ..self
        }
    }

    fn start(&self) -> usize {
        self.bytes.addr().get()
    }

    fn end(&self) -> usize {
        self.start().saturating_add(self.bytes.len())
    }
}

/// Memory by tag.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Makes heaps of a program's own table, each buffer with the type that `chip` has for its tag,
    /// see [`HeapCaps::define_tagged_regions`](heap_caps::HeapCaps::define_tagged_regions): of
    /// every buffer or of none.
    ///
    /// # Errors
    /// See [`BootError`]. No heap is registered then.
    // Its table takes a frame that Xtensa's back end cannot spill in a larger function
    #[inline(never)]
    pub fn define_tagged_buffers(
        &self,
        chip: &Chip,
        buffers: impl IntoIterator<Item = TaggedBuffer>,
    ) -> Result<Booted, BootError> {
        let mut state = self.state.acquire();
        let mut table = Table::<HEAPS>::new(state.above_all_heaps());
        for (number, buffer) in buffers.into_iter().enumerate() {
            let added = table.add(chip, &buffer);
            added.map_err(|why| BootError::Region { number, why })?;
        }
        state.registering(&table, |heaps, memory| {
            // SAFETY: the buffers were handed over for good and exclusively, and Rust memory takes
            // bytes.
            unsafe { heaps.define_tagged_regions(table.regions(), memory) }
        })
    }

    /// Makes a buffer of the program a heap of type `memory_type` under a tag. Under
    /// [`Policy::Tagged2016`](heap_caps::Policy::Tagged2016) heaps are looked at in the order of
    /// their tags.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    pub fn add_tagged_buffer(
        &self,
        memory_type: &MemoryType,
        buffer: TaggedBuffer,
    ) -> Result<HeapIndex, AddRegionError> {
        let mut state = self.state.acquire();
        if let Some(heap) = state.neighbour_over(buffer.bytes) {
            return Err(AddRegionError::Overlap(heap.span));
        }
        let mut table = Table::<1>::new(state.above_all_heaps());
        let region = |span| Ok(TaggedRegion::new(buffer.tag, memory_type, span));
        let region = table.place(&buffer, region)?;
        state.registering(&table, |heaps, memory| {
            // SAFETY: the buffer was handed over for good and exclusively, and Rust memory takes
            // bytes.
            unsafe { heaps.add_tagged_region(region, memory) }
        })
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> SharedInspection<'_, L, P, O, HEAPS> {
    /// Returns the free bytes of the memory with this tag. O(heaps).
    #[must_use]
    pub fn tag_free_size(self, tag: TypeIndex) -> u32 {
        self.heap.state.acquire().heaps.inspect().tag_free_size(tag)
    }

    /// Returns the least free bytes of each heap with this tag, summed. O(heaps).
    #[must_use]
    pub fn tag_minimum_free_size(self, tag: TypeIndex) -> u32 {
        self.heap
            .state
            .acquire()
            .heaps
            .inspect()
            .tag_minimum_free_size(tag)
    }

    /// Returns the free bytes of memory that has *any* of `caps`, see
    /// [`Inspection::free_size_of_any`](heap_caps::Inspection::free_size_of_any). O(heaps).
    #[must_use]
    pub fn free_size_of_any(self, caps: Caps) -> u32 {
        self.heap
            .state
            .acquire()
            .heaps
            .inspect()
            .free_size_of_any(caps)
    }

    /// Returns the least free bytes of each heap, counted as [`SharedInspection::free_size_of_any`]
    /// does. O(heaps).
    #[must_use]
    pub fn minimum_free_size_of_any(self, caps: Caps) -> u32 {
        self.heap
            .state
            .acquire()
            .heaps
            .inspect()
            .minimum_free_size_of_any(caps)
    }
}

/// Buffers and the addresses under which the heaps will know them.
struct Table<const N: usize> {
    places: [Option<(TaggedRegion, Buffer)>; N],
    /// On a larger host the next address given out is above this one.
    above: u32,
    /// Where the last buffer ends, as a pointer.
    end: usize,
}

impl<const N: usize> Table<N> {
    const fn new(above: u32) -> Self {
        Self {
            places: [const { None }; N],
            above,
            end: 0,
        }
    }

    /// Adds a buffer with the type that the chip has for its tag. It must lie above the one before,
    /// as v2.1 demanded.
    #[inline(never)]
    fn add(&mut self, chip: &Chip, buffer: &TaggedBuffer) -> Result<(), AddRegionError> {
        if buffer.start() < self.end {
            return Err(AddRegionError::NotAscending);
        }
        self.end = buffer.end();
        self.place(buffer, |span| TaggedRegion::of(chip, buffer.tag, span))
            .map(|_| ())
    }

    fn place(
        &mut self,
        buffer: &TaggedBuffer,
        region: impl FnOnce(Span) -> Result<TaggedRegion, AddRegionError>,
    ) -> Result<TaggedRegion, AddRegionError> {
        if buffer.bytes.is_empty() {
            return Err(AddRegionError::TooSmall { needed: 4 });
        }
        let free = self.places.iter_mut().find(|place| place.is_none());
        let free = free.ok_or(AddRegionError::TableFull { places: N })?;
        let span = Buffer::span_above(self.above, buffer.bytes).ok_or(AddRegionError::TooLarge)?;
        let region = match buffer.code {
            Some(code) => region(span)?.with_code_at(code),
            None => region(span)?,
        };
        self.above = self.above.max(span.end());
        let bytes = buffer.bytes;
        *free = Some((region, Buffer { span, bytes }));
        Ok(region)
    }

    fn regions(&self) -> impl Iterator<Item = TaggedRegion> + '_ {
        self.places.iter().flatten().map(|(region, _)| *region)
    }
}

// SAFETY: the maker of the table owns its buffers for good; no two of them overlap, and each
// is asked for once. Their addresses are their own or congruent to them.
unsafe impl<const N: usize> Memory for Table<N> {
    const CONGRUENT: u32 = Buffer::CONGRUENT;

    fn region(&self, span: Span) -> Option<NonNull<[u8]>> {
        let mut buffers = self.places.iter().flatten().map(|(_, buffer)| buffer);
        buffers.find(|buffer| buffer.span == span)?.region(span)
    }
}
