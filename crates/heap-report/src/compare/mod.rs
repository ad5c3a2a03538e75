//! Comparison of two reports: what each owner and each call site has in one and in the other.
//!
//! ```text
//!   before   src/mqtt.rs:78 publish      after   src/mqtt.rs:81 publish     one site: its line moved
//!            src/web.rs:12 serve                 (none)                     gone
//!            (none)                              src/log.rs:40 flush        new
//! ```
//!
//! Sites are matched by their labels first, then by function and file without the line, then by
//! file alone where a program names no function. Addresses without names are compared only if
//! nothing better is known: they move with every build.

mod text;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::history::{History, Site, Source};
use crate::replay::{Account, Replayed};
use crate::summary::{counted, grouped};

/// A history and its replay.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What to call it: the name of its file.
    pub name: &'a str,
    /// What happened.
    pub history: &'a History,
    /// What it comes to.
    pub replayed: &'a Replayed,
}

/// Two runs of a program, or of two releases of it, side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Names of the two.
    pub names: Pair<String>,
    /// Events of the two.
    pub events: Pair<u64>,
    /// The whole program.
    pub total: Pair<Figures>,
    /// Requests that were refused.
    pub refused: Pair<u64>,
    /// By owner, the largest difference of live bytes first.
    pub owners: Vec<ComparedAccount>,
    /// By call site, the largest difference of live bytes first.
    pub sites: Vec<ComparedAccount>,
    /// What makes the comparison weaker than it looks, in sentences.
    pub caveats: Vec<String>,
}

/// The same of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pair<T> {
    /// Of the first.
    pub before: T,
    /// Of the second.
    pub after: T,
}

/// An owner or a site on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparedAccount {
    /// What it is called, in the words of the side that has it last.
    pub name: String,
    /// What it had; `None`: it never allocated.
    pub before: Option<Figures>,
    /// What it has; `None`: it never allocated.
    pub after: Option<Figures>,
}

/// Figures of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Bytes live at the end.
    pub bytes: u64,
    /// Blocks live at the end.
    pub blocks: u64,
    /// Most bytes live at once.
    pub peak_bytes: u64,
    /// Allocations altogether.
    pub allocations: u64,
}

impl Figures {
    fn of(account: &Account) -> Figures {
        Figures {
            bytes: account.bytes,
            blocks: account.blocks,
            peak_bytes: account.peak_bytes,
            allocations: account.allocations,
        }
    }

    fn add(self, other: Figures) -> Figures {
        Figures {
            bytes: self.bytes + other.bytes,
            blocks: self.blocks + other.blocks,
            // Peaks of several sites need not coincide: the sum is a bound, exact for one site.
            peak_bytes: self.peak_bytes + other.peak_bytes,
            allocations: self.allocations + other.allocations,
        }
    }
}

impl ComparedAccount {
    /// Returns how many more bytes are live at the end.
    #[must_use]
    pub fn change(&self) -> i128 {
        difference(self.before, self.after, |figures| figures.bytes)
    }

    /// Returns how much higher the peak is, in bytes.
    #[must_use]
    pub fn peak_change(&self) -> i128 {
        difference(self.before, self.after, |figures| figures.peak_bytes)
    }

    fn differs(&self) -> bool {
        self.before != self.after
    }
}

fn difference(
    before: Option<Figures>,
    after: Option<Figures>,
    of: impl Fn(&Figures) -> u64,
) -> i128 {
    let value = |side: Option<Figures>| i128::from(side.as_ref().map_or(0, &of));
    value(after) - value(before)
}

impl Comparison {
    /// Compares `before` with `after`. O(sites · log(sites)).
    #[must_use]
    pub fn of(before: Side<'_>, after: Side<'_>) -> Comparison {
        let both = Pair { before, after };
        Comparison {
            names: both.map(|side| side.name.to_owned()),
            events: both.map(|side| side.history.events.len() as u64),
            total: both.map(|side| Figures::of(&side.replayed.total)),
            refused: both.map(|side| side.replayed.failures.len() as u64),
            owners: sorted(owners(both)),
            sites: sorted(sites(both)),
            caveats: caveats(both),
        }
    }
}

impl<T: Copy> Pair<T> {
    fn map<U>(self, of: impl Fn(T) -> U) -> Pair<U> {
        Pair {
            before: of(self.before),
            after: of(self.after),
        }
    }
}

/// Returns the largest change first, of either sign; ties by the change of the peak, then by name.
fn sorted(mut rows: Vec<ComparedAccount>) -> Vec<ComparedAccount> {
    rows.sort_by(|one, other| {
        let key = |row: &ComparedAccount| (row.change().abs(), row.peak_change().abs());
        let by_change = key(other).cmp(&key(one));
        by_change.then_with(|| one.name.cmp(&other.name))
    });
    rows
}

fn owners(both: Pair<Side<'_>>) -> Vec<ComparedAccount> {
    let named = |side: Side<'_>| -> BTreeMap<String, Figures> {
        let mut named = BTreeMap::new();
        for (owner, account) in &side.replayed.owners {
            add(&mut named, side.history.owner_name(*owner), account);
        }
        named
    };
    let (before, after) = (named(both.before), named(both.after));
    let mut rows: Vec<ComparedAccount> = after
        .iter()
        .map(|(name, figures)| ComparedAccount {
            name: name.clone(),
            before: before.get(name).copied(),
            after: Some(*figures),
        })
        .collect();
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    rows.extend(gone.map(|(name, figures)| ComparedAccount {
        name: name.clone(),
        before: Some(*figures),
        after: None,
    }));
    rows
}

