//! Leak suspects: sites that keep more and more, to the end.
//!
//! What is live at the end is no leak yet: tables, buffers, connections live as long as the
//! program. A leak *goes on*:
//!
//! ```text
//!   kept blocks of a site, by the event that allocated them          │ end
//!
//!   |||||                                                            │   a table: at the beginning, and never again
//!   || |  | |  |   | |    |      |                                   │   a cache that warms up: slower and slower, then full
//!   |      |     |      |    |      |       |      |     |      |    │   a leak
//! ```
//! What counts as kept is in [`super::evidence`]: older than nearly all blocks that the same site
//! gave back. A site that gave back blocks of such ages, too, keeps none for certain: a few of its
//! blocks live long.

use serde::Serialize;

use super::Account;
use super::evidence::{Evidence, Retained};
use super::live::{Live, LiveBlock};
use crate::history::Source;

/// What a site has and never freed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// The site, an index of [`History::sites`](crate::History::sites).
    pub site: usize,
    /// Its account.
    pub account: Account,
    /// Number of the event that allocated its oldest block.
    pub oldest: usize,
    /// When that was.
    pub oldest_ticks: u64,
    /// How sure it is that the site leaks.
    pub sure: Confidence,
    /// What it kept beyond what it frees, where it is a suspect.
    pub kept: Growth,
}

impl Leak {
    /// Returns whether it is a suspect.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.sure > Confidence::No
    }
}

/// How sure it is that a site leaks. Where it freed blocks of such ages, too, and the program has
/// not run for much longer, it takes eight times as many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Nothing speaks for it.
    #[default]
    No,
    /// It kept three or four blocks, the last one lately; or it is in a dump of what was not freed.
    Perhaps,
    /// It kept five to seven.
    Likely,
    /// It kept eight or more, in every quarter of the time since the first.
    Very,
}

impl Confidence {
    /// Of blocks that go on to the end.
    const fn of(blocks: usize) -> Confidence {
        match blocks {
            8.. => Confidence::Very,
            5.. => Confidence::Likely,
            FEWEST.. => Confidence::Perhaps,
            _ => Confidence::No,
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Confidence::No => "no",
            Confidence::Perhaps => "perhaps",
            Confidence::Likely => "likely",
            Confidence::Very => "very likely",
        }
    }
}

/// Memory that a site keeps more and more of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// Blocks.
    pub blocks: u64,
    /// Blocks that came, and steps by which they grew.
    pub steps: u64,
    /// What they take.
    pub bytes: u64,
    /// Number of the event that allocated the first.
    pub since: usize,
    /// When that was.
    pub since_ticks: u64,
}

/// Returns the sites with something live after `end` events, suspects first, then those with most
/// bytes. O(blocks · log blocks).
pub(crate) fn leaks(
    accounts: &[Account],
    live: &Live,
    evidence: &Evidence,
    end: usize,
    source: Source,
) -> Vec<Leak> {
    let mut by_site: Vec<Vec<&LiveBlock>> = vec![Vec::new(); accounts.len()];
    for block in live.blocks() {
        if let Some(blocks) = by_site.get_mut(block.site) {
            blocks.push(block);
        }
    }
    let sites = by_site.iter().zip(accounts).enumerate();
    let mut leaks: Vec<Leak> = sites
        .filter_map(|(site, (blocks, account))| {
            let oldest = blocks.iter().min_by_key(|block| block.allocated_at)?;
            let (sure, kept) = judged(site, blocks, evidence, end);
            Some(Leak {
                site,
                account: *account,
                oldest: oldest.allocated_at,
                oldest_ticks: oldest.allocated_ticks,
                sure: match source {
                    Source::Dump => sure.max(Confidence::Perhaps),
                    Source::Image | Source::Guard => Confidence::No,
                    Source::Stream | Source::Recorded | Source::Printed => sure,
                },
                kept,
            })
        })
        .collect();
    leaks.sort_by_key(|leak| {
        (
            std::cmp::Reverse((leak.is_suspect(), leak.account.bytes)),
            leak.oldest,
        )
    });
    leaks
}

/// By how many to one blocks that are live have to outnumber those that were freed at their age or
/// later: where old blocks are freed, too, the others may go as well. As many of them say as much
/// as one of a site that frees none.
const OUTNUMBERED: usize = 8;

/// Run time, as a multiple of the longest life of a site's blocks, from which the run is long
/// enough for certainty.
const LONG_ENOUGH: usize = 8;

