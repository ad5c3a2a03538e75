//! Console reports: ESP-IDF's texts.

use core::fmt::{Result, Write};

use multi_heap::{Info, Poison};
use soc_regions::Caps;

use crate::inspect::Inspection;
use crate::inspect::{HeapView, all_if_invalid};
use crate::observer::Observer;
use crate::statistics::both;

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// The table that ESP-IDF's start-up code logs (`heap_init`): every heap, in order of
    /// registration.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_startup_table(self, out: &mut dyn Write) -> Result {
        writeln!(out, "Initializing. RAM available for dynamic allocation:")?;
        self.heaps().try_for_each(|heap| {
            let (start, size) = (heap.span.start(), heap.span.size());
            writeln!(
                out,
                "At {start:08X} len {size:08X} ({} KiB): {}",
                size / 1024,
                heap.name
            )
        })
    }

    /// ESP-IDF's `heap_caps_print_heap_info`: the figures of the enabled heaps that have `caps`,
    /// and their totals.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_heap_info(self, caps: Caps, out: &mut dyn Write) -> Result {
        let heaps = self.heaps().map(|heap| (heap.span.start().into(), heap));
        print_summary(caps, heaps, out)
    }

    /// ESP-IDF's `heap_caps_dump`: every block of the heaps that have `caps` (of all heaps, if
    /// INVALID is among them), by address. O(blocks).
    ///
    /// # Errors
    /// Those of `out`.
    pub fn dump(self, caps: Caps, out: &mut dyn Write) -> Result {
        for (index, entry, _) in self.heaps.registry.serving(all_if_invalid(caps)) {
            writeln!(out, "Showing data for heap: 0x{:08x}", entry.span.start())?;
            for block in self.blocks(index) {
                let free = if block.used { "No" } else { "Yes" };
                writeln!(
                    out,
                    "Block 0x{:08x} data, size: {} bytes, Free: {free}",
                    block.address, block.size
                )?;
            }
        }
        Ok(())
    }
}

/// The summary of [`Inspection::print_heap_info`] for heaps that were copied, to be printed when
/// the lock around them is open again. Each comes with the address to print for it.
///
/// # Errors
/// Those of `out`.
pub fn print_summary(
    caps: Caps,
    heaps: impl Iterator<Item = (u64, HeapView)>,
    out: &mut dyn Write,
) -> Result {
    writeln!(out, "Heap summary for capabilities 0x{:08X}:", caps.bits())?;
    let mut total = Info::default();
    for (address, heap) in heaps.filter(|(_, heap)| heap.active && heap.caps.contains(caps)) {
        let info = heap.info;
        writeln!(
            out,
            "  At 0x{address:08x} len {} free {} allocated {} min_free {}",
            heap.span.size(),
            info.total_free_bytes,
            info.total_allocated_bytes,
            info.minimum_free_bytes
        )?;
        writeln!(
            out,
            "    largest_free_block {} alloc_blocks {} free_blocks {} total_blocks {}",
            info.largest_free_block, info.allocated_blocks, info.free_blocks, info.total_blocks
        )?;
        total = both(total, info);
    }
    writeln!(out, "  Totals:")?;
    writeln!(
        out,
        "    free {} allocated {} min_free {} largest_free_block {}",
        total.total_free_bytes,
        total.total_allocated_bytes,
        total.minimum_free_bytes,
        total.largest_free_block
    )
}
