//! Heaps of a chip: where each lies, what it can do, and in which order they are searched.
//!
//! ```text
//!   slots     0: 3FFAE6E0 6 KiB Heap   1: 3FFB2EC8 … Heap   2: 3FFE0440 … Heap     what every request reads
//!   details   0: DRAM, capabilities …  1: DRAM, …           2: D/IRAM, …           what a route is computed from
//!   order     0, 2, 4, 3, 1                                                        order of the search
//! ```
//!
//! Invariant 1: no two spans overlap, unless one lies in a block of the other, which was registered
//! before it. Invariant 2: `order` is a permutation of `0..count`, sorted as [`Registry::insert`]
//! says. Invariant 3: an index, once given out, means the same heap for ever.

use core::mem::offset_of;

use multi_heap::{Heap, Poison};
use soc_regions::{Caps, Columns, DualBus, PRIORITIES, Span, TypeIndex, WordOrder, union};

use crate::alias::Alias;
use crate::policy::Policy;

/// Identity of a heap: its number in the order of registration. It never changes and never means
/// another heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeapIndex(pub(crate) u8);

impl HeapIndex {
    /// Returns the number, counted from 0.
    #[must_use]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub const fn get(self) -> usize {
        self.0 as usize // widening
    }
}

multi_heap::texts!(HeapIndex {
    Self(number) => "{}", number;
});

/// A heap to be registered.
pub(crate) struct NewHeap<P: Poison> {
    pub(crate) span: Span,
    pub(crate) columns: Columns,
    pub(crate) name: &'static str,
    /// The memory type, unless the capabilities were given by hand.
    pub(crate) tag: Option<TypeIndex>,
    /// The way to the instruction side, if the memory has one.
    pub(crate) alias: Option<Alias>,
    /// Refused to capabilities until the start-up stacks are enabled; by its tag it can be had.
    pub(crate) by_tag_only: bool,
    /// `None` while the memory serves as start-up stack.
    pub(crate) heap: Option<Heap<P>>,
}

/// A registered heap, as it is looked at.
pub(crate) struct Entry<'a, P: Poison> {
    pub(crate) span: Span,
    pub(crate) columns: Columns,
    /// All capabilities of all columns.
    pub(crate) caps: Caps,
    pub(crate) name: &'static str,
    pub(crate) tag: Option<TypeIndex>,
    pub(crate) alias: Option<Alias>,
    pub(crate) heap: Option<&'a Heap<P>>,
}

impl<'a, P: Poison> Entry<'a, P> {
    /// Returns the heap, if it is enabled and has all of `caps`.
    pub(crate) fn serving(&self, caps: Caps) -> Option<&'a Heap<P>> {
        self.heap.filter(|_| self.caps.contains(caps))
    }
}

/// What an enabled heap offers to requests by capability.
#[derive(Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) heap: HeapIndex,
    pub(crate) columns: Columns,
    pub(crate) has_code_side: bool,
}

/// When a heap is registered: the policy may prefer later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Boot,
    Later,
}

/// The table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// What every request reads of a heap: 16 bytes on a chip. All zero: no heap.
#[repr(C)]
pub(crate) struct HeapSlot<P: Poison> {
    pub(crate) start: u32,
    size: u32,
    /// `None` while the memory serves as start-up stack.
    pub(crate) heap: Option<Heap<P>>,
}

impl<P: Poison> HeapSlot<P> {
    #[inline(always)]
    const fn contains(&self, address: u32) -> bool {
        address.wrapping_sub(self.start) < self.size
    }

    /// Returns whether the memory is as large as a block of `size` bytes; `true` where another heap
    /// lies in a block of this one.
    #[inline(always)]
    pub(crate) const fn may_hold(&self, size: usize) -> bool {
        size <= self.size as usize || self.size == 0 // widening
    }
}

/// What is rarely read of a heap.
#[derive(Clone, Copy)]
struct Details {
    columns: Columns,
    /// First address on the instruction side.
    code_start: u32,
    /// The minimum of free bytes from before monitoring began, and 1.
    minimum_before: u32,
    name: Option<&'static str>,
    /// The memory type's number and 1; 0 for none.
    tag: u8,
    alias: AliasKind,
    by_tag_only: bool,
    /// The size of a heap in a block of which another one lies. The slot has none then, so that no
    /// address is found to be in it before it is looked for in the inner heap.
    size_around: u32,
}

/// Whether memory has an instruction side.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum AliasKind {
    None = 0,
    Linear,
    Inverted,
}

