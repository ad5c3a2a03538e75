//! Causes of a refusal, as far as the replayed heaps show.
//!
//! ```text
//!   no heap of that kind is that large                                   never fitted
//!   what is free would do, some blocks lie in between, and they are few  fragmented    │ hole │pin│ hole │
//!   less is free than would do, or much would have to go                 used up
//!   a free block is large enough                                         withheld: a reserve, alignment
//! ```

use std::collections::BTreeMap;

use serde::Serialize;
use soc_regions::Caps;

use super::live::{Live, LiveBlock};
use super::timeline::{self, HEADER_BYTES};
use crate::history::{HeapDescription, History};
use crate::simulate::cells;
use crate::summary::{bytes, grouped};

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum RefusalCause {
    /// Which heaps there are is not known.
    Unknown,
    /// No heap with these capabilities is that large.
    NeverFitted {
        /// The size of the largest heap that has them; `None`: no heap has.
        largest_heap: Option<u32>,
    },
    /// Memory is in use.
    UsedUp {
        /// What there is.
        space: Space,
        /// Its owner.
        holders: Holders,
        /// The blocks beside the larger holes.
        beside: Vec<AdjacentBlock>,
    },
    /// Memory is free, in pieces.
    Fragmented {
        /// What there is.
        space: Space,
        /// What lies between the pieces.
        pin: Pin,
        /// Owners of the rest.
        holders: Holders,
    },
    /// A free block is large enough.
    Withheld {
        /// What there is.
        space: Space,
    },
}

/// The heaps that can serve a request, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Space {
    /// Their sizes.
    pub size: u64,
    /// What is free in them.
    pub free: u64,
    /// Their largest free block.
    pub largest: u32,
}

/// A block in use beside a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AdjacentBlock {
    /// The block.
    pub block: LiveBlock,
    /// The free one's size.
    pub hole: u32,
}

/// Owners of the memory of some heaps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Holders {
    /// Bytes in use.
    pub used: u64,
    /// Owners with what they have, the largest share first.
    pub owners: Vec<(u8, u64)>,
    /// Sites of the first owner with what they have, the largest share first.
    pub sites: Vec<(usize, u64)>,
    /// Sites of all owners, the largest share first.
    pub all_sites: Vec<(usize, u64)>,
}

/// A block that lies between two free ones, which would do without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// The block; of several the oldest.
    pub block: LiveBlock,
    /// How many lie there.
    pub blocks: usize,
    /// What they take.
    pub bytes: u64,
    /// The free block beside it.
    pub hole: u32,
    /// The free block that there would be without them.
    pub without: u32,
}

/// Memory is in pieces if this many halves of the request are free, or half of the heaps, …
const ENOUGH_HALVES: u64 = 3;
/// … what lies between is at most this part of it, …
const PIN_PART: u64 = 2;
/// … and so is on both sides: without it at least this part of the request is free beside the
/// largest piece.
const OTHER_PART: u64 = 4;

/// Returns whether a heap is large enough for it, empty or not.
pub(crate) fn fits_a_heap(history: &History, size: u32, caps: Caps) -> bool {
    let mut serving = history.heaps.iter().filter(|heap| heap.caps.contains(caps));
    serving.any(|heap| size.saturating_add(HEADER_BYTES) <= heap.size)
}

/// Returns why a request for `size` bytes with `caps` was refused. O(blocks).
pub(super) fn cause(history: &History, live: &Live, size: u32, caps: Caps) -> RefusalCause {
    if history.heaps.is_empty() {
        return RefusalCause::Unknown;
    }
    let serving: Vec<&HeapDescription> = history
        .heaps
        .iter()
        .filter(|heap| heap.caps.contains(caps))
        .collect();
    let largest_heap = serving.iter().map(|heap| heap.size).max();
    if !fits_a_heap(history, size, caps) {
        return RefusalCause::NeverFitted { largest_heap };
    }
    let space = space(&serving, live);
    if space.largest >= size.saturating_add(size / 16).saturating_add(64) {
        return RefusalCause::Withheld { space };
    }
    let is_free = space.free * 2 >= u64::from(size) * ENOUGH_HALVES || space.is_mostly_free();
    let pins = serving.iter().filter_map(|heap| pin(heap, live, size));
    let pin = pins
        .min_by_key(|pin| pin.bytes)
        .filter(|pin| pin.bytes * PIN_PART <= u64::from(size));
    let holders = holders(&serving, live);
    match pin.filter(|_| is_free) {
        Some(pin) => RefusalCause::Fragmented {
            space,
            pin,
            holders,
        },
        None => RefusalCause::UsedUp {
            space,
            holders,
            beside: serving
                .iter()
                .flat_map(|heap| beside(heap, live, size))
                .collect(),
        },
    }
}

/// Returns what is free in these heaps, but for what they keep for themselves.
fn space(serving: &[&HeapDescription], live: &Live) -> Space {
    let mut space = Space::default();
    for heap in serving {
        space.size += u64::from(heap.size);
        for size in free_blocks(heap, live) {
            space.free += u64::from(size);
            space.largest = space.largest.max(size);
        }
    }
    space
}

