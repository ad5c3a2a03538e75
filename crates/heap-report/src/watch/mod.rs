//! State of a running program's heap, behind a live view.
//!
//! ```text
//!   bytes ──► StreamDecoder ──► events ──► Live, accounts      kept: bytes of each owner, the last failures, the last lines of the log
//!                                      │                  not kept: the events, so one can watch for days
//!                                      └──► OwnerUsage      what a view shows, largest first
//! ```

mod line;
mod metrics;
mod names;
mod rate;

use std::collections::VecDeque;

pub use rate::Rate;

use crate::decode::StreamDecoder;
use crate::history::{Event, Gaps, History, TimedEvent};
use crate::replay::evidence::Evidence;
use crate::replay::{self, Account, FailureNote, HeapSample, Leak, Live, Replayed, leaks, refusal};
use crate::symbols::Symbols;
use crate::verdict::{Facts, Verdict, deciding};
use heap_trace::Owner;
use metrics::{LeastFree, Shortages};
use names::Names;
use rate::Rates;

/// How many failures and lines of text are kept.
const KEPT: usize = 100;

/// A program that is being watched.
#[derive(Debug, Default)]
pub struct Watched {
    decoder: StreamDecoder,
    names: Names,
    live: Live,
    evidence: Evidence,
    leaks_at_failure: Vec<Leak>,
    /// Whether those are of this run.
    has_leaks_at_failure: bool,
    accounts: Replayed,
    rates: Rates,
    events: usize,
    ticks: u64,
    failed: usize,
    restarts: usize,
    /// The event with which the last run began.
    run_begun: usize,
    failures: VecDeque<FailureNote>,
    marks: VecDeque<String>,
    log: VecDeque<String>,
    least_free: LeastFree,
    shortages: Shortages,
}

/// An owner or a site, and what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerUsage {
    /// An owner's name, or a site's place in the source.
    pub name: String,
    /// What they have.
    pub account: Account,
}

impl Watched {
    /// Nothing has been received yet.
    #[must_use]
    pub fn new() -> Watched {
        Watched::default()
    }

    /// The same, with functions and lines for return addresses.
    #[must_use]
    pub fn with_symbols(symbols: Symbols) -> Watched {
        Watched {
            names: Names::by(symbols),
            ..Watched::default()
        }
    }

    /// Takes what the program says; lines of text in between are kept, and handed to `text`.
    /// `seconds` is the time now of a clock that serves where the program's own is unknown.
    pub fn push(&mut self, bytes: &[u8], seconds: f64, text: &mut impl FnMut(&str)) {
        let log = &mut self.log;
        self.decoder.push(bytes, &mut |line| {
            keep(log, line.to_owned());
            text(line);
        });
        self.follow(seconds);
    }

    /// Nothing came for a while.
    pub fn pause(&mut self, seconds: f64, text: &mut impl FnMut(&str)) {
        let log = &mut self.log;
        self.decoder.pause(&mut |line| {
            keep(log, line.to_owned());
            text(line);
        });
        self.follow(seconds);
    }

    /// Nothing comes any more.
    pub fn end(&mut self, seconds: f64, text: &mut impl FnMut(&str)) {
        let log = &mut self.log;
        self.decoder.end(&mut |line| {
            keep(log, line.to_owned());
            text(line);
        });
        self.follow(seconds);
    }

    /// Returns the names and gaps as far as the stream had them; it has no events.
    #[must_use]
    pub fn history(&self) -> &History {
        self.decoder.history()
    }

    /// Returns the account of all.
    #[must_use]
    pub fn total(&self) -> &Account {
        &self.accounts.total
    }

    /// Returns the owners, the one with most first.
    #[must_use]
    pub fn owners(&self) -> Vec<OwnerUsage> {
        let owners = self.accounts.owners.iter();
        largest_first(owners.map(|(owner, account)| (self.history().owner_name(*owner), account)))
    }

    /// Returns the sites that ever had a block, the one with most first.
    #[must_use]
    pub fn sites(&self) -> Vec<OwnerUsage> {
        let sites = self.accounts.sites.iter().enumerate();
        largest_first(
            sites
                .filter(|(_, account)| account.allocations > 0)
                .map(|(site, account)| (self.names.of(site), account)),
        )
    }

