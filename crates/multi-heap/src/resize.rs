//! Reallocation: in place, downwards, or by moving.

use crate::damage::{Misuse, Refused};
use crate::examine::UserBlock;
use crate::free::{Released, UsedBlock};
use crate::heap::{Heap, user_offset, words_for};
use crate::offset::Offset;
use crate::poison::{CanaryState, FILL_FREED, Poison};
use crate::request::Request;

/// A block that grew downwards: its bytes have still to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the contents are still at the old place"]
pub struct Moved {
    /// The block's new name.
    pub to: Offset,
    /// How many bytes of the old place are worth moving.
    pub bytes: u32,
}

/// Resizing.
impl<P: Poison> Heap<P> {
    /// Resizes a block where it lies: shrinks it, or grows it into the free block behind it.
    /// `false` if there is no room. O(1).
    ///
    /// Under [`Comprehensive`](crate::Comprehensive) poisoning,
    /// [`Contents::shrinking`](crate::Contents::shrinking) has to precede where the block shrinks,
    /// and [`Contents::grown`](crate::Contents::grown) to follow where it grew.
    /// [`Heap::reallocate`] does all of it.
    ///
    /// # Errors
    /// As [`Heap::free`]. A `size` of 0 or above [`Request::MAX_SIZE`] returns `false`.
    #[inline]
    pub fn resize(&mut self, block: Offset, size: u32) -> Result<bool, Misuse> {
        self.try_resize(block, size)
            .map_err(|Refused| self.explain(block))
    }

    /// Returns the user bytes of a block that [`Heap::resize`] to `size` does not refuse: of which
    /// [`Contents::shrinking`](crate::Contents::shrinking) may fill what is given up, without a
    /// lock. O(1).
    ///
    /// # Errors
    /// As [`Heap::free`].
    pub fn resizable_size(&self, block: Offset, size: u32) -> Result<u32, Misuse> {
        self.try_resizable_size(block, size)
            .ok_or_else(|| self.explain(block))
    }

    /// Same as [`Heap::resizable_size`], without the reason of a refusal: [`Heap::explain`] finds
    /// it. O(1).
    #[must_use]
    pub fn try_resizable_size(&self, block: Offset, size: u32) -> Option<u32> {
        let used = self.used_block(block).ok()?;
        if let Some(request) = Request::new(size as usize) {
            self.surplus(used, request).ok()?;
        }
        Some(used.size)
    }

    /// Same as [`Heap::resize`], without the reason of a refusal: [`Heap::explain`] finds it. O(1).
    ///
    /// # Errors
    /// [`Refused`] where [`Heap::resize`] returns a [`Misuse`].
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub fn try_resize(&mut self, block: Offset, size: u32) -> Result<bool, Refused> {
        let used = self.used_block(block).map_err(|_| Refused)?;
        let Some(request) = Request::new(size as usize) else {
            return Ok(false);
        };
        self.resize_used(used, request)
    }

    #[inline(always)]
    fn resize_used(&mut self, used: UserBlock, request: Request) -> Result<bool, Refused> {
        let words = Self::words_with_canaries(request);
        if P::FILLS && words <= used.block.words {
            return self.shrink_filled(used, request);
        }
        let Some(held) = self.pool.resize(used.block, words)? else {
            return Ok(false);
        };
        if P::OVERHEAD != 0 {
            self.rearm(used, held, request);
        }
        Ok(true)
    }

    /// Moves the canary of a block that has `held` words now.
    #[inline(always)]
    fn rearm(&mut self, used: UserBlock, held: u32, request: Request) {
        let UsedBlock { index, words, .. } = used.block;
        let slack = self.canaries_of(index, words).slack(used.size);
        let canaries = self.canaries_of(index, held);
        canaries.write(request.size());
        self.canary_state
            .change(slack, canaries.slack(request.size()));
    }

    /// Shrinks a block, or leaves it its words, where free memory has a pattern: behind the new
    /// canary, too.
    #[inline(never)]
    fn shrink_filled(&mut self, used: UserBlock, request: Request) -> Result<bool, Refused> {
        let UsedBlock { index, words, .. } = used.block;
        let surplus = self.surplus(used, request)?;
        let canary = user_offset::<P>(index) + used.size;
        self.arena().fill(canary, (index + words) * 4, FILL_FREED);
        let mut held = words;
        if let Some(surplus) = surplus {
            held -= surplus.words;
            let above = self.pool.free_words_above(surplus).ok_or(Refused)?;
            self.pool.resize(used.block, held)?;
            self.pool.erase_merge_points(Released {
                start: surplus.index,
                words: surplus.words + above,
                merge_points: [surplus.index, index + words],
            });
        }
        self.rearm(used, held, request);
        Ok(true)
    }

    /// Returns what a block gives up when it shrinks to a request; refused where the heap could not
    /// free it.
    fn surplus(&self, used: UserBlock, request: Request) -> Result<Option<UsedBlock>, Refused> {
        match used.block.surplus(Self::words_with_canaries(request)) {
            Some(surplus) if !self.pool.can_free(surplus) => Err(Refused),
            surplus => Ok(surplus),
        }
    }

    /// Grows a block downwards: joins it with the free block below it, and with what is needed of
    /// the one behind it. O(1). `None` if they have no room for `size`, or if the one below has
    /// room for the whole: then [`Heap::allocate`] serves better.
    ///
    /// The caller then moves the contents ([`Contents::copy`](crate::Contents::copy)), outside of
    /// any lock if it likes, and frees the excess with [`Heap::resize`] to `size`.
    ///
    /// # Errors
    /// As [`Heap::free`].
    #[inline]
    pub fn grow_backward(&mut self, block: Offset, size: u32) -> Result<Option<Moved>, Misuse> {
        self.try_grow_backward(block, size)
            .map_err(|Refused| self.explain(block))
    }

