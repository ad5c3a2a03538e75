//! Incremental check (scrub): a heap is checked a few blocks at a time.
//!
//! ```text
//!   pass    | b | b | b | b | free ············· | b | b | end | lists 2-9 | 10-17 | .. | the rest of the map
//!            call 1    ▲      call 2  ▲            call 3  ▲           call 4     …         each goes on where the last one was
//! ```
//!
//! Of a block it looks at everything that [`Heap::check`] looks at: header, previous-block bits,
//! canaries, last word, and both links with the links that should lead back. So the lists are
//! looked at block by block, in whichever order they go; then come their heads and the map.
//!
//! Between two calls the heap lives on: blocks come and go, and what looks like a header may be a
//! user's data. A scrub goes on at used blocks that stand as they did (`checkpoints.rs`). Counters
//! are compared with what a pass has counted if they were the same at each of its calls; where they
//! differ, it counts again, and only the same difference twice is a suspicion. Damage is reported
//! only after [`Heap::check`] has come across it too: a false alarm would be worse than a long look
//! at a heap that is broken anyway.

use crate::bins::MIN_BLOCK_WORDS;
use crate::check::Counters;
use crate::checkpoints::{Checkpoint, Checkpoints};
use crate::damage::Corruption;
use crate::header::PrevInfo;
use crate::heap::Heap;
use crate::poison::Poison;
use crate::pool::Index;

/// Words of a free block that one step verifies under comprehensive poisoning.
const STEP_WORDS: u32 = 64;
/// Lists whose heads one step covers.
const STEP_LISTS: u32 = 8;

/// How far the check of one heap has come. A value of the caller's: a heap knows nothing of its
/// scrubs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubber {
    checkpoints: Checkpoints,
    /// Up to which word the free block behind the last place is verified; 0 if none is begun.
    verified: Index,
    /// The list whose head comes next; 0 while blocks are looked at.
    list: u32,
    /// What the pass has counted.
    usage: Counters,
    /// The counters when the last call ended.
    counters: Counters,
    /// Whether something has changed since the pass began, so that its count says nothing.
    disturbed: bool,
    /// By how much counters and count differed in the pass before.
    difference: Option<Counters>,
}

/// What a call of [`Heap::scrub`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrubStep {
    /// There is more to be looked at.
    Underway,
    /// All of the heap has been looked at since the scrub began; the next call restarts.
    PassDone,
}

/// A suspicion: what looks broken is left to the check.
type StepResult<T = ()> = Result<T, Corruption>;

/// How much a call may still look at.
struct StepBudget(u32);

impl StepBudget {
    /// Takes one; `false` if none was left.
    const fn take(&mut self) -> bool {
        let some = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        some
    }
}

impl Scrubber {
    /// At the first block.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            checkpoints: Checkpoints::new(),
            verified: 0,
            list: 0,
            usage: Counters::NONE,
            counters: Counters::NONE,
            disturbed: false,
            difference: None,
        }
    }

    /// At the first block again, to compare with `difference`.
    const fn again(difference: Option<Counters>) -> Self {
        Self {
            difference,
            ..Self::new()
        }
    }
}

impl<P: Poison> Heap<P> {
    /// Takes `steps` steps, or one more: a step checks a block with its links (under
    /// [`Comprehensive`](crate::Comprehensive) poisoning with 256 bytes of a free one; what is
    /// larger takes more steps), or the heads of 8 lists. Bounded by that; O(heap) only where
    /// something looks wrong.
    ///
    /// A pass finds what [`Heap::check`] finds, but for counters that change all the time: of
    /// those only what is impossible.
    ///
    /// # Errors
    /// What [`Heap::check`] says. The scrub restarts.
    pub fn scrub(&self, scrub: &mut Scrubber, steps: u32) -> Result<ScrubStep, Corruption> {
        match self.scrub_steps(scrub, &mut StepBudget(steps.max(1))) {
            Ok(scrubbed) => Ok(scrubbed),
            Err(_) => {
                *scrub = Scrubber::new();
                self.check().map(|()| ScrubStep::Underway)
            }
        }
    }

