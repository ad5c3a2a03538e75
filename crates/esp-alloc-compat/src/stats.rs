//! Usage of the regions, for people and programs.
//!
//! `size` = `used` + `free`, always: what a heap keeps for itself, and the word in front of each
//! block, count as used.

use core::fmt;

use enumset::EnumSet;
use heap_caps::HeapView;

use crate::capability::{self, MemoryCapability};
use crate::region::REGIONS;

/// Cells of the bar that shows how full a region is.
pub(crate) const BAR: usize = 35;

/// Figures of one region, in bytes.
#[derive(Debug)]
pub struct RegionStats {
    /// All of it.
    pub size: usize,
    /// What can't be allocated any more.
    pub used: usize,
    /// What can.
    pub free: usize,
    /// What the region was declared with.
    pub capabilities: EnumSet<MemoryCapability>,
}

impl RegionStats {
    pub(crate) fn of(heap: &HeapView) -> Self {
        let (size, free) = (heap.span.size(), heap.info.total_free_bytes);
        Self {
            size: size as usize,                      // widening
            used: size.saturating_sub(free) as usize, // widening
            free: free as usize,                      // widening
            capabilities: capability::declared(heap.caps),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        capability::name(self.capabilities)
    }

    /// Whole percent in use; 0 of nothing.
    pub(crate) fn percent(&self) -> usize {
        part(self.used, self.size, 100)
    }
}

/// `parts` times `some` divided by `all`, without overflow for any region: 32 bits of bytes times a
/// hundred in 64.
pub(crate) fn part(some: usize, all: usize, parts: u32) -> usize {
    let whole = some as u64 * u64::from(parts); // widening
    let part = whole.checked_div(all as u64).unwrap_or(0); // widening
    usize::try_from(part).unwrap_or(usize::MAX)
}

/// Figures of a heap, in bytes.
#[derive(Debug)]
pub struct HeapStats {
    /// Each region that there is.
    pub region_stats: [Option<RegionStats>; REGIONS],
    /// All regions.
    pub size: usize,
    /// What is in use of them.
    pub current_usage: usize,
    /// The most that was in use. With several regions: the sum of the most that was in use of each,
    /// at whatever moment.
    #[cfg(feature = "internal-heap-stats")]
    pub max_usage: usize,
    /// All that was ever allocated, with the word in front of each block.
    #[cfg(feature = "internal-heap-stats")]
    pub total_allocated: u64,
    /// All that was ever freed, with the word in front of each block.
    #[cfg(feature = "internal-heap-stats")]
    pub total_freed: u64,
}

/// `Internal | ████████░░░░ | Used: 35% (Used 46148 of 131068, free: 84920)`
impl fmt::Display for RegionStats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            size, used, free, ..
        } = self;
        let (name, percent) = (self.name(), self.percent());
        write!(out, "{name} | ")?;
        for cell in 0..BAR {
            out.write_str(if cell < BAR * percent / 100 {
                "█"
            } else {
                "░"
            })?; // 3500 at most
        }
        write!(
            out,
            " | Used: {percent}% (Used {used} of {size}, free: {free})"
        )
    }
}

impl fmt::Display for HeapStats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "HEAP INFO")?;
        writeln!(out, "Size: {}", self.size)?;
        writeln!(out, "Current usage: {}", self.current_usage)?;
        #[cfg(feature = "internal-heap-stats")]
        {
            writeln!(out, "Max usage: {}", self.max_usage)?;
            writeln!(out, "Total freed: {}", self.total_freed)?;
            writeln!(out, "Total allocated: {}", self.total_allocated)?;
        }
        writeln!(out, "Memory Layout: ")?;
        let mut regions = self.region_stats.iter().flatten();
        regions.try_for_each(|region| writeln!(out, "{region}"))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn region(size: usize, used: usize) -> RegionStats {
        RegionStats {
            size,
            used,
            free: size - used,
            capabilities: MemoryCapability::Internal.into(),
        }
    }

    #[test]
    fn a_region_is_a_line_with_a_bar() {
        let line = "Internal | ████████████░░░░░░░░░░░░░░░░░░░░░░░ | Used: 35% (Used 46148 of 131068, free: 84920)";
        assert_eq!(region(131_068, 46_148).to_string(), line);
    }

    #[test]
    fn bars_of_nothing_and_of_everything_are_drawn_too() {
        assert!(region(0, 0).to_string().contains("Used: 0%"));
        let full = region(usize::MAX / 128, usize::MAX / 128);
        assert_eq!(
            (full.percent(), part(u32::MAX as usize, 1, 1)),
            (100, u32::MAX as usize)
        );
    }
}
