//! The blocks that are live after the events so far.
//!
//! ```text
//!   blocks, by address    │ 0x3FFB_0010  96 B │ 0x3FFB_0080  16 B │ …         they never overlap
//! ```
//!
//! What a stream lost is noticed here: a free of a block that nobody has seen, a block that comes
//! where another one is.

use std::collections::BTreeMap;

use crate::history::{Event, HeapDescription, TimedEvent};

/// A block that is or was live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct LiveBlock {
    /// Its address.
    pub address: u32,
    /// Bytes asked for.
    pub size: u32,
    /// Where it was allocated or resized last, an index of [`crate::History::sites`].
    pub site: usize,
    /// On whose behalf.
    pub owner: u8,
    /// Number of the event that allocated it; resizing keeps it.
    pub allocated_at: usize,
    /// When that was.
    pub allocated_ticks: u64,
}

impl LiveBlock {
    /// Returns the first address behind the payload, 0 bytes counted as 1.
    fn end(&self) -> u64 {
        u64::from(self.address) + u64::from(self.size.max(1))
    }
}

/// What an event did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A block was allocated, or resized that nobody had seen before.
    Came(LiveBlock),
    /// A block was freed.
    Went(LiveBlock),
    /// A block was resized, at the same place or another.
    Moved {
        /// What it was.
        from: LiveBlock,
        /// What it is.
        to: LiveBlock,
    },
    /// A block came where others are: their frees were not seen.
    Displaced {
        /// What it was before, if it was resized.
        from: Option<LiveBlock>,
        /// What it is.
        to: LiveBlock,
        /// Those that must have gone before.
        lost: Vec<LiveBlock>,
    },
    /// The program restarted: these are gone.
    Cleared(Vec<LiveBlock>),
}

impl Change {
    /// Returns what is live now and was not before.
    #[must_use]
    pub fn came(&self) -> Option<&LiveBlock> {
        match self {
            Change::Came(block)
            | Change::Moved { to: block, .. }
            | Change::Displaced { to: block, .. } => Some(block),
            Change::Went(_) | Change::Cleared(_) => None,
        }
    }

    /// Returns what was live before and is not now. With [`Change::came`]: all that an account
    /// needs.
    pub fn went(&self) -> impl Iterator<Item = &LiveBlock> {
        let (one, many): (Option<&LiveBlock>, &[LiveBlock]) = match self {
            Change::Came(_) => (None, &[]),
            Change::Went(block) | Change::Moved { from: block, .. } => (Some(block), &[]),
            Change::Displaced { from, lost, .. } => (from.as_ref(), lost),
            Change::Cleared(blocks) => (None, blocks),
        };
        one.into_iter().chain(many)
    }
}

/// The blocks that are live after the events so far. O(log n) an event.
///
/// Invariants: blocks never overlap; `bytes` is the sum of their sizes.
#[derive(Debug, Clone, Default)]
pub struct Live {
    blocks: BTreeMap<u32, LiveBlock>,
    bytes: u64,
    unknown_frees: u64,
    lost_frees: u64,
}

impl Live {
    /// No block is live.
    #[must_use]
    pub fn new() -> Live {
        Live::default()
    }

    /// Follows event `number`. `None`: nobody came or went (a mark, a failure, a free of a block
    /// that nobody has seen).
    pub fn apply(&mut self, number: usize, timed: &TimedEvent) -> Option<Change> {
        let allocated_at = |address, size, site, owner| LiveBlock {
            address,
            size,
            site,
            owner,
            allocated_at: number,
            allocated_ticks: timed.ticks,
        };
        match timed.event {
            Event::Allocated {
                address,
                size,
                site,
                owner,
            } => Some(self.enter(None, allocated_at(address, size, site, owner))),
            Event::Freed { address } => self.known(address).map(Change::Went),
            Event::Resized {
                old_address,
                address,
                size,
                site,
                owner,
            } => {
                let from = self.known(old_address);
                let to = allocated_at(address, size, site, owner);
                Some(self.enter(from, to.as_old_as(from)))
            }
            Event::Restarted => Some(self.clear()),
            Event::Failed { .. }
            | Event::Dropped { .. }
            | Event::Mark { .. }
            | Event::Pressure { .. } => None,
        }
    }

