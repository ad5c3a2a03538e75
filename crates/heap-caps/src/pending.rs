//! Deferred work: what remains to be done to a block's bytes, outside of any lock.
//!
//! Every operation is an O(1) part that changes the heaps, and work in proportion to the block's
//! size: filling, zeroing, copying. The O(1) part (`&mut HeapCaps`) returns a value of this file.
//! It can only be finished, once, and borrows nothing, so a lock around the heaps can be released
//! first.
//!
//! ```text
//!                  under the lock                        without it                        under the lock again
//!   allocation     take, pending -> PendingAllocation     finish -> address
//!   free           begin_free -> PendingFree             fill -> FilledFree                finish_free(FilledFree)
//!   reallocation   begin_reallocate -> PendingMove       copy -> CopiedMove                finish_move(CopiedMove)
//! ```
//!
//! **Invariant:** the block of such a value is allocated, and no user has charge of it: it is not
//! handed out yet, or was handed back. The safe functions that do all phases keep it by borrowing
//! the heaps meanwhile; for others the functions that touch bytes are `unsafe`.

use multi_heap::{Contents, Offset, Poison};
use soc_regions::{Caps, WordOrder};

use crate::alias::BACK_WORD;
use crate::allocate::AllocatedBlock;
use crate::misuse::Corrupt;
use crate::registry::HeapIndex;

/// A block that is in use, and by which address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockHandle<P: Poison> {
    pub(crate) heap: HeapIndex,
    /// First address of the heap.
    pub(crate) base: u32,
    pub(crate) contents: Contents<P>,
    /// The block on the data side.
    pub(crate) offset: Offset,
    /// Bytes that the heap knows the block to have. [`BlockHandle::kept`] are fewer while it
    /// shrinks.
    pub(crate) bytes: u32,
    /// The address handed out.
    pub(crate) address: u32,
    /// Bytes from the address handed out.
    pub(crate) usable: u32,
    /// Place of the back word and order of the words, if it was handed out by an instruction-side
    /// address.
    pub(crate) code: Option<(Offset, WordOrder)>,
}

impl<P: Poison> BlockHandle<P> {
    /// Returns the word `index` words behind the address handed out.
    fn place(&self, index: u32) -> Option<Offset> {
        let bytes = index.checked_mul(4)?;
        match self.code {
            None => self.offset.checked_add(bytes),
            Some((back, WordOrder::Linear)) => back.checked_add(bytes)?.checked_add(BACK_WORD),
            Some((back, WordOrder::Inverted)) => back.checked_sub(bytes)?.checked_sub(BACK_WORD),
        }
    }

    /// Returns the bytes that a block keeps of its heap when it is resized there: what is usable,
    /// and the back word of code.
    pub(crate) const fn kept(&self) -> u32 {
        match self.code {
            Some(_) => self.usable + BACK_WORD,
            None => self.usable,
        }
    }

