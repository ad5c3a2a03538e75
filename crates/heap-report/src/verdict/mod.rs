//! The one sentence on top of every report: what is wrong with this program's memory, if anything.
//!
//! ```text
//!   doubts about the input?     yes ─► no verdict
//!   caught by a guard?          yes ─► damaged, with the line that writes
//!   an image of memory?         yes ─► damaged, or no verdict: one moment does not show what grows
//!   refused requests?           yes ─► the last one decides: used up, fragmented, never fitted,
//!                                      withheld; of the last run that had one. Beside requests
//!                                      that never fitted a likely leak comes first
//!   much of the input missing?  yes ─► no verdict: what grows may have been freed
//!   a dump without any free?    yes ─► what was not freed
//!   sites that keep growing?    yes ─► leaking
//!   no event at all?            yes ─► no verdict
//!                                no ─► healthy; of a dump: what was not freed
//! ```
//! How often each is right is measured: `cargo run -p heap-report --example verdicts`, and the
//! table in `docs/debugging.md`.

mod words;

use serde::Serialize;

use crate::history::{Gaps, History, Source};
use crate::replay::{
    Account, AdjacentBlock, Confidence, FailureNote, HeapSample, Leak, RefusalCause, Replayed,
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// Nothing was refused, and nothing grew to the end.
    Healthy,
    /// Nothing was refused yet, and some site keeps more and more.
    Leaking,
    /// Requests were refused because memory is in use.
    UsedUp,
    /// Requests were refused because free memory is in pieces.
    Fragmented,
    /// Requests were refused that no heap of their kind could ever serve.
    NeverFitted,
    /// Requests were refused although a free block is large enough: a reserve, alignment.
    Withheld,
    /// A dump contains what was not freed, and no more.
    NotFreed,
    /// The heaps' own words were overwritten, or a forbidden write was caught.
    Damaged,
    /// The input is contradictory or incomplete.
    CannotTell,
}

/// The cause, the owner responsible, and the figures that the verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// What is wrong.
    pub kind: VerdictKind,
    /// The site that it is about, an index of [`History::sites`].
    pub site: Option<usize>,
    /// The owner that it is about.
    pub owner: Option<u8>,
    /// How sure it is.
    pub sure: Confidence,
    /// All of it in a sentence or two.
    pub sentence: String,
}

/// What a verdict rests on.
pub(crate) struct Facts<'a> {
    /// Names, heaps, doubts, the source; its events are not asked.
    pub(crate) history: &'a History,
    /// What a site is called.
    pub(crate) label: &'a dyn Fn(usize) -> String,
    pub(crate) total: &'a Account,
    pub(crate) gaps: Gaps,
    pub(crate) events: usize,
    pub(crate) leaks: &'a [Leak],
    /// The same when the first request was refused, in the last run that had one.
    pub(crate) leaks_at_failure: &'a [Leak],
    /// The request whose refusal decides.
    pub(crate) failure: Option<&'a FailureNote>,
    pub(crate) failures: usize,
    /// The event with which the last run began.
    pub(crate) run_begun: usize,
    /// The heaps now.
    pub(crate) heaps: &'a [HeapSample],
}

impl Verdict {
    /// Of a whole history.
    #[must_use]
    pub fn of(history: &History, replayed: &Replayed) -> Verdict {
        let run_begun = replayed.restarts.last().copied().unwrap_or(0);
        let last = replayed.samples.last();
        let labels = history.labels();
        Verdict::from(&Facts {
            history,
            label: &|site| labels.get(site).cloned().unwrap_or_default(),
            total: &replayed.total,
            gaps: replayed.gaps,
            events: history.events.len(),
            leaks: &replayed.leaks,
            leaks_at_failure: &replayed.leaks_at_failure,
            failure: deciding(replayed.failures.iter(), run_begun),
            failures: replayed.failures.len(),
            run_begun,
            heaps: last.map_or(&[], |sample| &sample.heaps),
        })
    }

    pub(crate) fn from(facts: &Facts<'_>) -> Verdict {
        if let Some(doubt) = facts.history.doubts.first() {
            return no_verdict(words::doubted(doubt));
        }
        if let Some(verdict) = facts.caught() {
            return verdict;
        }
        if facts.history.source == Source::Image {
            return facts.of_image();
        }
        let verdict = match facts.failure {
            Some(failure) => facts
                .leak_beside(failure)
                .or_else(|| facts.refused(failure)),
            None if facts.is_too_little() || facts.has_no_frees() => None,
            None => facts.suspected(),
        };
        match verdict {
            Some(verdict) => verdict,
            None if facts.history.source == Source::Printed => no_verdict(words::printed(facts)),
            None if facts.is_too_little() => {
                no_verdict(words::too_little(&facts.gaps, facts.events))
            }
            None if facts.is_silent() => no_verdict(words::silent()),
            None if facts.history.source == Source::Dump => facts.not_freed(),
            None => facts.healthy(),
        }
    }
}

