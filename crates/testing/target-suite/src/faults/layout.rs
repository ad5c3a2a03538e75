//! Users of a byte: the heap, the program or none.
//!
//! ```text
//!   used block   | header | canary | size | bytes asked for | canary | slack to the next word |
//!                  heap     heap     heap   the owner's       heap     nobody's
//!   free block   | header | next | previous | ..                                     | size |
//!                  heap     heap   heap       nobody's; heap's under comprehensive     heap
//! ```

use alloc::vec::Vec;

use heap_caps::BlockView;
use multi_heap::Poison;

use super::program::{Live, Program};

/// Who relies on a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReliedOnBy {
    /// Nobody relies on it.
    Nobody,
    /// A block's that the program has: no heap can know what belongs there.
    Program,
    /// The heap's, which relies on it.
    Heap,
}

/// Where everything lay at one moment.
pub(super) struct Layout {
    blocks: Vec<BlockView>,
    live: Vec<Live>,
    /// Whether the heap knows what free bytes contain.
    fills: bool,
    /// Bytes of canaries and size word before and behind the user's.
    guards: (u32, u32),
}

impl Layout {
    /// That of a program now.
    pub(super) fn of<P: Poison>(program: &Program<P>) -> Self {
        let heaps = program.heaps.inspect().heaps();
        let blocks = heaps.flat_map(|heap| program.heaps.inspect().blocks(heap.index));
        Self {
            blocks: blocks.collect(),
            live: program.live.clone(),
            fills: P::FILLS,
            guards: if P::OVERHEAD == 0 { (0, 0) } else { (8, 4) },
        }
    }

    /// Returns all blocks, used and free.
    pub(super) fn blocks(&self) -> &[BlockView] {
        &self.blocks
    }

    /// Returns the block around an address, header included.
    pub(super) fn block_at(&self, address: u32) -> Option<&BlockView> {
        self.blocks
            .iter()
            .find(|block| block.whole.contains(address))
    }

    /// Returns the program's block that begins in a block of the heap.
    pub(super) fn live_in(&self, block: &BlockView) -> Option<&Live> {
        self.live
            .iter()
            .find(|live| block.whole.contains(live.address))
    }

    /// Returns the user of the byte at `address`. Outside of blocks it is the heap: its control
    /// structure, the word behind the last block.
    pub(super) fn relied_on_by(&self, address: u32) -> ReliedOnBy {
        match self.block_at(address) {
            None => ReliedOnBy::Heap,
            Some(block) if block.used => self.in_used(block, address),
            Some(block) => self.in_free(block, address),
        }
    }

    fn in_used(&self, block: &BlockView, address: u32) -> ReliedOnBy {
        let size = self.live_in(block).map_or(block.size, |live| live.size);
        let user = block.whole.start() + 4 + self.guards.0;
        let (end, guarded) = (user + size, user + size + self.guards.1);
        match address {
            _ if address < user => ReliedOnBy::Heap,
            _ if address < end => ReliedOnBy::Program,
            _ if address < guarded => ReliedOnBy::Heap,
            _ => ReliedOnBy::Nobody,
        }
    }

    fn in_free(&self, block: &BlockView, address: u32) -> ReliedOnBy {
        let (words, word) = (block.whole.size() / 4, (address - block.whole.start()) / 4);
        let links_end = words.min(3);
        if word < links_end || word == words - 1 || self.fills {
            ReliedOnBy::Heap
        } else {
            ReliedOnBy::Nobody
        }
    }
}
