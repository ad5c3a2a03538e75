//! The heap as its users see it: bytes, offsets, poisoning around the blocks of a pool.

use core::ptr::NonNull;

use crate::arena::Arena;
use crate::bins::MAX_BLOCK_WORDS;
use crate::damage::{Corruption, Misuse, NewHeapError, Refused};
use crate::examine::UserBlock;
use crate::offset::Offset;
use crate::poison::{self, BlockCanaries, CanaryState, FILL_FREED, Poison, Unpoisoned};
use crate::pool::{self, Index, Pool};
use crate::request::Request;

/// A heap in one contiguous region, its control structure included.
///
/// Blocks are named by [`Offset`]s from the region's first word. `P` says how much the heap watches
/// its blocks; all levels behave alike in everything but size and detection.
///
/// ```text
///   region   | control | header payload | header payload | ...... | sentinel |
///                                ^ Offset: always a multiple of 4
/// ```
#[derive(Debug)]
pub struct Heap<P: Poison = Unpoisoned> {
    pub(crate) pool: Pool,
    pub(crate) canary_state: P::CanaryState,
}

/// Construction and places.
impl<P: Poison> Heap<P> {
    /// Makes a region a heap. Start and size are arbitrary (the heap uses the whole words inside),
    /// and so are the contents.
    ///
    /// Takes O(1) time; O(size) under [`Comprehensive`](crate::Comprehensive) poisoning, which
    /// fills the region.
    ///
    /// # Errors
    /// [`NewHeapError::TooSmall`] if not even the smallest block would fit,
    /// [`NewHeapError::TooLarge`] above 128 MiB.
    ///
    /// # Safety
    /// - The region is valid for reads and writes of aligned 32-bit words for as long as the heap
    ///   is used.
    /// - Nobody else accesses it meanwhile, except that the user of an allocated block accesses
    ///   that block's bytes.
    pub unsafe fn new(region: NonNull<[u8]>) -> Result<Self, NewHeapError> {
        // SAFETY: the caller keeps the same contract.
        let arena =
            unsafe { Arena::new(region, MAX_BLOCK_WORDS) }.map_err(|_| NewHeapError::TooLarge)?;
        if P::FILLS {
            arena.fill(0, arena.words() * 4, FILL_FREED);
        }
        let pool = Pool::new(arena, poison::overhead_words::<P>())?;
        Ok(Self {
            pool,
            canary_state: P::CanaryState::new(),
        })
    }

    /// Bytes of a block before those of its user: its header, a canary and a size under poisoning.
    pub const LEAD_BYTES: u32 = 4 + poison::head_bytes::<P>();

    /// Returns the bytes of the smallest region that can be a heap.
    #[must_use]
    pub const fn smallest_region_bytes() -> u32 {
        pool::needed_words(poison::overhead_words::<P>()) * 4 // a few dozen words
    }

    /// Returns the size in bytes of the region's whole words, control structure included.
    #[must_use]
    pub fn region_bytes(&self) -> u32 {
        self.arena().words() * 4
    }

    /// Returns the bytes that the heap itself occupies in the region: control structure and
    /// sentinel.
    #[must_use]
    pub fn control_bytes(&self) -> u32 {
        self.pool.first().saturating_add(1).saturating_mul(4)
    }

    /// Returns the address of the region's first word.
    #[must_use]
    pub fn start(&self) -> NonNull<u8> {
        self.arena().pointer(0)
    }

    /// Returns the address of a place in the region; its end for places behind it.
    #[must_use]
    pub fn pointer(&self, place: Offset) -> NonNull<u8> {
        self.arena().pointer(place.get().min(self.region_bytes()))
    }

    /// Returns the place of an address; `None` if it is not inside the region (or is its first
    /// byte, where no block lies).
    #[must_use]
    pub fn offset_of(&self, address: *const u8) -> Option<Offset> {
        Offset::new(self.arena().offset_of(address)?)
    }

    pub(crate) const fn arena(&self) -> Arena {
        self.pool.arena()
    }
}

/// Allocation and free.
impl<P: Poison> Heap<P> {
    /// Takes a block; `None` if no free block is found that is large enough. O(1).
    ///
    /// Under [`Comprehensive`](crate::Comprehensive) poisoning, [`Heap::allocated`] has to follow.
    #[inline(always)]
    pub fn allocate(&mut self, request: Request) -> Option<Offset> {
        if !request.is_ordinary() {
            return self.allocate_aligned(request);
        }
        let key = self.canary_state.key();
        let block = Self::allocate_ordinary(self.pool, request.size(), request.alignment(), key);
        if P::OVERHEAD != 0 && block.is_some() {
            self.count_slack(request.size());
        }
        block
    }

