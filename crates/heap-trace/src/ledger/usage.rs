//! Account of an owner or call site: bytes and blocks, now and at most.

use core::fmt;

/// Bytes (usable ones, at least those asked for) and blocks. Figures saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes now.
    pub bytes: u32,
    /// Blocks now.
    pub blocks: u32,
    /// Peak of the bytes.
    pub peak_bytes: u32,
    /// Blocks at that peak.
    pub peak_blocks: u32,
    /// Allocations ever; a resize counts as one.
    pub allocations: u32,
}

impl Usage {
    pub(crate) const NONE: Self = Self {
        bytes: 0,
        blocks: 0,
        peak_bytes: 0,
        peak_blocks: 0,
        allocations: 0,
    };

    pub(crate) fn add(&mut self, bytes: u32) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks = self.blocks.saturating_add(1);
        self.allocations = self.allocations.saturating_add(1);
        if self.bytes > self.peak_bytes {
            (self.peak_bytes, self.peak_blocks) = (self.bytes, self.blocks);
        }
    }

    pub(crate) fn remove(&mut self, bytes: u32) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.blocks = self.blocks.saturating_sub(1);
    }
}

/// `1536 bytes in 3 blocks, at most 4096 in 8, 120 allocations`
impl fmt::Display for Usage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bytes,
            blocks,
            peak_bytes,
            peak_blocks,
            allocations,
        } = self;
        let s = if *blocks == 1 { "" } else { "s" };
        write!(
            out,
            "{bytes} bytes in {blocks} block{s}, at most {peak_bytes} in {peak_blocks}, {allocations} allocations"
        )
    }
}
