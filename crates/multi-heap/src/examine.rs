//! Validation of pointers: is it an allocated block, and why not.

use crate::checkpoints::{Checkpoint, Checkpoints};
use crate::damage::Misuse;
use crate::free::UsedBlock;
use crate::heap::Heap;
use crate::offset::Offset;
use crate::poison::{self, Poison};
use crate::pool::Index;

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
        let payload = (used.words - 1) * 4;
        if P::OVERHEAD == 0 {
            return Ok(UserBlock {
                block: used,
                size: payload,
            });
        }
        if payload < P::OVERHEAD {
            return Err(Misuse::NotABlock);
        }
        let size = self.canaries_of(index, used.words).verify()?;
        Ok(UserBlock { block: used, size })
    }
}

/// A search for the reason why a block was refused, a few blocks at a time.
///
/// Only a walk from the first block on shows in which block a place lies. Between two calls of
/// [`Heap::explain_within`] the heap may be used: the walk goes on at a block that still stands, as
/// a [`Scrubber`](crate::Scrubber) does.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry {
    block: Offset,
    checkpoints: Checkpoints,
    /// What was wrong with the block itself when the search began.
    refused: Option<Misuse>,
    /// Blocks that have been walked over.
    walked: u32,
}

impl Inquiry {
    /// About a block that was just refused.
    #[must_use]
    pub const fn new(block: Offset) -> Self {
        Self {
            block,
            checkpoints: Checkpoints::new(),
            refused: None,
            walked: 0,
        }
    }
}

/// What a walk found at a place.
enum Holder {
    Free,
    /// A used block that begins there, or none: headers before it are broken.
    SameOrUnknown,
    /// Another used block.
    Other,
}

/// Refusing, in the cold path.
impl<P: Poison> Heap<P> {
    /// Returns why a block was just refused. O(blocks): a walk finds the block in which the place
    /// lies.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn explain(&self, block: Offset) -> Misuse {
        let mut inquiry = Inquiry::new(block);
        loop {
            if let Some(reason) = self.explain_within(&mut inquiry, u32::MAX) {
                return reason;
            }
        }
    }

    /// As [`Heap::explain`], for layers that hold a lock meanwhile: walks over at most `blocks`
    /// blocks, one at least; `None` if there are more before the place. O(`blocks`), but for a
    /// heap in which damage is found: that is checked as a whole.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn explain_within(&self, inquiry: &mut Inquiry, blocks: u32) -> Option<Misuse> {
        let block = inquiry.block;
        if inquiry.walked == 0 {
            inquiry.refused = match self.used_block(block) {
                Err(refused @ (Misuse::Unaligned | Misuse::OutsideHeap)) => return Some(refused),
                _ if block.get() / 4 <= self.pool.first() => return Some(Misuse::OutsideHeap),
                examined => examined.err(),
            };
        }
        Some(match self.walk_to(inquiry, blocks.max(1))? {
            Holder::Free => Misuse::AlreadyFree,
            Holder::Other => Misuse::NotABlock,
            Holder::SameOrUnknown => match inquiry.refused {
                Some(damaged @ Misuse::Corrupt(_)) => damaged,
                refused => self.damaged_around(refused),
            },
        })
    }

    /// Walks on towards the place of an inquiry; `None` if it is farther than `blocks` blocks.
    fn walk_to(&self, inquiry: &mut Inquiry, mut blocks: u32) -> Option<Holder> {
        let (place, pool) = (inquiry.block.get() / 4, self.pool);
        // Whoever frees and allocates faster than this walks does not keep it from its end.
        if inquiry.walked > pool.end() {
            blocks = u32::MAX;
        }
        let mut index = self.begin_walk(inquiry);
        while index < pool.end() {
            let header = pool.header(index);
            let words = header.words();
            if words == 0 || words > pool.end() - index {
                break;
            }
            if place - index < words {
                let begins = place - index == Self::LEAD_BYTES / 4;
                return Some(match (header.is_free(), begins) {
                    (true, _) => Holder::Free,
                    (false, true) => Holder::SameOrUnknown,
                    (false, false) => Holder::Other,
                });
            }
            if !header.is_free() {
                inquiry.checkpoints.record(Checkpoint { index, words });
            }
            index += words;
            inquiry.walked = inquiry.walked.saturating_add(1);
            if blocks <= 1 && !header.is_free() {
                return None;
            }
            blocks = blocks.saturating_sub(1);
        }
        Some(Holder::SameOrUnknown)
    }

    /// Returns the block at which a walk goes on: at or before the place.
    fn begin_walk(&self, inquiry: &mut Inquiry) -> Index {
        let last = inquiry.checkpoints.last(self.pool);
        let standing = last.or_else(|| inquiry.checkpoints.rewind(self.pool));
        let Some(Checkpoint { index, words }) = standing else {
            inquiry.checkpoints = Checkpoints::new();
            return self.pool.first();
        };
        if index + words <= inquiry.block.get() / 4 {
            index + words
        } else {
            index
        }
    }

    /// Returns what to say of a block that was found valid, but whose neighbours were not: what the
    /// check finds, and [`Heap::damage`] from now on. In a sound heap, what was wrong with the
    /// block when it was refused.
    fn damaged_around(&self, refused: Option<Misuse>) -> Misuse {
        self.check().map_or_else(
            |found| {
                self.pool.mark_corrupt();
                Misuse::Corrupt(found)
            },
            |()| match refused {
                Some(Misuse::AlreadyFree) => Misuse::AlreadyFree,
                _ => Misuse::NotABlock,
            },
        )
    }
}
