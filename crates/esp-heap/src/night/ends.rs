//! Two ends: what it is worth to keep blocks that live long away from those that do not.
//!
//! ```text
//!   one end     | long | short | long | free ...                       |   the rest of a free block is behind
//!   two ends    | short | free ...                        | long | long |   … or in front, for long-lived blocks
//! ```
//!
//! Which blocks live long is read from the trace itself, which no program can do: so this is the
//! most that a bit in the request could bring. The heap is the one that ships: the high end of its
//! largest free block is had by allocating all in front of it for a moment.

use esp_heap::bisect::smallest;
use esp_heap::error::Error;
use heap_report::recorded::{Operation, Trace};
use multi_heap::{Heap, Misuse, Offset, Request, Unpoisoned};

use crate::replay::Region;

/// Figures of fragmentation are taken as often in a program.
const SAMPLES: usize = 1000;
/// A heap in which every way serves all: of the smallest with one end, in percent.
const ROOMY_PERCENT: u32 = 125;
/// No heap is larger.
const GREATEST: u32 = 128 << 20;
/// Bytes of a block's header.
const HEADER: u32 = 4;

/// Which requests are served from the high end of the largest free block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// None: the heap as it is.
    One,
    /// Those whose blocks outlive a share of the program's operations, in percent, if it is the
    /// largest free block that would serve them.
    LongLived(u32),
    /// The same, always.
    LongLivedAlways(u32),
    /// The others, if it is the largest free block that would serve them.
    ShortLived(u32),
    /// As many as outlive that share, chosen by chance: the least that a result must exceed.
    Chance(u32),
}

impl Ends {
    pub(crate) const ALL: [Self; 7] = [
        Self::One,
        Self::LongLived(1),
        Self::LongLived(10),
        Self::LongLived(50),
        Self::LongLivedAlways(10),
        Self::ShortLived(10),
        Self::Chance(10),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::One => "one end".to_owned(),
            Self::LongLived(percent) => format!("long > {percent} %"),
            Self::LongLivedAlways(percent) => format!("always, > {percent} %"),
            Self::ShortLived(percent) => format!("short < {percent} %"),
            Self::Chance(percent) => format!("chance, {percent} %"),
        }
    }
}

/// What became of a program with one way to serve it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) ends: Ends,
    /// The smallest heap that serves everything, in bytes.
    pub(crate) bytes: u32,
    /// The largest free block as a share of all free bytes in percent, the mean over the program,
    /// in a heap that is the same for all ways; `None`: it does not serve everything there.
    pub(crate) in_one_piece: Option<f64>,
}

/// A program with each way to serve it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    /// Of the program's requests, those whose blocks outlive 10 % of it, in percent.
    pub(crate) long_lived: f64,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Program {
    /// Made by a generator rather than recorded.
    pub(crate) fn is_synthetic(&self) -> bool {
        self.name.starts_with("syn_")
    }
}

/// Returns the geometric mean of the smallest heaps with a way, as ratios to those with one end.
pub(crate) fn mean_ratio(programs: &[&Program], way: usize) -> Option<f64> {
    let ratio = |program: &&Program| {
        let (one_end, outcome) = (program.outcomes.first()?, program.outcomes.get(way)?);
        Some((f64::from(outcome.bytes) / f64::from(one_end.bytes)).ln())
    };
    let logarithms = programs.iter().map(ratio).collect::<Option<Vec<f64>>>()?;
    let sum: f64 = logarithms.iter().sum();
    (!logarithms.is_empty()).then(|| (sum / logarithms.len() as f64).exp())
}

/// Measures a trace with each way.
///
/// # Errors
/// No heap serves it.
pub(crate) fn measure(trace: &Trace, tick: impl Fn() + Sync) -> Result<Program, Error> {
    let peak = u32::try_from(trace.peak_live_bytes).unwrap_or(u32::MAX);
    let greatest = peak.saturating_mul(64).saturating_add(0x1_0000);
    let greatest = greatest.min(GREATEST);
    let found = esp_heap::parallel::map(&Ends::ALL, |&ends| {
        let high = high_requests(trace, ends);
        let mut region = Region::default();
        let found = smallest(peak, greatest, |bytes| {
            play(trace, &mut region, bytes, ends, &high).map(|pieces| pieces.is_some())
        });
        tick();
        found
    });
    let mut sizes = Vec::new();
    for (ends, found) in Ends::ALL.iter().zip(found) {
        let bytes = found.map_err(|misuse| Error::Failed(format!("{}: {misuse}", trace.name)))?;
        let none = || Error::Failed(format!("{}: no heap of up to {greatest} bytes", trace.name));
        sizes.push((*ends, bytes.ok_or_else(none)?));
    }
    let one_end = sizes.first().map_or(peak, |(_, bytes)| *bytes);
    let roomy = u64::from(one_end) * u64::from(ROOMY_PERCENT) / 100 / 4 * 4;
    let roomy = u32::try_from(roomy).unwrap_or(u32::MAX);
    let outcomes = esp_heap::parallel::map(&sizes, |&(ends, bytes)| {
        let high = high_requests(trace, ends);
        let pieces = play(trace, &mut Region::default(), roomy, ends, &high);
        Outcome {
            ends,
            bytes,
            in_one_piece: pieces.ok().flatten(),
        }
    });
    let lives = lifetimes(trace);
    let long = lives.iter().filter(|&&life| is_long(trace, life, 10));
    Ok(Program {
        name: trace.name.clone(),
        long_lived: 100.0 * long.count() as f64 / lives.len().max(1) as f64,
        outcomes,
    })
}

