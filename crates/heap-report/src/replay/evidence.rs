//! Evidence of leaks: how long the blocks of a site live that it frees, and how its single
//! blocks grow. O(1) an event, so one can watch for days.
//!
//! ```text
//!   blocks of a site, by the event that allocated them
//!
//!   ├──┤ ├───┤  ├─┤ ├──┤ ├─┤    freed, after a while: its lifetimes
//!     ├──────────────────────►   live, and older than 1.5 times nearly all of these: *kept*
//!            ├───────────────►   kept
//!                  ├─────────►   kept                  kept ones that go on to the end: a leak
//!                           ├►   live: nobody knows yet
//! ```

use std::collections::HashMap;

use super::live::{Change, LiveBlock};

/// What is kept of all sites.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    lifetimes: Vec<Lifetimes>,
    /// The steps by which blocks that are live have grown, by address.
    grown: HashMap<u32, Vec<Retained>>,
    /// Events before the program restarted.
    begun: usize,
}

/// Memory that a site has and does not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retained {
    /// Number of the event that allocated it.
    pub(crate) event: usize,
    /// When that was.
    pub(crate) ticks: u64,
    pub(crate) bytes: u32,
    /// Whether that block was allocated then; else it grew.
    pub(crate) is_new: bool,
}

/// An age of a site's blocks, in events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Age {
    pub(crate) events: usize,
    /// How many blocks were older when the site freed them.
    pub(crate) freed_later: usize,
}

/// Of a block's steps not more than this are kept: then every second one goes.
const MOST_STEPS: usize = 256;

impl Evidence {
    /// Follows event `number` at `ticks`.
    pub(crate) fn follow(&mut self, number: usize, ticks: u64, change: &Change) {
        match change {
            Change::Came(_) => {}
            Change::Went(block) => self.ended(number, block),
            Change::Moved { from, to } => self.resized(number, ticks, from, to),
            Change::Displaced { from, to, lost } => {
                lost.iter().for_each(|block| self.ended(number, block));
                if let Some(from) = from {
                    self.resized(number, ticks, from, to);
                }
            }
            Change::Cleared(_) => {
                *self = Evidence {
                    begun: number + 1,
                    ..Evidence::default()
                }
            }
        }
    }

    /// After how many events the program began, the last time.
    pub(crate) fn begun(&self) -> usize {
        self.begun
    }

    fn ended(&mut self, number: usize, block: &LiveBlock) {
        self.grown.remove(&block.address);
        if self.lifetimes.len() <= block.site {
            self.lifetimes
                .resize_with(block.site + 1, Lifetimes::default);
        }
        if let Some(lifetimes) = self.lifetimes.get_mut(block.site) {
            lifetimes.record(number.saturating_sub(block.allocated_at));
        }
    }

    fn resized(&mut self, number: usize, ticks: u64, from: &LiveBlock, to: &LiveBlock) {
        let mut steps = self.grown.remove(&from.address).unwrap_or_default();
        match to.size.checked_sub(from.size) {
            Some(0) => {}
            Some(bytes) => steps.push(Retained {
                event: number,
                ticks,
                bytes,
                is_new: false,
            }),
            None => shrink(&mut steps, from.size - to.size),
        }
        if steps.len() > MOST_STEPS {
            thin(&mut steps);
        }
        if !steps.is_empty() {
            self.grown.insert(to.address, steps);
        }
    }

    /// Ages beyond which blocks of the site may be kept, the least first: that which nearly all
    /// that it freed stayed below, then all that the others reached.
    pub(crate) fn ages(&self, site: usize) -> Vec<Age> {
        match self.lifetimes.get(site) {
            Some(lifetimes) => lifetimes.ages(),
            None => vec![Age::default()],
        }
    }

    /// Returns the memory of a live block, step by step: itself, and what it has grown by.
    pub(crate) fn steps(&self, block: &LiveBlock) -> impl Iterator<Item = Retained> {
        let grown = self
            .grown
            .get(&block.address)
            .map_or(&[][..], Vec::as_slice);
        let later: u32 = grown.iter().map(|step| step.bytes).sum();
        let first = Retained {
            event: block.allocated_at,
            ticks: block.allocated_ticks,
            bytes: block.size.saturating_sub(later),
            is_new: true,
        };
        std::iter::once(first).chain(grown.iter().copied())
    }
}

/// A block that shrinks frees what it grew by last.
fn shrink(steps: &mut Vec<Retained>, mut bytes: u32) {
    while bytes > 0
        && let Some(last) = steps.last_mut()
    {
        let given = last.bytes.min(bytes);
        last.bytes -= given;
        bytes -= given;
        if last.bytes == 0 {
            steps.pop();
        }
    }
}

/// Every second step joins the one before.
fn thin(steps: &mut Vec<Retained>) {
    let pairs = steps.chunks(2).filter_map(|pair| {
        let first = pair.first()?;
        Some(Retained {
            bytes: pair.iter().map(|step| step.bytes).sum(),
            ..*first
        })
    });
    *steps = pairs.collect();
}

