//! Segregated free lists: insertion, removal, search.
//!
//! ```text
//!   map       one bit for each list               0 0 1 0 0 .. 0 1            in words of 32, the first list's bit is the highest
//!   in use    one bit for each word of the map    1 0 0 0 1 0
//!   heads     list 2, list 3, ...                 | node | 0 | node | ...
//!   list      head -> node <-> node <-> node -> 0                             the first ones in address order
//!   node      | next | previous |                                             the second and third word of a block,
//!                                                                             the first and second one of a block of 2 words
//! ```
//!
//! A link is the index of a node. The first node's previous one is its list's head, as if the head
//! were a node: so no operation asks whether a node is the first, and none but the search asks for
//! the size of a block.

use crate::bins::{MAP_WORDS, MIN_BLOCK_WORDS, bin_of};
use crate::pool::{Index, Pool, control};

/// How many blocks of its own list an allocation looks at before it fails.
const LAST_PROBES: u32 = 16;

/// "No node" in a link or a list head.
pub(crate) const NONE: u32 = 0;

/// In place of a list: the map has no bit for it.
pub(crate) const NO_LIST: u32 = MAP_WORDS * 32;

/// The list of the free blocks of 2 words.
pub(crate) const MINIMUM_BLOCKS: u32 = 2;

/// Returns where the links of a free block of `words` are.
#[inline(always)]
pub(crate) const fn node_of(block: Index, words: u32) -> u32 {
    if words == 2 { block } else { block + 1 }
}

/// Returns the block with a node in list `bin`.
#[inline(always)]
pub(crate) const fn block_of(node: u32, bin: u32) -> Index {
    if bin == MINIMUM_BLOCKS {
        node
    } else {
        node - 1
    }
}

/// Finding.
impl Pool {
    /// Returns a free block of at least `words`: the first or second one of its own list, else the
    /// first one of a list of larger blocks, else one further behind in its own. O(1): at most
    /// [`LAST_PROBES`] blocks.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn find(self, words: u32) -> Option<Index> {
        if !self.may_have(words) {
            return None;
        }
        let mut bin = self.first_bin_from(bin_of(words));
        while bin != NO_LIST {
            let head = control::HEADS + bin;
            let first = self.first_of(head);
            if first == NONE || !self.is_head(head) {
                return self.fail_corrupt();
            }
            if bin == MINIMUM_BLOCKS {
                return Some(first);
            }
            if self.block_words(first) >= words {
                return Some(first - 1);
            }
            let second = self.link_at(first);
            if self.is_node(second) && self.block_words(second) >= words {
                return Some(second - 1);
            }
            bin = self.next_bin(bin);
        }
        self.find_at_last(words)
    }

    /// Returns the first list behind `bin` that has a block, or [`NO_LIST`].
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn next_bin(self, bin: u32) -> u32 {
        if bin + 1 < NO_LIST {
            self.first_bin_from(bin + 1)
        } else {
            NO_LIST
        }
    }

    /// Returns the first node of the list with this head, or [`NONE`] where damaged words lead to
    /// no list and no node.
    #[inline(always)]
    pub(crate) fn first_of(self, head: u32) -> u32 {
        if head < self.end() {
            let node = self.link_at(head);
            if self.is_node(node) {
                return node;
            }
        }
        NONE
    }

    /// Returns whether a word is the head of a list: a damaged map leads to no word of a block, and
    /// a damaged `FIRST` not out of the region.
    #[inline(always)]
    pub(crate) fn is_head(self, head: u32) -> bool {
        head < self.first() && head < self.end()
    }

    /// Returns a block of at least `words` among the first ones of its own list, where no list
    /// behind it has a block. What the whole list does not have, the heap does not have: the next
    /// search need not look.
    fn find_at_last(self, words: u32) -> Option<Index> {
        let bin = bin_of(words);
        let head = control::HEADS + bin;
        let mut nodes = None;
        if self.is_head(head) && bin != MINIMUM_BLOCKS {
            nodes = Some(self.list_from(self.link_at(head)));
        }
        let mut nodes = nodes.into_iter().flatten();
        for _ in 0..LAST_PROBES {
            match nodes.next() {
                Some(node) if self.block_words(node) >= words => return Some(node - 1),
                Some(_) => {}
                None => {
                    self.set_ceiling(words);
                    return None;
                }
            }
        }
        None
    }

    /// Returns the words of the free block, other than a minimum block, with this node.
    #[inline(always)]
    pub(crate) fn block_words(self, node: u32) -> u32 {
        self.header(node - 1).listed_words()
    }

    /// Returns the first list from `bin` upwards that has a block, or [`NO_LIST`]: looks at two
    /// words of the map at most.
    #[inline(always)]
    pub(crate) fn first_bin_from(self, bin: u32) -> u32 {
        let mut word = bin / 32;
        let mut map = self.get(control::MAP + word) & (u32::MAX >> (bin % 32));
        if map == 0 {
            word += 1;
            let behind = (self.get(control::FREE_BLOCKS) & control::WORDS_IN_USE) << word;
            word += behind.leading_zeros(); // of 6 bits, so inside the map
            if behind == 0 {
                return NO_LIST;
            }
            map = self.get(control::MAP + word);
            if map == 0 {
                return NO_LIST; // only in a damaged heap
            }
        }
        word * 32 + map.leading_zeros()
    }

    /// Returns the words of the largest block that [`Pool::find`] finds; 0 if there is none. O(1).
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn largest_free_words(self) -> u32 {
        let in_use = self.get(control::FREE_BLOCKS) & control::WORDS_IN_USE;
        if in_use == 0 {
            return 0;
        }
        let word = 31 - in_use.trailing_zeros();
        let map = self.get(control::MAP + word);
        if map == 0 {
            return 0; // only in a damaged heap
        }
        let bin = word * 32 + 31 - map.trailing_zeros();
        let head = control::HEADS + bin;
        if !self.is_head(head) {
            return 0;
        }
        let first = self.link_at(head);
        if bin == MINIMUM_BLOCKS {
            return 2;
        }
        let nodes = self.list_from(first).take(LAST_PROBES as usize);
        let sizes = nodes.map(|node| self.block_words(node));
        sizes.max().unwrap_or(0).min(self.end())
    }

    /// Returns the nodes of a list from `first` on; ends at a link that leads outside the region.
    #[inline(always)]
    fn list_from(self, first: u32) -> impl Iterator<Item = u32> {
        let inside = move |link: u32| self.is_node(link).then_some(link);
        core::iter::successors(inside(first), move |&node| inside(self.link_at(node)))
    }
}