    fn scrub_steps(&self, scrub: &mut Scrubber, steps: &mut StepBudget) -> StepResult<ScrubStep> {
        self.pool.check_plausible()?;
        let counters = self.pool.counters();
        if scrub.list == 0 {
            let (index, prev_info) = self.resume(scrub, counters)?;
            let done = self.scrub_blocks(scrub, index, prev_info, steps)?;
            scrub.counters = counters;
            if !done || self.recount(scrub)? {
                return Ok(ScrubStep::Underway);
            }
            scrub.list = MIN_BLOCK_WORDS;
        }
        self.scrub_lists(scrub, steps)
    }

    /// Returns the block to go on with, and what the one before it should have left as
    /// previous-block bits.
    fn resume(&self, scrub: &mut Scrubber, counters: Counters) -> StepResult<(Index, PrevInfo)> {
        scrub.disturbed |= scrub.counters != counters;
        if let Some(place) = scrub.checkpoints.last(self.pool) {
            return Ok(match scrub.verified {
                0 => (place.index, self.pool.header(place.index).prev_info()),
                _ => (place.index + place.words, PrevInfo::USED),
            });
        }
        if let Some(place) = scrub.checkpoints.rewind(self.pool) {
            (scrub.verified, scrub.disturbed) = (0, true);
            return Ok((place.index, self.pool.header(place.index).prev_info()));
        }
        let verified = if scrub.checkpoints.is_new() {
            scrub.verified
        } else {
            0
        };
        *scrub = Scrubber {
            verified,
            counters,
            ..Scrubber::again(scrub.difference)
        };
        self.pool.check_first()?;
        Ok((self.pool.first(), PrevInfo::USED))
    }

    /// Returns whether it came to the heap's end.
    fn scrub_blocks(
        &self,
        scrub: &mut Scrubber,
        mut index: Index,
        mut prev_info: PrevInfo,
        steps: &mut StepBudget,
    ) -> StepResult<bool> {
        while index < self.pool.end() {
            let words = self.pool.check_header(index, prev_info)?;
            let free = self.pool.header(index).is_free();
            if !free {
                scrub.verified = 0;
                scrub.checkpoints.record(Checkpoint { index, words });
            }
            if !steps.take() && !free {
                return Ok(false);
            }
            if free {
                self.pool.check_free(index, words)?;
                if !self.scrub_free_bytes(scrub, index, words, steps)? {
                    return Ok(false);
                }
            } else {
                self.check_canaries(index, words)?;
            }
            scrub.usage.count(words, free);
            prev_info = if free {
                PrevInfo::of(words)
            } else {
                PrevInfo::USED
            };
            index += words;
        }
        self.pool.check_sentinel(prev_info).map(|()| true)
    }

    /// Returns whether all bytes of a free block are verified now.
    fn scrub_free_bytes(
        &self,
        scrub: &mut Scrubber,
        index: Index,
        words: u32,
        steps: &mut StepBudget,
    ) -> StepResult<bool> {
        if !P::FILLS {
            return Ok(true);
        }
        let end = index + words - 1;
        let mut from = scrub.verified.max(index + 3);
        loop {
            let to = from.saturating_add(STEP_WORDS).min(end);
            self.check_freed(from, to)?;
            if to >= end {
                scrub.verified = 0;
                return Ok(true);
            }
            scrub.verified = to;
            if !steps.take() {
                return Ok(false);
            }
            from = to;
        }
    }

    /// Returns whether the blocks must be counted once more, because the counters say something
    /// else and nothing has changed meanwhile.
    fn recount(&self, scrub: &mut Scrubber) -> StepResult<bool> {
        let difference = scrub.counters.minus(scrub.usage);
        if scrub.disturbed || difference == Counters::NONE {
            scrub.difference = None;
            return Ok(false);
        }
        if scrub.difference == Some(difference) {
            self.pool.check_counters(scrub.usage)?;
        }
        *scrub = Scrubber::again(Some(difference));
        Ok(true)
    }

    fn scrub_lists(&self, scrub: &mut Scrubber, steps: &mut StepBudget) -> StepResult<ScrubStep> {
        while steps.take() {
            let next = scrub.list + STEP_LISTS;
            let last = self.pool.last_list();
            for list in scrub.list..next.min(last + 1) {
                self.pool.check_head(list)?;
            }
            scrub.list = next;
            if next > last {
                self.pool.check_unused_lists()?;
                *scrub = Scrubber::new();
                return Ok(ScrubStep::PassDone);
            }
        }
        Ok(ScrubStep::Underway)
    }
}
