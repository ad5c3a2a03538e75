//! Which blocks a damage concerns: the one it lies in, and the one before, which may have been written past its end.

use core::fmt;

use multi_heap::Poison;

use crate::heap_caps::HeapCaps;
use crate::inspect::BlockView;
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
    /// The block in which the damaged word lies, its header and canaries included; `None` if it lies in the heap's own structure.
    pub block: Option<BlockView>,
    /// The block in front of that: the first suspect where a header or a head canary is damaged.
    pub left: Option<BlockView>,
}

/// `DRAM, 0x3FFB3010: CORRUPT HEAP: …; in the used block 0x3FFB2FB0 (96 bytes), behind the used block 0x3FFB2F9C (16 bytes)`
impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, {}", self.memory, self.corrupt)?;
        match self.block {
            Some(block) => write!(out, "; in the {}", Brief(block))?,
            None => write!(out, "; in the heap's own structure")?,
        }
        match self.left {
            Some(left) => write!(out, ", behind the {}", Brief(left)),
            None => Ok(()),
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

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// The blocks that a damage concerns, as far as headers before it are whole. O(blocks) of the heap.
    #[must_use]
    pub fn finding(&self, corrupt: Corrupt) -> Finding {
        let (mut left, mut block) = (None, None);
        let before = self.blocks(corrupt.heap);
        for next in before.take_while(|next| next.whole.start() <= corrupt.address) {
            (left, block) = (block, Some(next));
        }
        let (left, block) = match block {
            // Behind the last whole header: the damaged word is the next header.
            Some(last) if !last.whole.contains(corrupt.address) => (block, None),
            _ => (left, block),
        };
        let memory = self.registry.get(corrupt.heap);
        Finding {
            corrupt,
            memory: memory.map_or("no heap", |entry| entry.name),
            block,
            left,
        }
    }
}