/// For how many operations the block of each allocation lives; `None`: to the end.
fn lifetimes(trace: &Trace) -> Vec<Option<usize>> {
    let mut lives = Vec::new();
    let mut live = vec![None; trace.slots];
    for (now, operation) in trace.operations.iter().enumerate() {
        match *operation {
            Operation::Allocate { slot, .. } => {
                live[slot] = Some((lives.len(), now));
                lives.push(None);
            }
            Operation::Free { slot } => {
                if let Some((allocation, begun)) = live[slot].take() {
                    lives[allocation] = Some(now - begun);
                }
            }
            Operation::Reallocate { .. } => {}
        }
    }
    lives
}

fn is_long(trace: &Trace, life: Option<usize>, percent: u32) -> bool {
    life.is_none_or(|life| life * 100 > trace.operations.len() * percent as usize)
}

/// Returns which allocations are served from the high end.
fn high_requests(trace: &Trace, ends: Ends) -> Vec<bool> {
    let lives = lifetimes(trace);
    let long = |percent| {
        lives
            .iter()
            .map(move |&life| is_long(trace, life, percent))
            .collect::<Vec<bool>>()
    };
    match ends {
        Ends::One => vec![false; lives.len()],
        Ends::LongLived(percent) | Ends::LongLivedAlways(percent) => long(percent),
        Ends::ShortLived(percent) => long(percent).iter().map(|long| !long).collect(),
        Ends::Chance(percent) => {
            let mut high = long(percent);
            shuffle(&mut high);
            high
        }
    }
}

/// The same in another order, always the same one (xorshift).
fn shuffle(bits: &mut [bool]) {
    let mut state = 0x2545_F491_u32;
    for place in (1..bits.len()).rev() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bits.swap(place, state as usize % (place + 1));
    }
}

/// Plays a trace in a heap of `bytes`; returns the mean share of free bytes in one piece, or `None`
/// if a request is refused.
fn play(
    trace: &Trace,
    region: &mut Region,
    bytes: u32,
    ends: Ends,
    high: &[bool],
) -> Result<Option<f64>, Misuse> {
    let memory = region.first(bytes);
    // SAFETY: `memory` is `bytes` bytes of `region`, which is borrowed mutably until the heap is
    // gone.
    let Ok(heap) = (unsafe { Heap::<Unpoisoned>::new(memory) }) else {
        return Ok(None);
    };
    let mut player = Player {
        heap,
        always: matches!(ends, Ends::LongLivedAlways(_)),
        blocks: vec![None; trace.slots],
    };
    let every = (trace.operations.len() / SAMPLES).max(1);
    let (mut shares, mut samples) = (0.0, 0_usize);
    let mut next = high.iter();
    for (now, operation) in trace.operations.iter().enumerate() {
        if !player.perform(*operation, &mut next)? {
            return Ok(None);
        }
        if now % every == 0 {
            shares += player.in_one_piece();
            samples += 1;
        }
    }
    Ok(Some(100.0 * shares / samples.max(1) as f64))
}

/// A heap with two ends, and the recorded program's view of it.
struct Player {
    heap: Heap<Unpoisoned>,
    always: bool,
    /// By slot of the trace: the block, and whether it is served from the high end.
    blocks: Vec<Option<(Offset, bool)>>,
}

