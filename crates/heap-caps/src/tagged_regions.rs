//! Heaps under tags: a program's own table of regions, as in ESP-IDF v2.1 (2016).
//!
//! ```text
//!   table of the program     0x3FFB_0000  96 KiB  tag 0
//!                            0x3FFE_4350 110 KiB  tag 1   code at 0x400A_0000
//!                            0x4009_0000  64 KiB  tag 2
//!   table of memory types    tag ─► name, capabilities by priority
//! ```
//!
//! Regions are not merged, not even neighbours of one tag: each stays a heap of its own, as it did
//! in that generation.

use multi_heap::Poison;
use soc_regions::{Chip, Columns, DualBus, MemoryType, Span, TypeIndex, WordOrder, union};

use crate::alias::Alias;
use crate::boot::Booted;
use crate::boot_error::{AddRegionError, BootError};
use crate::heap_caps::HeapCaps;
use crate::memory::Memory;
use crate::observer::Observer;
use crate::registry::{HeapIndex, NewHeap};

/// Memory that a program adds under a tag.
///
/// The tag says in which order heaps are looked at under
/// [`Policy::Tagged2016`](crate::Policy::Tagged2016), the memory type what they can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggedRegion {
    span: Span,
    tag: TypeIndex,
    name: &'static str,
    columns: Columns,
    code: Option<u32>,
    by_tag_only: bool,
}

impl TaggedRegion {
    /// Returns the memory at `span`, which is of type `memory_type` in every configuration.
    #[must_use]
    pub const fn new(tag: TypeIndex, memory_type: &MemoryType, span: Span) -> Self {
        Self {
            span,
            tag,
            name: memory_type.name,
            columns: memory_type.caps,
            code: None,
            by_tag_only: false,
        }
    }

    /// The same with the type that `chip` has for the tag. Where a tag is one of start-up stacks,
    /// its memory can be had by its tag at once, but by capabilities only after
    /// [`HeapCaps::enable_startup_stack_heaps`] (in v2.1: tag 1, D/IRAM).
    ///
    /// # Errors
    /// The chip has no such tag.
    pub fn of(chip: &Chip, tag: TypeIndex, span: Span) -> Result<Self, AddRegionError> {
        let unknown = AddRegionError::UnknownTag(tag);
        let memory_type = chip.memory_type(tag).ok_or(unknown)?;
        let mut rows = chip.regions().iter().filter(|row| row.kind == tag);
        Ok(Self {
            by_tag_only: rows.any(|row| row.startup_stack),
            ..Self::new(tag, memory_type, span)
        })
    }

    /// The same memory, seen by the instruction bus from `address` on, its last word first (v2.1:
    /// `xExecAddr`, D/IRAM of the ESP32).
    #[must_use]
    pub const fn with_code_at(self, address: u32) -> Self {
        Self {
            code: Some(address),
            ..self
        }
    }

    /// Returns its addresses on the data side.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Returns its two sides, if it has an instruction side.
    fn sides(&self) -> Result<Option<DualBus>, AddRegionError> {
        let Some(code) = self.code else {
            return Ok(None);
        };
        let instruction = Span::from_size(code, self.span.size());
        let sides = instruction.and_then(|code| DualBus::new(self.span, code, WordOrder::Inverted));
        match sides {
            Some(sides) => Ok(Some(sides)),
            None => Err(AddRegionError::InstructionSide(code)),
        }
    }
}

/// Bringing up by tag.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Makes heaps of a program's own table (`vPortDefineHeapRegionsTagged`): of every region or of
    /// none. Once, and instead of [`HeapCaps::boot`].
    ///
    /// # Errors
    /// See [`BootError`]. No heap is registered then.
    ///
    /// # Safety
    /// - The regions are used by nothing else from now on, except by the users of allocated blocks
    ///   within their blocks.
    /// - The memory can do what its type says.
    /// - The instruction bus sees it where [`TaggedRegion::with_code_at`] says.
    /// - `memory` keeps its promises for as long as `self` is used.
    #[inline(never)] // as below
    pub unsafe fn define_tagged_regions(
        &mut self,
        regions: impl IntoIterator<Item = TaggedRegion>,
        memory: &impl Memory,
    ) -> Result<Booted, BootError> {
        if self.chip.is_some() || self.registry.len() > 0 {
            return Err(BootError::AlreadyBooted);
        }
        let mut booted = Booted::default();
        for (number, region) in regions.into_iter().enumerate() {
            // SAFETY: the caller keeps the same contract.
            if let Err(why) = unsafe { self.add_tagged_region(region, memory) } {
                self.registry.clear();
                self.heaps_changed();
                return Err(BootError::Region { number, why });
            }
            booted.heaps = booted.heaps.saturating_add(1);
            booted.bytes = booted.bytes.saturating_add(region.span.size());
        }
        match booted.heaps {
            0 => Err(BootError::NoRegions),
            _ => Ok(booted),
        }
    }

    /// Makes one region a heap under its tag.
    ///
    /// # Errors
    /// See [`AddRegionError`].
    ///
    /// # Safety
    /// As [`HeapCaps::define_tagged_regions`].
    #[inline(never)] // with its callers it takes a frame that Xtensa's back end cannot spill
    pub unsafe fn add_tagged_region(
        &mut self,
        region: TaggedRegion,
        memory: &impl Memory,
    ) -> Result<HeapIndex, AddRegionError> {
        if union(region.columns).is_empty() {
            return Err(AddRegionError::NoCaps);
        }
        let sides = region.sides()?;
        self.refuse_sides_taken(region.span, sides)?;
        let entry = NewHeap {
            name: region.name,
            tag: Some(region.tag),
            alias: sides.map(Alias),
            by_tag_only: region.by_tag_only,
            ..NewHeap::new(region.span, region.columns)
        };
        // SAFETY: the caller keeps the same contract.
        unsafe { self.add(entry, memory) }
    }

    /// No address means two things: neither side lies where another heap has one of its sides.
    fn refuse_sides_taken(&self, data: Span, sides: Option<DualBus>) -> Result<(), AddRegionError> {
        let code = sides.map(|sides| sides.instruction());
        let taken = |address: Span| {
            let mut others = self.registry.iter().map(|(_, entry)| entry);
            others.any(|other| {
                let other_code = other.alias.map(|alias| alias.0.instruction());
                other_code.is_some_and(|side| side.overlaps(address))
            })
        };
        let misplaced = code.filter(|&code| {
            code.overlaps(data) || taken(code) || self.refuse_overlap(code).is_err()
        });
        match misplaced.or(Some(data).filter(|&data| taken(data))) {
            Some(side) => Err(AddRegionError::InstructionSide(side.start())),
            None => Ok(()),
        }
    }
}
