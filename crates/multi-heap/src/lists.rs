//! How free blocks are kept in lists, one for each class of sizes, and found.
//!
//! ```text
//!   map       one bit for each list               0 0 1 0 0 .. 0 1            in words of 32, the first list's bit is the highest
//!   heads     list 2, list 3, ...                 | node | 0 | node | ...
//!   list      head -> node <-> node <-> node -> 0                             the first ones in address order
//!   node      | next | previous |                                             the second and third word of a block,
//!                                                                             the first and second one of a block of 2 units
//! ```
//!
//! A link is the index of a node. The first node's previous one is its list's head, as if the head were a node: so no operation asks whether a
//! node is the first, and none but the search asks for the size of a block.

use crate::bins::{MAP_WORDS, MIN_UNITS, bin_of};
use crate::pool::{Index, Pool, control};

/// How many blocks of its own list an allocation looks at before it fails.
const LAST_PROBES: u32 = 16;

/// "No node" in a link or a list head.
const NONE: u32 = 0;

/// The list of the free blocks of 2 units.
const PAIRS: u32 = 2;

/// Where the links of a free block of `units` are.
#[inline(always)]
pub(crate) const fn node_of(block: Index, units: u32) -> u32 {
    if units == 2 { block } else { block + 1 }
}

/// The block with a node in list `bin`.
#[inline(always)]
pub(crate) const fn block_of(node: u32, bin: u32) -> Index {
    if bin == PAIRS { node } else { node - 1 }
}

/// A free block as an allocation found it.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) block: Index,
    /// Its units.
    pub(crate) room: u32,
    /// Its list.
    pub(crate) bin: u32,
}

/// Finding.
impl Pool {
    /// A free block of at least `units`: the first or second one of its own list, else the first one of a list of larger blocks, else one
    /// further behind in its own. O(1): at most [`LAST_PROBES`] blocks.
    #[inline(always)]
    pub(crate) fn find(self, units: u32) -> Option<Found> {
        if units >= self.end() {
            return None;
        }
        let mut from = bin_of(units);
        while let Some(bin) = self.first_bin_from(from) {
            let first = self.first_of(bin)?;
            if bin == PAIRS {
                return Some(Found {
                    block: first,
                    room: 2,
                    bin,
                });
            }
            let block = first - 1;
            let room = self.room(block);
            if room >= units {
                return Some(Found { block, room, bin });
            }
            let second = self.get(first);
            if self.is_node(second) {
                let block = second - 1;
                let room = self.room(block);
                if room >= units {
                    return Some(Found { block, room, bin });
                }
            }
            from = bin + 1;
        }
        let block = self.find_at_last(units)?;
        let (room, bin) = (self.room(block), bin_of(units));
        Some(Found { block, room, bin })
    }

    /// A block of at least `units` among the first ones of its own list.
    #[cold]
    #[inline(never)]
    fn find_at_last(self, units: u32) -> Option<Index> {
        let bin = bin_of(units);
        let head = control::HEADS + bin;
        if head >= self.first() || bin == PAIRS {
            return None;
        }
        self.list_from(self.get(head))
            .take(LAST_PROBES as usize)
            .map(|node| node - 1)
            .find(|&block| self.room(block) >= units)
    }

    /// Units of a free block other than a pair.
    #[inline(always)]
    fn room(self, block: Index) -> u32 {
        self.header(block).listed_units()
    }

    /// The first list from `bin` upwards that has a block: looks at no more words than the map has.
    #[inline(always)]
    fn first_bin_from(self, bin: u32) -> Option<u32> {
        let mut word = bin / 32;
        let mut map = self.get(control::MAP + word) & (u32::MAX >> (bin % 32));
        while map == 0 {
            word += 1;
            if word >= MAP_WORDS {
                return None;
            }
            map = self.get(control::MAP + word);
        }
        Some(word * 32 + map.leading_zeros())
    }

