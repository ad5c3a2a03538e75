//! The heaps at a moment, as far as live blocks show them.
//!
//! ```text
//!   heap     │ free │hdr│ payload │hdr│ payload │ free ..................│
//!                ^ hole                            ^ largest free block
//! ```
//! A used block takes 4 bytes in front and its size rounded up to words. What a heap keeps for
//! itself, and canaries, no stream contains: they count as free.

use serde::Serialize;

use super::live::{Live, LiveBlock};
use crate::history::HeapDescription;
use crate::simulate::cells::{self, Cells, Division};

/// Bytes in front of a payload.
pub(super) const HEADER_BYTES: u32 = 4;

/// The program at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// After how many events.
    pub event: usize,
    /// When.
    pub ticks: u64,
    /// Bytes live.
    pub bytes: u64,
    /// Blocks live.
    pub blocks: u64,
    /// Bytes live of each owner, in the order of [`super::Replayed::owners`].
    pub by_owner: Vec<u64>,
    /// Bytes live of each site, by its number.
    pub by_site: Vec<u64>,
    /// In the order of [`History::heaps`](crate::History::heaps).
    pub heaps: Vec<HeapSample>,
}

/// A heap at one moment, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HeapSample {
    /// Asked for and live.
    pub used: u32,
    /// Not in use, holes included.
    pub free: u32,
    /// The largest free block's payload.
    pub largest_free: u32,
    /// Free, but not in the largest free block.
    pub holes: u32,
    /// How many blocks are live.
    pub blocks: u32,
    /// The map: two bytes a cell, four levels of 0 to 15: used, canaries, headers, holes; what is
    /// missing to 15 is free.
    pub cells: Vec<u8>,
}

impl HeapSample {
    /// 1 − largest free block / free bytes: 0 where one block could have all of it.
    #[must_use]
    pub fn fragmentation(&self) -> f64 {
        match self.free {
            0 => 0.0,
            free => 1.0 - f64::from(self.largest_free.min(free)) / f64::from(free),
        }
    }
}

/// Returns each heap, rebuilt from the blocks that are live.
pub(crate) fn heaps(described: &[HeapDescription], live: &Live) -> Vec<HeapSample> {
    described.iter().map(|heap| replayed(heap, live)).collect()
}

pub(super) fn replayed(heap: &HeapDescription, live: &Live) -> HeapSample {
    let blocks = laid_out(heap, live);
    let cells = Cells::of(Division::of(heap.size), &blocks, 0);
    let free = blocks.iter().filter(|block| !block.used);
    let bytes = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    HeapSample {
        used: bytes(cells.used_bytes()),
        free: bytes(cells.free_bytes()),
        largest_free: free.map(|block| block.size).max().unwrap_or(0),
        holes: bytes(cells.hole_bytes()),
        blocks: u32::try_from(blocks.iter().filter(|block| block.used).count()).unwrap_or(u32::MAX),
        cells: cells.levels().collect(),
    }
}

/// Returns the heap's blocks one after the other, counted from its first byte; what is between
/// those that are live is free.
pub(super) fn laid_out(heap: &HeapDescription, live: &Live) -> Vec<cells::HeapBlock> {
    let mut blocks = Vec::new();
    let mut end = 0;
    for block in live.within(heap) {
        let used = used(heap, block);
        blocks.extend(gap(end, used.start));
        end = used.start.saturating_add(used.bytes);
        blocks.push(used);
    }
    blocks.extend(gap(end, heap.size));
    blocks
}

fn used(heap: &HeapDescription, block: &LiveBlock) -> cells::HeapBlock {
    let payload = block.address.wrapping_sub(heap.start);
    let start = payload.saturating_sub(HEADER_BYTES);
    let words = block.size.checked_next_multiple_of(4).unwrap_or(block.size);
    let bytes = words.saturating_add(payload - start).min(heap.size - start);
    cells::HeapBlock {
        start,
        bytes,
        payload,
        size: block.size.min(heap.size - payload),
        used: true,
    }
}

fn gap(start: u32, end: u32) -> Option<cells::HeapBlock> {
    let bytes = end.checked_sub(start).filter(|&bytes| bytes > 0)?;
    Some(cells::HeapBlock {
        start,
        bytes,
        payload: start.saturating_add(HEADER_BYTES),
        size: bytes.saturating_sub(HEADER_BYTES),
        used: false,
    })
}