    /// Returns the blocks that are live, by address.
    pub fn blocks(&self) -> impl Iterator<Item = &LiveBlock> {
        self.blocks.values()
    }

    /// Those of a heap.
    pub fn within(&self, heap: &HeapDescription) -> impl Iterator<Item = &LiveBlock> {
        let heap = heap.clone();
        let from = self.blocks.range(heap.start..);
        from.map(|(_, block)| block)
            .take_while(move |block| heap.contains(block.address))
    }

    /// Returns the block that begins at `address`.
    #[must_use]
    pub fn at(&self, address: u32) -> Option<&LiveBlock> {
        self.blocks.get(&address)
    }

    /// Returns the bytes asked for that are live.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the blocks that are live.
    #[must_use]
    pub fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Frees and resizes so far of blocks that nobody had seen.
    #[must_use]
    pub fn unknown_frees(&self) -> u64 {
        self.unknown_frees
    }

    /// Returns the blocks so far that went unseen: others came where they were.
    #[must_use]
    pub fn lost_frees(&self) -> u64 {
        self.lost_frees
    }

    /// Removes the block at `address`, which an event says is there.
    fn known(&mut self, address: u32) -> Option<LiveBlock> {
        let block = self.remove(address);
        self.unknown_frees += u64::from(block.is_none());
        block
    }

    fn remove(&mut self, address: u32) -> Option<LiveBlock> {
        let block = self.blocks.remove(&address)?;
        self.bytes -= u64::from(block.size);
        Some(block)
    }

    /// Puts a block in that was `from` before, and takes out those that lie where it comes.
    fn enter(&mut self, from: Option<LiveBlock>, to: LiveBlock) -> Change {
        let lost = self.remove_overlapping(&to);
        self.blocks.insert(to.address, to);
        self.bytes += u64::from(to.size);
        match from {
            _ if !lost.is_empty() => Change::Displaced { from, to, lost },
            Some(from) => Change::Moved { from, to },
            None => Change::Came(to),
        }
    }

    fn remove_overlapping(&mut self, block: &LiveBlock) -> Vec<LiveBlock> {
        let below_end = |address: u32| u64::from(address) < block.end();
        let before = self.blocks.range(..block.address).next_back();
        let reaching_in = before.filter(|(_, left)| left.end() > u64::from(block.address));
        let inside = self
            .blocks
            .range(block.address..)
            .take_while(|(address, _)| below_end(**address));
        let overlapping: Vec<u32> = reaching_in
            .into_iter()
            .chain(inside)
            .map(|(address, _)| *address)
            .collect();
        self.lost_frees += overlapping.len() as u64;
        overlapping
            .into_iter()
            .filter_map(|address| self.remove(address))
            .collect()
    }

    fn clear(&mut self) -> Change {
        self.bytes = 0;
        Change::Cleared(std::mem::take(&mut self.blocks).into_values().collect())
    }
}

