//! How memory becomes heaps: at boot, when the start-up stacks are done, and later by hand.

use multi_heap::{Heap, Poison};
use soc_regions::{Available, Chip, Columns, Layout, Options, Span, Symbols, TypeIndex, union};

use crate::alias::Alias;
use crate::boot_error::{AddRegionError, BootError};
use crate::heap_caps::HeapCaps;
use crate::memory::Memory;
use crate::observer::Observer;
use crate::registry::{Entry, Full, HeapIndex, Registry, Stage};

/// What boot made of a chip's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Booted {
    /// Heaps registered, those of the start-up stacks included.
    pub heaps: u8,
    /// Their size in bytes, bookkeeping included.
    pub bytes: u32,
    /// Regions that are too small for a heap and stay unused.
    pub too_small: u8,
    /// Their size in bytes.
    pub too_small_bytes: u32,
}

/// Bringing up.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Makes heaps of all memory that `options` and the program behind `symbols` leave: one for each contiguous stretch of one type. Internal
    /// memory comes first, external memory (`options.psram`) after it, as in ESP-IDF's start-up code. The heaps of the start-up
    /// stacks are registered, but wait for [`HeapCaps::enable_startup_stack_heaps`].
    ///
    /// # Errors
    /// See [`BootError`]. No heap is registered then.
    ///
    /// # Safety
    /// - The memory that the chip's table, `options` and `symbols` leave over is used by nothing else from now on, except by the
    ///   users of allocated blocks within their blocks.
    /// - `memory` keeps its promises for as long as `self` is used.
    pub unsafe fn boot(
        &mut self,
        chip: &'static Chip,
        options: &Options,
        symbols: &dyn Symbols,
        memory: &impl Memory,
    ) -> Result<Booted, BootError> {
        if self.chip.is_some() || self.registry.len() > 0 {
            return Err(BootError::AlreadyBooted);
        }
        let layout = chip.layout(options, symbols)?;
        self.require_places(&layout)?;
        self.rules.hardware = chip.hardware(options);
        self.rules.external_dma = chip.has_external_dma();
        let mut booted = Booted::default();
        // SAFETY: the caller keeps the same contract.
        let made = unsafe { self.register(chip, &layout, Stage::Boot, memory, &mut booted) };
        made.inspect_err(|_| self.registry = Registry::new())?;
        self.chip = Some((chip, *options));
        self.heaps_changed();
        Ok(booted)
    }

    /// Makes heaps of what other options leave over besides the heaps that there are: memory that was kept at boot for a second
    /// core, a radio, a trace unit, or PSRAM that was found later. What is a heap stays one, whatever the options say; memory
    /// next to a heap becomes a heap of its own. Memory that is given before [`HeapCaps::boot`] is in one piece with its neighbours.
    ///
    /// # Errors
    /// See [`BootError`]. After [`BootError::Unreachable`] some heaps may have been made, after all others none.
    ///
    /// # Safety
    /// As [`HeapCaps::boot`], for the memory that `options` and `symbols` leave over and that is not in a heap yet.
    pub unsafe fn extend(
        &mut self,
        options: &Options,
        symbols: &dyn Symbols,
        memory: &impl Memory,
    ) -> Result<Booted, BootError> {
        let (chip, _) = self.chip.ok_or(BootError::NotBooted)?;
        let layout = chip.layout(options, symbols)?;
        self.require_places(&layout)?;
        let mut booted = Booted::default();
        // SAFETY: the caller keeps the same contract.
        let made = unsafe { self.register(chip, &layout, Stage::Later, memory, &mut booted) };
        self.chip = Some((chip, *options));
        self.heaps_changed();
        made.map(|()| booted)
    }

    fn require_places(&self, layout: &Layout) -> Result<(), BootError> {
        let new = layout
            .available()
            .map(|memory| self.gaps(memory.span).count());
        let needed = self.registry.len() + new.sum::<usize>();
        if needed > HEAPS {
            return Err(BootError::TableFull {
                needed,
                places: HEAPS,
            });
        }
        Ok(())
    }

    /// The parts of `span` that no heap has, ascending.
    fn gaps(&self, span: Span) -> impl Iterator<Item = Span> {
        core::iter::successors(self.gap(span.start(), span.end()), move |gap| {
            self.gap(gap.end(), span.end())
        })
    }

    /// The first of them at or above `from`.
    fn gap(&self, mut from: u32, end: u32) -> Option<Span> {
        while let Some(heap) = self.registry.containing(from) {
            from = self.registry.get(heap)?.span.end();
        }
        let above = self.registry.iter().map(|(_, entry)| entry.span.start());
        let next = above.filter(|start| *start > from).min();
        Span::new(from, next.unwrap_or(end).min(end))
    }

    /// Makes heaps of what a layout leaves over and no heap has: internal memory, then external memory.
    ///
    /// # Safety
    /// As [`HeapCaps::boot`].
    unsafe fn register(
        &mut self,
        chip: &Chip,
        layout: &Layout,
        internal: Stage,
        memory: &impl Memory,
        booted: &mut Booted,
    ) -> Result<(), BootError> {
        for (external, stage) in [(false, internal), (true, Stage::Later)] {
            let all = layout.available();
            for available in all.filter(|available| available.external == external) {
                let mut rest = self.gap(available.span.start(), available.span.end());
                while let Some(gap) = rest {
                    let part = Available {
                        span: gap,
                        ..available
                    };
                    // SAFETY: the caller keeps the same contract.
                    unsafe { self.boot_region(chip, &part, stage, memory, booted) }?;
                    rest = self.gap(gap.end(), available.span.end());
                }
            }
        }
        Ok(())
    }

    /// # Safety
    /// As [`HeapCaps::boot`].
    unsafe fn boot_region(
        &mut self,
        chip: &Chip,
        available: &Available,
        stage: Stage,
        memory: &impl Memory,
        booted: &mut Booted,
    ) -> Result<(), BootError> {
        let mut entry = Entry::of(chip, available.span, available.caps);
        entry.name = available.memory_type.name;
        entry.tag = Some(available.kind);
        if !available.startup_stack || self.startup_is_over {
            // SAFETY: the caller keeps the same contract.
            entry.heap = match unsafe { heap_in(available.span, memory) } {
                Ok(heap) => Some(heap),
                Err(AddRegionError::TooSmall { .. }) => {
                    booted.too_small = booted.too_small.saturating_add(1);
                    booted.too_small_bytes += available.span.size(); // disjoint spans
                    return Ok(());
                }
                Err(_) => return Err(BootError::Unreachable(available.span)),
            };
        }
        let full = |Full| BootError::TableFull {
            needed: HEAPS + 1,
            places: HEAPS,
        };
        self.registry
            .insert(entry, self.rules.policy, stage)
            .map_err(full)?;
        booted.heaps = booted.heaps.saturating_add(1);
        booted.bytes += available.span.size(); // disjoint spans
        Ok(())
    }

    /// Enables the heaps of the start-up stacks; returns how many there are now. To be called when the scheduler runs on every
    /// core and nobody stands on those stacks any more. Regions that are too small or can't be reached stay disabled. What
    /// [`HeapCaps::extend`] finds there later is enabled at once.
    ///
    /// # Safety
    /// - The start-up stacks are no longer used, by any core.
    /// - As [`HeapCaps::boot`] otherwise.
    pub unsafe fn enable_startup_stack_heaps(&mut self, memory: &impl Memory) -> usize {
        let mut enabled = 0;
        for (_, entry) in self
            .registry
            .iter_mut()
            .filter(|(_, entry)| entry.heap.is_none() || entry.by_tag_only)
        {
            if entry.heap.is_none() {
                // SAFETY: the caller keeps the same contract.
                entry.heap = unsafe { heap_in(entry.span, memory) }.ok();
            }
            entry.by_tag_only = false;
            enabled += usize::from(entry.heap.is_some());
        }
        self.startup_is_over = true;
        self.heaps_changed();
        enabled
    }

    /// Makes a region of the booted chip's memory a heap with the capabilities that the chip's table gives it. All of it must be memory of one
    /// type, reserved or not: this is how memory comes back that a driver or the boot loader has used.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    ///
    /// # Safety
    /// - The region is used by nothing else from now on, except by the users of allocated blocks within their blocks.
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
        let mut entry = Entry::of(chip, span, memory_type.caps_under(&options));
        entry.name = memory_type.name;
        entry.tag = Some(kind);
        // SAFETY: the caller keeps the same contract.
        unsafe { self.add(entry, memory) }
    }

    /// Makes any region a heap with the capabilities `columns`, by priority.
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
            Some((chip, _)) => Entry::of(chip, span, columns),
            None => Entry::new(span, columns),
        };
        // SAFETY: the caller keeps the same contract.
        unsafe { self.add(entry, memory) }
    }

    /// # Safety
    /// As [`HeapCaps::add_region`].
    pub(crate) unsafe fn add(
        &mut self,
        mut entry: Entry<P>,
        memory: &impl Memory,
    ) -> Result<HeapIndex, AddRegionError> {
        let (span, full) = (entry.span, AddRegionError::TableFull { places: HEAPS });
        self.refuse_overlap(span)?;
        if !span.start().is_multiple_of(4) {
            return Err(AddRegionError::Unaligned);
        }
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
            .find(|(_, entry)| entry.span.overlaps(span))
        {
            Some((_, entry)) if entry.span == span => Err(AddRegionError::Duplicate),
            Some((_, entry)) => Err(AddRegionError::Overlap(entry.span)),
            None => Ok(()),
        }
    }
}

impl<P: Poison> Entry<P> {
    /// Memory that is not enabled and belongs to no type.
    pub(crate) fn new(span: Span, columns: Columns) -> Self {
        let caps = union(columns);
        Self {
            span,
            columns,
            caps,
            name: "added",
            tag: None,
            alias: None,
            by_tag_only: false,
            heap: None,
            minimum_before: None,
        }
    }

    /// The same in a chip's memory, which may have a second side.
    fn of(chip: &Chip, span: Span, columns: Columns) -> Self {
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

/// # Safety
/// As [`HeapCaps::add_region`].
unsafe fn heap_in<P: Poison>(span: Span, memory: &impl Memory) -> Result<Heap<P>, AddRegionError> {
    let needed = Heap::<P>::smallest_region_bytes();
    if span.size() < needed {
        return Err(AddRegionError::TooSmall { needed }); // nobody is asked for memory that is of no use
    }
    let region = memory.region(span).ok_or(AddRegionError::Unreachable)?;
    // SAFETY: the caller leaves the memory to this heap, and `memory` promises that the slice is that memory.
    Ok(unsafe { Heap::new(region) }?)
}

/// The one memory type of all of `span`.
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
