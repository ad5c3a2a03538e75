//! Walk over all blocks of a heap, and their sums.

use core::fmt;

use crate::arena::Arena;
use crate::damage::Corruption;
use crate::header::{Header, PrevInfo};
use crate::heap::{Heap, user_offset};
use crate::offset::Offset;
use crate::poison::{CanaryState, Poison};
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
    const fn of(free: bool) -> Self {
        if free { Self::Free } else { Self::Used }
    }

    /// Returns what a block's header, its word before all canaries, says of the block.
    #[must_use]
    pub const fn of_header(word: u32) -> Self {
        Self::of(Header(word).is_free())
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
    /// Its user bytes: what was asked for where poisoning remembers it, else all that it has room
    /// for.
    pub size: u32,
    /// Whether it is allocated.
    pub state: BlockState,
}

/// A block whose header contradicts what lies around it: nobody knows where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedBlock {
    /// Where it begins, in bytes from the region's start.
    pub start: u32,
    /// Its bytes, header included, as the header says: perhaps none, perhaps more than the heap
    /// has.
    pub bytes: u32,
    /// Whether it is allocated, as the header says.
    pub state: BlockState,
    /// What is wrong.
    pub corruption: Corruption,
}

/// What a heap's blocks add up to, in ESP-IDF's seven fields. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Payload of all free blocks; under poisoning less the overhead of one block.
    pub total_free_bytes: u32,
    /// User bytes of all allocated blocks: the sum of what [`Heap::usable_size`] and
    /// [`Block::size`] say of each.
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

/// Iterator over a heap's blocks in address order. It ends early where a damaged header leads
/// outside the heap.
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
        let words = header.words();
        if words == 0 || words > left {
            self.next = self.end;
            return None;
        }
        self.next += words;
        Block::read::<P>(self.arena, index, words, header.is_free())
    }
}

impl Block {
    fn read<P: Poison>(arena: Arena, index: Index, words: u32, free: bool) -> Option<Self> {
        let capacity = ((words - 1) * 4).saturating_sub(P::OVERHEAD);
        let offset = Offset::new(user_offset::<P>(index))?;
        let size = if free || P::OVERHEAD == 0 || (words - 1) * 4 < P::OVERHEAD {
            capacity
        } else {
            arena.get(offset.get() / 4 - 1).min(capacity)
        };
        Some(Self {
            start: index * 4,
            bytes: words * 4,
            offset,
            size,
            state: BlockState::of(free),
        })
    }
}

impl<P: Poison> Heap<P> {
    /// Returns the blocks in address order. O(blocks) for the whole walk.
    #[must_use]
    pub fn blocks(&self) -> Blocks<P> {
        Blocks {
            arena: self.arena(),
            next: self.pool.first(),
            end: self.pool.end(),
            poison: core::marker::PhantomData,
        }
    }

    /// Returns the blocks in address order, as long as headers, sizes and links fit together; the
    /// first block of which that is not true is the last item. Canaries are not looked at.
    /// O(blocks) for the whole walk.
    pub fn sound_blocks(&self) -> impl Iterator<Item = Result<Block, DamagedBlock>> + '_ {
        let mut next = Some((self.pool.first(), PrevInfo::USED));
        core::iter::from_fn(move || {
            let (index, before) = next.take()?;
            if index >= self.pool.end() {
                return None;
            }
            let header = self.pool.header(index);
            let free = header.is_free();
            let words = match self.pool.check_header_and_links(index, before) {
                Ok(words) => words,
                Err(corruption) => {
                    return Some(Err(DamagedBlock {
                        start: index * 4,
                        bytes: header.words().saturating_mul(4),
                        state: BlockState::of(free),
                        corruption,
                    }));
                }
            };
            let prev_info = if free {
                PrevInfo::of(words)
            } else {
                PrevInfo::USED
            };
            next = Some((index + words, prev_info));
            Block::read::<P>(self.arena(), index, words, free).map(Ok)
        })
    }

    /// Returns the allocated block whose bytes (header and canaries included) contain `place`.
    /// O(blocks).
    #[must_use]
    pub fn block_containing(&self, place: Offset) -> Option<Block> {
        self.blocks()
            .take_while(|block| block.start <= place.get())
            .find(|block| place.get() - block.start < block.bytes)
            .filter(|block| block.state == BlockState::Used)
    }

    /// Returns all seven figures. O(1).
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
            .wrapping_sub(used.wrapping_mul(P::OVERHEAD))
            .wrapping_sub(self.canary_state.slack());
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

    /// Returns the number of free blocks; the ones that are too small to serve any request count
    /// too. O(1).
    #[must_use]
    pub fn free_block_count(&self) -> u32 {
        self.pool.free_blocks()
    }

    /// Returns the least that [`Heap::free_bytes`] has been since the heap was made, or since the
    /// last reset. O(1).
    #[must_use]
    pub fn minimum_free_bytes(&self) -> u32 {
        self.pool
            .minimum_words()
            .wrapping_mul(4)
            .saturating_sub(P::OVERHEAD)
    }

    /// Returns the largest request (at the natural alignment) that succeeds now; one byte more
    /// fails; 0 if none does. O(1).
    #[must_use]
    pub fn largest_free_block(&self) -> u32 {
        (self.pool.largest_free_words().saturating_sub(1) * 4).saturating_sub(P::OVERHEAD)
    }

    /// Restarts the minimum at the current free bytes; returns the old one. O(1).
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

    /// Writes a line for each block in ESP-IDF's form; addresses are offsets from the region's
    /// start. O(blocks).
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
