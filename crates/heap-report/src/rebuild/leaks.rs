//! Who never gave back what it took, the likeliest leak first?
//!
//! What is alive at the end is no leak yet: tables, buffers, connections live as long as the program. What tells them apart is that a leak's *floor* rises:
//!
//! ```text
//!   blocks of a site      ╭╮   ╭╮╭╮ ╭─           a cache: now more, now fewer, the floor stays
//!                      ╭──╯╰───╯╰╯╰─╯
//!                      │ 1st │ 2nd │ 3rd │ 4th quarter of its time
//!                                       ╭──╯     a leak: the least that it has in a quarter is more than the quarter before
//!                          ╭────╭╮─────╯╰
//!                      ╭───╯────╯╰
//! ```

use serde::Serialize;

use super::live::{Block, Change, Live};
use super::{Account, Rebuilt};
use crate::history::{History, Source};

/// What a site has at the end and never gave back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// The site, an index of [`History::sites`].
    pub site: usize,
    /// Its account.
    pub account: Account,
    /// Number of the event that allocated its oldest block.
    pub oldest: usize,
    /// When that was.
    pub oldest_ticks: u64,
    /// How steadily its floor rose: from 0 (not at all, or it fell) to 1 (from each quarter of its time to the next).
    pub growth: f64,
    /// Whether it is a suspect: its floor rose at least twice and never fell, or it is in a dump of what was not freed.
    pub suspect: bool,
}

/// Parts of a site's time.
const PARTS: usize = 4;
/// A floor rises if it does by this part of what the site goes up and down by.
const NOTICEABLE: u64 = 10;

/// The least that a site has in each part.
#[derive(Debug, Clone, Copy)]
struct Floor {
    /// Number of the event of its first block.
    since: usize,
    part: usize,
    blocks: [u64; PARTS],
    bytes: [u64; PARTS],
    /// Most blocks and bytes at once.
    most: (u64, u64),
}

pub(super) fn suspects(rebuilt: &Rebuilt, history: &History) -> Vec<Leak> {
    let floors = floors(history);
    let leak =
        |(site, floor): (usize, &Option<Floor>)| leak(rebuilt, history, site, floor.as_ref());
    let mut leaks: Vec<Leak> = floors.iter().enumerate().filter_map(leak).collect();
    leaks.sort_by_key(|leak| {
        (
            std::cmp::Reverse((leak.suspect, leak.account.bytes)),
            leak.oldest,
        )
    });
    leaks
}

/// `None` for a site that has nothing at the end.
fn leak(rebuilt: &Rebuilt, history: &History, site: usize, floor: Option<&Floor>) -> Option<Leak> {
    let account = *rebuilt.sites.get(site)?;
    let of_site = rebuilt.alive.iter().filter(|block| block.site == site);
    let oldest = of_site.min_by_key(|block| block.born)?;
    let growth = floor.map_or(0.0, Floor::growth);
    Some(Leak {
        site,
        account,
        oldest: oldest.born,
        oldest_ticks: oldest.born_ticks,
        growth,
        suspect: growth > 0.5 || history.source == Source::Dump,
    })
}

/// The floors of all sites, by number; `None` for those that never had a block.
fn floors(history: &History) -> Vec<Option<Floor>> {
    let mut follower = Follower {
        now: vec![(0, 0); history.sites.len()],
        floors: vec![None; history.sites.len()],
        end: history.events.len(),
    };
    let mut live = Live::new();
    for (number, moment) in history.events.iter().enumerate() {
        if let Some(change) = live.apply(number, moment) {
            follower.follow(number, &change);
        }
    }
    follower.finish()
}

/// Every site's blocks and bytes as they change, and its floors.
struct Follower {
    now: Vec<(u64, u64)>,
    floors: Vec<Option<Floor>>,
    end: usize,
}

