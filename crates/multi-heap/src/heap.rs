//! The heap as its users see it: bytes, offsets, poisoning around the blocks of a pool.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::arena::Arena;
use crate::bins::MAX_UNITS;
use crate::damage::{Corruption, Misuse, NewHeapError};
use crate::give::UsedBlock;
use crate::offset::Offset;
use crate::poison::{self, FILL_ALLOCATED, FILL_FREED, Guards, Poison, Unpoisoned};
use crate::pool::{Index, Pool};
use crate::request::Request;
use crate::walk::{Block, BlockState};

/// A heap in one contiguous region, its control structure included.
///
/// Blocks are named by [`Offset`]s from the region's first word. `P` says how much the heap watches its blocks; all
/// levels behave alike in everything but size and detection.
///
/// ```text
///   region   | control | header payload | header payload | ...... | sentinel |
///                                ^ Offset: always a multiple of 4
/// ```
#[derive(Debug)]
pub struct Heap<P: Poison = Unpoisoned> {
    pub(crate) pool: Pool,
    poison: PhantomData<P>,
}

/// A block that grew downwards: its bytes have still to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the contents are still at the old place"]
pub struct Moved {
    /// The block's new name.
    pub to: Offset,
    /// How many bytes of the old place are worth moving.
    pub bytes: u32,
}

/// A used block found valid, canaries included.
#[derive(Clone, Copy)]
struct UserBlock {
    block: UsedBlock,
    /// User bytes: the requested ones where a size word remembers them, all of the payload otherwise.
    size: u32,
}

/// Construction and places.
impl<P: Poison> Heap<P> {
    /// Makes a region a heap. Start and size are arbitrary (the heap uses the whole words inside), and so are the contents.
    ///
    /// Takes O(1) time; O(size) under [`Comprehensive`](crate::Comprehensive) poisoning, which fills the region.
    ///
    /// # Errors
    /// [`NewHeapError::TooSmall`] if not even the smallest block would fit, [`NewHeapError::TooLarge`] above 128 MiB.
    ///
    /// # Safety
    /// - The region is valid for reads and writes of aligned 32-bit words for as long as the heap is used.
    /// - Nobody else accesses it meanwhile, except that the user of an allocated block accesses that block's bytes.
    pub unsafe fn new(region: NonNull<[u8]>) -> Result<Self, NewHeapError> {
        // SAFETY: the caller keeps the same contract.
        let arena = unsafe { Arena::new(region, MAX_UNITS) }.map_err(|_| NewHeapError::TooLarge)?;
        if P::FILLS {
            arena.fill(0, arena.words() * 4, FILL_FREED);
        }
        let pool = Pool::new(arena, poison::overhead_units::<P>())?;
        Ok(Self {
            pool,
            poison: PhantomData,
        })
    }

    /// Size in bytes of the region's whole words, control structure included.
    #[must_use]
    pub fn region_bytes(&self) -> u32 {
        self.arena().words() * 4
    }

    /// Bytes that the heap itself occupies in the region: control structure and sentinel.
    #[must_use]
    pub fn control_bytes(&self) -> u32 {
        self.pool.first().saturating_add(1).saturating_mul(4)
    }

    /// The address of a place in the region; places behind its end give its end.
    #[must_use]
    pub fn pointer(&self, place: Offset) -> NonNull<u8> {
        self.arena().pointer(place.get().min(self.region_bytes()))
    }