    /// Returns whether a block for `size` bytes is worth asking for: `false` says that there is
    /// none. O(1), much less than a search.
    #[inline(always)]
    #[must_use]
    pub fn may_serve(&self, size: u32) -> bool {
        self.pool.may_have(words_for(size + P::OVERHEAD))
    }

    /// Counts the slack of a block that was just allocated for `size` bytes.
    fn count_slack(&mut self, size: u32) {
        let bytes = size + P::OVERHEAD;
        self.canary_state
            .change(0, (words_for(bytes) - 1) * 4 - bytes);
    }

    /// Allocates `size` bytes at an alignment of 4 or 8. The pool comes in registers.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn allocate_ordinary(pool: Pool, size: u32, alignment: u32, key: KeyOf<P>) -> Option<Offset> {
        let words = words_for(size + P::OVERHEAD);
        let payload = pool.allocate(words, alignment / 4)?;
        if P::OVERHEAD != 0 {
            let key = P::CanaryState::number(key);
            Self::write_canaries(pool, payload.get() - 1, words, size, key);
        }
        Offset::new(payload.get() * 4 + poison::head_bytes::<P>())
    }

    /// As [`Heap::allocate`], by the code for any alignment: smaller where the alignment is not
    /// known to be the natural one.
    #[inline]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub fn allocate_aligned(&mut self, request: Request) -> Option<Offset> {
        let words = words_for(request.size() + P::OVERHEAD);
        let aligned_word = 1 + (poison::head_bytes::<P>() + request.offset()) / 4;
        let index = self
            .pool
            .allocate_aligned(words, request.alignment() / 4, aligned_word)?;
        if P::OVERHEAD != 0 {
            let key = P::CanaryState::number(self.canary_state.key());
            Self::write_canaries(self.pool, index, words, request.size(), key);
            self.count_slack(request.size());
        }
        Offset::new(user_offset::<P>(index))
    }

    /// Returns whether [`Heap::allocate`] would serve `request` now. O(1).
    #[must_use]
    pub fn can_allocate(&self, request: Request) -> bool {
        let words = words_for(request.size() + P::OVERHEAD);
        let alignment = request.alignment() / 4;
        if request.is_ordinary() {
            self.pool.find_block(words, words, alignment).is_some()
        } else {
            let aligned_word = 1 + (poison::head_bytes::<P>() + request.offset()) / 4;
            let found = self.pool.find_aligned(words, alignment, aligned_word);
            found.is_some()
        }
    }

    /// Second phase of an allocation of `size` bytes: verifies that the bytes still have the
    /// pattern of free memory, then marks them allocated. Does nothing below
    /// [`Comprehensive`](crate::Comprehensive) poisoning. O(size).
    ///
    /// # Errors
    /// The first byte that was written while it was free.
    pub fn allocated(&mut self, block: Offset, size: u32) -> Result<(), Corruption> {
        if !P::FILLS {
            return Ok(());
        }
        self.block_bytes().allocated(block, size)
    }

    /// First phase of a free: fills the block's bytes with the pattern of free memory. Does nothing
    /// below [`Comprehensive`](crate::Comprehensive) poisoning. O(size).
    ///
    /// # Errors
    /// As [`Heap::free`]; nothing is filled then.
    pub fn freeing(&mut self, block: Offset) -> Result<(), Misuse> {
        if P::FILLS {
            let used = self.freeable_block(block);
            let used = used.map_err(|Refused| self.explain(block))?;
            self.block_bytes().freeing(block, used.size);
        }
        Ok(())
    }

    /// Returns the user bytes of a block that [`Heap::free`] does not refuse: what
    /// [`Contents::freeing`](crate::Contents::freeing) may fill before, without a lock. O(1).
    ///
    /// # Errors
    /// As [`Heap::free`].
    pub fn freeable_size(&self, block: Offset) -> Result<u32, Misuse> {
        self.try_freeable_size(block)
            .ok_or_else(|| self.explain(block))
    }

    /// Same as [`Heap::freeable_size`], without the reason of a refusal: [`Heap::explain`] finds
    /// it. O(1).
    #[must_use]
    pub fn try_freeable_size(&self, block: Offset) -> Option<u32> {
        self.freeable_block(block).ok().map(|used| used.size)
    }

    /// Returns the block at `block`, if [`Heap::free`] does not refuse it.
    pub(crate) fn freeable_block(&self, block: Offset) -> Result<UserBlock, Refused> {
        let used = self.used_block(block).map_err(|_| Refused)?;
        if self.pool.can_free(used.block) {
            Ok(used)
        } else {
            Err(Refused)
        }
    }

    /// Frees a block; returns how many usable bytes it had. O(1).
    ///
    /// Under [`Comprehensive`](crate::Comprehensive) poisoning, [`Heap::freeing`] has to precede.
    ///
    /// # Errors
    /// [`Misuse`] if no allocated block begins at `block`, or if it was overwritten. The heap stays
    /// as it was. To find the reason takes O(blocks).
    #[inline(always)]
    pub fn free(&mut self, block: Offset) -> Result<u32, Misuse> {
        self.try_free(block).ok_or_else(|| self.explain(block))
    }

    /// As [`Heap::free`], without the reason of a refusal: [`Heap::explain`] returns it. O(1).
    ///
    /// A program that never asks for the reason has no code for it.
    #[inline(always)]
    pub fn try_free(&mut self, block: Offset) -> Option<u32> {
        self.try_free_at(block.get())
    }

    /// Same as [`Heap::try_free`], of a place that may be anything. O(1).
    #[inline(always)]
    pub fn try_free_at(&mut self, place: u32) -> Option<u32> {
        if P::OVERHEAD != 0 {
            return self.free_guarded(Offset::new(place)?);
        }
        if !place.is_multiple_of(4) {
            return None;
        }
        let words = self.pool.free_at((place / 4).wrapping_sub(1))?; // of place 0: behind the end
        Some((words - 1) * 4)
    }

    /// Both phases of a free.
    #[inline(always)]
    pub(crate) fn free_wholly(&mut self, block: Offset) -> Result<(), Refused> {
        if P::FILLS {
            let used = self.freeable_block(block)?;
            self.block_bytes().freeing(block, used.size);
        }
        self.try_free(block).map(|_| ()).ok_or(Refused)
    }

    fn free_guarded(&mut self, block: Offset) -> Option<u32> {
        let used = if P::FILLS {
            self.freeable_block(block).ok()?
        } else {
            self.used_block(block).ok()?
        };
        if P::FILLS {
            self.canaries_of(used.block.index, used.block.words)
                .erase(used.size);
            let slack = block.get() + used.size + 4;
            self.arena()
                .fill(slack, (used.block.index + used.block.words) * 4, FILL_FREED);
        }
        let released = self.pool.free(used.block)?;
        let canaries = self.canaries_of(used.block.index, used.block.words);
        self.canary_state.change(canaries.slack(used.size), 0);
        if P::FILLS {
            self.pool.erase_merge_points(released);
        }
        Some(used.size)
    }

    /// Returns the user bytes of an allocated block: what was asked for where poisoning remembers
    /// it, else all bytes that the block has. O(1).
    ///
    /// # Errors
    /// As [`Heap::free`].
    pub fn usable_size(&self, block: Offset) -> Result<u32, Misuse> {
        self.try_usable_size(block)
            .ok_or_else(|| self.explain(block))
    }

    /// Same as [`Heap::usable_size`], without the reason of a refusal: [`Heap::explain`] finds it.
    /// O(1).
    #[inline]
    #[must_use]
    pub fn try_usable_size(&self, block: Offset) -> Option<u32> {
        self.used_block(block).ok().map(|used| used.size)
    }

    pub(crate) fn canaries_of(&self, index: Index, words: u32) -> BlockCanaries {
        let key = P::CanaryState::number(self.canary_state.key());
        Self::canaries_at(self.arena(), index, words, key)
    }

    #[inline(always)]
    fn canaries_at(arena: Arena, index: Index, words: u32, key: u32) -> BlockCanaries {
        BlockCanaries {
            arena,
            user: user_offset::<P>(index),
            capacity: ((words - 1) * 4).saturating_sub(P::OVERHEAD),
            key,
        }
    }

    /// Writes the canaries of a freshly allocated block, over what was free-list links before.
    fn write_canaries(pool: Pool, index: Index, words: u32, size: u32, key: u32) {
        if P::FILLS {
            let freed = u32::from_ne_bytes([FILL_FREED; 4]);
            let words = [index + 1, index + 2, index + words - 1];
            words.iter().for_each(|&word| pool.set(word, freed));
        }
        Self::canaries_at(pool.arena(), index, words, key).write(size);
    }
}

/// What the canaries of a level depend on, beside place and size of their block.
type KeyOf<P> = <<P as poison::Sealed>::CanaryState as CanaryState>::Key;

/// Returns the words of a block for `bytes` of payload (at least 1, at most 2³⁰ and a few): whole
/// words and the header, at least 2.
#[inline(always)]
pub(crate) const fn words_for(bytes: u32) -> u32 {
    (bytes + 7) / 4
}

/// Returns where the user bytes of the block at `index` begin.
#[inline(always)]
pub(crate) const fn user_offset<P: Poison>(index: Index) -> u32 {
    index * 4 + Heap::<P>::LEAD_BYTES
}