/// Returns how sure it is that the site leaks, and what it kept: of all ages, the least beyond
/// which nearly nothing was freed and what is live goes on to the end.
fn judged(
    site: usize,
    blocks: &[&LiveBlock],
    evidence: &Evidence,
    end: usize,
) -> (Confidence, Growth) {
    let steps = blocks.iter().flat_map(|block| evidence.steps(block));
    let mut steps: Vec<Retained> = steps.collect();
    steps.sort_by_key(|step| step.event);
    let life = end - evidence.begun().min(end);
    let ages = evidence.ages(site);
    let longest = ages.last().map_or(0, |age| age.events);
    let is_long_run = longest.saturating_mul(LONG_ENOUGH) <= life;
    for (number, age) in ages.iter().enumerate() {
        let horizon = end.saturating_sub(age.events);
        let count = steps.partition_point(|step| step.event < horizon);
        if count < FEWEST {
            break; // beyond later ages there are fewer
        }
        let kept = steps.get(..count).unwrap_or_default();
        if age.freed_later.saturating_mul(OUTNUMBERED) > count {
            continue;
        }
        let most = match (is_long_run, number, age.freed_later) {
            (true, ..) | (false, 0, 0) => Confidence::Very,
            (false, 0, _) => Confidence::Perhaps,
            (false, ..) => Confidence::of(count / OUTNUMBERED),
        };
        let sure = goes_on(kept, horizon, life).min(most);
        if sure > Confidence::No {
            return (sure, growth(kept));
        }
    }
    (Confidence::No, Growth::default())
}

fn growth(kept: &[Retained]) -> Growth {
    kept.first().map_or(Growth::default(), |first| Growth {
        blocks: kept.iter().filter(|step| step.is_new).count() as u64,
        steps: kept.len() as u64,
        bytes: kept.iter().map(|step| u64::from(step.bytes)).sum(),
        since: first.event,
        since_ticks: first.ticks,
    })
}

/// Fewer blocks say nothing.
const FEWEST: usize = 3;

const QUARTERS: usize = 4;

/// Returns whether what was kept, in order, goes on to `horizon`, in a life of `events` events.
fn goes_on(kept: &[Retained], horizon: usize, life: usize) -> Confidence {
    let (Some(first), Some(last)) = (kept.first(), kept.last()) else {
        return Confidence::No;
    };
    let span = horizon - first.event;
    if kept.len() < FEWEST || span * QUARTERS < life {
        return Confidence::No; // what began lately may be the beginning of anything
    }
    let mut quarters = [0_usize; QUARTERS];
    for step in kept {
        let quarter = (step.event - first.event) * QUARTERS / span.max(1);
        if let Some(count) = quarters.get_mut(quarter.min(QUARTERS - 1)) {
            *count += 1;
        }
    }
    let filled = quarters.iter().filter(|count| **count > 0).count();
    let late = quarters.iter().skip(QUARTERS / 2).sum::<usize>();
    let slows_down = late * 10 < kept.len() * 3;
    if filled + 1 < QUARTERS || slows_down || !is_due(kept, horizon - last.event) {
        return Confidence::No;
    }
    match filled {
        QUARTERS => Confidence::of(kept.len()),
        _ => Confidence::of(kept.len()).min(Confidence::Likely),
    }
}

