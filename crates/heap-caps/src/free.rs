//! Free, and how an address finds its block again: sizes, and the sides of memory.
//!
//! ```text
//!   address ─► the heap whose span contains it ─► multi_heap validates and frees         ordinary
//!           ─► no span: the instruction side ─► back word ─► block on the data side      alias.rs
//!           ─► refused: only then the reason is looked for
//! ```

use multi_heap::{Offset, Poison};

use crate::alias::Alias;
use crate::heap_caps::HeapCaps;
use crate::inspect::Inspection;
use crate::misuse::{Misuse, MisuseKind};
use crate::observer::{Freed, Observer};
use crate::pending::{BlockHandle, FilledFree, PendingFree};
use crate::registry::{Entry, HeapIndex};

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Frees the block that was handed out as `address`. O(heaps), O(size) under comprehensive
    /// poisoning.
    ///
    /// # Errors
    /// [`Misuse`] if `address` is not one that was handed out, or the block was overwritten.
    /// Nothing is changed then.
    pub fn free(&mut self, address: u32) -> Result<(), Misuse> {
        if self.free_ordinary(address) {
            return Ok(());
        }
        let pending = self.begin_free(address)?;
        // SAFETY: the heaps stay borrowed, and the block was handed back by its user.
        let filled = unsafe { pending.fill() };
        self.finish_free(filled)
    }

    /// See [`Phases::free_ordinary`](crate::Phases::free_ordinary).
    #[inline(always)]
    pub(crate) fn free_ordinary(&mut self, address: u32) -> bool {
        if P::FILLS {
            return false;
        }
        if !O::LISTENS {
            return self.release(address).is_some();
        }
        let heap = self.registry.containing(address);
        let (Some(usable), Some(heap)) = (self.release(address), heap) else {
            return false;
        };
        self.observer.on_free(&Freed {
            address,
            heap,
            usable,
        });
        true
    }

    /// See [`Phases::free_measured`](crate::Phases::free_measured).
    #[inline(always)]
    pub(crate) fn free_measured(&mut self, address: u32) -> Option<u32> {
        if P::FILLS {
            return None;
        }
        let index = if O::LISTENS {
            Some(self.registry.containing(address)?)
        } else {
            None
        };
        // The sums, not the block's own size: a program in which nobody asks for that has no code
        // for it in the free of its ordinary blocks.
        let (heap, place) = self.registry.place_of(address)?;
        let before = heap.free_bytes();
        let usable = heap.try_free_at(place)?;
        let after = heap.free_bytes();
        if let Some(heap) = index {
            self.observer.on_free(&Freed {
                address,
                heap,
                usable,
            });
        }
        Some(after.wrapping_sub(before))
    }

    /// Returns a block's bytes to its heap; how many were usable.
    #[inline(always)]
    pub(crate) fn release(&mut self, address: u32) -> Option<u32> {
        let (heap, place) = self.registry.place_of(address)?;
        heap.try_free_at(place)
    }

    /// See [`Phases::begin_free`](crate::Phases::begin_free).
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn begin_free(&self, address: u32) -> Result<PendingFree<P>, Misuse> {
        self.block_at(address).map(PendingFree)
    }

    /// See [`Phases::finish_free`](crate::Phases::finish_free).
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn finish_free(&mut self, FilledFree(block): FilledFree<P>) -> Result<(), Misuse> {
        self.free_block(&block)?;
        if O::LISTENS {
            let BlockHandle {
                heap,
                address,
                usable,
                ..
            } = block;
            self.observer.on_free(&Freed {
                address,
                heap,
                usable,
            });
        }
        Ok(())
    }

    /// Frees the block at `address`, that no observer has seen yet, without a notification.
    #[cold]
    pub(crate) fn free_unobserved(&mut self, address: u32) -> Result<(), Misuse> {
        if !P::FILLS {
            return self.free_at(address).map(|_| ());
        }
        let pending = self.begin_free(address)?;
        // SAFETY: the heaps stay borrowed, and nothing uses a block that no caller has yet.
        let FilledFree(block) = unsafe { pending.fill() };
        self.free_block(&block)
    }

    /// Returns the bytes of the block at `address` to its heap, without a notification; returns
    /// how many were usable.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn free_at(&mut self, address: u32) -> Result<u32, Misuse> {
        if let Some(usable) = self.release(address) {
            return Ok(usable);
        }
        let block = self.block_at(address)?;
        self.free_block(&block)?;
        Ok(block.usable)
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn free_block(&mut self, block: &BlockHandle<P>) -> Result<(), Misuse> {
        let heap = self.registry.heap_mut(block.heap);
        let freed = heap.and_then(|heap| heap.try_free(block.offset));
        match freed {
            Some(_) => Ok(()),
            None => Err(self.misuse_of(block.address)),
        }
    }

    /// Returns why the block at `address` was refused. O(blocks) of its heap.
    #[cold]
    #[inline(never)]
    pub(crate) fn misuse_of(&self, address: u32) -> Misuse {
        match self.block_at(address) {
            Err(misuse) => misuse,
            // A sound block whose surroundings are not.
            Ok(block) => match self.registry.get(block.heap) {
                Some(entry) => explained(block.heap, &entry, address),
                None => Misuse::outside(address),
            },
        }
    }

    /// See [`Inspection::explain_within`](crate::Inspection::explain_within).
    #[cold]
    #[inline(never)]
    pub(crate) fn explain_within(&self, inquiry: &mut Inquiry, blocks: u32) -> Option<Misuse> {
        let address = inquiry.address;
        let Some((heap, entry)) = self.entry_at(address) else {
            return Some(Misuse::outside(address));
        };
        let base = entry.span.start();
        let (Some(memory), Some(offset)) = (entry.heap, Offset::new(address.wrapping_sub(base)))
        else {
            return Some(explained(heap, &entry, address));
        };
        let walk = inquiry.walk.get_or_insert(multi_heap::Inquiry::new(offset));
        let misuse = memory.explain_within(walk, blocks)?;
        Some(Misuse::in_heap(address, heap, base, misuse))
    }

    /// See [`Inspection::is_refused`](crate::Inspection::is_refused).
    #[cold]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn is_refused(&self, address: u32) -> bool {
        let Some((_, entry)) = self.entry_at(address) else {
            return false;
        };
        let offset = Offset::new(address.wrapping_sub(entry.span.start()));
        match (entry.heap, offset) {
            (Some(heap), Some(offset)) => heap.try_usable_size(offset).is_none(),
            _ => false,
        }
    }

    /// See [`Inspection::data_misuse_of`](crate::Inspection::data_misuse_of).
    #[cold]
    #[inline(never)]
    pub(crate) fn data_misuse_of(&self, address: u32) -> Misuse {
        match self.entry_at(address) {
            Some((heap, entry)) => explained(heap, &entry, address),
            None => Misuse::outside(address),
        }
    }

    /// Returns the allocated block that was handed out as `address`.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn block_at(&self, address: u32) -> Result<BlockHandle<P>, Misuse> {
        if let Some((index, entry)) = self.entry_at(address) {
            return self.data_block(index, &entry, address);
        }
        let mut heaps = self.registry.iter();
        heaps
            .find_map(|(index, entry)| self.code_block_at(index, &entry, address))
            .unwrap_or(Err(Misuse::outside(address)))
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn entry_at(&self, address: u32) -> Option<(HeapIndex, Entry<'_, P>)> {
        let index = self.registry.containing(address)?;
        Some((index, self.registry.get(index)?))
    }

    /// Returns the allocated block that begins at `address` on the data side.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn data_block(
        &self,
        heap: HeapIndex,
        entry: &Entry<'_, P>,
        address: u32,
    ) -> Result<BlockHandle<P>, Misuse> {
        let base = entry.span.start();
        let refused = |kind| Misuse {
            address,
            heap_start: Some(base),
            kind,
        };
        let memory = entry.heap.ok_or(refused(MisuseKind::Inactive))?;
        let offset =
            Offset::new(address.wrapping_sub(base)).ok_or(refused(MisuseKind::NotABlock))?;
        let usable = memory.usable_size(offset);
        let usable = usable.map_err(|misuse| Misuse::in_heap(address, heap, base, misuse))?;
        Ok(BlockHandle {
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

    /// Returns the allocated block behind an instruction-side address, see `alias.rs`; `None` if it
    /// is not of this heap.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn code_block_at(
        &self,
        heap: HeapIndex,
        entry: &Entry<'_, P>,
        address: u32,
    ) -> Option<Result<BlockHandle<P>, Misuse>> {
        let alias = entry.alias?;
        let back = alias.back_word_of(address & !3)?;
        let is_here = entry.span.contains(back);
        is_here.then(|| self.code_block(heap, entry, alias, back, address))
    }

    /// Returns the allocated block whose way back is the word at `back`. Nothing about that word is
    /// believed before it fits a used block.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn code_block(
        &self,
        heap: HeapIndex,
        entry: &Entry<'_, P>,
        alias: Alias,
        back: u32,
        address: u32,
    ) -> Result<BlockHandle<P>, Misuse> {
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
        let memory = entry.heap.ok_or(refused(MisuseKind::Inactive))?;
        let place = Offset::new(back.wrapping_sub(base)).ok_or(not_a_block)?;
        // SAFETY: the heap is borrowed. As where a header is validated, one aligned word is loaded;
        // it is believed only if the caller named a block of his own.
        let word = unsafe { memory.contents().word(place) }.ok_or(not_a_block)?;
        let start = alias.block_start(back, word);
        if !entry.span.contains(start) {
            return Err(not_a_block);
        }
        let block = self.data_block(heap, entry, start);
        let block = block.map_err(|misuse| Misuse { address, ..misuse })?;
        let usable = alias.usable_bytes(start, block.bytes, back);
        Ok(BlockHandle {
            address,
            usable: usable.filter(|_| word == start).ok_or(not_a_block)?,
            code: Some((place, alias.0.order())),
            ..block
        })
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the bytes that can be used at `address`, at least those asked for. O(heaps).
    ///
    /// # Errors
    /// As [`HeapCaps::free`].
    pub fn usable_size(self, address: u32) -> Result<u32, Misuse> {
        self.heaps.block_at(address).map(|block| block.usable)
    }
}

/// A search for the reason why an address on the data side was refused, a few blocks at a time.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry {
    address: u32,
    walk: Option<multi_heap::Inquiry>,
}

impl Inquiry {
    /// About an address that was just refused.
    #[must_use]
    pub const fn new(address: u32) -> Self {
        Self {
            address,
            walk: None,
        }
    }
}

/// Returns what the heap says of a place in it.
fn explained<P: Poison>(heap: HeapIndex, entry: &Entry<'_, P>, address: u32) -> Misuse {
    let base = entry.span.start();
    let refused = |kind| Misuse {
        address,
        heap_start: Some(base),
        kind,
    };
    let Some(memory) = entry.heap else {
        return refused(MisuseKind::Inactive);
    };
    match Offset::new(address.wrapping_sub(base)) {
        Some(offset) => Misuse::in_heap(address, heap, base, memory.explain(offset)),
        None => refused(MisuseKind::NotABlock),
    }
}