/// Of several failures the last one of the last run that had some decides; those that never fitted
/// only if there is no other in it.
pub(crate) fn deciding<'a>(
    failures: impl DoubleEndedIterator<Item = &'a FailureNote> + Clone,
    run_begun: usize,
) -> Option<&'a FailureNote> {
    let last = |is_wanted: &dyn Fn(&FailureNote) -> bool| {
        let mut from_the_end = failures.clone().rev();
        from_the_end.find(|failure| is_wanted(failure))
    };
    let is_of_this_run = |failure: &FailureNote| failure.event >= run_begun;
    let is_fitted =
        |failure: &FailureNote| !matches!(failure.cause, RefusalCause::NeverFitted { .. });
    last(&|failure| is_of_this_run(failure) && is_fitted(failure))
        .or_else(|| last(&is_of_this_run))
        .or_else(|| last(&is_fitted))
        .or_else(|| last(&|_| true))
}

fn no_verdict(sentence: String) -> Verdict {
    Verdict {
        kind: VerdictKind::CannotTell,
        site: None,
        owner: None,
        sure: Confidence::No,
        sentence,
    }
}

/// Of this part of the memory in use one owner is called the one who used it up.
const MOST: (u64, u64) = (1, 2);
/// A leak with this part of it has used it up, in however many pieces the rest is.
const MUCH: u64 = 4;