/// Returns whether the silence after the last one is as long as the gaps before it.
fn is_due(kept: &[Retained], since_last: usize) -> bool {
    let gaps = || {
        kept.iter()
            .zip(kept.iter().skip(1))
            .map(|(before, after)| after.event - before.event)
    };
    let longest = gaps().max().unwrap_or(0);
    let mean = gaps().sum::<usize>() / (kept.len() - 1).max(1);
    since_last <= (mean * 5 / 2).max(longest * 6 / 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, History, Site, TimedEvent};
    use crate::replay::Replayed;

    /// What a site does in a round: allocates bytes in a slot, or nothing.
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
                    history.events.push(TimedEvent {
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
                history.events.push(TimedEvent {
                    ticks: round.into(),
                    event,
                });
                *slot = Some(size);
            }
        }
        history
    }

    fn suspected(history: &History) -> Vec<(usize, Confidence)> {
        let leaks = Replayed::of(history).leaks();
        leaks
            .iter()
            .filter(|leak| leak.is_suspect())
            .map(|leak| (leak.site, leak.sure))
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
        assert_eq!(
            suspected(&history),
            [(1, Confidence::Very), (4, Confidence::Very)]
        );
    }

    #[test]
    fn a_cache_that_warms_up_is_no_suspect_once_it_is_full() {
        let history = rounds(
            400,
            &[
                // 1: full after three fifths of the time
                |round| (round < 240).then_some((round, 40)),
                // 2: more and more hits
                |round| Some((round, 16)).filter(|_| round.count_ones() <= 2),
                |round| Some((round % 40, 40)), // 3: the oldest goes when the forty-first comes
            ],
        );
        assert_eq!(suspected(&history), []);
    }

    #[test]
    fn a_leak_of_a_busy_site_is_what_outlives_all_that_it_frees() {
        let history = rounds(
            400,
            &[|round| {
                Some(match round % 50 {
                    20 => (round + 100, 64), // kept
                    _ => (round % 10, 64),
                })
            }],
        );
        assert_eq!(suspected(&history), [(1, Confidence::Very)]);
        let leak = &Replayed::of(&history).leaks()[0];
        assert_eq!(
            (leak.kept.blocks, leak.kept.bytes),
            (8, 512),
            "the ten of the moment are none of it"
        );
    }

    #[test]
    fn old_blocks_of_a_site_that_frees_old_ones_are_no_leak() {
        // One of 50 stays for 500 rounds: ten are live at any time.
        let rare = |round: u32| {
            Some(match round % 50 {
                20 => (round / 50 % 10 + 100, 64),
                _ => (round % 10, 64),
            })
        };
        assert_eq!(suspected(&rounds(1200, &[rare])), []);
        // The same, and one more of 50 is never freed: that shows when the others would have gone.
        let leak = |round: u32| {
            Some(match round % 50 {
                20 => (round / 50 % 10 + 100, 64),
                40 => (round / 50 + 200, 64),
                _ => (round % 10, 64),
            })
        };
        assert_eq!(suspected(&rounds(1200, &[leak])), []);
        let long = rounds(6000, &[leak]);
        assert_eq!(suspected(&long), [(1, Confidence::Very)]);
    }

    #[test]
    fn a_leak_that_ended_long_ago_is_none() {
        let history = rounds(
            400,
            &[
                |round| (round < 200).then_some((round, 16)),
                |_| Some((0, 8)),
            ],
        );
        assert_eq!(suspected(&history), []);
    }

    #[test]
    fn a_single_block_that_grows_all_the_time_is_suspected() {
        let mut history = rounds(100, &[|_| Some((0, 64)), |_| Some((0, 64))]);
        let mut size = 64;
        history.events = history
            .events
            .iter()
            .enumerate()
            .filter_map(|(number, timed)| match timed.event {
                Event::Allocated {
                    address,
                    site,
                    owner,
                    ..
                } if number > 1 => {
                    size += if site == 1 { 16 } else { 0 };
                    Some(TimedEvent {
                        ticks: timed.ticks,
                        event: Event::Resized {
                            old_address: address,
                            address,
                            size: if site == 1 { size } else { 64 },
                            site,
                            owner,
                        },
                    })
                }
                Event::Freed { .. } => None,
                _ => Some(timed.clone()),
            })
            .collect();
        assert_eq!(suspected(&history), [(1, Confidence::Very)]);
    }

    #[test]
    fn three_blocks_that_are_never_freed_are_enough_to_say_perhaps() {
        let history = rounds(
            35,
            &[|round| {
                Some(match round % 11 {
                    10 => (round, 120),
                    _ => (0, 120),
                })
            }],
        );
        assert_eq!(suspected(&history), [(1, Confidence::Perhaps)]);
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
        let leaks = Replayed::of(&history).leaks();
        let found: Vec<_> = leaks
            .iter()
            .map(|leak| (leak.site, leak.account.bytes, leak.oldest_ticks))
            .collect();
        assert_eq!(found, [(2, 1600, 0), (3, 9000, 9), (1, 5000, 3)]);
    }

    #[test]
    fn in_a_dump_of_what_was_not_freed_all_are_suspects() {
        let mut history = rounds(2, &[|round| (round == 0).then_some((0, 100))]);
        assert!(suspected(&history).is_empty());
        history.source = Source::Dump;
        assert_eq!(suspected(&history), [(1, Confidence::Perhaps)]);
    }
}