impl Player {
    /// False if the heap has no room for the request.
    fn perform<'a>(
        &mut self,
        operation: Operation,
        high: &mut impl Iterator<Item = &'a bool>,
    ) -> Result<bool, Misuse> {
        match operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => {
                let high = high.next().is_some_and(|&high| high);
                let request = Request::aligned(size as usize, alignment as usize);
                let Some(request) = request else {
                    return Ok(false);
                };
                let block = self.allocate(request, high)?;
                self.blocks[slot] = block.map(|block| (block, high));
                Ok(block.is_some())
            }
            Operation::Reallocate { slot, size } => {
                let (Some((block, high)), Some(request)) =
                    (self.blocks[slot], Request::new(size as usize))
                else {
                    return Ok(false);
                };
                let resized = self.reallocate(block, request, high)?;
                self.blocks[slot] = resized.map(|block| (block, high));
                Ok(resized.is_some())
            }
            Operation::Free { slot } => match self.blocks[slot].take() {
                Some((block, _)) => self.heap.free(block).map(|_| true),
                None => Ok(false),
            },
        }
    }

    fn allocate(&mut self, request: Request, high: bool) -> Result<Option<Offset>, Misuse> {
        if !high || request.alignment() > Request::MIN_ALIGNMENT {
            return Ok(self.heap.allocate(request));
        }
        let largest = self.heap.largest_free_block();
        if !self.always {
            let block = self.heap.allocate(request);
            let Some(block) = block.filter(|_| self.heap.largest_free_block() < largest) else {
                return Ok(block);
            };
            self.heap.free(block)?;
        }
        self.allocate_high(request, largest)
    }

    /// Allocates a block at the high end of the largest free one.
    fn allocate_high(&mut self, request: Request, largest: u32) -> Result<Option<Offset>, Misuse> {
        let taken = request.size().next_multiple_of(4).max(4) + HEADER;
        let in_front = largest.checked_sub(taken).filter(|&bytes| bytes >= 4);
        let in_front = in_front.and_then(|bytes| self.heap.allocate(Request::new(bytes as usize)?));
        let block = self.heap.allocate(request);
        if let Some(in_front) = in_front {
            self.heap.free(in_front)?;
        }
        match block {
            Some(block) => Ok(Some(block)),
            None => Ok(self.heap.allocate(request)),
        }
    }

    /// In place, else downwards, else elsewhere: as [`Heap::reallocate`], but for the end.
    fn reallocate(
        &mut self,
        block: Offset,
        request: Request,
        high: bool,
    ) -> Result<Option<Offset>, Misuse> {
        if !high {
            return self.heap.reallocate(block, request);
        }
        if self.heap.resize(block, request.size())? {
            return Ok(Some(block));
        }
        if let Some(moved) = self.heap.grow_backward(block, request.size())? {
            self.heap.resize(moved.to, request.size())?;
            return Ok(Some(moved.to));
        }
        let new = self.allocate(request, high)?;
        if new.is_some() {
            self.heap.free(block)?;
        }
        Ok(new)
    }

    fn in_one_piece(&self) -> f64 {
        let free = self.heap.free_bytes();
        f64::from(self.heap.largest_free_block()) / f64::from(free.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(text: &str) -> Trace {
        Trace::from_bytes("small", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_block_that_is_never_freed_lives_to_the_end() {
        let trace = trace("a 0 10\na 1 10\nf 0\na 0 10\nr 0 20\nf 0\n");
        assert_eq!(lifetimes(&trace), [Some(2), None, Some(2)]);
        assert_eq!(
            high_requests(&trace, Ends::LongLived(50)),
            [false, true, false]
        );
        assert_eq!(
            high_requests(&trace, Ends::ShortLived(50)),
            [true, false, true]
        );
        let by_chance = high_requests(&trace, Ends::Chance(50));
        assert_eq!(by_chance.iter().filter(|&&high| high).count(), 1);
    }

    /// A block that stays between two that go leaves two holes; at the other end, one.
    #[test]
    fn what_lives_long_lies_at_the_high_end() {
        let trace = trace("a 0 400\na 1 40\na 2 400\nf 0\nf 2\na 0 1000\nf 0\n");
        let mut region = Region::default();
        let mut serves = |bytes, ends| {
            let high = high_requests(&trace, ends);
            play(&trace, &mut region, bytes, ends, &high)
                .unwrap()
                .is_some()
        };
        let bytes = (1000..4000)
            .step_by(4)
            .find(|&bytes| serves(bytes, Ends::LongLived(80)));
        let bytes = bytes.unwrap();
        assert!(!serves(bytes, Ends::One) && !serves(bytes + 300, Ends::One));
    }

    #[test]
    fn a_high_block_ends_where_the_heap_ends() {
        let mut region = Region::default();
        let memory = region.first(4096);
        for always in [false, true] {
            let mut player = Player {
                // SAFETY: the region is borrowed until the heaps are gone, one after the other.
                heap: unsafe { Heap::new(memory) }.unwrap(),
                always,
                blocks: vec![],
            };
            let free = player.heap.free_bytes();
            let high = player.allocate(Request::new(100).unwrap(), true).unwrap();
            let low = player.allocate(Request::new(100).unwrap(), false).unwrap();
            let (high, low) = (high.unwrap(), low.unwrap());
            assert!(high.get() + 100 <= 4096 && high.get() + 104 >= 4096 - 8);
            assert!(low.get() < 1000);
            player.heap.free(high).unwrap();
            player.heap.free(low).unwrap();
            assert_eq!(player.heap.free_bytes(), free);
        }
    }
}