impl Details {
    const EMPTY: Self = Self {
        columns: [Caps::empty(); PRIORITIES],
        code_start: 0,
        minimum_before: 0,
        name: None,
        tag: 0,
        alias: AliasKind::None,
        by_tag_only: false,
        size_around: 0,
    };

    fn of<P: Poison>(new: &NewHeap<P>) -> Self {
        let alias = match new.alias.map(|alias| alias.0.order()) {
            None => AliasKind::None,
            Some(WordOrder::Linear) => AliasKind::Linear,
            Some(WordOrder::Inverted) => AliasKind::Inverted,
        };
        let code = new.alias.and_then(|alias| alias.code_side(new.span));
        Self {
            columns: new.columns,
            code_start: code.map_or(0, |code| code.start()),
            minimum_before: 0,
            name: Some(new.name),
            tag: new.tag.map_or(0, |tag| tag.0.wrapping_add(1)),
            alias,
            by_tag_only: new.by_tag_only,
            size_around: 0,
        }
    }

    /// Returns the addresses of the heap in `slot`.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn span<P: Poison>(&self, slot: &HeapSlot<P>) -> Option<Span> {
        Span::from_size(slot.start, slot.size | self.size_around) // one of them is 0
    }

    /// Returns the way to the instruction side of the heap at `span`.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn alias(&self, span: Span) -> Option<Alias> {
        let order = match self.alias {
            AliasKind::None => return None,
            AliasKind::Linear => WordOrder::Linear,
            AliasKind::Inverted => WordOrder::Inverted,
        };
        let size = span.size() & !3;
        let data = Span::from_size(span.start(), size)?;
        let code = Span::from_size(self.code_start, size)?;
        DualBus::new(data, code, order).map(Alias)
    }
}

// A slot's heap is where its pointer is: `None` is a null pointer, and has no room of its own.
const _: () = assert!(
    size_of::<Option<Heap<multi_heap::Comprehensive>>>()
        == size_of::<Heap<multi_heap::Comprehensive>>()
        && size_of::<Option<Heap<multi_heap::Unpoisoned>>>()
            == size_of::<Heap<multi_heap::Unpoisoned>>()
);

/// At most `N` heaps.
#[repr(C)] // as `HeapCaps`
pub(crate) struct Registry<P: Poison, const N: usize> {
    pub(crate) slots: [HeapSlot<P>; N],
    details: [Details; N],
    order: [u8; N],
    count: u32,
    /// Not 0 once a heap lies in a block of another one.
    has_inner: u32,
}

/// Where slots lie, for readers of memory images: in bytes from the registry's start, then
/// from a slot's.
pub(crate) struct SlotLayout {
    pub(crate) at: usize,
    pub(crate) bytes: usize,
    pub(crate) start: usize,
    pub(crate) heap: usize,
}

/// The same of details.
pub(crate) struct DetailsLayout {
    pub(crate) at: usize,
    pub(crate) bytes: usize,
    pub(crate) columns: usize,
    pub(crate) name: usize,
}

impl<P: Poison, const N: usize> Registry<P, N> {
    pub(crate) const SLOTS: SlotLayout = SlotLayout {
        at: offset_of!(Self, slots),
        bytes: size_of::<HeapSlot<P>>(),
        start: offset_of!(HeapSlot<P>, start),
        heap: offset_of!(HeapSlot<P>, heap),
    };
    pub(crate) const DETAILS: DetailsLayout = DetailsLayout {
        at: offset_of!(Self, details),
        bytes: size_of::<Details>(),
        columns: offset_of!(Details, columns),
        name: offset_of!(Details, name),
    };

    /// Most heaps that a step of a route can name.
    const MOST: usize = 63;

    pub(crate) const fn new() -> Self {
        const {
            assert!(
                N > 0 && N <= Self::MOST,
                "there can be 1 to 63 heaps in a set"
            );
        }
        Self {
            slots: [const {
                HeapSlot {
                    start: 0,
                    size: 0,
                    heap: None,
                }
            }; N],
            details: [Details::EMPTY; N],
            order: [0; N],
            count: 0,
            has_inner: 0,
        }
    }

    /// Forgets all heaps.
    #[cold]
    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    pub(crate) const fn len(&self) -> usize {
        self.count as usize // widening
    }

    pub(crate) const fn free_places(&self) -> usize {
        N - self.len()
    }