    /// The place of an address; `None` if it is not inside the region (or is its first byte, where no block lies).
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
        if request.alignment() == Request::MIN_ALIGNMENT {
            self.allocate_plain(request.size())
        } else {
            self.allocate_aligned(request)
        }
    }

    #[inline(never)]
    fn allocate_plain(&mut self, size: u32) -> Option<Offset> {
        let index = self.pool.allocate(units_for(size + P::OVERHEAD))?;
        if P::OVERHEAD != 0 {
            self.arm(index, size);
        }
        Offset::new(user_offset::<P>(index))
    }

    #[inline]
    fn allocate_aligned(&mut self, request: Request) -> Option<Offset> {
        let units = units_for(request.size() + P::OVERHEAD);
        let aligned_word = 1 + (poison::head_bytes::<P>() + request.offset()) / 4;
        let index = self
            .pool
            .allocate_aligned(units, request.alignment() / 4, aligned_word)?;
        if P::OVERHEAD != 0 {
            self.arm(index, request.size());
        }
        Offset::new(user_offset::<P>(index))
    }

    /// Second phase of an allocation of `size` bytes: verifies that the bytes still have the pattern of free memory, then marks them
    /// allocated. Does nothing below [`Comprehensive`](crate::Comprehensive) poisoning. O(size); needs no lock, because
    /// the block belongs to the caller.
    ///
    /// # Errors
    /// The first byte that was written while it was free.
    pub fn allocated(&self, block: Offset, size: u32) -> Result<(), Corruption> {
        self.contents().allocated(block, size)
    }

    /// First phase of a free: fills the block's bytes with the pattern of free memory. Does nothing below
    /// [`Comprehensive`](crate::Comprehensive) poisoning. O(size); needs no lock, because the block still belongs to the caller.
    ///
    /// # Errors
    /// As [`Heap::free`]; nothing is filled then.
    pub fn freeing(&self, block: Offset) -> Result<(), Misuse> {
        if P::FILLS {
            let used = self.valid_block(block)?;
            self.contents().freeing(block, used.size);
        }
        Ok(())
    }

    /// Gives a block back; returns how many usable bytes it had. O(1).
    ///
    /// Under [`Comprehensive`](crate::Comprehensive) poisoning, [`Heap::freeing`] has to precede.
    ///
    /// # Errors
    /// [`Misuse`] if no allocated block begins at `block`, or if it was overwritten. The heap stays as it was. To tell the reason takes
    /// O(blocks).
    #[inline(always)]
    pub fn free(&mut self, block: Offset) -> Result<u32, Misuse> {
        if P::OVERHEAD != 0 {
            return self.free_guarded(block);
        }
        let freed = if block.get().is_multiple_of(4) {
            self.pool.free_at(block.get() / 4 - 1)
        } else {
            None
        };
        freed
            .map(|units| (units - 1) * 4)
            .ok_or_else(|| self.explain(block))
    }

    /// Both phases of a free of a block that was found valid.
    fn free_wholly(&mut self, block: Offset, used: UserBlock) -> Result<(), Misuse> {
        if P::OVERHEAD == 0 {
            let freed = self.pool.free_outlined(used.block.index);
            return freed.map(|_| ()).ok_or_else(|| self.misuse());
        }
        self.freeing(block)?;
        self.free_guarded(block).map(|_| ())
    }

    /// Why a block could not be freed. O(blocks): a walk tells where the place lies.
    #[cold]
    #[inline(never)]
    fn explain(&self, block: Offset) -> Misuse {
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

    fn free_guarded(&mut self, block: Offset) -> Result<u32, Misuse> {
        let used = self.valid_block(block)?;
        if P::FILLS {
            self.guards(used.block.index, used.block.units)
                .wipe(used.size);
            let slack = block.get() + used.size + 4;
            self.arena()
                .fill(slack, (used.block.index + used.block.units) * 4, FILL_FREED);
        }
        let released = self.pool.free(used.block);
        let released = released.ok_or_else(|| self.misuse())?;
        if P::FILLS {
            self.pool.wipe_seams(released);
        }
        Ok(used.size)
    }

    /// User bytes of an allocated block: what was asked for where poisoning remembers it, else all bytes that the block has. O(1).
    ///
    /// # Errors
    /// As [`Heap::free`].
    pub fn usable_size(&self, block: Offset) -> Result<u32, Misuse> {
        Ok(self.valid_block(block)?.size)
    }

    /// As [`Heap::used_block`], with the reason of a refusal made exact.
    #[inline(always)]
    fn valid_block(&self, block: Offset) -> Result<UserBlock, Misuse> {
        self.used_block(block).map_err(|_| self.explain(block))
    }

    /// Validates the block at `block`: header, neighbours and canaries.
    #[inline(always)]
    fn used_block(&self, block: Offset) -> Result<UserBlock, Misuse> {
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

    /// What to say of a block that was found valid, but whose neighbours were not.
    #[cold]
    #[inline(never)]
    fn misuse(&self) -> Misuse {
        self.check()
            .map_or_else(Misuse::Corrupt, |()| Misuse::NotABlock)
    }

    pub(crate) fn guards(&self, index: Index, units: u32) -> Guards {
        Guards {
            arena: self.arena(),
            user: user_offset::<P>(index),
            capacity: ((units - 1) * 4).saturating_sub(P::OVERHEAD),
        }
    }

    /// Writes the canaries of a freshly taken block, over what was free-list links before.
    fn arm(&mut self, index: Index, size: u32) {
        let units = self.pool.header(index).used_units();
        if P::FILLS {
            let freed = u32::from_ne_bytes([FILL_FREED; 4]);
            let words = [index + 1, index + 2, index + units - 1];
            words.iter().for_each(|&word| self.arena().set(word, freed));
        }
        self.guards(index, units).write(size);
    }
}

/// Resizing.
impl<P: Poison> Heap<P> {
    /// Resizes a block where it lies: shrinks it, or grows it into the free block behind it. `false` if there is no room.
    /// O(1); O(bytes) under [`Comprehensive`](crate::Comprehensive) poisoning.
    ///
    /// # Errors
    /// As [`Heap::free`]. A `size` of 0 or above [`Request::MAX_SIZE`] gives `false`.
    pub fn resize(&mut self, block: Offset, size: u32) -> Result<bool, Misuse> {
        let used = self.valid_block(block)?;
        self.resize_used(used, size)
    }

    #[inline(always)]
    fn resize_used(&mut self, used: UserBlock, size: u32) -> Result<bool, Misuse> {
        let Some(units) = self.units_with_guards(size) else {
            return Ok(false);
        };
        if units > used.block.units {
            let grown = self.pool.grow(used.block, units);
            if !grown.ok_or_else(|| self.misuse())? {
                return Ok(false);
            }
        } else {
            self.shrink(used, units, size)?;
        }
        if P::FILLS && size > used.size {
            let user = user_offset::<P>(used.block.index);
            self.arena()
                .fill(user + used.size, user + size, FILL_ALLOCATED);
        }
        if P::OVERHEAD != 0 {
            let units = self.pool.header(used.block.index).used_units();
            self.guards(used.block.index, units).write(size);
        }
        Ok(true)
    }

    fn shrink(&mut self, used: UserBlock, units: u32, size: u32) -> Result<(), Misuse> {
        if P::FILLS {
            let user = user_offset::<P>(used.block.index);
            let end = (used.block.index + used.block.units) * 4;
            self.arena().fill((user + size).min(end), end, FILL_FREED);
        }
        let released = self.pool.shrink(used.block, units);
        let released = released.ok_or_else(|| self.misuse())?;
        if P::FILLS {
            self.pool.wipe_seams(released);
        }
        Ok(())
    }

    /// Grows a block downwards: joins it with the free block below it, and with what is needed of the one behind it. O(1). `None` if they have
    /// no room for `size`, or if the one below has room for the whole: then [`Heap::allocate`] serves better.
    ///
    /// The caller then moves the contents ([`Contents::copy`](crate::Contents::copy)), outside of any lock if it likes, and gives back what is too
    /// much with [`Heap::resize`] to `size`.
    ///
    /// # Errors
    /// As [`Heap::free`].
    pub fn grow_backward(&mut self, block: Offset, size: u32) -> Result<Option<Moved>, Misuse> {
        let used = self.valid_block(block)?;
        self.grow_used_backward(used, size)
    }

    fn grow_used_backward(&mut self, used: UserBlock, size: u32) -> Result<Option<Moved>, Misuse> {
        let Some(units) = self.units_with_guards(size) else {
            return Ok(None);
        };
        let joined = self.pool.grow_backward(used.block, units);
        let Some(index) = joined.ok_or_else(|| self.misuse())? else {
            return Ok(None);
        };
        if P::OVERHEAD != 0 {
            let guards = self.guards(index, self.pool.header(index).used_units());
            guards.write(guards.capacity);
        }
        let to = Offset::new(user_offset::<P>(index));
        Ok(to.map(|to| Moved {
            to,
            bytes: used.size,
        }))
    }

    /// Resizes a block, moving it if it must, contents and all: in place, else downwards, else to another block. `None` if there is no room;
    /// the block is as before then. O(bytes).
    ///
    /// # Errors
    /// As [`Heap::free`].
    pub fn reallocate(
        &mut self,
        block: Offset,
        request: Request,
    ) -> Result<Option<Offset>, Misuse> {
        let size = request.size();
        let used = self.valid_block(block)?;
        if self.is_aligned(block, request) && self.resize_used(used, size)? {
            return Ok(Some(block));
        }
        if request.alignment() == Request::MIN_ALIGNMENT
            && let Some(moved) = self.grow_used_backward(used, size)?
        {
            self.move_bytes(block, moved.to, moved.bytes);
            self.resize(moved.to, size)?;
            return Ok(Some(moved.to));
        }
        let Some(new) = self.allocate(request) else {
            return Ok(None);
        };
        self.allocated(new, size)?;
        self.move_bytes(block, new, used.size.min(size));
        self.free_wholly(block, used)?;
        Ok(Some(new))
    }

    fn move_bytes(&self, from: Offset, to: Offset, bytes: u32) {
        self.contents().copy(from, &self.contents(), to, bytes);
    }

    fn is_aligned(&self, block: Offset, request: Request) -> bool {
        let word = block.get() / 4 + request.offset() / 4;
        self.arena()
            .phase()
            .wrapping_add(word)
            .is_multiple_of(request.alignment() / 4)
    }

    fn units_with_guards(&self, size: u32) -> Option<u32> {
        let request = Request::new(size as usize)?;
        Some(units_for(request.size() + P::OVERHEAD))
    }
}

/// Units of a block for `bytes` of payload (at least 1, at most 2³⁰ and a few): whole words and the header, at least 2.
#[inline(always)]
const fn units_for(bytes: u32) -> u32 {
    (bytes + 7) / 4
}

/// Where the user bytes of the block at `index` begin.
#[inline(always)]
pub(crate) const fn user_offset<P: Poison>(index: Index) -> u32 {
    (index + 1) * 4 + poison::head_bytes::<P>()
}