/// Sizes of the free blocks. In front of its first block a heap has lists and counters of its own,
/// which nobody tells: what is free there and no larger is not counted.
fn free_blocks(heap: &HeapDescription, live: &Live) -> Vec<u32> {
    /// ESP-IDF's heaps have up to 3.2 KB, ours less.
    const MOST_BOOKKEEPING: u32 = 3584;
    let layout = timeline::laid_out(heap, live);
    let is_bookkeeping = |place: usize, block: &cells::HeapBlock| {
        place == 0 && layout.len() > 1 && block.bytes <= MOST_BOOKKEEPING
    };
    let blocks = layout.iter().enumerate();
    let free = blocks.filter(|(place, block)| !block.used && !is_bookkeeping(*place, block));
    free.map(|(_, block)| block.size).collect()
}

fn holders(serving: &[&HeapDescription], live: &Live) -> Holders {
    let blocks = || serving.iter().flat_map(|heap| live.within(heap));
    let owners = largest_first(blocks().map(|block| (block.owner, block.size)));
    let first = owners.first().map(|(owner, _)| *owner);
    let of_first = blocks().filter(|block| Some(block.owner) == first);
    Holders {
        used: owners.iter().map(|(_, bytes)| bytes).sum(),
        sites: largest_first(of_first.map(|block| (block.site, block.size))),
        all_sites: largest_first(blocks().map(|block| (block.site, block.size))),
        owners,
    }
}

fn largest_first<K: Ord + Copy>(shares: impl Iterator<Item = (K, u32)>) -> Vec<(K, u64)> {
    let mut sums: BTreeMap<K, u64> = BTreeMap::new();
    for (key, bytes) in shares {
        *sums.entry(key).or_default() += u64::from(bytes);
    }
    let mut sums: Vec<(K, u64)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    sums
}

/// Returns the stretch of a heap that would serve the request if the fewest bytes had to go.
/// O(blocks).
fn pin(heap: &HeapDescription, live: &Live, size: u32) -> Option<Pin> {
    let layout = timeline::laid_out(heap, live);
    let needed = u64::from(size) + u64::from(HEADER_BYTES);
    let (mut start, mut stretch, mut used) = (0, 0_u64, 0_u64);
    let mut best: Option<(u64, usize, usize, u64)> = None;
    for (end, block) in layout.iter().enumerate() {
        stretch += u64::from(block.bytes);
        used += if block.used {
            u64::from(block.bytes)
        } else {
            0
        };
        while let Some(first) = layout.get(start)
            && stretch - u64::from(first.bytes) >= needed
        {
            stretch -= u64::from(first.bytes);
            used -= if first.used {
                u64::from(first.bytes)
            } else {
                0
            };
            start += 1;
        }
        let is_better = used > 0 && best.is_none_or(|(bytes, ..)| used < bytes);
        if stretch >= needed && is_better && is_free_on_both_sides(layout.get(start..=end)?, size) {
            best = Some((used, start, end, stretch));
        }
    }
    let (_, start, end, stretch) = best?;
    let within = layout.get(start..=end)?;
    let blocks = || {
        within
            .iter()
            .filter(|block| block.used)
            .filter_map(|block| live.at(heap.start.wrapping_add(block.payload)))
    };
    let hole = within
        .iter()
        .filter(|block| !block.used)
        .map(|block| block.size)
        .max();
    Some(Pin {
        block: *blocks().min_by_key(|block| block.allocated_at)?,
        blocks: blocks().count(),
        bytes: blocks().map(|block| u64::from(block.size)).sum(),
        hole: hole.unwrap_or(0),
        without: u32::try_from(stretch)
            .unwrap_or(u32::MAX)
            .saturating_sub(HEADER_BYTES),
    })
}

/// Returns the blocks beside holes that are a good part of the request.
fn beside(heap: &HeapDescription, live: &Live, size: u32) -> Vec<AdjacentBlock> {
    let layout = timeline::laid_out(heap, live);
    let pairs = layout.windows(2).filter_map(|pair| match pair {
        [used, hole] | [hole, used] if used.used && !hole.used => Some((used, hole)),
        _ => None,
    });
    let large = pairs.filter(|(_, hole)| u64::from(hole.size) * OTHER_PART >= u64::from(size));
    large
        .filter_map(|(used, hole)| {
            Some(AdjacentBlock {
                block: *live.at(heap.start.wrapping_add(used.payload))?,
                hole: hole.size,
            })
        })
        .collect()
}

fn is_free_on_both_sides(stretch: &[cells::HeapBlock], size: u32) -> bool {
    let free = || {
        stretch
            .iter()
            .filter(|block| !block.used)
            .map(|block| u64::from(block.bytes))
    };
    let beside = free().sum::<u64>() - free().max().unwrap_or(0);
    beside * OTHER_PART >= u64::from(size)
}