impl Facts<'_> {
    fn refused(&self, failure: &FailureNote) -> Option<Verdict> {
        let (kind, site, owner) = match &failure.cause {
            cause if self.lasting(cause, failure.size).is_some() => {
                let block = self.lasting(cause, failure.size).map(|beside| beside.block);
                (
                    VerdictKind::Fragmented,
                    block.map(|block| block.site),
                    block.map(|block| block.owner),
                )
            }
            RefusalCause::UsedUp { holders, .. } | RefusalCause::Fragmented { holders, .. }
                if self.is_used_up(&failure.cause) =>
            {
                let leak = self.leading_leak().map(|leak| leak.site);
                let owner = holders
                    .owners
                    .first()
                    .filter(|(_, bytes)| bytes * MOST.1 >= holders.used * MOST.0);
                let site = match leak {
                    Some(leak) => Some(leak),
                    None => holders
                        .sites
                        .first()
                        .filter(|_| owner.is_some())
                        .map(|(site, _)| *site),
                };
                (VerdictKind::UsedUp, site, owner.map(|(owner, _)| *owner))
            }
            RefusalCause::Fragmented { pin, .. } => (
                VerdictKind::Fragmented,
                Some(pin.block.site),
                Some(pin.block.owner),
            ),
            RefusalCause::NeverFitted { .. } => {
                (VerdictKind::NeverFitted, None, Some(failure.owner))
            }
            RefusalCause::Withheld { .. } => (VerdictKind::Withheld, None, Some(failure.owner)),
            RefusalCause::UsedUp { .. } | RefusalCause::Unknown => {
                return Some(no_verdict(words::heaps_unknown(self, failure)));
            }
        };
        Some(Verdict {
            kind,
            site,
            owner,
            sure: Confidence::Very,
            sentence: words::refused(self, failure),
        })
    }

    /// Returns whether memory is used up. Fragmentation counts where a leak has much of the memory.
    fn is_used_up(&self, cause: &RefusalCause) -> bool {
        match cause {
            RefusalCause::UsedUp { .. } => true,
            RefusalCause::Fragmented { holders, space, .. } => {
                !space.is_mostly_free()
                    && self.leading_leak().is_some_and(|leak| {
                        leak.sure >= Confidence::Likely && leak.kept.bytes * MUCH >= holders.used
                    })
            }
            _ => false,
        }
    }

    /// Returns the block beside the largest hole, of a site that keeps little, more and more of it,
    /// where enough is free for the request twice over: what stays between what comes and goes
    /// keeps memory in pieces.
    pub(crate) fn lasting<'a>(
        &self,
        cause: &'a RefusalCause,
        size: u32,
    ) -> Option<&'a AdjacentBlock> {
        let RefusalCause::UsedUp {
            space,
            holders,
            beside,
        } = cause
        else {
            return None;
        };
        let leak = self.leading_leak()?;
        let is_small = leak.sure >= Confidence::Likely && leak.kept.bytes * MUCH < holders.used;
        let is_enough = space.free >= u64::from(size) * 2;
        let of_leak = beside
            .iter()
            .filter(|beside| beside.block.site == leak.site);
        of_leak
            .max_by_key(|beside| beside.hole)
            .filter(|_| is_small && is_enough)
    }

    /// Returns the leak suspect to name: the surest, of these the largest, when the first request
    /// was refused. At the end there are those of the last run, which may not be the one that
    /// failed.
    fn leading_leak(&self) -> Option<&Leak> {
        let at_the_end = || leading(self.leaks).filter(|_| !self.restarted_since());
        leading(self.leaks_at_failure).or_else(at_the_end)
    }

    /// Returns whether the program restarted behind the failure that decides.
    pub(crate) fn restarted_since(&self) -> bool {
        self.failure
            .is_some_and(|failure| failure.event < self.run_begun)
    }

    fn suspected(&self) -> Option<Verdict> {
        let leak = leading(self.leaks).filter(|leak| leak.kept.blocks > 0)?;
        Some(Verdict {
            kind: VerdictKind::Leaking,
            site: Some(leak.site),
            owner: None,
            sure: leak.sure,
            sentence: words::leaking(self, leak),
        })
    }

    /// Returns whether so much is missing that nothing found means nothing.
    fn is_too_little(&self) -> bool {
        self.gaps.are_too_large(self.events)
    }

    /// Returns the likely leak of a program whose refused requests no heap could ever serve.
    fn leak_beside(&self, failure: &FailureNote) -> Option<Verdict> {
        let is_telling = !matches!(failure.cause, RefusalCause::NeverFitted { .. });
        if is_telling || self.is_too_little() {
            return None;
        }
        self.suspected()
            .filter(|verdict| verdict.sure >= Confidence::Likely)
    }

    /// Returns whether the heaps that can serve it have room for a refused request twice over at
    /// the end: replayed heaps are a little roomier than the device's.
    pub(crate) fn has_room_again(&self, failure: &FailureNote) -> bool {
        let heaps = self.history.heaps.iter().zip(self.heaps);
        heaps
            .filter(|(heap, _)| heap.caps.contains(failure.caps))
            .any(|(_, sample)| sample.largest_free / 2 >= failure.size)
    }

    /// Returns whether most memory was in use in the last tenth of the events: too late to show
    /// what grows.
    pub(crate) fn is_peak_late(&self) -> bool {
        const ENOUGH: usize = 20;
        self.events >= ENOUGH && self.total.peak_at * 10 > self.events * 9
    }

    /// Returns whether this is a dump that lists what was not freed, and nothing else: what goes on
    /// to its end in it may be freed and allocated all the time.
    fn has_no_frees(&self) -> bool {
        self.history.source == Source::Dump && self.total.keeps_everything()
    }

    /// Returns whether the program has not used its heap, as far as was read.
    fn is_silent(&self) -> bool {
        self.history.source == Source::Stream && self.total.allocations + self.total.frees == 0
    }

    /// Returns a write to memory that is not the writer's.
    fn caught(&self) -> Option<Verdict> {
        let caught = &self.history.caught;
        let seen = caught.iter().find(|caught| caught.writer.is_some());
        let first = seen.or(caught.first())?;
        Some(Verdict {
            kind: VerdictKind::Damaged,
            site: None,
            owner: first.writer.as_ref().map(|writer| writer.owner),
            sure: Confidence::Very,
            sentence: words::caught(self.history, first),
        })
    }

    fn of_image(&self) -> Verdict {
        let mut damage = self.history.damage();
        let Some(first) = damage.next() else {
            return no_verdict(words::image(self));
        };
        Verdict {
            kind: VerdictKind::Damaged,
            site: None,
            owner: None,
            sure: Confidence::Very,
            sentence: words::damaged(&first, damage.count()),
        }
    }

    fn not_freed(&self) -> Verdict {
        let largest = self.leaks.first();
        Verdict {
            kind: VerdictKind::NotFreed,
            site: largest.map(|leak| leak.site),
            owner: None,
            sure: Confidence::Perhaps,
            sentence: words::not_freed(self, largest),
        }
    }

    fn healthy(&self) -> Verdict {
        Verdict {
            kind: VerdictKind::Healthy,
            site: None,
            owner: None,
            sure: Confidence::Likely,
            sentence: words::healthy(self),
        }
    }
}

fn leading(leaks: &[Leak]) -> Option<&Leak> {
    let suspects = leaks.iter().filter(|leak| leak.is_suspect());
    suspects.max_by_key(|leak| (leak.sure, leak.kept.bytes))
}

#[cfg(test)]
mod tests;
