//! Registration: boot, start-up stacks, regions at run time, buffers of the program.
//!
//! Registration takes the lock once, for O(heaps) work, and under comprehensive poisoning for
//! filling the region too: it belongs into the start of the program.

use core::cell::Cell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use heap_caps::{
    AddRegionError, BootError, Booted, HeapCaps, HeapIndex, HeapView, Memory, Observer,
};
use multi_heap::Poison;
use soc_regions::{Chip, Columns, Options, Span, Symbols};

use crate::addresses::ADDRESSES_ARE_POINTERS;
use crate::heap::{CapsHeap, State};
use crate::lock::RawLock;

/// Bringing up.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Makes heaps of a chip's memory, see [`HeapCaps::boot`].
    ///
    /// # Errors
    /// See [`BootError`]. No heap is registered then.
    ///
    /// # Safety
    /// - The memory that the chip's table, `options` and `symbols` leave over is used by nothing
    ///   else from now on, except by the users of allocated blocks within their blocks.
    /// - `memory` keeps its promises for as long as the heap or any block of it is used; at its
    ///   addresses it can do what the chip's table says: memory with `8BIT` takes bytes.
    pub unsafe fn boot(
        &self,
        chip: &'static Chip,
        options: &Options,
        symbols: &dyn Symbols,
        memory: &impl Memory,
    ) -> Result<Booted, BootError> {
        self.state.acquire().registering(memory, |heaps, memory| {
            // SAFETY: the caller keeps the same contract.
            unsafe { heaps.boot(chip, options, symbols, memory) }
        })
    }

    /// Makes heaps of what other options leave over besides the heaps that there are, see
    /// [`HeapCaps::extend`].
    ///
    /// # Errors
    /// See [`BootError`].
    ///
    /// # Safety
    /// As [`CapsHeap::boot`], for the memory that `options` and `symbols` leave over and that is
    /// not in a heap yet.
    pub unsafe fn extend(
        &self,
        options: &Options,
        symbols: &dyn Symbols,
        memory: &impl Memory,
    ) -> Result<Booted, BootError> {
        self.state.acquire().registering(memory, |heaps, memory| {
            // SAFETY: the caller keeps the same contract.
            unsafe { heaps.extend(options, symbols, memory) }
        })
    }

    /// Enables the heaps of the start-up stacks; returns how many there are now.
    ///
    /// # Safety
    /// - The start-up stacks are no longer used, by any core.
    /// - As [`CapsHeap::boot`] otherwise.
    pub unsafe fn enable_startup_stack_heaps(&self, memory: &impl Memory) -> usize {
        self.state.acquire().registering(memory, |heaps, memory| {
            // SAFETY: the caller keeps the same contract.
            unsafe { heaps.enable_startup_stack_heaps(memory) }
        })
    }

    /// Makes a region of the booted chip's memory a heap with the capabilities of the chip's table.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    ///
    /// # Safety
    /// - The region is used by nothing else from now on, except by the users of allocated blocks
    ///   within their blocks.
    /// - As [`CapsHeap::boot`] otherwise.
    pub unsafe fn add_region(
        &self,
        span: Span,
        memory: &impl Memory,
    ) -> Result<HeapIndex, AddRegionError> {
        self.state.acquire().registering(memory, |heaps, memory| {
            // SAFETY: the caller keeps the same contract.
            unsafe { heaps.add_region(span, memory) }
        })
    }

    /// Makes any region a heap with the capabilities `columns`, by priority.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    ///
    /// # Safety
    /// - As [`CapsHeap::add_region`].
    /// - The memory can do what `columns` say; with `DEFAULT` it takes bytes.
    pub unsafe fn add_region_with_caps(
        &self,
        columns: Columns,
        span: Span,
        memory: &impl Memory,
    ) -> Result<HeapIndex, AddRegionError> {
        self.state.acquire().registering(memory, |heaps, memory| {
            // SAFETY: the caller keeps the same contract.
            unsafe { heaps.add_region_with_caps(columns, span, memory) }
        })
    }

    /// Makes a buffer of the program a heap with the capabilities `columns`, by priority.
    ///
    /// Its address is its own where pointers have 32 bits. On a larger host it gets addresses above
    /// those of all other heaps, congruent modulo 64 KiB.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    pub fn add_buffer(
        &self,
        columns: Columns,
        buffer: &'static mut [MaybeUninit<u8>],
    ) -> Result<HeapIndex, AddRegionError> {
        let bytes = NonNull::slice_from_raw_parts(NonNull::from(&mut *buffer).cast(), buffer.len());
        // SAFETY: the buffer was handed over for good and exclusively, and Rust memory takes bytes.
        unsafe { self.add_memory(columns, bytes) }
    }

    /// As [`CapsHeap::add_buffer`] for memory whose use the caller guarantees. The heap has the
    /// whole words inside. It may lie in a block of this heap that the caller has, which must then
    /// stay allocated. O(blocks) then.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    ///
    /// # Safety
    /// - The memory is readable and writable by words, and used by nothing else from now on, except
    ///   by the users of allocated blocks within their blocks.
    /// - It can do what `columns` say; with `DEFAULT` or `8BIT` it takes bytes.
    pub unsafe fn add_memory(
        &self,
        columns: Columns,
        bytes: NonNull<[u8]>,
    ) -> Result<HeapIndex, AddRegionError> {
        let bytes = whole_words(bytes);
        if bytes.is_empty() {
            return Err(AddRegionError::TooSmall { needed: 4 });
        }
        let mut state = self.state.acquire();
        if let Some(heap) = state.neighbour_over(bytes)
            && !state.is_in_a_block(bytes)
        {
            let same = state.heaps.inspect().memory_of(heap.index) == Some(bytes);
            return Err(if same {
                AddRegionError::Duplicate
            } else {
                AddRegionError::Overlap(heap.span)
            });
        }
        let span = state.span_for(bytes).ok_or(AddRegionError::TooLarge)?;
        state.registering(&Buffer { span, bytes }, |heaps, memory| {
            // SAFETY: the caller keeps the same contract.
            unsafe { heaps.add_region_with_caps(columns, span, memory) }
        })
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Registers memory, noting whether its bytes are where its addresses say.
    pub(crate) fn registering<'m, M: Memory, R>(
        &mut self,
        memory: &'m M,
        register: impl FnOnce(&mut HeapCaps<P, O, HEAPS>, &Noting<'m, M>) -> R,
    ) -> R {
        let displaced = Cell::new(self.displaced);
        let noting = Noting { memory, displaced };
        let registered = register(&mut self.heaps, &noting);
        self.displaced = noting.displaced.get();
        registered
    }

    /// Returns the innermost heap whose bytes overlap `bytes`: on a host, where addresses are given
    /// out, numbers do not show.
    pub(crate) fn neighbour_over(&self, bytes: NonNull<[u8]>) -> Option<HeapView> {
        let start = bytes.addr().get();
        let end = start.saturating_add(bytes.len());
        let overlapping = self.heaps.inspect().heaps().filter(|heap| {
            self.heaps
                .inspect()
                .memory_of(heap.index)
                .is_some_and(|memory| {
                    let other = memory.addr().get();
                    start < other.saturating_add(memory.len()) && other < end
                })
        });
        overlapping.last()
    }

    /// Returns whether memory of a heap lies in the bytes of one allocated block, where no other
    /// heap lies. By pointers, as [`State::neighbour_over`]. O(blocks).
    #[cold]
    fn is_in_a_block(&self, bytes: NonNull<[u8]>) -> bool {
        let range = |memory: NonNull<[u8]>| {
            let start = memory.addr().get();
            start..start.saturating_add(memory.len())
        };
        let wanted = range(bytes);
        let holds = |memory: NonNull<[u8]>| {
            let other = range(memory);
            other.start <= wanted.start && wanted.end <= other.end
        };
        let misses = |memory: NonNull<[u8]>| {
            let other = range(memory);
            other.end <= wanted.start || wanted.end <= other.start
        };
        let heaps = self.heaps.inspect().heaps();
        let mut memories = heaps.filter_map(|heap| self.heaps.inspect().memory_of(heap.index));
        let is_free_of_others = memories.all(|memory| holds(memory) || misses(memory));
        let address = self.heaps.inspect().address_of(bytes.as_ptr().cast());
        let block = address.and_then(|address| self.heaps.inspect().block_containing(address));
        let in_block = block.and_then(|block| {
            let first = self.heaps.inspect().pointer(block.address)?;
            let size = usize::try_from(block.size).ok()?;
            Some(holds(NonNull::slice_from_raw_parts(first, size)))
        });
        is_free_of_others && in_block == Some(true)
    }

    /// Returns the addresses under which the heaps will know a buffer; `None` where 32 bits do not
    /// reach.
    fn span_for(&self, bytes: NonNull<[u8]>) -> Option<Span> {
        Buffer::span_above(self.above_all_heaps(), bytes)
    }

    /// Returns the first address that lies above every heap.
    pub(crate) fn above_all_heaps(&self) -> u32 {
        let ends = self.heaps.inspect().heaps().map(|heap| heap.span.end());
        ends.max().unwrap_or(0)
    }
}

