//! How a block changes its size: where it lies, downwards, or by moving to another place.

use crate::damage::{Misuse, Refused};
use crate::examine::UserBlock;
use crate::heap::{Heap, units_for, user_offset};
use crate::offset::Offset;
use crate::poison::{FILL_FREED, Poison};
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
    /// Resizes a block where it lies: shrinks it, or grows it into the free block behind it. `false` if there is no room.
    /// O(1).
    ///
    /// Under [`Comprehensive`](crate::Comprehensive) poisoning, [`Contents::shrinking`](crate::Contents::shrinking) has to precede where the
    /// block shrinks, and [`Contents::grown`](crate::Contents::grown) to follow where it grew. [`Heap::reallocate`] does all of it.
    ///
    /// # Errors
    /// As [`Heap::free`]. A `size` of 0 or above [`Request::MAX_SIZE`] gives `false`.
    #[inline]
    pub fn resize(&mut self, block: Offset, size: u32) -> Result<bool, Misuse> {
        self.try_resize(block, size)
            .map_err(|Refused| self.explain(block))
    }

    /// Same as [`Heap::resize`], without the reason of a refusal: [`Heap::explain`] finds it. O(1).
    ///
    /// # Errors
    /// [`Refused`] where [`Heap::resize`] returns a [`Misuse`].
    #[inline(never)]
    pub fn try_resize(&mut self, block: Offset, size: u32) -> Result<bool, Refused> {
        let used = self.used_block(block).map_err(|_| Refused)?;
        let Some(request) = Request::new(size as usize) else {
            return Ok(false);
        };
        self.resize_used(used, request)
    }

    #[inline(always)]
    fn resize_used(&mut self, used: UserBlock, request: Request) -> Result<bool, Refused> {
        let units = Self::units_with_guards(request);
        let (index, old_units) = (used.block.index, used.block.units);
        let shrinks = units <= old_units;
        if P::FILLS && shrinks {
            let canary = user_offset::<P>(index) + used.size;
            let end = (index + old_units) * 4;
            self.arena().fill(canary, end, FILL_FREED);
        }
        let resized = self.pool.resize(index, old_units, units).ok_or(Refused)?;
        if P::FILLS && shrinks {
            self.pool.wipe_surplus(index, old_units);
        }
        if P::OVERHEAD != 0 && resized {
            let units = self.pool.header(index).used_units();
            self.guards(index, units).write(request.size());
        }
        Ok(resized)
    }

    /// Grows a block downwards: joins it with the free block below it, and with what is needed of the one behind it. O(1). `None` if they have
    /// no room for `size`, or if the one below has room for the whole: then [`Heap::allocate`] serves better.
    ///
    /// The caller then moves the contents ([`Contents::copy`](crate::Contents::copy)), outside of any lock if it likes, and gives back what is too
    /// much with [`Heap::resize`] to `size`.
    ///
    /// # Errors
    /// As [`Heap::free`].
    #[inline]
    pub fn grow_backward(&mut self, block: Offset, size: u32) -> Result<Option<Moved>, Misuse> {
        self.try_grow_backward(block, size)
            .map_err(|Refused| self.explain(block))
    }

    /// Same as [`Heap::grow_backward`], without the reason of a refusal: [`Heap::explain`] finds it. O(1).
    ///
    /// # Errors
    /// [`Refused`] where [`Heap::grow_backward`] returns a [`Misuse`].
    #[inline(never)]
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
        let units = Self::units_with_guards(request);
        let Some(index) = self.pool.grow_backward(used.block, units).ok_or(Refused)? else {
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
        self.try_reallocate(block, request)
            .map_err(|Refused| self.explain(block))
    }

    /// As [`Heap::reallocate`], without the reason of a refusal: [`Heap::explain`] tells it.
    ///
    /// # Errors
    /// [`Refused`] where [`Heap::reallocate`] tells a [`Misuse`].
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
            self.settle(moved, request)?;
            return Ok(Some(moved.to));
        }
        let Some(new) = self.allocate(request) else {
            return Ok(None);
        };
        self.allocated(new, size).map_err(|_| Refused)?;
        self.move_bytes(block, new, used.size.min(size));
        self.free_wholly(block)?;
        Ok(Some(new))
    }

    /// Gives up what a block that grew downwards has more than was asked for.
    #[inline(always)]
    fn settle(&mut self, moved: Moved, request: Request) -> Result<(), Refused> {
        if P::OVERHEAD == 0 {
            let index = moved.to.get() / 4 - 1;
            let held = self.pool.header(index).used_units();
            let units = Self::units_with_guards(request);
            self.pool.resize(index, held, units).ok_or(Refused)?;
            return Ok(());
        }
        let used = self.used_block(moved.to).map_err(|_| Refused)?;
        self.contents().grown(moved.to, moved.bytes, request.size());
        self.contents()
            .shrinking(moved.to, used.size, request.size());
        self.resize_used(used, request).map(|_| ())
    }

    /// All phases of [`Heap::resize`] of a block that was found valid.
    #[inline(always)]
    fn resize_wholly(
        &mut self,
        block: Offset,
        used: UserBlock,
        request: Request,
    ) -> Result<bool, Refused> {
        if P::FILLS {
            self.contents().shrinking(block, used.size, request.size());
        }
        let resized = self.resize_used(used, request)?;
        if P::FILLS && resized {
            self.contents().grown(block, used.size, request.size());
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
            self.contents().copy(from, &self.contents(), to, bytes);
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

    const fn units_with_guards(request: Request) -> u32 {
        units_for(request.size() + P::OVERHEAD)
    }
}