impl Follower {
    /// A block that is resized does not go in between.
    fn follow(&mut self, number: usize, change: &Change) {
        let went = change.went().map(|block| (block, -1));
        let came = change.came().map(|block| (block, 1));
        for (block, sign) in went.chain(came) {
            if let (Some(floor), Some(now)) = (
                self.floors.get_mut(block.site),
                self.now.get_mut(block.site),
            ) {
                floor
                    .get_or_insert_with(|| Floor::since(number))
                    .pass_to(number, self.end, *now);
                add(now, block, sign);
            }
        }
        for block in change.went().chain(change.came()) {
            if let (Some(Some(floor)), Some(now)) =
                (self.floors.get_mut(block.site), self.now.get(block.site))
            {
                floor.note(*now);
            }
        }
    }

    fn finish(mut self) -> Vec<Option<Floor>> {
        for (floor, now) in self.floors.iter_mut().zip(self.now) {
            if let Some(floor) = floor {
                floor.pass_to(self.end, self.end, now);
            }
        }
        self.floors
    }
}

fn add((blocks, bytes): &mut (u64, u64), block: &Block, sign: i64) {
    *blocks = blocks.wrapping_add_signed(sign);
    *bytes = bytes.wrapping_add_signed(sign * i64::from(block.size));
}

impl Floor {
    fn since(since: usize) -> Floor {
        Floor {
            since,
            part: 0,
            blocks: [u64::MAX; PARTS],
            bytes: [u64::MAX; PARTS],
            most: (0, 0),
        }
    }

    /// Until event `number` of `end` the site has what it has `now`.
    fn pass_to(&mut self, number: usize, end: usize, now: (u64, u64)) {
        let time = (end - self.since).max(1);
        let part = ((number - self.since) * PARTS / time).min(PARTS - 1);
        while self.part < part {
            self.note(now);
            self.part += 1;
            self.note(now);
        }
    }

    fn note(&mut self, (blocks, bytes): (u64, u64)) {
        self.most = (self.most.0.max(blocks), self.most.1.max(bytes));
        if let (Some(least_blocks), Some(least_bytes)) = (
            self.blocks.get_mut(self.part),
            self.bytes.get_mut(self.part),
        ) {
            *least_blocks = blocks.min(*least_blocks);
            *least_bytes = bytes.min(*least_bytes);
        }
    }

    /// Blocks count; a single block that becomes larger and larger counts if it did so in every part.
    fn growth(&self) -> f64 {
        let (blocks, bytes) = (
            rises(&self.blocks, self.most.0),
            rises(&self.bytes, self.most.1),
        );
        if blocks == 0.0 && bytes < 1.0 {
            0.0
        } else {
            blocks.max(bytes)
        }
    }
}