/// Returns the whole words inside of memory: up to 3 bytes are left out at each end.
pub(crate) fn whole_words(bytes: NonNull<[u8]>) -> NonNull<[u8]> {
    let lead = bytes.addr().get().wrapping_neg() % 4;
    let first = bytes
        .cast::<u8>()
        .map_addr(|first| first.saturating_add(lead));
    NonNull::slice_from_raw_parts(first, bytes.len().saturating_sub(lead) & !3)
}

/// Memory that notes whether its bytes are elsewhere than their addresses say.
pub(crate) struct Noting<'m, M> {
    memory: &'m M,
    displaced: Cell<bool>,
}

// SAFETY: the promises of the memory around which it is.
unsafe impl<M: Memory> Memory for Noting<'_, M> {
    const CONGRUENT: u32 = M::CONGRUENT;

    fn region(&self, span: Span) -> Option<NonNull<[u8]>> {
        let bytes = self.memory.region(span)?;
        bytes.as_ptr().expose_provenance(); // a block's address will be its pointer
        let identical = usize::try_from(span.start()) == Ok(bytes.addr().get());
        if ADDRESSES_ARE_POINTERS && !identical {
            return None;
        }
        self.displaced.set(self.displaced.get() || !identical);
        Some(bytes)
    }
}

/// One buffer, under addresses that were chosen for it.
pub(crate) struct Buffer {
    pub(crate) span: Span,
    pub(crate) bytes: NonNull<[u8]>,
}