    // An entry is large: a copy of this in every loop takes more than Xtensa's back end can spill
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn get(&self, index: HeapIndex) -> Option<Entry<'_, P>> {
        let slot = self.slots.get(index.get())?;
        let details = self.details.get(index.get())?;
        let span = details.span(slot)?; // none where no heap is
        Some(Entry {
            span,
            columns: details.columns,
            caps: union(details.columns),
            name: details.name.unwrap_or_default(),
            tag: details.tag.checked_sub(1).map(TypeIndex),
            alias: details.alias(span),
            heap: slot.heap.as_ref(),
        })
    }

    /// Returns the enabled heap with this number.
    #[inline(always)]
    pub(crate) fn heap_mut(&mut self, index: HeapIndex) -> Option<&mut Heap<P>> {
        self.slots.get_mut(index.get())?.heap.as_mut()
    }

    /// Returns what the heap at a place in the order of the search offers.
    #[inline(always)]
    pub(crate) fn offer_at(&self, place: usize) -> Option<Offer> {
        self.offer(HeapIndex(*self.order.get(place)?))
    }

    /// Returns what a heap offers to requests by capability, if it is enabled.
    #[inline(always)]
    pub(crate) fn offer(&self, heap: HeapIndex) -> Option<Offer> {
        let details = self.details.get(heap.get())?;
        let slot = self.slots.get(heap.get())?;
        (slot.heap.is_some() && !details.by_tag_only).then_some(Offer {
            heap,
            columns: details.columns,
            has_code_side: details.alias != AliasKind::None,
        })
    }

    /// Returns all capabilities of a heap.
    #[inline]
    pub(crate) fn caps(&self, index: HeapIndex) -> Caps {
        let details = self.details.get(index.get());
        details.map_or(Caps::empty(), |details| union(details.columns))
    }

    /// Returns the heap in whose span `address` lies, the innermost one. O(heaps): a subtraction
    /// and a comparison each.
    #[inline(always)]
    pub(crate) fn containing(&self, address: u32) -> Option<HeapIndex> {
        // Slots without a heap have no size.
        match self.slots.iter().position(|slot| slot.contains(address)) {
            #[expect(clippy::cast_possible_truncation, reason = "N is at most 63")]
            Some(found) => Some(HeapIndex(found as u8)),
            None if self.has_inner == 0 => None,
            None => self.innermost(address),
        }
    }

    /// Returns the heap that was registered last of those in whose span `address` lies: a heap is
    /// registered later than the one in a block of which it lies.
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn innermost(&self, address: u32) -> Option<HeapIndex> {
        let holds =
            |index: &HeapIndex| self.span(*index).is_some_and(|span| span.contains(address));
        self.indices().rev().find(holds)
    }

    /// Returns the enabled heap in whose span `address` lies, its first address, and the place of
    /// the address in it. As [`Registry::containing`] otherwise, but for heaps around others.
    #[inline(always)]
    pub(crate) fn place_of(&mut self, address: u32) -> Option<(&mut Heap<P>, u32)> {
        for slot in &mut self.slots {
            let place = address.wrapping_sub(slot.start);
            if place < slot.size {
                return Some((slot.heap.as_mut()?, place));
            }
        }
        None
    }

    /// Keeps a search by address from finding the heaps around `span` before the one that will be
    /// there.
    fn hide_around(&mut self, span: Span) {
        for (slot, details) in self.slots.iter_mut().zip(&mut self.details) {
            let around = details.span(slot).filter(|around| around.overlaps(span));
            if let Some(around) = around {
                (slot.size, details.size_around) = (0, around.size());
                self.has_inner = 1;
            }
        }
    }

    /// Returns a heap's addresses.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn span(&self, index: HeapIndex) -> Option<Span> {
        let slot = self.slots.get(index.get())?;
        let details = self.details.get(index.get())?;
        details.span(slot)
    }

    fn indices(&self) -> impl DoubleEndedIterator<Item = HeapIndex> + use<P, N> {
        #[expect(clippy::cast_possible_truncation, reason = "N is at most 63")]
        (0..self.count as u8).map(HeapIndex)
    }

    /// Returns all heaps in order of registration.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (HeapIndex, Entry<'_, P>)> {
        self.indices()
            .filter_map(|index| Some((index, self.get(index)?)))
    }

    /// Returns all heaps in order of the search.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (HeapIndex, Entry<'_, P>)> {
        let order = self.order.iter().take(self.len());
        order.filter_map(|&index| Some((HeapIndex(index), self.get(HeapIndex(index))?)))
    }

    /// Returns the enabled heaps that have all of `caps`, in order of registration.
    pub(crate) fn serving(
        &self,
        caps: Caps,
    ) -> impl Iterator<Item = (HeapIndex, Entry<'_, P>, &Heap<P>)> {
        self.iter().filter_map(move |(index, entry)| {
            let heap = entry.serving(caps)?;
            Some((index, entry, heap))
        })
    }

    /// Returns the free bytes of the enabled heaps that have all of `caps`.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn free_bytes(&self, caps: Caps) -> u32 {
        let heaps = self.slots.iter().zip(&self.details);
        let serving = heaps.filter(|(_, details)| union(details.columns).contains(caps));
        let free = serving.filter_map(|(slot, _)| slot.heap.as_ref().map(Heap::free_bytes));
        free.fold(0, u32::saturating_add)
    }

    /// Returns the bytes of a heap, its bookkeeping included; 0 where there is none.
    pub(crate) fn size(&self, index: HeapIndex) -> u32 {
        self.slots.get(index.get()).map_or(0, |slot| slot.size)
    }

    /// Returns whether a heap's memory has an instruction side.
    pub(crate) fn has_code_side(&self, index: HeapIndex) -> bool {
        let details = self.details.get(index.get());
        details.is_some_and(|details| details.alias != AliasKind::None)
    }

    /// Returns whether a heap that is enabled has as many free bytes.
    #[inline(always)]
    pub(crate) fn has_free(&self, index: HeapIndex, bytes: u32) -> bool {
        let heap = self
            .slots
            .get(index.get())
            .and_then(|slot| slot.heap.as_ref());
        heap.is_some_and(|heap| heap.free_bytes() >= bytes)
    }

    /// Enables the heaps of the start-up stacks in memory that `heap_in` makes a heap of; returns
    /// how many there are.
    pub(crate) fn enable_all(&mut self, mut heap_in: impl FnMut(Span) -> Option<Heap<P>>) -> usize {
        let mut enabled = 0;
        for (slot, details) in self.slots.iter_mut().zip(&mut self.details) {
            let Some(span) = details.span(slot) else {
                break;
            };
            if slot.heap.is_some() && !details.by_tag_only {
                continue;
            }
            if slot.heap.is_none() {
                slot.heap = heap_in(span);
            }
            details.by_tag_only = false;
            enabled += usize::from(slot.heap.is_some());
        }
        enabled
    }

    /// Lets the minimum of each heap begin again at its current free bytes; the earlier one is
    /// kept.
    pub(crate) fn start_local_minima(&mut self) {
        for (slot, details) in self.slots.iter_mut().zip(&mut self.details) {
            let Some(heap) = slot.heap.as_mut() else {
                continue;
            };
            let minimum = heap.reset_minimum_free_bytes().saturating_add(1);
            details.minimum_before = match details.minimum_before {
                0 => minimum,
                before => before.min(minimum),
            };
        }
    }

    /// Undoes [`Registry::start_local_minima`].
    pub(crate) fn stop_local_minima(&mut self) {
        for (slot, details) in self.slots.iter_mut().zip(&mut self.details) {
            let before = core::mem::take(&mut details.minimum_before);
            if let (Some(heap), Some(before)) = (slot.heap.as_mut(), before.checked_sub(1)) {
                heap.restore_minimum_free_bytes(before);
            }
        }
    }

    /// Registers a heap. The one place that decides the order of the search:
    ///
    /// - `Guaranteed`, and `IdfExact` at boot: ascending size, in front of those of equal size;
    /// - `IdfExact` later: in front of all;
    /// - `Tagged2016`: ascending tag, then ascending address.
    pub(crate) fn insert(
        &mut self,
        new: NewHeap<P>,
        policy: Policy,
        stage: Stage,
    ) -> Result<HeapIndex, Full> {
        let before = self
            .in_order()
            .position(|(_, other)| match (policy, stage) {
                (Policy::IdfExact, Stage::Later) => true,
                (Policy::IdfExact | Policy::Guaranteed, _) => other.span.size() >= new.span.size(),
                (Policy::Tagged2016, _) => {
                    (other.tag, other.span.start()) > (new.tag, new.span.start())
                }
            });
        let count = self.len();
        let index = u8::try_from(count).map_err(|_| Full)?;
        self.hide_around(new.span);
        let details = self.details.get_mut(count).ok_or(Full)?;
        let slot = self.slots.get_mut(count).ok_or(Full)?;
        *details = Details::of(&new);
        *slot = HeapSlot {
            start: new.span.start(),
            size: new.span.size(),
            heap: new.heap,
        };
        if let Some(tail) = self.order.get_mut(before.unwrap_or(count)..=count) {
            tail.rotate_right(1);
            if let Some(first) = tail.first_mut() {
                *first = index;
            }
        }
        self.count += 1;
        Ok(HeapIndex(index))
    }
}
