//! `heap_memory_layout.h`: what memory of the chip the heaps have.

use soc_regions::Chip;

use heap_caps::HeapView;

use crate::ffi;
use crate::heap::HEAP;

/// `soc_memory_region_t`: contiguous memory of one kind.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CRegion {
    /// First byte.
    pub start: isize,
    /// Bytes.
    pub size: usize,
    /// Its kind: a row of the chip's table.
    pub kind: usize,
    /// Where instructions see it; 0 where they don't, or nowhere else.
    pub iram_address: isize,
    /// Whether a core stands on it until the system is up.
    pub startup_stack: bool,
}

/// Writes what was left of the booted chip's memory for heaps, by address; returns how many
/// regions. None on a host, and before boot.
///
/// # Safety
/// - `regions` is null (to count), or has room for as many as
///   [`soc_get_available_memory_region_max_count`] says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn soc_get_available_memory_regions(regions: *mut CRegion) -> usize {
    let Some(chip) = HEAP.inspect().locked(|heaps| heaps.chip()) else {
        return 0;
    };
    let (mut count, mut next) = (0, 0);
    while let Some(heap) = first_from(next) {
        next = heap.span.end();
        let region = region(chip, &heap);
        // SAFETY: the caller keeps the same contract.
        unsafe { ffi::write_at(regions, count, region) };
        count += 1; // at most as many as there are heaps
    }
    count
}

/// Returns how many regions [`soc_get_available_memory_regions`] writes at most.
#[unsafe(no_mangle)]
pub extern "C" fn soc_get_available_memory_region_max_count() -> usize {
    of_the_chip().count()
}

fn of_the_chip() -> impl Iterator<Item = HeapView> {
    HEAP.inspect().heaps().filter(|heap| heap.tag.is_some())
}

/// Returns the heap of the chip's own memory that begins first, at an address or later.
fn first_from(address: u32) -> Option<HeapView> {
    let later = of_the_chip().filter(|heap| heap.span.start() >= address);
    later.min_by_key(|heap| heap.span.start())
}

fn region(chip: &Chip, heap: &HeapView) -> CRegion {
    let start = heap.span.start();
    let row = chip.regions().iter().find(|row| row.span.contains(start));
    let other_side = chip.instruction_view(heap.span);
    CRegion {
        start: address(start),
        size: heap.span.size() as usize, // widening
        kind: heap.tag.map_or(0, |kind| kind.index()),
        iram_address: other_side.map_or(0, |side| address(side.start())),
        startup_stack: row.is_some_and(|row| row.startup_stack),
    }
}

const fn address(number: u32) -> isize {
    (number as usize).cast_signed() // widening, or a pointer of as many bits
}
