//! How an address finds its block again: free, sizes, and the sides of memory.

use multi_heap::{Offset, Poison};

use crate::alias::Alias;
use crate::heap_caps::HeapCaps;
use crate::misuse::{Misuse, MisuseKind};
use crate::observer::{Freed, Observer};
use crate::registry::{Entry, HeapIndex};
use crate::work::{Block, Freeing};

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Whether a free has work in proportion to the block's size. If not, [`HeapCaps::free`] is O(heaps) and one phase is enough.
    pub const FREES_IN_PHASES: bool = P::FILLS;

    /// Frees the block that was handed out as `address`. O(heaps), O(size) under comprehensive poisoning.
    ///
    /// # Errors
    /// [`Misuse`] if `address` is not one that was handed out, or the block was overwritten. Nothing is changed then.
    pub fn free(&mut self, address: u32) -> Result<(), Misuse> {
        match self.registry.containing(address) {
            Some(heap) if !P::FILLS => self.free_at_once(heap, address),
            _ => {
                let freeing = self.begin_free(address)?;
                freeing.fill();
                self.finish_free(freeing)
            }
        }
    }

    /// Frees a block on the data side in one step: the heap validates it once.
    fn free_at_once(&mut self, index: HeapIndex, address: u32) -> Result<(), Misuse> {
        let entry = self
            .registry
            .get_mut(index)
            .ok_or(Misuse::outside(address))?;
        let base = entry.span.start();
        let refused = |kind| Misuse {
            address,
            heap_start: Some(base),
            kind,
        };
        let heap = entry.heap.as_mut().ok_or(refused(MisuseKind::Inactive))?;
        let offset =
            Offset::new(address.wrapping_sub(base)).ok_or(refused(MisuseKind::NotABlock))?;
        let usable = heap.free(offset);
        let usable = usable.map_err(|misuse| Misuse::in_heap(address, index, base, misuse))?;
        self.observer.on_free(&Freed {
            address,
            heap: index,
            usable,
        });
        Ok(())
    }

    /// First phase of a free: finds and validates the block. O(heaps). [`Freeing::fill`] and
    /// [`HeapCaps::finish_free`] have to follow.
    ///
    /// # Errors
    /// As [`HeapCaps::free`].
    pub fn begin_free(&self, address: u32) -> Result<Freeing<P>, Misuse> {
        self.block_at(address).map(|block| Freeing { block })
    }

    /// Last phase of a free: gives the block back. O(1).
    ///
    /// # Errors
    /// As [`HeapCaps::free`]: another thread may have freed or overwritten the block since the first phase.
    pub fn finish_free(&mut self, freeing: Freeing<P>) -> Result<(), Misuse> {
        let Block {
            heap,
            address,
            usable,
            ..
        } = freeing.block;
        self.give_back(&freeing.block)?;
        self.observer.on_free(&Freed {
            address,
            heap,
            usable,
        });
        Ok(())
    }

    /// Bytes that can be used at `address`, at least those asked for. O(heaps).
    ///
    /// # Errors
    /// As [`HeapCaps::free`].
    pub fn usable_size(&self, address: u32) -> Result<u32, Misuse> {
        self.block_at(address).map(|block| block.usable)
    }

    /// Returns a block's bytes to its heap, without telling anybody.
    pub(crate) fn give_back(&mut self, block: &Block<P>) -> Result<(), Misuse> {
        let outside = Misuse::outside(block.address);
        let heap = self
            .registry
            .get_mut(block.heap)
            .and_then(|entry| entry.heap.as_mut())
            .ok_or(outside)?;
        let freed = heap.free(block.offset);
        freed.map_err(|misuse| Misuse::in_heap(block.address, block.heap, block.base, misuse))?;
        Ok(())
    }

    /// The allocated block that was handed out as `address`.
    pub(crate) fn block_at(&self, address: u32) -> Result<Block<P>, Misuse> {
        if let Some((index, entry)) = self.entry_at(address) {
            return self.data_block(index, entry, address);
        }
        let mut heaps = self.registry.iter();
        heaps
            .find_map(|(index, entry)| self.code_block_at(index, entry, address))
            .unwrap_or(Err(Misuse::outside(address)))
    }

    pub(crate) fn entry_at(&self, address: u32) -> Option<(HeapIndex, &Entry<P>)> {
        let index = self.registry.containing(address)?;
        Some((index, self.registry.get(index)?))
    }

    /// The allocated block that begins at `address` on the data side.
    fn data_block(
        &self,
        heap: HeapIndex,
        entry: &Entry<P>,
        address: u32,
    ) -> Result<Block<P>, Misuse> {
        let base = entry.span.start();
        let refused = |kind| Misuse {
            address,
            heap_start: Some(base),
            kind,
        };
        let memory = entry.heap.as_ref().ok_or(refused(MisuseKind::Inactive))?;
        let offset =
            Offset::new(address.wrapping_sub(base)).ok_or(refused(MisuseKind::NotABlock))?;
        let usable = memory.usable_size(offset);
        let usable = usable.map_err(|misuse| Misuse::in_heap(address, heap, base, misuse))?;
        Ok(Block {
            heap,
            base,
            contents: memory.contents(),
            offset,
            bytes: usable,
            address,
            usable,
            code: None,
        })
    }

    /// The allocated block behind an instruction-side address, see `alias.rs`; `None` if it is not of this heap.
    fn code_block_at(
        &self,
        heap: HeapIndex,
        entry: &Entry<P>,
        address: u32,
    ) -> Option<Result<Block<P>, Misuse>> {
        let alias = entry.alias?;
        let back = alias.back_word_of(address & !3)?;
        let is_here = entry.span.contains(back);
        is_here.then(|| self.code_block(heap, entry, alias, back, address))
    }

    /// The allocated block whose way back is the word at `back`. Nothing about that word is believed before it fits a used block.
    fn code_block(
        &self,
        heap: HeapIndex,
        entry: &Entry<P>,
        alias: Alias,
        back: u32,
        address: u32,
    ) -> Result<Block<P>, Misuse> {
        let base = entry.span.start();
        let refused = |kind| Misuse {
            address,
            heap_start: Some(base),
            kind,
        };
        if !address.is_multiple_of(4) {
            return Err(refused(MisuseKind::Unaligned));
        }
        let not_a_block = refused(MisuseKind::NotABlock);
        let memory = entry.heap.as_ref().ok_or(refused(MisuseKind::Inactive))?;
        let place = Offset::new(back.wrapping_sub(base)).ok_or(not_a_block)?;
        let word = memory.contents().word(place).ok_or(not_a_block)?;
        let start = alias.block_start(back, word);
        if !entry.span.contains(start) {
            return Err(not_a_block);
        }
        let block = self.data_block(heap, entry, start);
        let block = block.map_err(|misuse| Misuse { address, ..misuse })?;
        let usable = alias.usable_bytes(start, block.bytes, back);
        Ok(Block {
            address,
            usable: usable.filter(|_| word == start).ok_or(not_a_block)?,
            code: Some((place, alias.0.order())),
            ..block
        })
    }
}