    /// # Safety
    /// The caller has charge of the block, see [`Contents`].
    unsafe fn word(&self, index: u32) -> Option<u32> {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.contents.word(self.place(index)?) }
    }

    /// # Safety
    /// The caller has charge of the block, see [`Contents`].
    unsafe fn set_word(&self, index: u32, value: u32) {
        if let Some(place) = self.place(index) {
            // SAFETY: the caller keeps the same contract.
            unsafe { self.contents.set_word(place, value) };
        }
    }

    /// Copies as many bytes as both blocks have to `target`, word by word where one of them lies on
    /// the instruction side.
    ///
    /// # Safety
    /// The caller has charge of both blocks, see [`Contents`].
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn copy_to(&self, target: &Self) {
        let bytes = self.usable.min(target.usable);
        if self.code.is_none() && target.code.is_none() {
            // SAFETY: the caller keeps the same contract.
            unsafe {
                self.contents
                    .copy(self.offset, &target.contents, target.offset, bytes);
            }
            return;
        }
        for index in 0..bytes / 4 {
            // SAFETY: the caller has charge of this block.
            let word = unsafe { self.word(index) };
            // SAFETY: and of the other one.
            unsafe { target.set_word(index, word.unwrap_or(0)) };
        }
        // SAFETY: the caller has charge of this block.
        let last = unsafe { self.word(bytes / 4) };
        // SAFETY: and of the other one.
        let below = unsafe { target.word(bytes / 4) };
        if let (1.., Some(last)) = (bytes % 4, last) {
            let kept = u32::MAX << (bytes % 4 * 8);
            let word = below.unwrap_or(0) & kept | last & !kept;
            // SAFETY: as above.
            unsafe { target.set_word(bytes / 4, word) };
        }
    }

    /// # Safety
    /// The caller has charge of the block, see [`Contents`].
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn zero(&self) {
        if self.code.is_none() {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.contents.zero(self.offset, self.usable) };
        }
        for index in 0..self.usable.div_ceil(4) {
            // SAFETY: the caller keeps the same contract.
            unsafe { self.set_word(index, 0) };
        }
    }

    /// Verifies and marks all of a new block but its back word.
    ///
    /// # Safety
    /// The caller has charge of the block, see [`Contents`].
    unsafe fn allocated(&self) -> Result<(), Corrupt> {
        let end = self.offset.get() + self.bytes; // inside of the region
        let back = self.code.map_or(end, |(back, _)| back.get());
        let behind = Offset::new(back + BACK_WORD).filter(|behind| behind.get() < end);
        let corrupt = |found| Corrupt::new(self.heap, self.base, found);
        // SAFETY: the caller keeps the same contract.
        unsafe {
            self.contents
                .allocated(self.offset, back - self.offset.get())
        }
        .map_err(corrupt)?;
        let Some(behind) = behind else { return Ok(()) };
        // SAFETY: as above.
        unsafe { self.contents.allocated(behind, end - behind.get()) }.map_err(corrupt)
    }
}

/// A block that was just allocated and is not yet ready for its user.
#[derive(Debug)]
#[must_use = "the block is allocated; finish it to use it"]
pub struct PendingAllocation<P: Poison> {
    pub(crate) allocated: AllocatedBlock,
    /// The block, where something is left to do to its bytes.
    pub(crate) block: Option<BlockHandle<P>>,
    pub(crate) zeroed: bool,
}

impl<P: Poison> PendingAllocation<P> {
    /// Identity of the block.
    #[must_use]
    pub const fn allocated(&self) -> AllocatedBlock {
        self.allocated
    }

    /// Makes the block ready: verifies and fills it under comprehensive poisoning, zeroes it if
    /// zeros were asked for. Returns its address. O(size) if any of this is needed, else O(1).
    ///
    /// # Errors
    /// The memory had been written to after it was freed. The block stays allocated, as evidence.
    ///
    /// # Safety
    /// - The block has not been freed or resized since it was allocated, and is not used.
    /// - The memory of its heap is still the heap's.
    #[inline]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub unsafe fn finish(self) -> Result<u32, Corrupt> {
        if let Some(block) = &self.block {
            if P::FILLS {
                // SAFETY: the block is nobody else's yet (contract of the caller).
                unsafe { block.allocated() }?;
            }
            if self.zeroed {
                // SAFETY: as above.
                unsafe { block.zero() };
            }
        }
        Ok(self.allocated.address)
    }
}

/// A block that is to be freed.
///
/// To have one is no proof that the block's user has given it up, so safe code cannot fill it:
///
/// ```compile_fail,E0133
/// fn overwrite(heaps: &mut heap_caps::HeapCaps, address: u32) {
///     if let Ok(pending) = heaps.phases().begin_free(address) {
///         pending.fill();
///     }
/// }
/// ```
///
/// Nor is it freed before it was filled:
///
/// ```compile_fail,E0308
/// fn free_at(heaps: &mut heap_caps::HeapCaps, address: u32) {
///     if let Ok(pending) = heaps.phases().begin_free(address) {
///         heaps.phases().finish_free(pending);
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "the block is not free before `finish_free`"]
pub struct PendingFree<P: Poison>(pub(crate) BlockHandle<P>);

