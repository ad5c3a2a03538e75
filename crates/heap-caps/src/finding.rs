//! Blocks that a damage concerns: its own, and the one before, which may have been overrun.

use core::fmt;

use multi_heap::{CorruptionKind, Heap, Poison};

use crate::inspect::BlockView;
use crate::inspect::Inspection;
use crate::misuse::Corrupt;
use crate::observer::Observer;

/// A damage and its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Where, what was expected, what was found.
    pub corrupt: Corrupt,
    /// The name of the memory.
    pub memory: &'static str,
    /// The block in which the damaged word lies, its header and canaries included; `None` if it
    /// lies in the heap's own structure.
    pub block: Option<BlockView>,
    /// The block in front of that: the first suspect where a header or a head canary is damaged.
    pub left: Option<BlockView>,
    /// The address of the next block, where it matters and its header may not be relied on: of the
    /// block whose header is damaged, or of the one behind a damaged tail canary, which may have
    /// been written before its start.
    pub next: Option<u32>,
}

/// `DRAM, 0x3FFB3010: CORRUPT HEAP: …; in the used block 0x3FFB2FB0 (96 bytes), behind the used
/// block 0x3FFB2F9C (16 bytes)`
impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, {}", self.memory, self.corrupt)?;
        match (self.block, self.next) {
            (Some(block), _) => write!(out, "; in the {}", Brief(block))?,
            (None, Some(next)) => write!(out, "; in the header of the block 0x{next:08X}")?,
            (None, None) => write!(out, "; in the heap's own structure")?,
        }
        if let Some(left) = self.left {
            write!(out, ", behind the {}", Brief(left))?;
        }
        match (self.block, self.next) {
            (Some(_), Some(next)) => write!(out, ", in front of the block 0x{next:08X}"),
            _ => Ok(()),
        }
    }
}

struct Brief(BlockView);

impl fmt::Display for Brief {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BlockView {
            address,
            size,
            used,
            ..
        } = self.0;
        let state = if used { "used" } else { "free" };
        write!(out, "{state} block 0x{address:08X} ({size} bytes)")
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the blocks that a damage concerns, as far as headers before it are whole. O(blocks)
    /// of the heap.
    #[must_use]
    pub fn finding(self, corrupt: Corrupt) -> Finding {
        let (mut left, mut block) = (None, None);
        let before = self.blocks(corrupt.heap);
        for next in before.take_while(|next| next.whole.start() <= corrupt.address) {
            (left, block) = (block, Some(next));
        }
        let (left, block, next) = match block {
            // Behind the last whole header: the damaged word is the next header.
            Some(last) if !last.whole.contains(corrupt.address) => {
                let next = corrupt.address.checked_add(Heap::<P>::LEAD_BYTES);
                (block, None, next)
            }
            _ => (
                left,
                block,
                block.and_then(|block| self.behind(&block, corrupt)),
            ),
        };
        let memory = self.heaps.registry.get(corrupt.heap);
        Finding {
            corrupt,
            memory: memory.map_or("no heap", |entry| entry.name),
            block,
            left,
            next,
        }
    }

    /// Returns the address of the block behind a damaged tail canary, if there is one.
    fn behind(self, block: &BlockView, corrupt: Corrupt) -> Option<u32> {
        if corrupt.corruption.kind != CorruptionKind::TailCanary {
            return None;
        }
        let next = block.whole.end().checked_add(Heap::<P>::LEAD_BYTES)?;
        let heap = self.heaps.registry.get(corrupt.heap)?;
        heap.span.contains(next).then_some(next)
    }
}