/// How long blocks lived, in events: a histogram with four steps to each power of two.
#[derive(Debug, Clone, Default)]
struct Lifetimes {
    counts: Vec<u32>,
    longest: usize,
}

/// Steps of the histogram to a power of two.
const STEPS: usize = 4;

impl Lifetimes {
    fn record(&mut self, events: usize) {
        let step = step_of(events);
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(step) {
            *count = count.saturating_add(1);
        }
        self.longest = self.longest.max(events);
    }

    /// 1.5 times what all but a twentieth of them stay below, then the ends of the steps behind it;
    /// 0 if there were none.
    fn ages(&self) -> Vec<Age> {
        const TWENTIETH: usize = 20;
        let all: usize = self.counts.iter().map(|count| *count as usize).sum(); // widening
        let mut above = all;
        let steps = self.counts.iter().enumerate().map(|(step, &count)| {
            above -= count as usize; // widening
            Age {
                events: end_of(step).min(self.longest),
                freed_later: above,
            }
        });
        let steps: Vec<Age> = steps.collect();
        let ordinary = steps.iter().find(|age| age.freed_later * TWENTIETH <= all);
        let least = ordinary.map_or(0, |age| age.events.saturating_mul(3) / 2);
        let below = steps.iter().take_while(|age| age.events <= least).last();
        let first = Age {
            events: least,
            freed_later: below.map_or(0, |age| age.freed_later),
        };
        let later = steps.iter().filter(|age| age.events > least);
        std::iter::once(first).chain(later.copied()).collect()
    }
}

fn step_of(events: usize) -> usize {
    if events < STEPS {
        return events;
    }
    let octave = events.ilog2() as usize;
    let within = (events >> (octave - 2)) & (STEPS - 1);
    (octave - 1) * STEPS + within
}

/// Returns the largest value of a step.
fn end_of(step: usize) -> usize {
    if step < STEPS {
        return step;
    }
    let (octave, within) = (step / STEPS + 1, step % STEPS);
    ((STEPS + within + 1) << (octave - 2)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(address: u32, size: u32, allocated_at: usize) -> LiveBlock {
        LiveBlock {
            address,
            size,
            site: 1,
            owner: 0,
            allocated_at,
            allocated_ticks: allocated_at as u64,
        }
    }

    #[test]
    fn every_lifetime_has_a_step_that_ends_at_most_a_quarter_above_it() {
        for events in (0..5000).chain([1 << 20, (1 << 30) + 12345]) {
            let end = end_of(step_of(events));
            assert!(
                end >= events && end - events <= events / 4,
                "{events}: {end}"
            );
            assert!(events == 0 || step_of(events - 1) <= step_of(events));
        }
    }

    #[test]
    fn a_rare_long_life_is_not_ordinary() {
        let mut evidence = Evidence::default();
        for number in 0..99 {
            evidence.follow(number + 10, 0, &Change::Went(block(0x100, 8, number)));
        }
        evidence.follow(9000, 0, &Change::Went(block(0x100, 8, 0)));
        let ages = evidence.ages(1);
        let age = |events, freed_later| Age {
            events,
            freed_later,
        };
        assert_eq!(ages.first(), Some(&age(11 * 3 / 2, 1)));
        assert_eq!(ages.last(), Some(&age(9000, 0)));
        assert_eq!(evidence.ages(0), [age(0, 0)]);
    }

    #[test]
    fn a_block_that_grows_allocates_step_by_step_and_frees_the_last_step_first() {
        let mut evidence = Evidence::default();
        let moved = |from, to| Change::Moved { from, to };
        evidence.follow(1, 1, &moved(block(0x100, 8, 0), block(0x200, 24, 0)));
        evidence.follow(5, 5, &moved(block(0x200, 24, 0), block(0x200, 40, 0)));
        evidence.follow(6, 6, &moved(block(0x200, 40, 0), block(0x200, 30, 0)));
        let steps: Vec<_> = evidence
            .steps(&block(0x200, 30, 0))
            .map(|step| (step.event, step.bytes))
            .collect();
        assert_eq!(steps, [(0, 8), (1, 16), (5, 6)]);
    }

    #[test]
    fn of_very_many_steps_the_bytes_stay() {
        let mut evidence = Evidence::default();
        for number in 0..1000_u32 {
            let (from, to) = (block(0x100, 8 + number, 0), block(0x100, 9 + number, 0));
            evidence.follow(number as usize + 1, 0, &Change::Moved { from, to });
        }
        let steps: Vec<_> = evidence.steps(&block(0x100, 1008, 0)).collect();
        assert!(steps.len() <= MOST_STEPS + 1);
        assert_eq!(steps.iter().map(|step| step.bytes).sum::<u32>(), 1008);
    }
}
