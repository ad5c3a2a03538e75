//! Trial of one fault.

use alloc::vec::Vec;

use heap_caps::{ALL_HEAPS, Corrupt, Finding, MisuseKind, Scrubber};
use multi_heap::{Heap, Poison, ScrubStep};

use super::arena::Arena;
use super::fault::{Done, TargetBlock};
use super::kind::FaultKind;
use super::layout::{Layout, ReliedOnBy};
use super::program::{Detection, Program};
use crate::random::mixed;

/// Step budget of a scrub's call.
pub const STEP_BUDGET: u32 = 8;
/// Passes over all heaps after which it gives up: the first may have begun behind the fault.
const PASSES: u32 = 2;
/// Steps of the program after the fault, besides what it does with the blocks concerned.
const STEPS_AFTER: u32 = 8;
/// How many programs are tried until one has a block for the fault.
const TRIES: u64 = 100;

/// What a fault has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// No byte changed that anybody relies on.
    #[default]
    Nothing,
    /// Only contents of the program's blocks: no heap can know what belongs there.
    Contents,
    /// What the heap relies on, or a block that was freed wrongly.
    Structure,
}

/// What became of a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What it changed.
    pub impact: Impact,
    /// The heap refused the wrong call.
    pub at_once: bool,
    /// The heap refused a call of the program as it went on.
    pub next_use: bool,
    /// A check right after the fault found it.
    pub check: bool,
    /// A check at the end found it.
    pub at_the_end: bool,
    /// The call in which a scrub found it, from 1 on; it looks at [`STEP_BUDGET`] places in each.
    pub scrub: Option<u32>,
    /// Whether the finding names the block concerned, or the refusal the right reason; `None`
    /// without a finding.
    pub block_named: Option<bool>,
    /// Whether the ledger names the owner and the call site of that block; `None` without a
    /// finding, or where the block is free.
    pub owner_named: Option<bool>,
    /// Before the heap refused anything, memory was handed out twice, or a block lost contents that
    /// the fault had not hit.
    pub spread: bool,
    /// The heap wrote outside of its regions, or handed out what lies there.
    pub outside: bool,
}

impl Outcome {
    /// Returns whether anything found it.
    #[must_use]
    pub const fn is_found(&self) -> bool {
        self.at_once || self.next_use || self.check || self.at_the_end || self.scrub.is_some()
    }
}

/// Tries the fault that `seed` wants.
///
/// # Panics
/// If a program fails that does nothing wrong yet.
#[must_use]
pub fn trial<P: Poison>(kind: FaultKind, seed: u64) -> Outcome {
    let mut tries = (0..TRIES).map(|attempt| mixed(seed ^ attempt));
    tries.find_map(|seed| tried::<P>(kind, seed)).unwrap()
}

fn tried<P: Poison>(kind: FaultKind, seed: u64) -> Option<Outcome> {
    let mut program = Program::<P>::started(seed);
    let scrub = program.scrub_underway();
    let done = program.commit(kind)?;
    let found = program.heaps.inspect().check_integrity(ALL_HEAPS).err();
    let scrubbed = program.scrub_until_found(scrub);
    let (block_named, owner_named) = program.named(&done, found);
    let (next_use, spread) = program.goes_on(&done);
    Some(Outcome {
        impact: done.impact(),
        at_once: matches!(done.answer, Some(Err(_))),
        next_use,
        check: found.is_some(),
        at_the_end: program.heaps.inspect().check_integrity(ALL_HEAPS).is_err(),
        scrub: scrubbed,
        block_named,
        owner_named,
        spread,
        outside: program.severity.outside || !program.arena.is_untouched(),
    })
}

impl Done {
    fn impact(&self) -> Impact {
        if self.answer.is_some() {
            return Impact::Structure;
        }
        let whose = self
            .hits
            .iter()
            .map(|hit| self.layout.relied_on_by(hit.address));
        match whose.max().unwrap_or(ReliedOnBy::Nobody) {
            ReliedOnBy::Nobody => Impact::Nothing,
            ReliedOnBy::Program => Impact::Contents,
            ReliedOnBy::Heap => Impact::Structure,
        }
    }
}

/// Looking.
impl<P: Poison> Program<P> {
    /// Returns a scrub somewhere in the heaps.
    fn scrub_underway(&mut self) -> Scrubber {
        let mut scrub = Scrubber::new();
        for _ in 0..self.random.below(40) {
            self.heaps.inspect().scrub(&mut scrub, STEP_BUDGET).unwrap();
        }
        scrub
    }