fn add(named: &mut BTreeMap<String, Figures>, name: String, account: &Account) {
    let entry = named.entry(name).or_default();
    *entry = entry.add(Figures::of(account));
}

/// A site's label and the name it keeps when lines move.
struct Known {
    label: String,
    lasting: Option<String>,
    figures: Figures,
}

fn known(side: Side<'_>) -> Vec<Known> {
    let labels = side.history.labels();
    let accounts = side.replayed.sites.iter().enumerate();
    accounts
        .filter(|(_, account)| account.allocations > 0)
        .map(|(number, account)| Known {
            label: labels.get(number).cloned().unwrap_or_default(),
            lasting: side.history.site(number).and_then(lasting_name),
            figures: Figures::of(account),
        })
        .collect()
}

/// Functions of the call stack with their files, else the file that the program names; `None` where
/// only addresses are known.
fn lasting_name(site: &Site) -> Option<String> {
    if site.frames.is_empty() {
        return (!site.file.is_empty()).then(|| format!("{} {}", site.file, site.caps));
    }
    let frames = site.frames.iter();
    let names: Vec<String> = frames
        .map(|frame| format!("{} {}", frame.file, frame.function))
        .collect();
    Some(names.join("\n"))
}

/// Pairs of sites, each of which is in at most one.
fn sites(both: Pair<Side<'_>>) -> Vec<ComparedAccount> {
    let (mut before, mut after) = (known(both.before), known(both.after));
    let mut rows = paired(&mut before, &mut after, |site| Some(site.label.clone()));
    rows.extend(paired(&mut before, &mut after, |site| site.lasting.clone()));
    rows.extend(before.into_iter().map(|site| ComparedAccount {
        name: site.label,
        before: Some(site.figures),
        after: None,
    }));
    rows.extend(after.into_iter().map(|site| ComparedAccount {
        name: site.label,
        before: None,
        after: Some(site.figures),
    }));
    rows
}

/// Takes out those that have the same key, which pairs them in their order.
fn paired(
    before: &mut Vec<Known>,
    after: &mut Vec<Known>,
    key: impl Fn(&Known) -> Option<String>,
) -> Vec<ComparedAccount> {
    let mut waiting: HashMap<String, Vec<Known>> = HashMap::new();
    let mut unmatched = Vec::new();
    for site in std::mem::take(before).into_iter().rev() {
        match key(&site) {
            Some(key) => waiting.entry(key).or_default().push(site),
            None => unmatched.push(site),
        }
    }
    let mut rows = Vec::new();
    for site in std::mem::take(after) {
        let old = key(&site).and_then(|key| waiting.get_mut(&key)?.pop());
        match old {
            Some(old) => rows.push(ComparedAccount {
                name: site.label,
                before: Some(old.figures),
                after: Some(site.figures),
            }),
            None => after.push(site),
        }
    }
    before.extend(unmatched);
    before.extend(waiting.into_values().flatten());
    before.sort_by(|one, other| one.label.cmp(&other.label));
    rows
}

fn caveats(both: Pair<Side<'_>>) -> Vec<String> {
    let mut caveats = Vec::new();
    for side in [both.before, both.after] {
        let Side { name, history, .. } = side;
        if history
            .sites
            .iter()
            .any(|site| !site.callers.is_empty() && site.frames.is_empty() && site.file.is_empty())
        {
            caveats.push(format!(
                "{name}: call sites are addresses, which move with every build: \
                 give its program with --elf"
            ));
        }
        if let Some(missing) = crate::export::missing(&side.replayed.gaps) {
            caveats.push(format!("{name} is incomplete: {missing}"));
        }
        if !history.doubts.is_empty() {
            caveats.push(format!("{name}: {}", history.doubts.join("; ")));
        }
    }
    let sources = both.map(|side| side.history.source);
    if sources.before != sources.after {
        caveats.push(format!(
            "{} and {} are of different things: do not read a difference as growth",
            source_name(sources.before),
            source_name(sources.after)
        ));
    }
    let events = both.map(|side| side.history.events.len() as u64);
    let (fewer, more) = (
        events.before.min(events.after),
        events.before.max(events.after),
    );
    if sources.after != Source::Dump && fewer.saturating_mul(2) < more {
        caveats.push(format!(
            "one run is much longer than the other ({} and {}): peaks and live bytes need \
             not be of the same moment",
            grouped(events.before),
            counted(events.after, "event")
        ));
    }
    caveats
}

const fn source_name(source: Source) -> &'static str {
    match source {
        Source::Stream => "an event stream",
        Source::Dump => "a trace dump",
        Source::Printed => "summaries of heaps",
        Source::Image => "an image of memory",
        Source::Guard => "the lines of a heap guard",
        Source::Recorded => "a recorded trace",
    }
}

#[cfg(test)]
mod tests;