impl LiveBlock {
    fn as_old_as(self, other: Option<LiveBlock>) -> LiveBlock {
        match other {
            Some(LiveBlock {
                allocated_at,
                allocated_ticks,
                ..
            }) => LiveBlock {
                allocated_at,
                allocated_ticks,
                ..self
            },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(ticks: u64, event: Event) -> TimedEvent {
        TimedEvent { ticks, event }
    }

    fn allocated(address: u32, size: u32) -> Event {
        Event::Allocated {
            address,
            size,
            site: 1,
            owner: 2,
        }
    }

    fn resized(old_address: u32, address: u32, size: u32) -> Event {
        Event::Resized {
            old_address,
            address,
            size,
            site: 3,
            owner: 2,
        }
    }

    fn listed(live: &Live) -> Vec<(u32, u32)> {
        live.blocks()
            .map(|block| (block.address, block.size))
            .collect()
    }

    fn follow(events: &[Event]) -> (Live, Vec<Option<Change>>) {
        let mut live = Live::new();
        let changes = events.iter().enumerate();
        let changes = changes
            .map(|(number, event)| live.apply(number, &timed(number as u64 * 10, event.clone())))
            .collect();
        (live, changes)
    }

    #[test]
    fn blocks_come_and_go() {
        let (live, changes) = follow(&[
            allocated(0x100, 96),
            allocated(0x200, 8),
            Event::Freed { address: 0x100 },
        ]);
        assert_eq!(listed(&live), [(0x200, 8)]);
        assert_eq!((live.bytes(), live.count()), (8, 1));
        let Some(Change::Went(gone)) = &changes[2] else {
            panic!("{changes:?}")
        };
        assert_eq!(
            (
                gone.address,
                gone.site,
                gone.owner,
                gone.allocated_at,
                gone.allocated_ticks
            ),
            (0x100, 1, 2, 0, 0)
        );
    }

    #[test]
    fn a_block_that_is_resized_keeps_its_age_and_has_a_new_site() {
        let (live, changes) = follow(&[
            Event::Mark {
                name: "boot".into(),
            },
            allocated(0x100, 96),
            resized(0x100, 0x300, 200),
        ]);
        let block = live.at(0x300).unwrap();
        assert_eq!(
            (
                block.size,
                block.site,
                block.allocated_at,
                block.allocated_ticks
            ),
            (200, 3, 1, 10)
        );
        assert!(matches!(changes[2], Some(Change::Moved { .. })));
        assert_eq!(live.bytes(), 200);
    }

    #[test]
    fn a_block_may_grow_over_its_own_place() {
        let (live, changes) = follow(&[allocated(0x100, 96), resized(0x100, 0xF0, 200)]);
        assert_eq!(listed(&live), [(0xF0, 200)]);
        assert!(
            matches!(changes[1], Some(Change::Moved { .. })),
            "{changes:?}"
        );
    }

    #[test]
    fn frees_of_blocks_that_nobody_has_seen_are_counted() {
        let (live, changes) = follow(&[Event::Freed { address: 0x100 }, resized(0x200, 0x300, 8)]);
        assert_eq!((live.unknown_frees(), changes[0].clone()), (2, None));
        assert_eq!(listed(&live), [(0x300, 8)]);
    }

    #[test]
    fn a_block_that_comes_where_others_are_shows_that_they_went() {
        let (live, changes) = follow(&[
            allocated(0x100, 16),
            allocated(0x110, 16),
            allocated(0x120, 16),
            allocated(0x130, 16),
            allocated(0x10C, 0x18),
        ]);
        assert_eq!(listed(&live), [(0x10C, 0x18), (0x130, 16)]);
        assert_eq!((live.lost_frees(), live.bytes()), (3, 0x28));
        let change = changes[4].clone().unwrap();
        assert_eq!(
            (
                change.came().map(|block| block.address),
                change.went().count()
            ),
            (Some(0x10C), 3)
        );
    }

    #[test]
    fn a_program_that_restarts_has_nothing() {
        let (live, changes) =
            follow(&[allocated(0x100, 16), allocated(0x200, 16), Event::Restarted]);
        assert_eq!((live.bytes(), live.count(), live.lost_frees()), (0, 0, 0));
        assert_eq!(
            changes[2].as_ref().map(|change| change.went().count()),
            Some(2)
        );
    }

    #[test]
    fn the_last_address_of_all_is_no_overflow() {
        let (live, _) = follow(&[allocated(0xFFFF_FFFC, u32::MAX), allocated(0xFFFF_FFFC, 4)]);
        assert_eq!(listed(&live), [(0xFFFF_FFFC, 4)]);
    }
}
