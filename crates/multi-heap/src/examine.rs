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
    /// User bytes: the requested ones where a size word remembers them, all of the payload
    /// otherwise.
    pub(crate) size: u32,
}

/// Examining.
impl<P: Poison> Heap<P> {
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
        let refused = match self.used_block(block) {
            Err(refused @ (Misuse::Unaligned | Misuse::OutsideHeap)) => return refused,
            _ if block.get() / 4 <= self.pool.first() => return Misuse::OutsideHeap,
            examined => examined.err(),
        };
        match self.holder(block) {
            Some(holder) if holder.state == BlockState::Free => Misuse::AlreadyFree,
            Some(holder) if holder.offset != block => Misuse::NotABlock,
            _ => match refused {
                Some(damaged @ Misuse::Corrupt(_)) => damaged,
                _ => self.damaged_around(),
            },
        }
    }

    /// The block around a place, as far as headers before it are whole.
    fn holder(&self, place: Offset) -> Option<Block> {
        let holds = |block: &Block| place.get() - block.start < block.bytes;
        let mut blocks = self.blocks().take_while(|block| block.start <= place.get());
        blocks.find(holds)
    }

    /// What to say of a block that was found valid, but whose neighbours were not: what the check
    /// finds, and [`Heap::damage`] from now on.
    fn damaged_around(&self) -> Misuse {
        self.check().map_or_else(
            |found| {
                self.pool.mark_corrupt();
                Misuse::Corrupt(found)
            },
            |()| Misuse::NotABlock,
        )
    }
}