/// Which share of the steps from one part to the next leads up so far that it is no chance; 0 if one leads down.
#[expect(clippy::cast_precision_loss, reason = "counts of at most three")]
fn rises(floors: &[u64; PARTS], most: u64) -> f64 {
    let noticeable = (most.saturating_sub(floors[0]) / NOTICEABLE).max(1);
    let steps = || floors.iter().zip(floors.iter().skip(1));
    if steps().any(|(before, after)| after < before) {
        return 0.0;
    }
    let up = steps()
        .filter(|(before, after)| **after >= **before + noticeable)
        .count();
    up as f64 / (PARTS - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, Moment, Site};

    /// What a site does in a round: allocates so many bytes in a slot, or nothing.
    type Part = fn(u32) -> Option<(u32, u32)>;

    /// Each round every site does its part; site n gets 1,000 addresses of its own.
    fn rounds(rounds: u32, sites: &[Part]) -> History {
        let mut history = History::default();
        let mut live: Vec<Vec<Option<u32>>> = vec![vec![None; 1000]; sites.len()];
        history.sites.resize(sites.len() + 1, Site::default());
        for round in 0..rounds {
            for (index, site) in sites.iter().enumerate() {
                let Some((slot, size)) = site(round) else {
                    continue;
                };
                let address = u32::try_from(index).unwrap() * 0x100_0000 + slot * 0x1000;
                let slot = &mut live[index][slot as usize];
                if slot.take().is_some() {
                    history.events.push(Moment {
                        ticks: round.into(),
                        event: Event::Freed { address },
                    });
                }
                let event = Event::Allocated {
                    address,
                    size,
                    site: index + 1,
                    owner: 0,
                };
                history.events.push(Moment {
                    ticks: round.into(),
                    event,
                });
                *slot = Some(size);
            }
        }
        history
    }

    fn suspected(history: &History) -> Vec<usize> {
        let leaks = Rebuilt::of(history).leaks();
        leaks
            .iter()
            .filter(|leak| leak.suspect)
            .map(|leak| leak.site)
            .collect()
    }

    #[test]
    fn what_grows_all_the_time_is_suspected_and_what_stays_is_not() {
        let history = rounds(
            100,
            &[
                |round| Some((round, 16)),                              // 1: a leak
                |round| (round == 3).then_some((0, 5000)),              // 2: a table
                |round| Some((round % 8, 20 + round % 30)),             // 3: the last eight lines
                |round| round.is_multiple_of(7).then_some((round, 48)), // 4: a slow leak
                |round| (round < 20).then_some((round, 100)), // 5: connections of the beginning
            ],
        );
        assert_eq!(suspected(&history), [1, 4]);
    }

    #[test]
    fn who_is_busy_has_something_at_the_end_but_its_floor_stays() {
        let floor = |blocks| Floor {
            blocks,
            bytes: [0; PARTS],
            most: (60, 0),
            ..Floor::since(0)
        };
        assert!(floor([0, 2, 3, 4]).growth() <= 0.0);
        assert!(floor([0, 10, 25, 31]).growth() > 0.5);
    }

    #[test]
    fn a_single_block_that_grows_all_the_time_is_suspected() {
        let history = rounds(
            100,
            &[|round| Some((0, 64 + round * 16)), |_| Some((0, 64))],
        );
        let mut resized = history.clone();
        resized.events = history
            .events
            .iter()
            .enumerate()
            .filter_map(|(number, moment)| match moment.event {
                Event::Allocated {
                    address,
                    size,
                    site,
                    owner,
                } if number > 1 => Some(Moment {
                    ticks: moment.ticks,
                    event: Event::Resized {
                        old_address: address,
                        address,
                        size,
                        site,
                        owner,
                    },
                }),
                Event::Freed { .. } => None,
                _ => Some(moment.clone()),
            })
            .collect();
        assert_eq!(suspected(&resized), [1]);
    }

    #[test]
    fn three_blocks_that_are_never_freed_are_enough() {
        let history = rounds(
            35,
            &[|round| {
                Some(match round % 11 {
                    10 => (round, 120),
                    _ => (0, 120),
                })
            }],
        );
        assert_eq!(suspected(&history), [1]);
    }

    #[test]
    fn suspects_come_first_then_those_with_most_bytes_each_with_its_oldest_block() {
        let history = rounds(
            100,
            &[
                |round| (round == 3).then_some((0, 5000)),
                |round| Some((round, 16)),
                |round| (round == 9).then_some((0, 9000)),
            ],
        );
        let leaks = Rebuilt::of(&history).leaks();
        let told: Vec<_> = leaks
            .iter()
            .map(|leak| (leak.site, leak.account.bytes, leak.oldest_ticks))
            .collect();
        assert_eq!(told, [(2, 1600, 0), (3, 9000, 9), (1, 5000, 3)]);
    }

    #[test]
    fn in_a_dump_of_what_was_not_freed_all_are_suspects() {
        let mut history = rounds(2, &[|round| (round == 0).then_some((0, 100))]);
        assert!(suspected(&history).is_empty());
        history.source = Source::Dump;
        assert_eq!(suspected(&history), [1]);
    }
}
