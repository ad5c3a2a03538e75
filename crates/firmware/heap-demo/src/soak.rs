//! Soak test: keeps a heap busy for ever and checks the contents of every block.

use alloc::vec::Vec;

use crate::random::Random;

/// Blocks live at most; with the largest size some 90 KiB on average.
const SLOTS: u8 = 96;
const LARGEST: u32 = 2_000;

/// Blocks of random sizes, each full of its own byte.
#[derive(Debug)]
pub struct Soak {
    blocks: [Option<Vec<u8>>; SLOTS as usize],
    random: Random,
    steps: u64,
}

impl Soak {
    /// No blocks yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            blocks: [const { None }; SLOTS as usize],
            random: Random::new(0),
            steps: 0,
        }
    }

    /// Steps done.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the blocks live.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.iter().flatten().count()
    }

    /// One block goes if there is one in its place, and one comes if not.
    ///
    /// # Panics
    /// A block has lost its content.
    pub fn step(&mut self) {
        self.steps += 1;
        let mark = self.random.below(SLOTS.into()).to_le_bytes()[0];
        let size = self.random.below(LARGEST) as usize;
        let Some(slot) = self.blocks.get_mut(usize::from(mark)) else {
            return;
        };
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
}

impl Default for Soak {
    fn default() -> Self {
        Self::new()
    }
}
