//! `defmt::Format` of figures and blocks; errors have theirs from `texts!`.

use defmt::{Format, Formatter, write};

use crate::{Block, BlockState, Info};

impl Format for BlockState {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::Used => write!(out, "used"),
            Self::Free => write!(out, "free"),
        }
    }
}

/// `0x148: used, 96 B`
impl Format for Block {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{}: {}, {=u32} B", self.offset, self.state, self.size);
    }
}

/// `free 1204 of 4096 B in 3 of 10 blocks, largest 800, least 400`
impl Format for Info {
    fn format(&self, out: Formatter<'_>) {
        let all = self
            .total_free_bytes
            .saturating_add(self.total_allocated_bytes);
        write!(
            out,
            "free {=u32} of {=u32} B in {=u32} of {=u32} blocks, largest {=u32}, least {=u32}",
            self.total_free_bytes,
            all,
            self.free_blocks,
            self.total_blocks,
            self.largest_free_block,
            self.minimum_free_bytes
        );
    }
}