    fn scrub_until_found(&self, mut scrub: Scrubber) -> Option<u32> {
        let (mut call, mut passes) = (0, 0);
        while passes < PASSES {
            call += 1;
            match self.heaps.inspect().scrub(&mut scrub, STEP_BUDGET) {
                Err(_) => return Some(call),
                Ok(ScrubStep::PassDone) => passes += 1,
                Ok(ScrubStep::Underway) => {}
            }
        }
        None
    }
}

/// Naming.
impl<P: Poison> Program<P> {
    /// Returns whether block and owner are named.
    fn named(&self, done: &Done, found: Option<Corrupt>) -> (Option<bool>, Option<bool>) {
        if let (TargetBlock::Address(address), Some(Err(Detection::Address(misuse)))) =
            (done.target, done.answer)
        {
            let is_right = misuse.address == address && done.layout.explains(address, misuse.kind);
            return (Some(is_right), None);
        }
        found.map_or((None, None), |corrupt| self.named_by(done.target, corrupt))
    }

    fn named_by(&self, target: TargetBlock, corrupt: Corrupt) -> (Option<bool>, Option<bool>) {
        let explained = self
            .heaps
            .inspect()
            .observer()
            .explain(self.heaps.inspect().finding(corrupt));
        let Finding {
            block, left, next, ..
        } = explained.finding;
        match target {
            TargetBlock::Live(live) => {
                let addresses = [block, left]
                    .into_iter()
                    .flatten()
                    .map(|block| block.address);
                let is_named = addresses.chain(next).any(|address| address == live.address);
                let known = [explained.block, explained.left, explained.next];
                let is_known = known
                    .iter()
                    .flatten()
                    .any(|(site, owner)| (site.id, *owner) == (live.site, live.owner));
                (Some(is_named), Some(is_named && is_known))
            }
            TargetBlock::Memory(span) => {
                let named = [block, left].into_iter().flatten();
                let near = |next: u32| span.contains(next.wrapping_sub(Heap::<P>::LEAD_BYTES));
                let is_named = named
                    .map(|block| block.whole)
                    .any(|whole| whole.overlaps(span));
                (Some(is_named || next.is_some_and(near)), None)
            }
            TargetBlock::Structure => (Some(block.is_none() && next.is_none()), None),
            TargetBlock::Address(_) => (None, None),
        }
    }
}

impl Layout {
    /// Returns whether `kind` is the reason why `address` cannot be freed.
    fn explains(&self, address: u32, kind: MisuseKind) -> bool {
        let used = self.block_at(address).map(|block| block.used);
        match kind {
            MisuseKind::OutsideEveryHeap => Arena::region_at(address).is_none(),
            MisuseKind::Unaligned => !address.is_multiple_of(4),
            MisuseKind::AlreadyFree => used == Some(false),
            MisuseKind::NotABlock => used != Some(false),
            _ => false,
        }
    }
}

/// Going on.
impl<P: Poison> Program<P> {
    /// Continues the program until the heap refuses a call; returns whether one was refused, and
    /// whether the damage spread before.
    fn goes_on(&mut self, done: &Done) -> (bool, bool) {
        let damaged: Vec<_> = self
            .live
            .iter()
            .filter(|block| !self.is_intact(block))
            .copied()
            .collect();
        let refused = self.uses(done).is_err();
        let lost = |program: &Self| {
            let sound = program
                .live
                .iter()
                .filter(|block| !damaged.iter().any(|other| other.is(block)));
            sound.into_iter().any(|block| !program.is_intact(block))
        };
        let spread = self.severity.twice || lost(self);
        (refused, spread)
    }

    /// Frees or resizes the block concerned and its neighbours, then works on.
    fn uses(&mut self, done: &Done) -> Result<(), Detection> {
        let near = self.neighbours(done.place()).into_iter().flatten();
        let others =
            near.filter(|block| done.concerned.is_none_or(|concerned| !concerned.is(block)));
        let blocks: Vec<_> = done.concerned.into_iter().chain(others).collect();
        for block in blocks {
            if self.random.below(2) == 0 {
                self.free(block)?;
            } else {
                self.resize(block, block.size + 40)?;
            }
        }
        for _ in 0..STEPS_AFTER {
            self.step()?;
        }
        Ok(())
    }
}

impl Done {
    /// Returns where the program looks for neighbours.
    fn place(&self) -> u32 {
        match self.target {
            TargetBlock::Live(live) => live.address,
            TargetBlock::Memory(span) => span.start(),
            TargetBlock::Address(address) => address,
            TargetBlock::Structure => self.hits.first().map_or(0, |hit| hit.address),
        }
    }
}
