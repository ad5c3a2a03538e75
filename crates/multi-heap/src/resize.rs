//! How a block changes its size: where it lies, downwards, or by moving to another place.

use crate::damage::Misuse;
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
    #[inline(never)]
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
            self.shrink(used, units)?;
        }
        if P::OVERHEAD != 0 {
            let units = self.pool.header(used.block.index).used_units();
            self.guards(used.block.index, units).write(size);
        }
        Ok(true)
    }

    /// Gives up whole words, whose user bytes have the pattern of freed memory already; the old canary and what lies behind it get it here.
    fn shrink(&mut self, used: UserBlock, units: u32) -> Result<(), Misuse> {
        if P::FILLS {
            let canary = user_offset::<P>(used.block.index) + used.size;
            let end = (used.block.index + used.block.units) * 4;
            self.arena().fill(canary, end, FILL_FREED);
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
    #[inline(never)]
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
        if self.is_aligned(block, request) && self.resize_wholly(block, used, size)? {
            return Ok(Some(block));
        }
        if request.alignment() == Request::MIN_ALIGNMENT
            && let Some(moved) = self.grow_used_backward(used, size)?
        {
            self.move_bytes(block, moved.to, moved.bytes);
            if P::FILLS {
                let held = self.usable_size(moved.to)?;
                self.contents().grown(moved.to, moved.bytes, size);
                self.contents().shrinking(moved.to, held, size);
            }
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

    /// All phases of [`Heap::resize`] of a block that was found valid.
    #[inline(always)]
    fn resize_wholly(&mut self, block: Offset, used: UserBlock, size: u32) -> Result<bool, Misuse> {
        if P::FILLS {
            self.contents().shrinking(block, used.size, size);
        }
        let resized = self.resize_used(used, size)?;
        if P::FILLS && resized {
            self.contents().grown(block, used.size, size);
        }
        Ok(resized)
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