/// A block to be freed whose bytes are filled.
#[derive(Debug)]
#[must_use = "the block is not free before `finish_free`"]
pub struct FilledFree<P: Poison>(pub(crate) BlockHandle<P>);

impl<P: Poison> PendingFree<P> {
    /// Returns the heap in which the block lies.
    #[must_use]
    pub const fn heap(&self) -> HeapIndex {
        self.0.heap
    }

    /// Fills the block with the pattern of freed memory, where poisoning asks for it. O(size) then,
    /// else O(1).
    ///
    /// # Safety
    /// - The block has not been freed or resized since it was looked up, and nobody uses it any
    ///   more.
    /// - The memory of its heap is still the heap's.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub unsafe fn fill(self) -> FilledFree<P> {
        // SAFETY: the caller has charge of the block.
        unsafe { self.0.contents.freeing(self.0.offset, self.0.bytes) };
        FilledFree(self.0)
    }
}

/// What became of a reallocation.
#[derive(Debug)]
#[must_use = "a move has to be copied and finished"]
pub enum Reallocation<P: Poison> {
    /// The block was resized where it lies; this is its address.
    InPlace(u32),
    /// The block moves; or stays, and bytes that it gives up or gains are still to be filled
    /// (comprehensive poisoning).
    Moving(PendingMove<P>),
}

/// A block on its way to another place, or to another size where it lies.
#[derive(Debug)]
#[must_use = "the contents are still at the old place"]
pub struct PendingMove<P: Poison> {
    pub(crate) from: BlockHandle<P>,
    pub(crate) to: BlockHandle<P>,
    /// The block stays in its heap's block `to`: it grew downwards, or changes its size where it
    /// lies.
    pub(crate) within: bool,
    /// Of the request's sets of capabilities the one that was met.
    pub(crate) caps: Caps,
}

/// A block whose contents are at the new place.
#[derive(Debug)]
#[must_use = "the old block is still allocated"]
pub struct CopiedMove<P: Poison>(pub(crate) PendingMove<P>);

impl<P: Poison> PendingMove<P> {
    /// Returns the heap in which the block lies.
    #[must_use]
    pub const fn from_heap(&self) -> HeapIndex {
        self.from.heap
    }

    /// Returns where the block moves.
    #[must_use]
    pub const fn allocated(&self) -> AllocatedBlock {
        AllocatedBlock {
            address: self.to.address,
            heap: self.to.heap,
        }
    }

    /// Moves the contents: as many bytes as both the old and the new block have. Fills what
    /// poisoning asks for. O(size).
    ///
    /// # Errors
    /// The new memory had been written to after it was freed. The old block is as it was, the new
    /// one stays allocated, as evidence.
    ///
    /// # Safety
    /// - Neither block has been freed or resized since the first phase; nobody uses them.
    /// - The memory of their heaps is still the heaps'.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub unsafe fn copy(self) -> Result<CopiedMove<P>, Corrupt> {
        if P::FILLS && !self.within {
            // SAFETY: the new block is nobody else's yet (contract of the caller).
            unsafe { self.to.allocated() }?;
        }
        let stays = P::FILLS && self.from.address == self.to.address;
        if !stays {
            // SAFETY: the caller has charge of both blocks.
            unsafe { self.from.copy_to(&self.to) };
        }
        if P::FILLS && self.within {
            let BlockHandle {
                contents, offset, ..
            } = self.to;
            // SAFETY: as above: bytes that the block gained.
            unsafe { contents.grown(offset, self.from.bytes, self.to.kept()) };
            // SAFETY: as above: bytes that it will give up.
            unsafe { contents.shrinking(offset, self.to.bytes, self.to.kept()) };
        } else if P::FILLS {
            // SAFETY: the old block will be freed.
            unsafe {
                self.from
                    .contents
                    .freeing(self.from.offset, self.from.bytes);
            }
        }
        Ok(CopiedMove(self))
    }
}