impl Space {
    /// Returns whether at least half of it is free.
    pub(crate) const fn is_mostly_free(&self) -> bool {
        self.free * 2 >= self.size
    }
}

impl RefusalCause {
    /// Returns the cause in a sentence with its figures.
    #[must_use]
    pub fn sentence(&self, caps: Caps) -> String {
        let held = |space: &Space| {
            let Space { free, largest, .. } = space;
            format!(
                "{} are free in the heaps that can serve it, the largest block has {}",
                bytes(*free),
                grouped((*largest).into())
            )
        };
        match self {
            RefusalCause::Unknown => "the heaps are unknown".to_owned(),
            RefusalCause::NeverFitted { largest_heap: None } => format!("no heap has {caps}"),
            RefusalCause::NeverFitted {
                largest_heap: Some(largest),
            } => format!(
                "no heap is that large: the largest with {caps} has {}",
                bytes((*largest).into())
            ),
            RefusalCause::UsedUp { space, beside, .. } if beside.is_empty() => {
                format!("too little memory: {} (rebuilt)", held(space))
            }
            RefusalCause::UsedUp { space, .. } => {
                format!("no free block is that large: {} (rebuilt)", held(space))
            }
            RefusalCause::Fragmented { space, .. } => {
                format!("fragmented: {} (rebuilt)", held(space))
            }
            RefusalCause::Withheld { space } => {
                format!(
                    "{} (rebuilt): a reserve, bookkeeping or alignment takes the rest",
                    held(space)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, TimedEvent};

    const HEAP: u32 = 0x3FFB_0000;

    /// One heap of 10,000 bytes with these blocks: offset, size, owner, site.
    fn laid_out(blocks: &[(u32, u32, u8, usize)]) -> (History, Live) {
        let history = History {
            heaps: vec![HeapDescription {
                index: 0,
                start: HEAP,
                size: 10_000,
                caps: Caps::DMA,
                name: "DRAM".to_owned(),
            }],
            ..History::default()
        };
        let mut live = Live::new();
        for (number, &(offset, size, owner, site)) in blocks.iter().enumerate() {
            let event = Event::Allocated {
                address: HEAP + offset,
                size,
                site,
                owner,
            };
            live.apply(number, &TimedEvent { ticks: 0, event });
        }
        (history, live)
    }

    fn cause_of(blocks: &[(u32, u32, u8, usize)], size: u32) -> RefusalCause {
        let (history, live) = laid_out(blocks);
        cause(&history, &live, size, Caps::DMA)
    }

    #[test]
    fn a_small_block_between_two_holes_pins_them() {
        let RefusalCause::Fragmented { space, pin, .. } = cause_of(
            &[(4, 996, 1, 1), (4004, 40, 2, 2), (7004, 2996, 1, 1)],
            3500,
        ) else {
            panic!()
        };
        assert_eq!(
            (space.largest, pin.block.owner, pin.blocks, pin.bytes),
            (2996, 2, 1, 40)
        );
        assert_eq!((pin.hole, pin.without), (2996, 5996));
    }

    #[test]
    fn a_little_more_free_than_was_asked_for_is_used_up_not_fragmented() {
        let full = [(4, 4000, 1, 1), (4100, 4000, 1, 1), (8200, 600, 2, 2)];
        let RefusalCause::UsedUp { space, holders, .. } = cause_of(&full, 1250) else {
            panic!()
        };
        assert!(space.free > 1250, "{space:?}");
        assert_eq!(holders.owners, [(1, 8000), (2, 600)]);
        assert_eq!((holders.used, holders.sites[0]), (8600, (1, 8000)));
    }

    #[test]
    fn what_no_heap_can_have_never_fitted() {
        assert_eq!(
            cause_of(&[], 20_000),
            RefusalCause::NeverFitted {
                largest_heap: Some(10_000)
            }
        );
        let (history, live) = laid_out(&[]);
        assert_eq!(
            cause(&history, &live, 8, Caps::EXEC),
            RefusalCause::NeverFitted { largest_heap: None }
        );
        assert_eq!(
            cause(&History::default(), &live, 8, Caps::EXEC),
            RefusalCause::Unknown
        );
    }

    /// A small request was "withheld" in every full heap: what the heap keeps in front of its first
    /// block looks free.
    #[test]
    fn what_a_heap_keeps_for_itself_is_no_free_block() {
        let full = [(472, 8000, 1, 1), (8476, 1524, 2, 2)];
        let RefusalCause::UsedUp { space, holders, .. } = cause_of(&full, 32) else {
            panic!("{:?}", cause_of(&full, 32));
        };
        assert_eq!((space.free, space.largest, holders.used), (0, 0, 9524));
        let with_room = [(472, 8000, 1, 1)];
        assert!(matches!(
            cause_of(&with_room, 32),
            RefusalCause::Withheld { .. }
        ));
    }

    #[test]
    fn where_a_free_block_is_large_enough_something_else_withholds_it() {
        assert!(matches!(
            cause_of(&[(4, 96, 1, 1)], 4000),
            RefusalCause::Withheld { .. }
        ));
    }
}
