//! Boot: heaps from a chip's memory, at start, from start-up stacks, and from memory given later.

use multi_heap::Poison;
use soc_regions::{Available, Chip, Layout, Options, Span, Symbols};

use crate::boot_error::{AddRegionError, BootError};
use crate::heap_caps::HeapCaps;
use crate::memory::Memory;
use crate::observer::Observer;
use crate::region::heap_in;
use crate::registry::{Full, NewHeap, Stage};

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
    /// Makes heaps of all memory that `options` and the program behind `symbols` leave: one for
    /// each contiguous stretch of one type. Internal memory comes first, external memory
    /// (`options.psram`) after it, as in ESP-IDF's start-up code. The heaps of the start-up stacks
    /// are registered, but wait for [`HeapCaps::enable_startup_stack_heaps`].
    ///
    /// # Errors
    /// See [`BootError`]. No heap is registered then.
    ///
    /// # Safety
    /// - The memory that the chip's table, `options` and `symbols` leave over is used by nothing
    ///   else from now on, except by the users of allocated blocks within their blocks.
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
        made.inspect_err(|_| self.registry.clear())?;
        self.chip = Some((chip, *options));
        self.heaps_changed();
        Ok(booted)
    }

    /// Makes heaps of what other options leave over besides the heaps that there are: memory that
    /// was kept at boot for a second core, a radio, a trace unit, or PSRAM that was found later.
    /// What is a heap stays one, whatever the options say; memory next to a heap becomes a heap of
    /// its own. Memory that is given before [`HeapCaps::boot`] is in one piece with its neighbours.
    ///
    /// # Errors
    /// See [`BootError`]. After [`BootError::Unreachable`] some heaps may have been made, after all
    /// others none.
    ///
    /// # Safety
    /// As [`HeapCaps::boot`], for the memory that `options` and `symbols` leave over and that is
    /// not in a heap yet.
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

    /// Returns the parts of `span` that no heap has, ascending.
    fn gaps(&self, span: Span) -> impl Iterator<Item = Span> {
        core::iter::successors(self.gap(span.start(), span.end()), move |gap| {
            self.gap(gap.end(), span.end())
        })
    }

    /// Returns the first of them at or above `from`.
    fn gap(&self, mut from: u32, end: u32) -> Option<Span> {
        while let Some(heap) = self.registry.containing(from) {
            from = self.registry.get(heap)?.span.end();
        }
        let above = self.registry.iter().map(|(_, entry)| entry.span.start());
        let next = above.filter(|start| *start > from).min();
        Span::new(from, next.unwrap_or(end).min(end))
    }

    /// Makes heaps of what a layout leaves over and no heap has: internal memory, then external
    /// memory.
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
        let mut entry = NewHeap::of(chip, available.span, available.caps);
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

    /// Enables the heaps of the start-up stacks; returns how many there are now. To be called when
    /// the scheduler runs on every core and nobody stands on those stacks any more. Regions that
    /// are too small or can't be reached stay disabled. What [`HeapCaps::extend`] finds there later
    /// is enabled at once.
    ///
    /// # Safety
    /// - The start-up stacks are no longer used, by any core.
    /// - As [`HeapCaps::boot`] otherwise.
    pub unsafe fn enable_startup_stack_heaps(&mut self, memory: &impl Memory) -> usize {
        let enabled = self.registry.enable_all(|span| {
            // SAFETY: the caller keeps the same contract.
            unsafe { heap_in(span, memory) }.ok()
        });
        self.startup_is_over = true;
        self.heaps_changed();
        enabled
    }
}