    /// The first node of a list that should have one.
    #[inline(always)]
    fn first_of(self, bin: u32) -> Option<u32> {
        let head = self.ingest(control::HEADS + bin)?;
        let node = self.get(head);
        if self.is_node(node) {
            return Some(node);
        }
        self.damaged()
    }

    /// Units of the largest block that [`Pool::find`] finds; 0 if there is none. O(1).
    pub(crate) fn largest_free_units(self) -> u32 {
        let map = |word: &u32| self.get(control::MAP + word);
        let Some(word) = (0..MAP_WORDS).rev().find(|word| map(word) != 0) else {
            return 0;
        };
        let bin = word * 32 + 31 - map(&word).trailing_zeros();
        if control::HEADS + bin >= self.end() {
            return 0;
        }
        let first = self.get(control::HEADS + bin);
        if bin == PAIRS {
            return 2;
        }
        let nodes = self.list_from(first).take(LAST_PROBES as usize);
        let rooms = nodes.map(|node| self.room(node - 1));
        rooms.max().unwrap_or(0).min(self.end())
    }

    /// The nodes of a list from `first` on; ends at a link that leads outside the region.
    #[inline(always)]
    fn list_from(self, first: u32) -> impl Iterator<Item = u32> {
        let inside = move |link: u32| self.is_node(link).then_some(link);
        core::iter::successors(inside(first), move |&node| inside(self.get(node)))
    }

    #[inline(always)]
    fn is_node(self, link: u32) -> bool {
        link.wrapping_sub(1) < self.end() - 1 // NONE wraps
    }
}

/// Linking.
impl Pool {
    /// Puts a node into list `bin`: in front, or second where the front has a lower address; pairs always in front.
    #[inline(always)]
    pub(crate) fn link(self, node: u32, bin: u32) {
        let head = control::HEADS + bin;
        let front = self.get(head);
        let behind_front = bin != PAIRS && front.wrapping_sub(1) < node; // NONE wraps
        let previous = if behind_front { front } else { head };
        let next = self.get(previous);
        self.set(previous, node);
        self.set_links(node, next, previous);
        if front == NONE {
            self.toggle(bin);
        } else if next != NONE && self.ingest(next).is_some() {
            self.set(next + 1, node);
        }
    }

    /// Takes a node out of its list.
    #[inline(always)]
    pub(crate) fn unlink(self, node: u32) -> Option<()> {
        let next = self.get(node);
        let previous = self.linked_before(node)?;
        if next != NONE {
            self.set(self.ingest(next)? + 1, previous);
            self.set(previous, next);
            return Some(());
        }
        self.set(previous, NONE);
        if previous < self.first() {
            self.toggle(previous.wrapping_sub(control::HEADS));
        }
        Some(())
    }

    /// Lets the node `new` take the place of `old` in its list: for a free block that changed its start but not its list.
    #[inline(always)]
    pub(crate) fn relocate(self, old: u32, new: u32) -> Option<()> {
        let next = self.get(old);
        let previous = self.linked_before(old)?;
        if next != NONE {
            self.set(self.ingest(next)? + 1, new);
        }
        self.set(previous, new);
        self.set_links(new, next, previous);
        Some(())
    }

    /// What lies before a node in its list, if the link that should lead to the node does.
    #[inline(always)]
    fn linked_before(self, node: u32) -> Option<u32> {
        let previous = self.ingest(self.get(node + 1))?;
        if self.get(previous) == node {
            Some(previous)
        } else {
            self.damaged()
        }
    }

    #[inline(always)]
    fn set_links(self, node: u32, next: u32, previous: u32) {
        self.set(node, next);
        self.set(node + 1, previous);
    }
}

/// Bitmaps.
impl Pool {
    /// Notes that a list has a first block now, or that it has none any more.
    #[inline(always)]
    fn toggle(self, bin: u32) {
        let word = control::MAP + bin / 32 % 8; // inside the control structure, whatever the list
        self.set(word, self.get(word) ^ 1 << 31 >> (bin % 32));
    }
}

const _: () = assert!(MIN_UNITS == 2 && bin_of(2) == PAIRS && bin_of(3) != PAIRS);
