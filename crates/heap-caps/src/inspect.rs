//! Inspection: blocks, walks, checks, and the way between addresses and pointers.

use core::ops::ControlFlow;
use core::ptr::NonNull;

use multi_heap::{BlockState, Heap, Info, Offset, Poison, Unpoisoned};
use soc_regions::{Caps, Columns, Span, TypeIndex};

use crate::heap_caps::HeapCaps;
use crate::misuse::Corrupt;
use crate::observer::Observer;
use crate::registry::{Entry, HeapIndex};

/// A look at the heaps of a chip: figures, walks, checks, prints. It changes nothing, costs a
/// request nothing, and is linked by those who look.
///
/// ```
/// # use heap_caps::HeapCaps;
/// # use soc_regions::Caps;
/// # let heaps: HeapCaps = HeapCaps::new(());
/// assert_eq!(heaps.inspect().free_size(Caps::BIT8), 0);
/// assert_eq!(heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
/// ```
pub struct Inspection<'h, P: Poison = Unpoisoned, O: Observer = (), const HEAPS: usize = 16> {
    pub(crate) heaps: &'h HeapCaps<P, O, HEAPS>,
}

impl<P: Poison, O: Observer, const HEAPS: usize> Clone for Inspection<'_, P, O, HEAPS> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Poison, O: Observer, const HEAPS: usize> Copy for Inspection<'_, P, O, HEAPS> {}

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Returns a look at the heaps.
    #[must_use]
    pub const fn inspect(&self) -> Inspection<'_, P, O, HEAPS> {
        Inspection { heaps: self }
    }
}

/// One heap, as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapView {
    /// Its number.
    pub index: HeapIndex,
    /// Its addresses, bookkeeping included.
    pub span: Span,
    /// Its capabilities by priority.
    pub columns: Columns,
    /// All its capabilities.
    pub caps: Caps,
    /// The name of its memory type; `added` where the capabilities were given by hand.
    pub name: &'static str,
    /// Its memory type.
    pub tag: Option<TypeIndex>,
    /// Whether it serves requests; if not, it is a start-up stack.
    pub active: bool,
    /// Its figures; all zero while it is not active.
    pub info: Info,
}

/// One block of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockView {
    /// Address of the first byte for the user, on the data side.
    pub address: u32,
    /// Bytes for the user.
    pub size: u32,
    /// Whether it is allocated.
    pub used: bool,
    /// Where it begins and ends, header and canaries included.
    pub whole: Span,
    /// The address by which it was handed out on the instruction side, if its contents say so.
    /// Contents can imitate that.
    pub code: Option<u32>,
}

/// A block whose header contradicts what lies around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedBlockView {
    /// Address of its header, on the data side.
    pub header: u32,
    /// Its bytes, header included, as the header says.
    pub bytes: u32,
    /// Whether it is allocated, as the header says.
    pub used: bool,
    /// What is wrong.
    pub corrupt: Corrupt,
}

impl HeapView {
    pub(crate) fn of<P: Poison>(index: HeapIndex, entry: &Entry<'_, P>) -> Self {
        Self {
            index,
            span: entry.span,
            columns: entry.columns,
            caps: entry.caps,
            name: entry.name,
            tag: entry.tag,
            active: entry.heap.is_some(),
            info: entry.heap.map(Heap::info).unwrap_or_default(),
        }
    }
}

impl BlockView {
    fn of<P: Poison>(entry: &Entry<'_, P>, block: &multi_heap::Block) -> Option<Self> {
        let base = entry.span.start();
        let address = base.checked_add(block.offset.get())?;
        let used = block.state == BlockState::Used;
        Some(Self {
            address,
            size: block.size,
            used,
            whole: Span::from_size(base.checked_add(block.start)?, block.bytes)?,
            code: used
                .then(|| code_address(entry, address, block.size))
                .flatten(),
        })
    }
}

/// Returns the address of a used block on the instruction side, where its back word says that it
/// was handed out there.
fn code_address<P: Poison>(entry: &Entry<'_, P>, address: u32, size: u32) -> Option<u32> {
    let alias = entry.alias?;
    let contents = entry.heap?.contents();
    let word = |address: u32| {
        let place = Offset::new(address.wrapping_sub(entry.span.start()))?;
        // SAFETY: the heap is borrowed. One aligned word is loaded, as where headers are validated;
        // a user who writes it meanwhile makes it any value, and the view says that contents can
        // imitate a back word.
        unsafe { contents.word(place) }
    };
    alias.address_of(address, size, word)
}

