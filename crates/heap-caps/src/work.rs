//! What remains to be done to a block's bytes, outside of any lock.
//!
//! Every operation is an O(1) part that changes the heaps, and work in proportion to the block's size: filling, zeroing, copying. The
//! O(1) part (`&mut HeapCaps`) hands out a small `Copy` value of this file; its O(size) method borrows nothing, so a
//! lock around the heaps can be released first; another O(1) part finishes where something is left to do.
//!
//! ```text
//!                    under the lock              without it              under the lock again
//!   allocation       allocate(..) -> Fresh       Fresh::settle
//!   free             begin_free(..) -> Freeing   Freeing::fill           finish_free(Freeing)      only if P::FILLS
//!   reallocation     reallocate(..) -> Moving    Move::copy              finish_move(Move)         if it moves, or P::FILLS
//! ```
//!
//! **Invariant:** the block of such a value is allocated and nobody else's: not handed on yet, or handed back.

use core::ptr::NonNull;

use multi_heap::{Contents, Heap, Offset, Poison};
use soc_regions::{Caps, WordOrder};

use crate::alias::BACK_WORD;
use crate::demand::Demand;
use crate::misuse::Corrupt;
use crate::registry::{Entry, HeapIndex};

/// A block that is in use, and by which address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<P: Poison> {
    pub(crate) heap: HeapIndex,
    /// First address of the heap.
    pub(crate) base: u32,
    pub(crate) contents: Contents<P>,
    /// The block on the data side.
    pub(crate) offset: Offset,
    /// Bytes that the heap knows the block to have. [`Block::kept`] are fewer while it shrinks.
    pub(crate) bytes: u32,
    /// The address handed out.
    pub(crate) address: u32,
    /// Bytes from the address handed out.
    pub(crate) usable: u32,
    /// Place of the back word and order of the words, if it was handed out by an instruction-side address.
    pub(crate) code: Option<(Offset, WordOrder)>,
}

impl<P: Poison> Block<P> {
    /// A block on the data side that `memory`, the heap of `entry`, gave for `bytes` bytes.
    #[inline]
    pub(crate) fn plain(
        entry: &Entry<P>,
        memory: &Heap<P>,
        heap: HeapIndex,
        offset: Offset,
        bytes: u32,
    ) -> Self {
        let base = entry.span.start();
        Self {
            heap,
            base,
            contents: memory.contents(),
            offset,
            bytes,
            address: base.wrapping_add(offset.get()),
            usable: bytes,
            code: None,
        }
    }

    /// The word `index` words behind the address handed out.
    fn place(&self, index: u32) -> Option<Offset> {
        let bytes = index.checked_mul(4)?;
        match self.code {
            None => self.offset.checked_add(bytes),
            Some((back, WordOrder::Linear)) => back.checked_add(bytes)?.checked_add(BACK_WORD),
            Some((back, WordOrder::Inverted)) => back.checked_sub(bytes)?.checked_sub(BACK_WORD),
        }
    }

    /// Bytes that a block keeps of its heap when it is resized there: what is usable, and the back word of code.
    pub(crate) const fn kept(&self) -> u32 {
        match self.code {
            Some(_) => self.usable + BACK_WORD,
            None => self.usable,
        }
    }

    fn word(&self, index: u32) -> Option<u32> {
        self.contents.word(self.place(index)?)
    }

    fn set_word(&self, index: u32, value: u32) {
        if let Some(place) = self.place(index) {
            self.contents.set_word(place, value);
        }
    }

    /// Copies as many bytes as both blocks have to `target`, word by word where one of them lies on the instruction side.
    fn copy_to(&self, target: &Self) {
        let bytes = self.usable.min(target.usable);
        if self.code.is_none() && target.code.is_none() {
            return self
                .contents
                .copy(self.offset, &target.contents, target.offset, bytes);
        }
        for index in 0..bytes / 4 {
            target.set_word(index, self.word(index).unwrap_or(0));
        }
        let rest = bytes % 4;
        if let (1.., Some(last)) = (rest, self.word(bytes / 4)) {
            let kept = u32::MAX << (rest * 8);
            let below = target.word(bytes / 4).unwrap_or(0) & kept;
            target.set_word(bytes / 4, below | last & !kept);
        }
    }

    /// Where the first byte is. On the instruction side only the chip can tell.
    fn pointer(&self) -> Option<NonNull<u8>> {
        match self.code {
            None => self.contents.pointer(self.offset),
            Some(_) => None,
        }
    }

    fn zero(&self) {
        match self.code {
            None => self.contents.zero(self.offset, self.usable),
            Some(_) => (0..self.usable.div_ceil(4)).for_each(|index| self.set_word(index, 0)),
        }
    }
}

