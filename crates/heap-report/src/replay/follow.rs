//! Two passes over a history: accounts and the peak, then samples in between.

use std::collections::{BTreeMap, BTreeSet};

use super::account::{self, Account};
use super::evidence::Evidence;
use super::leaks;
use super::live::{Change, Live, LiveBlock};
use super::refusal;
use super::timeline::{self, Sample};
use super::{FailureNote, Mark, Peak, Replayed};
use crate::history::{Event, History, Measured, TimedEvent};

pub(super) fn to_the_end(history: &History) -> Replayed {
    let mut replayed = accounts(history);
    let sample_points = sample_points(history, replayed.total.peak_at);
    let mut timeline = Timeline::new(history, replayed.owners.keys().copied().collect());
    let (mut samples, mut sampled) = (Vec::new(), sample_points.into_iter().peekable());
    for done in 0..=history.events.len() {
        if done == replayed.total.peak_at {
            replayed.peak = timeline.peak(done);
        }
        if sampled.next_if_eq(&done).is_some() {
            samples.push(timeline.sample(done));
        }
        if let Some(timed) = history.events.get(done) {
            timeline.apply(done, timed);
        }
    }
    replayed.failures = timeline.failures;
    replayed.samples = samples;
    replayed
}

/// Everything but the moments in between.
fn accounts(history: &History) -> Replayed {
    let mut replayed = Replayed {
        sites: vec![Account::default(); history.sites.len()],
        gaps: history.gaps,
        ..Replayed::default()
    };
    let (mut live, mut evidence) = (Live::new(), Evidence::default());
    let mut has_leaks_at_failure = false; // of this run
    for (number, timed) in history.events.iter().enumerate() {
        if let Some(change) = live.apply(number, timed) {
            replayed.book(number, timed.ticks, &change);
            evidence.follow(number, timed.ticks, &change);
        }
        replayed.record(number, timed);
        replayed.shortage.follow(number, timed);
        match timed.event {
            Event::Failed { size, caps, .. }
                if !has_leaks_at_failure && refusal::fits_a_heap(history, size, caps) =>
            {
                replayed.leaks_at_failure =
                    leaks::leaks(&replayed.sites, &live, &evidence, number, history.source);
                has_leaks_at_failure = !replayed.leaks_at_failure.is_empty();
            }
            Event::Restarted => has_leaks_at_failure = false,
            _ => {}
        }
    }
    let end = history.events.last().map_or(0, |last| last.ticks);
    replayed.shortage.end(history.events.len(), end);
    replayed.gaps.unknown_frees += live.unknown_frees();
    replayed.gaps.lost_frees += live.lost_frees();
    replayed.live = live.blocks().copied().collect();
    replayed.leaks = leaks::leaks(
        &replayed.sites,
        &live,
        &evidence,
        history.events.len(),
        history.source,
    );
    replayed
}

impl Replayed {
    /// Makes room for the accounts of `sites` sites.
    pub(crate) fn make_room(&mut self, sites: usize) {
        if self.sites.len() < sites {
            self.sites.resize(sites, Account::default());
        }
    }

    /// Enters a change into the accounts of whom it concerns.
    pub(crate) fn book(&mut self, number: usize, ticks: u64, change: &Change) {
        for block in change.went() {
            let ends = account::ends(change, block);
            self.for_each_account_of(block, |account| {
                account.leave(block);
                if ends {
                    account.end(number, ticks, block);
                }
            });
        }
        if let Some(block) = change.came() {
            self.for_each_account_of(block, |account| account.enter(number, block));
        }
    }

    fn for_each_account_of(&mut self, block: &LiveBlock, mut act: impl FnMut(&mut Account)) {
        if let Some(account) = self.sites.get_mut(block.site) {
            act(account);
        }
        act(self.owners.entry(block.owner).or_default());
        act(&mut self.total);
    }