/// Looking and walking.
impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns all heaps, those that are not enabled too, in order of registration.
    pub fn heaps(self) -> impl Iterator<Item = HeapView> + 'h {
        self.heaps
            .registry
            .iter()
            .map(|(index, entry)| HeapView::of(index, &entry))
    }

    /// Returns all heaps in the order in which a search looks at them (within one priority).
    pub fn heaps_in_order(self) -> impl Iterator<Item = HeapView> + 'h {
        self.heaps
            .registry
            .in_order()
            .map(|(index, entry)| HeapView::of(index, &entry))
    }

    /// Returns the heap in whose memory `address` lies, on the data side.
    #[must_use]
    pub fn heap_at(self, address: u32) -> Option<HeapView> {
        self.heaps
            .entry_at(address)
            .map(|(index, entry)| HeapView::of(index, &entry))
    }

    /// Returns the number of that heap.
    #[must_use]
    #[inline]
    pub fn heap_containing(self, address: u32) -> Option<HeapIndex> {
        self.heaps.registry.containing(address)
    }

    /// Returns the blocks of one heap in address order; none if there is no such heap or it is not
    /// enabled. O(blocks) for all.
    pub fn blocks(self, heap: HeapIndex) -> impl Iterator<Item = BlockView> + 'h {
        let entry = self.heaps.registry.get(heap);
        let blocks = entry.as_ref().and_then(|entry| Some(entry.heap?.blocks()));
        let mut blocks = blocks.into_iter().flatten();
        core::iter::from_fn(move || {
            let entry = entry.as_ref()?;
            blocks.find_map(|block| BlockView::of(entry, &block))
        })
    }

    /// As [`Inspection::blocks`], as long as headers, sizes and links fit together; the first block
    /// of which that is not true is the last item. Canaries are not looked at.
    pub fn sound_blocks(
        self,
        heap: HeapIndex,
    ) -> impl Iterator<Item = Result<BlockView, DamagedBlockView>> + 'h {
        let entry = self.heaps.registry.get(heap);
        let blocks = entry
            .as_ref()
            .and_then(|entry| Some(entry.heap?.sound_blocks()));
        let mut blocks = blocks.into_iter().flatten();
        core::iter::from_fn(move || {
            let entry = entry.as_ref()?;
            let base = entry.span.start();
            blocks.find_map(|block| match block {
                Ok(block) => BlockView::of(entry, &block).map(Ok),
                Err(damaged) => Some(Err(DamagedBlockView {
                    header: base.wrapping_add(damaged.start),
                    bytes: damaged.bytes,
                    used: damaged.state == BlockState::Used,
                    corrupt: Corrupt::new(heap, base, damaged.corruption),
                })),
            })
        })
    }

    /// Shows every block of the heaps that have `caps` (of all heaps, if INVALID is among them) to
    /// `visitor`, until it breaks off. O(blocks).
    pub fn walk<B>(
        self,
        caps: Caps,
        mut visitor: impl FnMut(&HeapView, &BlockView) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.heaps
            .registry
            .serving(all_if_invalid(caps))
            .try_for_each(|(index, entry, _)| {
                let view = HeapView::of(index, &entry);
                self.blocks(index)
                    .try_for_each(|block| visitor(&view, &block))
            })
    }

    /// Returns the allocated block that contains `address`, which may lie anywhere inside it, on
    /// the data side. O(blocks).
    #[must_use]
    pub fn block_containing(self, address: u32) -> Option<BlockView> {
        let (_, entry) = self.heaps.entry_at(address)?;
        let base = entry.span.start();
        let block = entry.heap?.block_containing(Offset::new(address - base)?)?;
        BlockView::of(&entry, &block)
    }
}

