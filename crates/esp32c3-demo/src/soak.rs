//! What keeps a heap busy for ever, and notices when a block is not what it was?

use alloc::vec::Vec;

/// Blocks alive at most; with the largest size some 90 KiB on average.
const SLOTS: usize = 96;
const LARGEST: u32 = 2_000;

/// Blocks of random sizes, each full of its own byte.
pub(crate) struct Soak {
    blocks: [Option<Vec<u8>>; SLOTS],
    random: u32,
    steps: u64,
}

impl Soak {
    pub(crate) const fn new() -> Soak {
        Soak {
            blocks: [const { None }; SLOTS],
            random: 0x2545_F491,
            steps: 0,
        }
    }

    pub(crate) const fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks.iter().flatten().count()
    }

    /// One block goes if there is one in its place, and one comes if not.
    ///
    /// # Panics
    /// A block has lost its content.
    pub(crate) fn step(&mut self) {
        self.steps += 1;
        let index = self.below(SLOTS as u32) as usize;
        let size = self.below(LARGEST) as usize;
        let Some(slot) = self.blocks.get_mut(index) else {
            return;
        };
        let mark = index as u8;
        match slot.take() {
            Some(block) => assert!(
                block.iter().all(|&byte| byte == mark),
                "the block at {:p} has lost its content",
                block.as_ptr()
            ),
            None => {
                let mut block = Vec::new();
                if block.try_reserve_exact(size).is_ok() {
                    block.resize(size, mark);
                    *slot = Some(block);
                }
            }
        }
    }

    /// Marsaglia's xorshift with 32 bits.
    fn below(&mut self, limit: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random % limit
    }
}
