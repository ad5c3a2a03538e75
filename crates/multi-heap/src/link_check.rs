//! Link checks: the parts of the check that look at one list or counter in bounded time.
//!
//! ```text
//!   link before ─► node ─► link behind        a free block is in its list if both its neighbours there, found by its two links, lead back to it
//!               ◄─      ◄─                    and are what such a list has: its head, a free block of its size, or nothing behind
//! ```
//!
//! What the check beyond that can see: a list that leads back into itself, without its head.

use crate::bins::{MAP_WORDS, MIN_BLOCK_WORDS, bin_of};
use crate::check::{Checked, Counters, broken};
use crate::damage::CorruptionKind;
use crate::lists::{block_of, node_of};
use crate::pool::{Index, Pool, control};

impl Pool {
    /// Returns the counters, as a walk would count.
    pub(crate) fn counters(self) -> Counters {
        Counters {
            used_blocks: self.used_blocks(),
            free_blocks: self.free_blocks(),
            free_words: self.free_words(),
            listed_blocks: 0,
        }
    }

    /// Whether there can be as many blocks and words as the counters say, and no operation came
    /// across damage.
    pub(crate) fn check_plausible(&self) -> Checked {
        let Counters {
            used_blocks,
            free_blocks,
            free_words,
            ..
        } = self.counters();
        let available = self.end().saturating_sub(self.first());
        // A used block has two words at least
        let least = [free_words, free_blocks, used_blocks, used_blocks];
        let words = least.into_iter().fold(0, u32::saturating_add);
        if words > available || free_blocks > used_blocks.saturating_add(1) {
            return Err(broken(
                CorruptionKind::Counter,
                control::USED_BLOCKS,
                available,
                words,
            ));
        }
        self.check_words_in_use()?;
        self.check_minimum()?;
        self.check_ceiling()?;
        self.check_unnoticed()
    }

    /// The last word and the links of a free block.
    pub(crate) fn check_free(&self, index: Index, words: u32) -> Checked {
        self.check_footer(index, words)?;
        if words < MIN_BLOCK_WORDS {
            return Ok(());
        }
        let (node, bin) = (node_of(index, words), bin_of(words));
        self.check_link_back(node, bin)?;
        match self.link_at(node) {
            0 => Ok(()),
            next => self.check_link(node, next, bin),
        }
    }

    /// What lies before a node in its list leads to it. If it does not: that link is wrong, unless
    /// it leads to a node that leads back; then it was the link back.
    fn check_link_back(&self, node: u32, bin: u32) -> Checked {
        let (head, previous) = (control::HEADS + bin, self.link_at(node + 1));
        let link_back = broken(CorruptionKind::Link, node + 1, head, previous);
        if previous != head && !self.is_in_list(previous, bin) {
            return Err(link_back);
        }
        match self.link_at(previous) {
            onward if onward == node => Ok(()),
            onward if self.is_in_list(onward, bin) && self.link_at(onward + 1) == previous => {
                Err(link_back)
            }
            onward => Err(broken(CorruptionKind::Link, previous, node, onward)),
        }
    }

    /// Checks that the links of a free block can be links. Where they lead is looked at later, when
    /// all headers are known to be whole.
    pub(crate) fn check_links_lead_inside(&self, index: Index, words: u32) -> Checked {
        if words < MIN_BLOCK_WORDS {
            return Ok(());
        }
        let (node, bin) = (node_of(index, words), bin_of(words));
        let (next, previous) = (self.link_at(node), self.link_at(node + 1));
        let inside = self.first()..self.end();
        if next != 0 && !inside.contains(&next) {
            return Err(broken(CorruptionKind::Link, node, bin, next));
        }
        let head = control::HEADS + bin;
        if previous != head && !inside.contains(&previous) {
            return Err(broken(CorruptionKind::Link, node + 1, head, previous));
        }
        Ok(())
    }

    /// Checks that the link at `previous` leads to a node of the list, and that leads back. If it
    /// does not: the link back is wrong, unless it leads to where the node is linked too; then it
    /// was the link to it.
    pub(crate) fn check_link(&self, previous: u32, node: u32, bin: u32) -> Checked {
        if !self.is_in_list(node, bin) {
            return Err(broken(CorruptionKind::Link, previous, bin, node));
        }
        let back = self.link_at(node + 1);
        if back == previous {
            return Ok(());
        }
        let is_linked_there = self.is_link(back) && self.link_at(back) == node;
        Err(if is_linked_there {
            broken(CorruptionKind::Link, previous, bin, node)
        } else {
            broken(CorruptionKind::Link, node + 1, previous, back)
        })
    }

    /// Returns whether a link leads to the node of a free block of list `bin`.
    pub(crate) fn is_in_list(&self, node: u32, bin: u32) -> bool {
        if node == 0 {
            return false;
        }
        let block = block_of(node, bin);
        if !(self.first()..self.end() - 1).contains(&block) {
            return false;
        }
        let header = self.header(block);
        header.is_free() && bin_of(header.words().max(1)) == bin
    }

    /// Returns the last list that has a head.
    pub(crate) fn last_list(&self) -> u32 {
        bin_of(self.end().saturating_sub(self.first()).max(1)).min(MAP_WORDS * 32 - 1)
    }

