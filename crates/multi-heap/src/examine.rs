//! Whether an allocated block begins at a place, and why not.

use crate::damage::{Corruption, CorruptionKind, Misuse};
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
        let refused = match self.used_block(block) {
            Err(refused @ (Misuse::Unaligned | Misuse::OutsideHeap)) => return refused,
            examined => examined.err(),
        };
        match self.holder(block) {
            Some(holder) if holder.state == BlockState::Free => {
                self.not_allocated(refused, Misuse::AlreadyFree)
            }
            Some(holder) if holder.offset != block => {
                self.not_allocated(refused, Misuse::NotABlock)
            }
            _ => match refused {
                Some(damaged @ Misuse::Corrupt(_)) => damaged,
                _ => self.misuse(),
            },
        }
    }

    /// The block around a place, as far as headers before it are whole.
    fn holder(&self, place: Offset) -> Option<Block> {
        let holds = |block: &Block| place.get() - block.start < block.bytes;
        let mut blocks = self.blocks().take_while(|block| block.start <= place.get());
        blocks.find(holds)
    }

    /// What to say of a place at which no allocated block begins. If its contents looked like one nevertheless, an operation may have gone as far
    /// as the lists before it refused, and noted damage there: the note goes if all else is sound.
    fn not_allocated(&self, refused: Option<Misuse>, why: Misuse) -> Misuse {
        let looked_like_one = matches!(refused, None | Some(Misuse::Corrupt(_)));
        let noticed = |found: Corruption| found.kind == CorruptionKind::Noticed;
        if looked_like_one && self.damage().is_some_and(noticed) {
            self.pool.forgive();
        }
        why
    }

    /// What to say of a block that was found valid, but whose neighbours were not.
    #[cold]
    #[inline(never)]
    pub(crate) fn misuse(&self) -> Misuse {
        self.check()
            .map_or_else(Misuse::Corrupt, |()| Misuse::NotABlock)
    }
}
