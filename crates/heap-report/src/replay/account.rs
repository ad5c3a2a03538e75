//! Accounts of a site, an owner or the whole program.

use serde::Serialize;

use super::live::{Change, LiveBlock};

/// The account of a site, an owner or of all.
///
/// A resize counts as a free and an allocation, as in ESP-IDF's figures; so `blocks` is always
/// `allocations` − `frees`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Bytes asked for that are live at the end.
    pub bytes: u64,
    /// Blocks that are live at the end.
    pub blocks: u64,
    /// Most bytes live at once.
    pub peak_bytes: u64,
    /// Number of events after which it was first so.
    pub peak_at: usize,
    /// Most blocks live at once.
    pub peak_blocks: u64,
    /// Bytes of all allocations together.
    pub total_bytes: u64,
    /// How many there were.
    pub allocations: u64,
    /// How many blocks went.
    pub frees: u64,
    /// Blocks that went for good: `frees` without those that were resized.
    pub ended: u64,
    /// How long those lived together, in events.
    pub lifetime_events: u64,
    /// The same in ticks.
    pub lifetime_ticks: u64,
}

impl Account {
    /// Returns whether nothing was ever freed: of a dump, that it lists live blocks alone.
    pub(crate) const fn keeps_everything(&self) -> bool {
        self.allocations > 0 && self.frees == 0
    }

    /// A block of its own came with event `number`.
    pub(super) fn enter(&mut self, number: usize, block: &LiveBlock) {
        let size = u64::from(block.size);
        self.bytes += size;
        self.total_bytes += size;
        self.blocks += 1;
        self.allocations += 1;
        self.peak_blocks = self.peak_blocks.max(self.blocks);
        if self.bytes > self.peak_bytes {
            self.peak_bytes = self.bytes;
            self.peak_at = number + 1;
        }
    }

    /// A block of its own went.
    pub(super) fn leave(&mut self, block: &LiveBlock) {
        self.bytes -= u64::from(block.size);
        self.blocks -= 1;
        self.frees += 1;
    }

    /// It went for good, with event `number` at `ticks`.
    pub(super) fn end(&mut self, number: usize, ticks: u64, block: &LiveBlock) {
        self.ended += 1;
        self.lifetime_events += number.saturating_sub(block.allocated_at) as u64;
        self.lifetime_ticks += ticks.saturating_sub(block.allocated_ticks);
    }
}

/// Returns whether the blocks that go with `change` are at the end of their lives, and not resized.
pub(super) fn ends(change: &Change, block: &LiveBlock) -> bool {
    match change {
        Change::Moved { .. } => false,
        Change::Displaced { from, .. } => from.as_ref() != Some(block),
        Change::Came(_) | Change::Went(_) | Change::Cleared(_) => true,
    }
}