/// A block that was just allocated and is not yet ready.
#[derive(Clone, Copy, Debug)]
#[must_use = "the block is allocated; settle it to use it"]
pub struct Fresh<P: Poison> {
    pub(crate) block: Block<P>,
    pub(crate) zeroed: bool,
}

impl<P: Poison> Fresh<P> {
    /// The address, before it is ready.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.block.address
    }

    /// Where the block's first byte is; `None` on the instruction side, where the chip's address is the pointer. O(1).
    #[must_use]
    pub fn pointer(&self) -> Option<NonNull<u8>> {
        self.block.pointer()
    }

    /// The heap that served.
    #[must_use]
    pub const fn heap(&self) -> HeapIndex {
        self.block.heap
    }

    /// Makes the block ready: verifies and fills it under comprehensive poisoning, writes the back word of an EXEC
    /// block, zeroes it if zeros were asked for. Returns the address. O(size) if any of this is needed, else O(1).
    ///
    /// # Errors
    /// The memory had been written to after it was freed. The block stays allocated, as evidence.
    #[inline]
    pub fn settle(self) -> Result<u32, Corrupt> {
        match P::FILLS || self.zeroed || self.block.code.is_some() {
            true => self.fill(),
            false => Ok(self.block.address),
        }
    }

    #[inline(never)]
    fn fill(self) -> Result<u32, Corrupt> {
        let Block {
            contents,
            offset,
            bytes,
            heap,
            base,
            address,
            code,
            ..
        } = self.block;
        if P::FILLS {
            contents
                .allocated(offset, bytes)
                .map_err(|found| Corrupt::new(heap, base, found))?;
        }
        if let Some((back, _)) = code {
            contents.set_word(back, base.wrapping_add(offset.get()));
        }
        if self.zeroed {
            self.block.zero();
        }
        Ok(address)
    }
}

/// A block that is being freed.
#[derive(Clone, Copy, Debug)]
#[must_use = "the block is not free before `finish_free`"]
pub struct Freeing<P: Poison> {
    pub(crate) block: Block<P>,
}

impl<P: Poison> Freeing<P> {
    /// Fills the block with the pattern of freed memory, where poisoning asks for it. O(size) then, else O(1).
    pub fn fill(&self) {
        self.block
            .contents
            .freeing(self.block.offset, self.block.bytes);
    }
}

/// What became of a reallocation.
#[derive(Clone, Copy, Debug)]
#[must_use = "a move has to be copied and finished"]
pub enum Reallocation<P: Poison> {
    /// The block was resized where it lies; this is its address.
    InPlace(u32),
    /// The block moves; or stays, and the bytes that it gives up or gains are still to be filled (comprehensive poisoning).
    Moving(Move<P>),
}

impl<P: Poison> Reallocation<P> {
    /// A block on its way within its heap's block.
    pub(crate) fn within(from: &Block<P>, to: Block<P>, demand: &Demand, caps: Caps) -> Self {
        Self::Moving(Move {
            from: *from,
            to,
            within: true,
            demand: *demand,
            caps,
        })
    }
}

/// A block on its way to another place, or to another size where it lies.
#[derive(Clone, Copy, Debug)]
#[must_use = "the contents are still at the old place"]
pub struct Move<P: Poison> {
    pub(crate) from: Block<P>,
    pub(crate) to: Block<P>,
    /// The block stays in its heap's block `to`: it grew downwards, or changes its size where it lies.
    pub(crate) within: bool,
    pub(crate) demand: Demand,
    /// Of the demand's choices, the capabilities that were met.
    pub(crate) caps: Caps,
}

impl<P: Poison> Move<P> {
    /// The address to which the block moves.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.to.address
    }

    /// Where the block's first byte will be; `None` on the instruction side, where the chip's address is the pointer. O(1).
    #[must_use]
    pub fn pointer(&self) -> Option<NonNull<u8>> {
        self.to.pointer()
    }

    /// Moves the contents: as many bytes as both the old and the new block have. Fills what poisoning asks for. O(size).
    ///
    /// # Errors
    /// The new memory had been written to after it was freed. The old block is as it was, the new one stays allocated, as evidence.
    #[inline(never)]
    pub fn copy(&self) -> Result<(), Corrupt> {
        if !self.within {
            Fresh {
                block: self.to,
                zeroed: false,
            }
            .settle()?;
        }
        let stays = P::FILLS && self.from.address == self.to.address;
        if !stays {
            self.from.copy_to(&self.to);
        }
        if self.within {
            self.fill_ends();
        } else {
            Freeing { block: self.from }.fill();
        }
        Ok(())
    }

    /// Marks what a block gained that stays in its heap's block, and what it will give up.
    fn fill_ends(&self) {
        let Block {
            contents, offset, ..
        } = self.to;
        contents.grown(offset, self.from.bytes, self.to.kept());
        contents.shrinking(offset, self.to.bytes, self.to.kept());
    }
}