/// Where a node stands in its list.
#[derive(Clone, Copy)]
pub(crate) struct Links {
    pub(crate) next: u32,
    pub(crate) previous: u32,
}

impl Links {
    /// The links of a block that has none.
    pub(crate) const NONE: Self = Self {
        next: NONE,
        previous: NONE,
    };
}

/// Linking.
impl Pool {
    /// Inserts a node into list `bin`: in front, or second where the front has a lower address;
    /// minimum blocks always in front. A list whose head leads to no first node is given up: a
    /// block that is freed is never refused because of what happened elsewhere.
    #[inline(always)]
    pub(crate) fn link(self, node: u32, bin: u32) {
        let head = control::HEADS + bin;
        let front = self.link_at(head);
        if front == NONE {
            self.toggle(bin);
            return self.link_between(head, node, NONE);
        }
        if !self.is_link(front) || self.link_at(front + 1) != head {
            self.mark_corrupt();
            return self.link_between(head, node, NONE);
        }
        if front > node || bin == MINIMUM_BLOCKS {
            self.set_link(front + 1, node);
            return self.link_between(head, node, front);
        }
        let next = self.link_at(front);
        if next != NONE {
            if !self.is_link(next) || self.link_at(next + 1) != front {
                self.mark_corrupt();
                return self.link_between(front, node, NONE);
            }
            self.set_link(next + 1, node);
        }
        self.link_between(front, node, next);
    }

    #[inline(always)]
    fn link_between(self, previous: u32, node: u32, next: u32) {
        self.set_link(previous, node);
        self.set_links(node, next, previous);
    }

    /// Returns the links of a free block's node, if what they lead to leads back to the node.
    #[inline(always)]
    pub(crate) fn links_of(self, node: u32) -> Option<Links> {
        let links = self.reread_links(node);
        if !self.is_link(links.previous) || self.link_at(links.previous) != node {
            return None;
        }
        if links.next == NONE {
            return Some(links);
        }
        if !self.leads_back(node, links) {
            return None;
        }
        Some(links)
    }