    /// Same as [`Heap::grow_backward`], without the reason of a refusal: [`Heap::explain`] finds
    /// it. O(1).
    ///
    /// # Errors
    /// [`Refused`] where [`Heap::grow_backward`] returns a [`Misuse`].
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub fn try_grow_backward(
        &mut self,
        block: Offset,
        size: u32,
    ) -> Result<Option<Moved>, Refused> {
        let used = self.used_block(block).map_err(|_| Refused)?;
        let Some(request) = Request::new(size as usize) else {
            return Ok(None);
        };
        self.grow_used_backward(used, request)
    }

    #[inline(always)]
    fn grow_used_backward(
        &mut self,
        used: UserBlock,
        request: Request,
    ) -> Result<Option<Moved>, Refused> {
        let words = Self::words_with_canaries(request);
        let Some(joined) = self.pool.grow_backward(used.block, words)? else {
            return Ok(None);
        };
        if P::OVERHEAD != 0 {
            let UsedBlock { index, words, .. } = used.block;
            let slack = self.canaries_of(index, words).slack(used.size);
            let canaries = self.canaries_of(joined.start, joined.words);
            canaries.write(canaries.capacity);
            self.canary_state.change(slack, 0);
        }
        let to = Offset::new(user_offset::<P>(joined.start));
        Ok(to.map(|to| Moved {
            to,
            bytes: used.size,
        }))
    }

    /// Resizes a block, moving it if it must, contents and all: in place, else downwards, else to
    /// another block. `None` if there is no room; the block is as before then. O(bytes).
    ///
    /// # Errors
    /// As [`Heap::free`].
    pub fn reallocate(
        &mut self,
        block: Offset,
        request: Request,
    ) -> Result<Option<Offset>, Misuse> {
        self.try_reallocate(block, request)
            .map_err(|Refused| self.explain(block))
    }

    /// As [`Heap::reallocate`], without the reason of a refusal: [`Heap::explain`] returns it.
    ///
    /// # Errors
    /// [`Refused`] where [`Heap::reallocate`] returns a [`Misuse`].
    #[inline]
    pub fn try_reallocate(
        &mut self,
        block: Offset,
        request: Request,
    ) -> Result<Option<Offset>, Refused> {
        let size = request.size();
        let used = self.used_block(block).map_err(|_| Refused)?;
        if self.is_aligned(block, request) && self.resize_wholly(block, used, request)? {
            return Ok(Some(block));
        }
        if request.alignment() == Request::MIN_ALIGNMENT
            && let Some(moved) = self.grow_used_backward(used, request)?
        {
            self.move_bytes(block, moved.to, moved.bytes);
            self.finish_move(moved, request);
            return Ok(Some(moved.to));
        }
        if !self.pool.can_free(used.block) {
            return Err(Refused);
        }
        let minimum = self.pool.minimum_words();
        let Some(new) = self.allocate(request) else {
            return Ok(None);
        };
        if self.allocated(new, size).is_err() {
            self.try_free(new);
            self.pool.set_minimum_words(minimum);
            return Err(Refused);
        }
        self.move_bytes(block, new, used.size.min(size));
        if self.free_wholly(block).is_err() {
            // Its header was forged: it spans what has just been allocated. The bytes have moved,
            // and it is left alone.
            self.pool.mark_corrupt();
        }
        Ok(Some(new))
    }

    /// Gives up what a block that grew downwards has more than was asked for; keeps it if the block
    /// behind is damaged.
    #[inline(always)]
    fn finish_move(&mut self, moved: Moved, request: Request) {
        let Ok(used) = self.used_block(moved.to) else {
            return;
        };
        if P::OVERHEAD == 0 {
            let _ = self
                .pool
                .resize(used.block, Self::words_with_canaries(request));
            return;
        }
        self.block_bytes().grown(moved.to, moved.bytes, used.size);
        let _ = self.resize_wholly(moved.to, used, request);
    }

    /// Runs all phases of [`Heap::resize`] of a block that was found valid.
    #[inline(always)]
    fn resize_wholly(
        &mut self,
        block: Offset,
        used: UserBlock,
        request: Request,
    ) -> Result<bool, Refused> {
        if P::FILLS && used.size > request.size() {
            self.surplus(used, request)?;
            self.block_bytes()
                .shrinking(block, used.size, request.size());
        }
        let resized = self.resize_used(used, request)?;
        if P::FILLS && resized {
            self.block_bytes().grown(block, used.size, request.size());
        }
        Ok(resized)
    }

    /// Moves the first `bytes` user bytes of a block: whole words where nothing stands behind them.
    #[inline(never)]
    fn move_bytes(&self, from: Offset, to: Offset, bytes: u32) {
        if P::OVERHEAD == 0 {
            let words = bytes.div_ceil(4);
            self.arena()
                .copy_words(from.get() / 4, self.arena(), to.get() / 4, words);
        } else {
            self.block_bytes()
                .copy(from, &self.block_bytes(), to, bytes);
        }
    }

    #[inline(always)]
    fn is_aligned(&self, block: Offset, request: Request) -> bool {
        let word = block.get() / 4 + request.offset() / 4;
        self.arena()
            .phase()
            .wrapping_add(word)
            .is_multiple_of(request.alignment() / 4)
    }

    const fn words_with_canaries(request: Request) -> u32 {
        words_for(request.size() + P::OVERHEAD)
    }
}