/// Checking.
impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Checks the heaps that have `caps` (all heaps, if INVALID is among them), every one of them
    /// to its end or first damage. O(bytes) under comprehensive poisoning, else O(blocks).
    ///
    /// # Errors
    /// The first damage. [`Inspection::check_each`] reports every damaged heap.
    pub fn check_integrity(self, caps: Caps) -> Result<(), Corrupt> {
        let mut first = None;
        self.check_each(caps, |corrupt| first = first.or(Some(corrupt)));
        first.map_or(Ok(()), Err)
    }

    /// As [`Inspection::check_integrity`], calling `report` with the first damage of each damaged
    /// heap.
    pub fn check_each(self, caps: Caps, mut report: impl FnMut(Corrupt)) {
        for (index, entry, heap) in self.heaps.registry.serving(all_if_invalid(caps)) {
            if let Err(corruption) = heap.check() {
                report(Corrupt::new(index, entry.span.start(), corruption));
            }
        }
    }

    /// Checks the whole heap in which `address` lies, on the data side; `None` if there is none.
    #[must_use]
    pub fn check_integrity_at(self, address: u32) -> Option<Result<(), Corrupt>> {
        let (index, entry) = self.heaps.entry_at(address)?;
        let checked = entry.heap?.check();
        Some(checked.map_err(|corruption| Corrupt::new(index, entry.span.start(), corruption)))
    }
}

/// Between addresses and pointers. On the chip they are the same; on a host they are not.
impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// Writes the word at `address`, as [`Inspection::word`] reads it; returns `false` where there
    /// is none.
    ///
    /// # Safety
    /// - The word lies in an allocated block whose user the caller is; nobody else accesses it
    ///   meanwhile.
    pub unsafe fn set_word(&mut self, address: u32, value: u32) -> bool {
        let place = self.place(address);
        // SAFETY: the heap is borrowed; the word is the caller's.
        place.is_some_and(|(contents, place)| unsafe { contents.set_word(place, value) })
    }

    fn place(&self, address: u32) -> Option<(multi_heap::Contents<P>, Offset)> {
        let data_side =
            |entry: &Entry<'_, P>| entry.alias.and_then(|alias| alias.0.to_data(address));
        let (address, entry) = match self.entry_at(address) {
            Some((_, entry)) => (address, entry),
            None => self.registry.iter().find_map(|(_, entry)| {
                data_side(&entry)
                    .filter(|&data| entry.span.contains(data))
                    .map(|data| (data, entry))
            })?,
        };
        let contents = entry.heap?.contents();
        Some((contents, Offset::new(address - entry.span.start())?))
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns where the byte at `address` is; `None` outside of the enabled heaps, and on the
    /// instruction side. O(heaps).
    #[must_use]
    pub fn pointer(self, address: u32) -> Option<NonNull<u8>> {
        let (_, entry) = self.heaps.entry_at(address)?;
        entry
            .heap?
            .contents()
            .pointer(Offset::new(address - entry.span.start())?)
    }

    /// Returns the memory of an enabled heap, bookkeeping included. O(1).
    #[must_use]
    pub fn memory_of(self, heap: HeapIndex) -> Option<NonNull<[u8]>> {
        let heap = self.heaps.registry.get(heap)?.heap?;
        let size = usize::try_from(heap.region_bytes()).ok()?;
        Some(NonNull::slice_from_raw_parts(heap.start(), size))
    }

    /// Returns the address of the byte at `pointer`, in the innermost heap; `None` outside of the
    /// enabled heaps. O(heaps).
    #[must_use]
    pub fn address_of(self, pointer: *const u8) -> Option<u32> {
        self.heaps.registry.iter().rev().find_map(|(_, entry)| {
            let heap = entry.heap?;
            if heap.start().as_ptr().cast_const() == pointer {
                return Some(entry.span.start());
            }
            let offset = heap.offset_of(pointer)?;
            entry.span.start().checked_add(offset.get())
        })
    }

    /// Returns the word at `address`, which may lie on the instruction side; `None` outside of the
    /// heaps' blocks or off the word grid. Meant for the user of the block around it: code in EXEC
    /// memory, `u32` tables in IRAM. O(heaps).
    ///
    /// # Safety
    /// - Nobody writes the word meanwhile: the caller is the user of the block around it, or no
    ///   user is at work.
    #[must_use]
    pub unsafe fn word(self, address: u32) -> Option<u32> {
        let (contents, place) = self.heaps.place(address)?;
        // SAFETY: the heap is borrowed; the word is the caller's.
        unsafe { contents.word(place) }
    }
}

/// ESP-IDF's convention of the functions that look at heaps: INVALID stands for all of them.
pub(crate) const fn all_if_invalid(caps: Caps) -> Caps {
    if caps.contains(Caps::INVALID) {
        Caps::empty()
    } else {
        caps
    }
}
