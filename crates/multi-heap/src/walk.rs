//! What blocks a heap consists of, and what they add up to.

use core::fmt;

use crate::arena::Arena;
use crate::header::Header;
use crate::heap::{Heap, user_offset};
use crate::offset::Offset;
use crate::poison::Poison;
use crate::pool::Index;

/// Whether a block is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockState {
    /// Allocated.
    Used,
    /// Free.
    Free,
}

impl BlockState {
    /// What a block's header, its word before all canaries, says of the block.
    #[must_use]
    pub const fn of_header(word: u32) -> Self {
        match Header(word).is_free() {
            true => Self::Free,
            false => Self::Used,
        }
    }
}

/// One block of a heap, as a walk finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where the block begins, header included, in bytes from the region's start.
    pub start: u32,
    /// Bytes of the block, header included.
    pub bytes: u32,
    /// Where its user bytes begin, or would begin.
    pub offset: Offset,
    /// Its user bytes: what was asked for where poisoning remembers it, else all that it has room for.
    pub size: u32,
    /// Whether it is allocated.
    pub state: BlockState,
}

/// What a heap's blocks add up to, in ESP-IDF's seven fields. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Payload of all free blocks; under poisoning less the overhead of one block.
    pub total_free_bytes: u32,
    /// Payload of all allocated blocks, without canaries.
    pub total_allocated_bytes: u32,
    /// Largest request that succeeds now; one byte more fails.
    pub largest_free_block: u32,
    /// Least value that `total_free_bytes` ever had, or had since the last reset.
    pub minimum_free_bytes: u32,
    /// Number of allocated blocks.
    pub allocated_blocks: u32,
    /// Number of free blocks; the ones that are too small to serve any request count too.
    pub free_blocks: u32,
    /// Number of all blocks.
    pub total_blocks: u32,
}

/// Iterator over a heap's blocks in address order. It ends early where a damaged header leads outside the heap.
#[derive(Clone, Debug)]
pub struct Blocks<P: Poison> {
    arena: Arena,
    next: Index,
    end: Index,
    poison: core::marker::PhantomData<P>,
}

impl<P: Poison> Iterator for Blocks<P> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let left = self.end.checked_sub(self.next).filter(|&left| left > 0)?;
        let (index, header) = (self.next, Header(self.arena.get(self.next)));
        let units = header.units();
        if units == 0 || units > left {
            self.next = self.end;
            return None;
        }
        self.next += units;
        self.block(index, units, header.is_free())
    }
}

impl<P: Poison> Blocks<P> {
    fn block(&self, index: Index, units: u32, free: bool) -> Option<Block> {
        let capacity = ((units - 1) * 4).saturating_sub(P::OVERHEAD);
        let offset = Offset::new(user_offset::<P>(index))?;
        let size = if free || P::OVERHEAD == 0 || (units - 1) * 4 < P::OVERHEAD {
            capacity
        } else {
            self.arena.get(offset.get() / 4 - 1).min(capacity)
        };
        let state = if free {
            BlockState::Free
        } else {
            BlockState::Used
        };
        Some(Block {
            start: index * 4,
            bytes: units * 4,
            offset,
            size,
            state,
        })
    }
}

impl<P: Poison> Heap<P> {
    /// The blocks in address order. O(blocks) for the whole walk.
    #[must_use]
    pub fn blocks(&self) -> Blocks<P> {
        Blocks {
            arena: self.arena(),
            next: self.pool.first(),
            end: self.pool.end(),
            poison: core::marker::PhantomData,
        }
    }

    /// The allocated block whose bytes (header and canaries included) contain `place`. O(blocks).
    #[must_use]
    pub fn block_containing(&self, place: Offset) -> Option<Block> {
        self.blocks()
            .take_while(|block| block.start <= place.get())
            .find(|block| place.get() - block.start < block.bytes)
            .filter(|block| block.state == BlockState::Used)
    }

    /// All seven figures. O(1).
    #[must_use]
    pub fn info(&self) -> Info {
        let used = self.pool.used_blocks();
        let free = self.pool.free_blocks();
        let blocks_bytes = self
            .pool
            .end()
            .wrapping_sub(self.pool.first())
            .wrapping_mul(4);
        let free_payload = self.pool.free_words().wrapping_mul(4);
        let allocated = blocks_bytes
            .wrapping_sub(free_payload)
            .wrapping_sub(free.wrapping_add(used).wrapping_mul(4))
            .wrapping_sub(used.wrapping_mul(P::OVERHEAD));
        Info {
            total_free_bytes: self.free_bytes(),
            total_allocated_bytes: allocated,
            largest_free_block: self.largest_free_block(),
            minimum_free_bytes: self.minimum_free_bytes(),
            allocated_blocks: used,
            free_blocks: free,
            total_blocks: used.wrapping_add(free),
        }
    }

    /// Payload of all free blocks in bytes, less the overhead of one block. O(1).
    #[must_use]
    pub fn free_bytes(&self) -> u32 {
        self.pool
            .free_words()
            .wrapping_mul(4)
            .saturating_sub(P::OVERHEAD)
    }

    /// Returns the number of free blocks; the ones that are too small to serve any request count too. O(1).
    #[must_use]
    pub fn free_block_count(&self) -> u32 {
        self.pool.free_blocks()
    }

    /// The least that [`Heap::free_bytes`] has been since the heap was made, or since the last reset. O(1).
    #[must_use]
    pub fn minimum_free_bytes(&self) -> u32 {
        self.pool
            .minimum_words()
            .wrapping_mul(4)
            .saturating_sub(P::OVERHEAD)
    }

    /// The largest request (at the natural alignment) that succeeds now; one byte more fails; 0 if none does. O(1).
    #[must_use]
    pub fn largest_free_block(&self) -> u32 {
        (self.pool.largest_free_units().saturating_sub(1) * 4).saturating_sub(P::OVERHEAD)
    }

    /// Lets the minimum begin anew at the current free bytes; returns the old one. O(1).
    pub fn reset_minimum_free_bytes(&mut self) -> u32 {
        let old = self.minimum_free_bytes();
        self.pool.set_minimum_words(self.pool.free_words());
        old
    }

    /// Lowers the minimum to `bytes`, if it is higher: undoes a reset. O(1).
    pub fn restore_minimum_free_bytes(&mut self, bytes: u32) {
        if bytes < self.minimum_free_bytes() {
            self.pool
                .set_minimum_words(bytes.saturating_add(P::OVERHEAD) / 4);
        }
    }

    /// Writes a line for each block in ESP-IDF's form; addresses are offsets from the region's start. O(blocks).
    ///
    /// # Errors
    /// Those of `out`.
    pub fn dump(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(
            out,
            "Showing data for heap of {} bytes",
            self.region_bytes()
        )?;
        for block in self.blocks() {
            let free = if block.state == BlockState::Free {
                "Yes"
            } else {
                "No"
            };
            writeln!(
                out,
                "Block {:#x} data, size: {} bytes, Free: {free}",
                block.offset.get(),
                block.size
            )?;
        }
        Ok(())
    }
}