    /// The head of a list, and its bit.
    pub(crate) fn check_head(&self, bin: u32) -> Checked {
        let place = control::HEADS + bin;
        let head = self.link_at(place);
        self.check_bit(bin, head != 0)?;
        if head == 0 || self.is_in_list(head, bin) && self.link_at(head + 1) == place {
            return Ok(());
        }
        Err(broken(CorruptionKind::Link, place, bin, head))
    }

    /// What no list has: the bits of lists that do not exist, and the word between heads and
    /// blocks, if there is one.
    pub(crate) fn check_unused_lists(&self) -> Checked {
        let last = self.last_list();
        for word in 0..MAP_WORDS {
            let exist = bits_from(word, MIN_BLOCK_WORDS) & !bits_from(word, last + 1);
            self.expect_bits(control::MAP + word, !exist, 0)?;
        }
        let between = control::HEADS + last + 1..self.first();
        between
            .take(1)
            .try_for_each(|word| self.expect(word, CorruptionKind::Link, 0))
    }
}

/// Those bits of a word of the map that belong to `list` or a later one.
const fn bits_from(word: u32, list: u32) -> u32 {
    match list.saturating_sub(word * 32) {
        before @ 0..32 => u32::MAX >> before,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Header, PrevInfo};
    use crate::pool::test::pool;
    use std::vec;

    #[test]
    fn links_of_a_free_block_lead_to_blocks_or_the_head_of_its_own_list() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let (first, end) = (pool.first(), pool.end());
        let words = end - first;
        let (node, head) = (node_of(first, words), control::HEADS + bin_of(words));
        let check = |next, previous| {
            pool.set_link(node, next);
            pool.set_link(node + 1, previous);
            pool.check_links_lead_inside(first, words)
        };
        for next in [0, first, end - 1] {
            assert_eq!(check(next, head), Ok(()), "{next}");
        }
        for previous in [head, first, end - 1] {
            assert_eq!(check(0, previous), Ok(()), "{previous}");
        }
        for next in [1, first - 1, end, end + 1, u32::MAX] {
            let link = broken(CorruptionKind::Link, node, bin_of(words), next);
            assert_eq!(check(next, head), Err(link));
        }
        for previous in [0, head - 1, head + 1, first - 1, end, u32::MAX] {
            if previous != head && previous != first {
                let link = broken(CorruptionKind::Link, node + 1, head, previous);
                assert_eq!(check(0, previous), Err(link));
            }
        }
        assert_eq!(
            pool.check_links_lead_inside(first, MIN_BLOCK_WORDS - 1),
            Ok(())
        );
    }

    #[test]
    fn only_the_node_of_a_free_block_of_the_size_is_in_a_list() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let (first, end) = (pool.first(), pool.end());
        let words = end - first;
        let (node, bin) = (node_of(first, words), bin_of(words));
        assert!(pool.is_in_list(node, bin));
        let others = [0, node - 1, node + 1, end - 1, end, end + 1, u32::MAX];
        assert!(others.iter().all(|&other| !pool.is_in_list(other, bin)));
        assert!(!pool.is_in_list(node, bin - 1) && !pool.is_in_list(node, bin + 1));
        // The sentinel is no block, whatever it says.
        pool.set_header(end - 1, Header::free(1));
        assert!(!pool.is_in_list(node_of(end - 1, 1), bin_of(1)));
        pool.set_header(first, Header::used(words, PrevInfo::USED));
        assert!(!pool.is_in_list(node, bin));
    }

    #[test]
    fn the_head_of_a_list_leads_to_a_node_of_it_that_leads_back_to_the_head() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let (first, end) = (pool.first(), pool.end());
        let words = end - first;
        let (node, bin) = (node_of(first, words), bin_of(words));
        let head = control::HEADS + bin;
        assert_eq!(pool.check_head(bin), Ok(()));
        let link = |found| Err(broken(CorruptionKind::Link, head, bin, found));
        // The node has another one in front.
        pool.set_link(node + 1, node + 20);
        assert_eq!(pool.check_head(bin), link(node));
        // What the head leads to leads back, but is no free block.
        pool.set_link(node + 1, head);
        pool.set_link(head, node + 7);
        pool.set_link(node + 8, head);
        assert_eq!(pool.check_head(bin), link(node + 7));
        pool.set_link(head, node);
        assert_eq!(pool.check_head(bin), Ok(()));
        pool.set_link(head, 0);
        assert!(pool.check_head(bin).is_err(), "the list has its bit");
    }

    #[test]
    fn the_first_block_is_where_construction_put_it_and_nowhere_else() {
        let mut words = vec![0; 100];
        let pool = pool(&mut words);
        let first = pool.first();
        assert_eq!(pool.check_first(), Ok(()));
        for other in [0, first - 1, first + 1, pool.end()] {
            pool.set(control::FIRST, other);
            let moved = broken(CorruptionKind::Header, control::FIRST, first, other);
            assert_eq!(pool.check_first(), Err(moved));
        }
    }

    #[test]
    fn the_first_list_has_the_highest_bit() {
        assert_eq!(
            [0, 2, 31, 32, 40].map(|list| bits_from(0, list)),
            [!0, !0 >> 2, 1, 0, 0]
        );
        assert_eq!(
            [0, 2, 32, 33, 64].map(|list| bits_from(1, list)),
            [!0, !0, !0, !0 >> 1, 0]
        );
    }
}
