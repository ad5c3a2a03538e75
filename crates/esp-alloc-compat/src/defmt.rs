//! `defmt::Format` of the figures.

use defmt::{Format, Formatter, write};

use crate::stats::{BAR, HeapStats, RegionStats};

impl Format for RegionStats {
    fn format(&self, out: Formatter<'_>) {
        let percent = self.percent();
        write!(out, "{=str} | ", self.name());
        for cell in 0..BAR {
            let full = cell < BAR * percent / 100; // 3500 at most
            write!(out, "{=str}", if full { "█" } else { "░" });
        }
        write!(
            out,
            " | Used: {=usize}% (Used {=usize} of {=usize}, free: {=usize})",
            percent, self.used, self.size, self.free
        );
    }
}

impl Format for HeapStats {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "HEAP INFO\nSize: {=usize}\nCurrent usage: {=usize}\n",
            self.size, self.current_usage
        );
        #[cfg(feature = "internal-heap-stats")]
        write!(
            out,
            "Max usage: {=usize}\nTotal freed: {=u64}\nTotal allocated: {=u64}\n",
            self.max_usage, self.total_freed, self.total_allocated
        );
        write!(out, "Memory Layout:\n");
        for region in self.region_stats.iter().flatten() {
            write!(out, "{}\n", region);
        }
    }
}