    /// Returns what is wrong so far, in a sentence. O(blocks · log blocks).
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let (leaks, heaps) = (self.leaks(), self.heaps());
        Verdict::from(&Facts {
            history: self.history(),
            label: &|site| self.names.of(site),
            total: self.total(),
            gaps: self.gaps(),
            events: self.events,
            leaks: &leaks,
            leaks_at_failure: &self.leaks_at_failure,
            failure: deciding(self.failures.iter(), self.run_begun),
            failures: self.failed,
            run_begun: self.run_begun,
            heaps: &heaps,
        })
    }

    fn leaks(&self) -> Vec<Leak> {
        let source = self.history().source;
        leaks::leaks(
            &self.accounts.sites,
            &self.live,
            &self.evidence,
            self.events,
            source,
        )
    }

    /// Returns the heaps, rebuilt from the blocks that are live, in the order of
    /// [`History::heaps`]. O(blocks).
    #[must_use]
    pub fn heaps(&self) -> Vec<HeapSample> {
        replay::heaps(&self.history().heaps, &self.live)
    }

    /// Returns the program's metrics now, in Prometheus's text format: those that
    /// [`heap_trace::Metrics`] writes on the device, levels and shortages included. The least free
    /// bytes are those of the moments at which this was called. O(blocks).
    #[must_use]
    pub fn prometheus(&mut self) -> String {
        let heaps = self.heaps();
        let described = &self.decoder.history().heaps;
        let capabilities = metrics::capabilities(described, &heaps, &mut self.least_free);
        let owners = self.accounts.owners.iter();
        let owners = owners.map(|(owner, account)| (Owner(*owner), metrics::usage(account)));
        metrics::written(capabilities, owners, &self.shortages, self.history())
    }

    /// Returns what is missing, what only following the events shows included.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        let gaps = self.history().gaps;
        Gaps {
            unknown_frees: gaps.unknown_frees + self.live.unknown_frees(),
            lost_frees: gaps.lost_frees + self.live.lost_frees(),
            ..gaps
        }
    }

    /// Returns the events so far.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// Returns the program's time, if it sent its clock rate.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        self.history().seconds(self.ticks)
    }

    /// Allocations and frees a second, lately.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rates.rate()
    }

    /// Returns how many requests were refused.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Returns the last refused requests, the newest last.
    pub fn failures(&self) -> impl DoubleEndedIterator<Item = &FailureNote> {
        self.failures.iter()
    }

    /// Returns how often the program restarted.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.restarts
    }

    /// Returns the moment that the program named last, or what was done last when memory was short.
    #[must_use]
    pub fn last_mark(&self) -> Option<&str> {
        self.marks.back().map(String::as_str)
    }

    /// Returns the last lines of text, the newest last.
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.log.iter().map(String::as_str)
    }

    fn follow(&mut self, seconds: f64) {
        for timed in self.decoder.take_events() {
            self.apply(&timed);
        }
        self.names.follow(&self.decoder.history().sites);
        let seconds = self.seconds().unwrap_or(seconds);
        self.rates.record(
            seconds,
            self.accounts.total.allocations,
            self.accounts.total.frees,
        );
    }

    fn apply(&mut self, timed: &TimedEvent) {
        self.accounts.make_room(self.decoder.history().sites.len());
        if let Some(change) = self.live.apply(self.events, timed) {
            self.accounts.book(self.events, timed.ticks, &change);
            self.evidence.follow(self.events, timed.ticks, &change);
        }
        match &timed.event {
            Event::Failed { .. } => self.record_failure(timed),
            Event::Mark { name } => keep(&mut self.marks, name.clone()),
            Event::Pressure { name, kind } => {
                keep(&mut self.marks, kind.about(name).to_string());
                self.shortages.record(name, *kind);
            }
            Event::Restarted => {
                self.restarts += 1;
                self.run_begun = self.events;
                self.has_leaks_at_failure = false;
                self.rates = Rates::default();
                self.shortages = Shortages::default();
            }
            _ => {}
        }
        self.ticks = timed.ticks;
        self.events += 1;
    }

    fn record_failure(&mut self, timed: &TimedEvent) {
        let history = self.decoder.history();
        let note = replay::failure(history, &self.live, self.events, timed);
        self.failed += 1;
        if let Some(note) = note {
            if !self.has_leaks_at_failure && refusal::fits_a_heap(history, note.size, note.caps) {
                self.leaks_at_failure = self.leaks();
                self.has_leaks_at_failure = !self.leaks_at_failure.is_empty();
            }
            keep(&mut self.failures, note);
        }
    }
}

fn keep<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(new);
}

fn largest_first<'a>(named: impl Iterator<Item = (String, &'a Account)>) -> Vec<OwnerUsage> {
    let mut standings: Vec<OwnerUsage> = named
        .map(|(name, account)| OwnerUsage {
            name,
            account: *account,
        })
        .collect();
    standings.sort_by(|a, b| {
        b.account
            .bytes
            .cmp(&a.account.bytes)
            .then_with(|| a.name.cmp(&b.name))
    });
    standings
}

#[cfg(test)]
mod tests;
