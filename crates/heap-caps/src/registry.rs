//! Which heaps there are, where each lies, and in which order they are looked at.
//!
//! ```text
//!   entries   0: DRAM 3FFAE6E0   1: DRAM 3FFB2EC8   2: D/IRAM 3FFE0440 …     in order of registration, for ever
//!   bounds    (start, size) of each, densely packed: what a free looks through
//!   order     0, 2, 4, 3, 1                                                  in order of the search
//! ```
//!
//! Invariant 1: no two spans overlap.
//! Invariant 2: `order` is a permutation of `0..count`, sorted as [`Registry::insert`] says.
//! Invariant 3: an index, once given out, means the same heap for ever.

use core::fmt;

use multi_heap::{Heap, Poison};
use soc_regions::{Caps, Columns, Span, TypeIndex};

use crate::alias::Alias;
use crate::policy::Policy;

/// Which heap: its number in the order of registration. It never changes and never means another heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeapIndex(pub(crate) u8);

impl HeapIndex {
    /// The number, counted from 0.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize // widening
    }
}

impl fmt::Display for HeapIndex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// One registered heap.
pub(crate) struct Entry<P: Poison> {
    pub(crate) span: Span,
    pub(crate) columns: Columns,
    /// All capabilities of all columns.
    pub(crate) caps: Caps,
    pub(crate) name: &'static str,
    /// The memory type, unless the capabilities were given by hand.
    pub(crate) tag: Option<TypeIndex>,
    /// The way to the instruction side, if the memory has one.
    pub(crate) alias: Option<Alias>,
    /// Refused to capabilities until the start-up stacks are enabled; by its tag it can be had.
    pub(crate) by_tag_only: bool,
    /// `None` while the memory serves as start-up stack.
    pub(crate) heap: Option<Heap<P>>,
    /// The minimum of free bytes from before monitoring began.
    pub(crate) minimum_before: Option<u32>,
}

impl<P: Poison> Entry<P> {
    /// Whether only whole words can be read and written.
    pub(crate) const fn is_word_only(&self) -> bool {
        !self.caps.contains(Caps::BIT8)
    }

    /// The heap, if it is enabled and has all of `caps`.
    pub(crate) fn serving(&self, caps: Caps) -> Option<&Heap<P>> {
        self.heap.as_ref().filter(|_| self.caps.contains(caps))
    }
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

/// At most `N` heaps.
#[repr(C)] // as `HeapCaps`
pub(crate) struct Registry<P: Poison, const N: usize> {
    bounds: [(u32, u32); N],
    entries: [Option<Entry<P>>; N],
    order: [u8; N],
    count: usize,
}

impl<P: Poison, const N: usize> Registry<P, N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N > 0 && N <= 255, "the number of heaps is kept in a byte") };
        Self {
            bounds: [(0, 0); N],
            entries: [const { None }; N],
            order: [0; N],
            count: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) const fn free_places(&self) -> usize {
        N - self.count
    }

    pub(crate) fn get(&self, index: HeapIndex) -> Option<&Entry<P>> {
        self.entries.get(index.get())?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: HeapIndex) -> Option<&mut Entry<P>> {
        self.entries.get_mut(index.get())?.as_mut()
    }

    /// The heap in whose span `address` lies. O(heaps): a subtraction and a comparison each.
    #[inline]
    pub(crate) fn containing(&self, address: u32) -> Option<HeapIndex> {
        let inside = |&(start, size): &(u32, u32)| address.wrapping_sub(start) < size;
        let found = self.bounds.iter().position(inside)?;
        u8::try_from(found).ok().map(HeapIndex)
    }

    /// All heaps in order of registration.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (HeapIndex, &Entry<P>)> {
        (0..=u8::MAX)
            .map(HeapIndex)
            .zip(self.entries.iter().flatten())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (HeapIndex, &mut Entry<P>)> {
        (0..=u8::MAX)
            .map(HeapIndex)
            .zip(self.entries.iter_mut().flatten())
    }

    /// All heaps in order of the search.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (HeapIndex, &Entry<P>)> {
        let order = self
            .order
            .iter()
            .take(self.count)
            .map(|&index| HeapIndex(index));
        order.filter_map(|index| Some((index, self.get(index)?)))
    }

    /// The enabled heaps that have all of `caps`, in order of registration.
    pub(crate) fn serving(
        &self,
        caps: Caps,
    ) -> impl Iterator<Item = (HeapIndex, &Entry<P>, &Heap<P>)> {
        self.iter()
            .filter_map(move |(index, entry)| Some((index, entry, entry.serving(caps)?)))
    }

    /// Free bytes of the enabled heaps that have all of `caps`.
    pub(crate) fn free_bytes(&self, caps: Caps) -> u32 {
        let free = self.serving(caps).map(|(_, _, heap)| heap.free_bytes());
        free.fold(0, u32::saturating_add)
    }

    /// Registers a heap. The one place that decides the order of the search:
    ///
    /// - `Guaranteed`, and `IdfExact` at boot: ascending size, in front of those of equal size;
    /// - `IdfExact` later: in front of all;
    /// - `Tagged2016`: ascending tag, then ascending address.
    pub(crate) fn insert(
        &mut self,
        entry: Entry<P>,
        policy: Policy,
        stage: Stage,
    ) -> Result<HeapIndex, Full> {
        let before = self
            .in_order()
            .position(|(_, other)| match (policy, stage) {
                (Policy::IdfExact, Stage::Later) => true,
                (Policy::IdfExact | Policy::Guaranteed, _) => {
                    other.span.size() >= entry.span.size()
                }
                (Policy::Tagged2016, _) => {
                    (other.tag, other.span.start()) > (entry.tag, entry.span.start())
                }
            });
        let index = u8::try_from(self.count).map_err(|_| Full)?;
        let bounds = self.bounds.get_mut(self.count).ok_or(Full)?;
        *bounds = (entry.span.start(), entry.span.size());
        let place = self.entries.get_mut(self.count).ok_or(Full)?;
        *place = Some(entry);
        if let Some(tail) = self
            .order
            .get_mut(before.unwrap_or(self.count)..=self.count)
        {
            tail.rotate_right(1);
            tail.iter_mut().take(1).for_each(|first| *first = index);
        }
        self.count += 1;
        Ok(HeapIndex(index))
    }
}
