//! Whether an allocated block begins at a place, and why not.

use crate::damage::Misuse;
use crate::give::UsedBlock;
use crate::heap::Heap;
use crate::offset::Offset;
use crate::poison::{self, Poison};
use crate::walk::{Block, BlockState};

/// A used block found valid, canaries included.
#[derive(Clone, Copy)]
pub(crate) struct UserBlock {
    pub(crate) block: UsedBlock,
    /// User bytes: the requested ones where a size word remembers them, all of the payload otherwise.
    pub(crate) size: u32,
}

/// Examining.
impl<P: Poison> Heap<P> {
    /// As [`Heap::used_block`], with the reason of a refusal made exact.
    #[inline(always)]
    pub(crate) fn valid_block(&self, block: Offset) -> Result<UserBlock, Misuse> {
        self.used_block(block).map_err(|_| self.explain(block))
    }

    /// Validates the block at `block`: header, neighbours and canaries.
    #[inline(always)]
    pub(crate) fn used_block(&self, block: Offset) -> Result<UserBlock, Misuse> {
        if !block.get().is_multiple_of(4) {
            return Err(Misuse::Unaligned);
        }
        let front = poison::head_bytes::<P>() / 4 + 1;
        let index = (block.get() / 4)
            .checked_sub(front)
            .ok_or(Misuse::OutsideHeap)?;
        let used = self.pool.used_block(index)?;
        let payload = (used.units - 1) * 4;
        if P::OVERHEAD == 0 {
            return Ok(UserBlock {
                block: used,
                size: payload,
            });
        }
        if payload < P::OVERHEAD {
            return Err(Misuse::NotABlock);
        }
        let size = self.guards(index, used.units).verify()?;
        Ok(UserBlock { block: used, size })
    }
}

/// Refusing, in the cold path.
impl<P: Poison> Heap<P> {
    /// Why a block is refused that was just refused. O(blocks): a walk tells where the place lies.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn explain(&self, block: Offset) -> Misuse {
        match self.used_block(block) {
            Ok(_) => self.misuse(),
            Err(Misuse::AlreadyFree | Misuse::NotABlock) => self.locate(block),
            Err(misuse) => misuse,
        }
    }

    /// Whether a place at which no used block begins lies in a free block, in a used one, or in damaged memory.
    fn locate(&self, place: Offset) -> Misuse {
        let holds = |block: &Block| place.get() - block.start < block.bytes;
        let mut blocks = self.blocks().take_while(|block| block.start <= place.get());
        match blocks.find(holds).map(|block| block.state) {
            Some(BlockState::Free) => Misuse::AlreadyFree,
            Some(BlockState::Used) => Misuse::NotABlock,
            None => self.misuse(),
        }
    }

    /// What to say of a block that was found valid, but whose neighbours were not.
    #[cold]
    #[inline(never)]
    pub(crate) fn misuse(&self) -> Misuse {
        self.check()
            .map_or_else(Misuse::Corrupt, |()| Misuse::NotABlock)
    }
}
