//! The state of memory at one moment, and what has changed since another.

use core::fmt;

use multi_heap::{Info, Poison};
use soc_regions::Caps;

use crate::inspect::Inspection;
use crate::observer::Observer;
use crate::pressure::Level;

/// The figures of a set of capabilities at one moment. It is `Copy`: keep it, send it, compare it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The figures.
    pub info: Info,
    /// Failures reported so far, whatever capabilities they asked for.
    pub failures: u32,
    /// The worst level of the gauges that watch some of this memory; `Normal` where there is none.
    /// Gauges belong to a shared heap (`heap_caps_alloc`).
    pub level: Level,
}

impl Snapshot {
    /// Returns how much of the free memory the largest request can *not* have, in thousandths: 0
    /// where all is one block.
    #[must_use]
    pub const fn fragmentation(&self) -> u32 {
        const EXACT: u32 = u32::MAX / 1000;
        let (free, largest) = (self.info.total_free_bytes, self.info.largest_free_block);
        let scattered = free.saturating_sub(largest);
        match free {
            0 => 0,
            1..=EXACT => scattered * 1000 / free,
            _ => scattered / (free / 1000),
        }
    }

    /// Returns what is different `now`.
    #[must_use]
    pub const fn until(&self, now: &Self) -> Change {
        Change {
            allocated_bytes: difference(
                self.info.total_allocated_bytes,
                now.info.total_allocated_bytes,
            ),
            allocated_blocks: difference(self.info.allocated_blocks, now.info.allocated_blocks),
            free_bytes: difference(self.info.total_free_bytes, now.info.total_free_bytes),
            largest_free_block: difference(
                self.info.largest_free_block,
                now.info.largest_free_block,
            ),
            failures: difference(self.failures, now.failures),
        }
    }
}

/// `now` less `before`: figures of one memory, so both are below 2³¹.
const fn difference(before: u32, now: u32) -> i32 {
    now.wrapping_sub(before).cast_signed()
}

/// What changed from one snapshot to another: later less earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Bytes in use.
    pub allocated_bytes: i32,
    /// Blocks in use.
    pub allocated_blocks: i32,
    /// Free bytes.
    pub free_bytes: i32,
    /// The largest request that succeeds.
    pub largest_free_block: i32,
    /// Failures.
    pub failures: i32,
}

impl Change {
    /// Returns whether more is in use than before.
    #[must_use]
    pub const fn is_leak(&self) -> bool {
        self.allocated_blocks > 0 || self.allocated_bytes > 0
    }
}

/// `+2 blocks, +96 bytes in use; free -104, largest -104`
impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{:+} blocks, {:+} bytes in use; free {:+}, largest {:+}",
            self.allocated_blocks, self.allocated_bytes, self.free_bytes, self.largest_free_block
        )?;
        match self.failures {
            0 => Ok(()),
            failures => write!(out, "; {failures:+} failures"),
        }
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the figures of the heaps that have `caps`, to be compared with later ones. O(heaps).
    #[must_use]
    pub fn snapshot(self, caps: Caps) -> Snapshot {
        Snapshot {
            info: self.info(caps),
            failures: self.heaps.failures,
            level: Level::Normal,
        }
    }
}

/// Evaluates an expression and panics if more memory is in use afterwards than before: for tests.
///
/// The heap is a [`HeapCaps`](crate::HeapCaps) or anything else whose `inspect()` has a method
/// `snapshot`.
///
/// ```
/// # use heap_caps::{HeapCaps, SimulatedMemory, assert_no_leak};
/// # use soc_regions::{Caps, ESP32};
/// # let memory = SimulatedMemory::new();
/// # let options = ESP32.default_options();
/// # let mut heaps: HeapCaps = HeapCaps::new(());
/// // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
/// unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }.unwrap();
/// let size = assert_no_leak!(heaps, {
///     let block = heaps.malloc(96, Caps::DMA).unwrap();
///     let size = heaps.inspect().usable_size(block).unwrap();
///     heaps.free(block).unwrap();
///     size
/// });
/// assert_eq!(size, 96);
/// ```
#[macro_export]
macro_rules! assert_no_leak {
    ($heap:expr, $work:expr) => {{
        let before = $heap.inspect().snapshot($crate::ALL_HEAPS);
        let result = $work;
        let change = before.until(&$heap.inspect().snapshot($crate::ALL_HEAPS));
        assert!(!change.is_leak(), "memory leaked: {change}");
        result
    }};
}

/// The capabilities that every heap has: none.
pub const ALL_HEAPS: Caps = Caps::empty();

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn with(free: u32, largest: u32) -> Snapshot {
        let info = Info {
            total_free_bytes: free,
            largest_free_block: largest,
            ..Info::default()
        };
        Snapshot {
            info,
            ..Snapshot::default()
        }
    }

    #[test]
    fn fragmentation_is_what_the_largest_block_leaves_of_the_free_bytes() {
        assert_eq!(with(0, 0).fragmentation(), 0);
        assert_eq!(with(4000, 4000).fragmentation(), 0);
        assert_eq!(with(4000, 1000).fragmentation(), 750);
        assert_eq!(with(1500, 750).fragmentation(), 500);
        assert_eq!(with(u32::MAX, u32::MAX / 2).fragmentation(), 500);
        assert_eq!(with(4_294_968, 0).fragmentation(), 1000);
    }

    #[test]
    fn a_change_reads_as_a_line() {
        let earlier = Snapshot {
            info: Info {
                total_free_bytes: 1000,
                largest_free_block: 900,
                allocated_blocks: 3,
                total_allocated_bytes: 50,
                ..Info::default()
            },
            failures: 1,
            ..Snapshot::default()
        };
        let mut later = earlier;
        later.info.allocated_blocks += 2;
        later.info.total_allocated_bytes += 96;
        later.info.total_free_bytes -= 104;
        later.info.largest_free_block -= 104;
        later.failures += 1;
        let change = earlier.until(&later);
        assert!(change.is_leak());
        assert_eq!(
            change.to_string(),
            "+2 blocks, +96 bytes in use; free -104, largest -104; +1 failures"
        );
        assert!(!later.until(&earlier).is_leak());
    }
}