    fn record(&mut self, number: usize, timed: &TimedEvent) {
        let (event, ticks) = (number, timed.ticks);
        match &timed.event {
            Event::Mark { name } => self.marks.push(Mark {
                event,
                ticks,
                name: name.clone(),
            }),
            Event::Restarted => self.restarts.push(event),
            _ => {}
        }
    }
}

/// Returns the events between samples.
fn sample_points(history: &History, peak: usize) -> BTreeSet<usize> {
    let measured = history.measured.iter().map(|measured| measured.event);
    let mut sample_points: BTreeSet<usize> = measured.collect();
    if sample_points.is_empty() {
        sample_points.extend(crate::simulate::recording::sample_points(
            history.events.len(),
            peak,
        ));
    }
    sample_points.extend([0, peak, history.events.len()]);
    sample_points
}

/// Returns the note of a request that was refused, if that is what happened.
pub(crate) fn failure(
    history: &History,
    live: &Live,
    number: usize,
    timed: &TimedEvent,
) -> Option<FailureNote> {
    let Event::Failed {
        size,
        caps,
        owner,
        ref sentence,
    } = timed.event
    else {
        return None;
    };
    let cause = refusal::cause(history, live, size, caps);
    let sentence = sentence.clone();
    Some(FailureNote {
        event: number,
        ticks: timed.ticks,
        size,
        caps,
        owner,
        sentence: sentence.unwrap_or_else(|| cause.sentence(caps)),
        cause,
    })
}

/// The heaps and the sums as they change.
struct Timeline<'a> {
    history: &'a History,
    live: Live,
    ticks: u64,
    by_site: Vec<u64>,
    by_owner: BTreeMap<u8, u64>,
    measured: std::iter::Peekable<std::slice::Iter<'a, Measured>>,
    failures: Vec<FailureNote>,
}

impl<'a> Timeline<'a> {
    fn new(history: &'a History, owners: Vec<u8>) -> Timeline<'a> {
        Timeline {
            history,
            live: Live::new(),
            ticks: history.events.first().map_or(0, |first| first.ticks),
            by_site: vec![0; history.sites.len()],
            by_owner: owners.into_iter().map(|owner| (owner, 0)).collect(),
            measured: history.measured.iter().peekable(),
            failures: Vec::new(),
        }
    }

    fn apply(&mut self, number: usize, timed: &TimedEvent) {
        self.ticks = timed.ticks;
        let change = self.live.apply(number, timed);
        for block in change.iter().flat_map(Change::went) {
            self.add(block, u64::wrapping_sub);
        }
        if let Some(block) = change.as_ref().and_then(Change::came) {
            self.add(block, u64::wrapping_add);
        }
        self.failures
            .extend(failure(self.history, &self.live, number, timed));
    }

    /// Changes the sums of a block's accounts. Blocks leave what they entered, so no sum goes below
    /// zero.
    fn add(&mut self, block: &LiveBlock, change: fn(u64, u64) -> u64) {
        let size = u64::from(block.size);
        if let Some(sum) = self.by_site.get_mut(block.site) {
            *sum = change(*sum, size);
        }
        let sum = self.by_owner.entry(block.owner).or_default();
        *sum = change(*sum, size);
    }

    fn peak(&self, event: usize) -> Peak {
        Peak {
            event,
            ticks: self.ticks,
            bytes: self.live.bytes(),
            blocks: self.live.count() as u64,
            by_site: self.by_site.clone(),
            by_owner: self.by_owner.clone(),
        }
    }

    fn sample(&mut self, event: usize) -> Sample {
        while self
            .measured
            .next_if(|measured| measured.event < event)
            .is_some()
        {}
        let measured = self.measured.next_if(|measured| measured.event == event);
        Sample {
            event,
            ticks: self.ticks,
            bytes: self.live.bytes(),
            blocks: self.live.count() as u64,
            by_owner: self.by_owner.values().copied().collect(),
            by_site: self.by_site.clone(),
            heaps: match measured {
                Some(measured) => measured.heaps.clone(),
                None => timeline::heaps(&self.history.heaps, &self.live),
            },
        }
    }
}