    /// Returns whether a node's next one leads back to it. A word that leads there from in front
    /// does not do for both.
    #[inline(always)]
    pub(crate) fn leads_back(self, node: u32, Links { next, previous }: Links) -> bool {
        self.is_link(next) && self.link_at(next + 1) == node && next + 1 != previous
    }

    /// Returns the links of a node that is known to have some.
    #[inline(always)]
    pub(crate) fn reread_links(self, node: u32) -> Links {
        Links {
            next: self.link_at(node),
            previous: self.link_at(node + 1),
        }
    }

    /// Removes a node from its list.
    #[inline(always)]
    pub(crate) fn unlink(self, Links { next, previous }: Links) {
        self.set_link(previous, next);
        if next != NONE {
            self.set_link(next + 1, previous);
        } else if previous < self.first() {
            // Inside the region, whatever `first` is
            self.toggle(previous.wrapping_sub(control::HEADS) % (8 * 32));
        }
    }

    /// Replaces a node by `new` in its list: for a free block that changed its start but not its
    /// list.
    #[inline(always)]
    pub(crate) fn relocate(self, Links { next, previous }: Links, new: u32) {
        self.set_link(previous, new);
        if next != NONE {
            self.set_link(next + 1, new);
        }
        self.set_links(new, next, previous);
    }

    #[inline(always)]
    fn set_links(self, node: u32, next: u32, previous: u32) {
        self.set_link(node, next);
        self.set_link(node + 1, previous);
    }
}

/// Bitmaps.
impl Pool {
    /// Records that a list has a first block now, or that it has none any more.
    #[inline(always)]
    pub(crate) fn toggle(self, bin: u32) {
        let word = bin / 32;
        let before = self.get(control::MAP + word);
        let after = before ^ 1 << 31 >> (bin % 32);
        self.set(control::MAP + word, after);
        if before == 0 || after == 0 {
            let in_use = self.get(control::FREE_BLOCKS) ^ 1 << 31 >> word;
            self.set(control::FREE_BLOCKS, in_use);
        }
    }
}

const _: () =
    assert!(MIN_BLOCK_WORDS == 2 && bin_of(2) == MINIMUM_BLOCKS && bin_of(3) != MINIMUM_BLOCKS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::test::pool;
    use std::vec;

    /// ```text
    ///   in front ─► node ─► behind       words 50, 60 and 70
    /// ```
    #[test]
    fn a_node_has_links_if_both_neighbours_lead_back_to_it_with_words_of_their_own() {
        const IN_FRONT: u32 = 50;
        const NODE: u32 = 60;
        const BEHIND: u32 = 70;
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let link = |links: [(u32, u32); 4]| {
            (40..80).for_each(|word| pool.set_link(word, 0));
            links
                .iter()
                .for_each(|&(word, link)| pool.set_link(word, link));
            let found = pool.links_of(NODE);
            found.map(|Links { next, previous }| (next, previous))
        };
        let whole = [
            (IN_FRONT, NODE),
            (NODE, BEHIND),
            (NODE + 1, IN_FRONT),
            (BEHIND + 1, NODE),
        ];
        assert_eq!(link(whole), Some((BEHIND, IN_FRONT)));
        for (word, _) in whole {
            let damaged = whole.map(|(at, link)| (at, if at == word { 45 } else { link }));
            assert_eq!(link(damaged), None, "word {word}");
        }
        let last = [
            (IN_FRONT, NODE),
            (NODE, NONE),
            (NODE + 1, IN_FRONT),
            (BEHIND, 0),
        ];
        assert_eq!(link(last), Some((NONE, IN_FRONT)));
        // The same word would lead here from in front and back from behind.
        let shared = [
            (IN_FRONT, NODE),
            (NODE, IN_FRONT - 1),
            (NODE + 1, IN_FRONT),
            (BEHIND, 0),
        ];
        assert_eq!(link(shared), None);
        // Two words of one node may.
        let both = [
            (IN_FRONT, NODE),
            (NODE, IN_FRONT),
            (NODE + 1, IN_FRONT),
            (IN_FRONT + 1, NODE),
        ];
        assert_eq!(link(both), Some((IN_FRONT, IN_FRONT)));
        for outside in [pool.end(), pool.end() + 1, u32::MAX] {
            assert_eq!(
                link(whole.map(|(at, link)| (at, if at == NODE { outside } else { link }))),
                None
            );
            assert_eq!(
                link(whole.map(|(at, link)| (at, if at == NODE + 1 { outside } else { link }))),
                None
            );
        }
    }
}
