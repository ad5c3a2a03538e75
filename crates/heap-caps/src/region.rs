//! Registration of one region, by hand or at boot.

use multi_heap::{Heap, Poison};
use soc_regions::{Chip, Columns, Options, Span, TypeIndex, union};

use crate::alias::Alias;
use crate::boot_error::AddRegionError;
use crate::heap_caps::HeapCaps;
use crate::memory::Memory;
use crate::observer::Observer;
use crate::registry::{Full, HeapIndex, NewHeap, Stage};

/// Adding regions.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Makes a region of the booted chip's memory a heap with the capabilities that the chip's
    /// table has it. All of it must be memory of one type, reserved or not: this is how memory
    /// comes back that a driver or the boot loader has used. The heap has the whole words inside.
    /// Memory of a heap is refused, unless it lies in the bytes of one allocated block: that
    /// block's user may make a heap of it, as in ESP-IDF. O(blocks) then.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    ///
    /// # Safety
    /// - The region is used by nothing else from now on, except by the users of allocated blocks
    ///   within their blocks.
    /// - `memory` keeps its promises for as long as `self` is used.
    pub unsafe fn add_region(
        &mut self,
        span: Span,
        memory: &impl Memory,
    ) -> Result<HeapIndex, AddRegionError> {
        let (chip, options) = self
            .chip
            .ok_or(AddRegionError::UnknownAddress(span.start()))?;
        let kind = type_of(chip, &options, span)?;
        let memory_type = chip
            .memory_type(kind)
            .ok_or(AddRegionError::UnknownAddress(span.start()))?;
        let mut entry = NewHeap::of(chip, span, memory_type.caps_under(&options));
        entry.name = memory_type.name;
        entry.tag = Some(kind);
        // SAFETY: the caller keeps the same contract.
        unsafe { self.add(entry, memory) }
    }

    /// Makes any region a heap with the capabilities `columns`, by priority. The heap has the whole
    /// words inside; it may lie in a block of another heap, as with [`HeapCaps::add_region`].
    ///
    /// # Errors
    /// See [`AddRegionError`].
    ///
    /// # Safety
    /// As [`HeapCaps::add_region`]; and the memory can do what `columns` say.
    pub unsafe fn add_region_with_caps(
        &mut self,
        columns: Columns,
        span: Span,
        memory: &impl Memory,
    ) -> Result<HeapIndex, AddRegionError> {
        if union(columns).is_empty() {
            return Err(AddRegionError::NoCaps);
        }
        let entry = match self.chip {
            Some((chip, _)) => NewHeap::of(chip, span, columns),
            None => NewHeap::new(span, columns),
        };
        // SAFETY: the caller keeps the same contract.
        unsafe { self.add(entry, memory) }
    }

    /// # Safety
    /// As [`HeapCaps::add_region`].
    #[inline(never)]
    pub(crate) unsafe fn add(
        &mut self,
        mut entry: NewHeap<P>,
        memory: &impl Memory,
    ) -> Result<HeapIndex, AddRegionError> {
        let full = AddRegionError::TableFull { places: HEAPS };
        let needed = Heap::<P>::smallest_region_bytes();
        let too_small = AddRegionError::TooSmall { needed };
        let span = entry.span.whole_words().ok_or(too_small)?;
        entry.span = span;
        self.refuse_overlap(span)
            .or_else(|refused| self.allow_in_a_block(span).ok_or(refused))?;
        if self.registry.free_places() == 0 {
            return Err(full);
        }
        // SAFETY: the caller keeps the same contract.
        entry.heap = Some(unsafe { heap_in(span, memory) }?);
        let index = self
            .registry
            .insert(entry, self.rules.policy, Stage::Later)
            .map_err(|Full| full)?;
        self.heaps_changed();
        Ok(index)
    }

    pub(crate) fn refuse_overlap(&self, span: Span) -> Result<(), AddRegionError> {
        match self
            .registry
            .iter()
            .rev()
            .find(|(_, entry)| entry.span.overlaps(span))
        {
            Some((_, entry)) if entry.span == span => Err(AddRegionError::Duplicate),
            Some((_, entry)) => Err(AddRegionError::Overlap(entry.span)),
            None => Ok(()),
        }
    }

    /// Allows memory of a heap to become a heap if it lies in the bytes of one allocated block,
    /// where no other heap lies. O(blocks).
    #[cold]
    fn allow_in_a_block(&self, span: Span) -> Option<()> {
        let mut around = self.registry.iter().map(|(_, entry)| entry.span);
        let is_free_of_others =
            around.all(|other| other.contains_span(span) || !other.overlaps(span));
        let block = self.inspect().block_containing(span.start())?;
        let bytes = Span::from_size(block.address, block.size)?;
        (is_free_of_others && bytes.contains_span(span)).then_some(())
    }
}

impl<P: Poison> NewHeap<P> {
    /// Returns the memory that is not enabled and belongs to no type.
    pub(crate) fn new(span: Span, columns: Columns) -> Self {
        Self {
            span,
            columns,
            name: "added",
            tag: None,
            alias: None,
            by_tag_only: false,
            heap: None,
        }
    }

    /// The same in a chip's memory, which may have a second side.
    pub(crate) fn of(chip: &Chip, span: Span, columns: Columns) -> Self {
        let both_sides = chip
            .dual_buses()
            .iter()
            .find(|bus| bus.data().contains_span(span));
        let two_addresses = both_sides.filter(|bus| bus.data() != bus.instruction());
        Self {
            alias: two_addresses.copied().map(Alias),
            ..Self::new(span, columns)
        }
    }
}

/// Returns a heap in a region, if that is large enough and can be reached.
///
/// # Safety
/// As [`HeapCaps::add_region`].
pub(crate) unsafe fn heap_in<P: Poison>(
    span: Span,
    memory: &impl Memory,
) -> Result<Heap<P>, AddRegionError> {
    let needed = Heap::<P>::smallest_region_bytes();
    if span.size() < needed {
        // Nobody is asked for memory that is of no use
        return Err(AddRegionError::TooSmall { needed });
    }
    let region = memory.region(span).ok_or(AddRegionError::Unreachable)?;
    // SAFETY: the caller leaves the memory to this heap, and `memory` promises that the slice is
    // that memory.
    Ok(unsafe { Heap::new(region) }?)
}

/// Returns the one memory type of all of `span`.
fn type_of(chip: &Chip, options: &Options, span: Span) -> Result<TypeIndex, AddRegionError> {
    let row_at = |address| {
        chip.region_at(address, options)
            .ok_or(AddRegionError::UnknownAddress(address))
    };
    let first = row_at(span.start())?;
    let mut end = first.span.end();
    while end < span.end() {
        let row = row_at(end)?;
        if row.kind != first.kind {
            return Err(AddRegionError::MixedTypes(end));
        }
        end = row.span.end(); // rows are not empty: it grows
    }
    Ok(first.kind)
}