impl Buffer {
    pub(crate) const CONGRUENT: u32 = 0x1_0000;

    /// Returns the addresses for bytes: their own if those have 32 bits, else the first ones from
    /// `above` on that are congruent to them. `None` where 32 bits do not reach.
    pub(crate) fn span_above(above: u32, bytes: NonNull<[u8]>) -> Option<Span> {
        let pointer = bytes.addr().get();
        let size = u32::try_from(bytes.len()).ok()?;
        let own = u32::try_from(pointer).ok();
        own.and_then(|start| Span::from_size(start, size))
            .or_else(|| Span::from_size(Self::congruent_address(above, pointer)?, size))
    }

    fn congruent_address(above: u32, pointer: usize) -> Option<u32> {
        let page = above.max(1).checked_next_multiple_of(Self::CONGRUENT)?;
        let rest = u32::try_from(pointer % 0x1_0000).ok()?;
        page.checked_add(rest)
    }
}

// SAFETY: its maker owns the buffer for good and asks once; the addresses are its own or
// congruent to them.
unsafe impl Memory for Buffer {
    const CONGRUENT: u32 = Buffer::CONGRUENT;

    fn region(&self, span: Span) -> Option<NonNull<[u8]>> {
        (span == self.span).then_some(self.bytes)
    }
}
