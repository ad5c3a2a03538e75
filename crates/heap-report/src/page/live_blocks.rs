//! The live blocks at each of the page's samples.
//!
//! ```text
//!   samples    0     1     2     3        a block is written once, with the first sample at which it is live
//!   block a    ├───────────┤              and at how many more; what came and went between two samples
//!   block b          ├───────────┤        is not written at all
//! ```

use std::collections::HashMap;

use serde::Serialize;

use crate::history::History;
use crate::replay::{Live, LiveBlock};

/// Number of blocks (about 25 bytes each) beyond which the page has fewer samples with a map.
const MOST_BLOCKS: usize = 40_000;

/// Blocks in columns, by address; numbers of sites and owners are those of the page.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct LiveBlocks {
    /// The samples of the page that have a map; what follows counts these.
    pub(super) samples: Vec<usize>,
    /// What is added to the address of the block before.
    address: Vec<u32>,
    size: Vec<u32>,
    site: Vec<usize>,
    owner: Vec<usize>,
    /// Number of the event.
    allocated_at: Vec<usize>,
    /// The first sample at which it is live.
    from: Vec<usize>,
    /// At how many samples after that it is live.
    lasts: Vec<usize>,
}

/// The columns of one block.
#[derive(Debug, Clone, Copy)]
struct BlockRow {
    block: LiveBlock,
    from: usize,
    lasts: usize,
}

impl LiveBlocks {
    /// Returns the blocks at the page's samples, which are after `events` each. Samples are left
    /// out until the blocks of the rest are few enough; those of `needed` stay.
    pub(super) fn of(
        history: &History,
        events: &[usize],
        needed: &[usize],
        number: impl Fn(&LiveBlock) -> (usize, usize),
    ) -> LiveBlocks {
        let mut step = 1;
        loop {
            let kept = |sample: &usize| sample.is_multiple_of(step) || needed.contains(sample);
            let samples: Vec<usize> = (0..events.len()).filter(kept).collect();
            let rows = rows(history, events, &samples);
            if rows.len() <= MOST_BLOCKS || step >= events.len() {
                return LiveBlocks::in_columns(samples, rows, number);
            }
            step *= 2;
        }
    }

    fn in_columns(
        samples: Vec<usize>,
        mut rows: Vec<BlockRow>,
        number: impl Fn(&LiveBlock) -> (usize, usize),
    ) -> LiveBlocks {
        rows.sort_by_key(|row| (row.block.address, row.from));
        let mut live = LiveBlocks {
            samples,
            ..LiveBlocks::default()
        };
        let mut before = 0;
        for BlockRow { block, from, lasts } in rows {
            let (site, owner) = number(&block);
            live.address.push(block.address - before);
            live.size.push(block.size);
            live.site.push(site);
            live.owner.push(owner);
            live.allocated_at.push(block.allocated_at);
            live.from.push(from);
            live.lasts.push(lasts);
            before = block.address;
        }
        live
    }
}

/// Follows the history once more, with a stop at each of `samples`.
fn rows(history: &History, events: &[usize], samples: &[usize]) -> Vec<BlockRow> {
    let mut live = Live::new();
    let mut rows: Vec<BlockRow> = Vec::new();
    let mut known: HashMap<(u32, usize, u32), usize> = HashMap::new();
    let mut done = 0;
    for (from, sample) in samples.iter().enumerate() {
        let until = events.get(*sample).copied().unwrap_or(done);
        for number in done..until {
            let Some(event) = history.events.get(number) else {
                break;
            };
            live.apply(number, event);
        }
        done = until.max(done);
        for block in live.blocks() {
            let key = (block.address, block.allocated_at, block.size);
            let at = *known.entry(key).or_insert(rows.len());
            match rows.get_mut(at) {
                Some(row) => row.lasts = from - row.from,
                None => rows.push(BlockRow {
                    block: *block,
                    from,
                    lasts: 0,
                }),
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::LiveBlocks;
    use crate::history::{Event, History, TimedEvent};

    fn history(events: Vec<Event>) -> History {
        let timed = |event| TimedEvent { ticks: 0, event };
        History {
            events: events.into_iter().map(timed).collect(),
            ..History::default()
        }
    }

    fn allocated(address: u32) -> Event {
        Event::Allocated {
            address,
            size: 8,
            site: 0,
            owner: 0,
        }
    }

    #[test]
    fn a_block_is_written_once_with_the_samples_at_which_it_is_live() {
        let freed = Event::Freed { address: 0x100 };
        let history = history(vec![allocated(0x100), allocated(0x120), freed]);
        let live = LiveBlocks::of(&history, &[0, 1, 2, 3], &[], |_| (0, 0));
        assert_eq!(live.samples, [0, 1, 2, 3]);
        assert_eq!(live.address, [0x100, 0x20]);
        assert_eq!((live.from, live.lasts), (vec![1, 2], vec![1, 1]));
    }

    #[test]
    fn a_block_that_is_resized_in_place_is_another_one() {
        let resized = Event::Resized {
            old_address: 0x100,
            address: 0x100,
            size: 4,
            site: 0,
            owner: 0,
        };
        let history = history(vec![allocated(0x100), resized]);
        let live = LiveBlocks::of(&history, &[0, 1, 2], &[], |_| (0, 0));
        assert_eq!(live.size, [8, 4]);
        assert_eq!((live.from, live.lasts), (vec![1, 2], vec![0, 0]));
    }

    #[test]
    fn too_many_blocks_cost_samples_but_not_the_peak_and_the_end() {
        let all = (0..50_000_u32).flat_map(|number| {
            let address = 0x100 + number * 16;
            [allocated(address), Event::Freed { address }]
        });
        let history = history(all.collect());
        let odd: Vec<usize> = (0..50_000).map(|number| number * 2 + 1).collect();
        let live = LiveBlocks::of(&history, &odd, &[12_345, 49_999], |_| (0, 0));
        assert_eq!(live.address.len(), 25_002);
        assert!(live.samples.contains(&12_345) && live.samples.contains(&49_999));
    }
}
