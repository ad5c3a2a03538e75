//! Outcomes of many faults of one kind, counted.

use core::iter::Sum;
use core::ops::Add;

use super::trial::{Impact, Outcome};

/// Number of faults by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// All.
    pub faults: u32,
    /// The wrong call was refused.
    pub at_once: u32,
    /// A call was refused as the program went on.
    pub next_use: u32,
    /// A check right after the fault found it.
    pub check: u32,
    /// A scrub found it.
    pub scrub: u32,
    /// The most calls that the scrub needed.
    pub scrub_calls: u32,
    /// Found by any of these, or by a check at the end.
    pub found: u32,
    /// Not found: no byte changed that anybody relies on.
    pub harmless: u32,
    /// Not found: only contents of the program's blocks changed.
    pub contents: u32,
    /// Not found, and harmful.
    pub missed: u32,
    /// Found though no byte changed that anybody relies on: a false alarm.
    pub false_alarms: u32,
    /// Memory was handed out twice, or contents were lost, before the heap refused anything.
    pub spread: u32,
    /// Findings and refusals.
    pub findings: u32,
    /// Those that name the block, or the right reason.
    pub named: u32,
    /// Findings about a block that the program has.
    pub owned: u32,
    /// Those that name its owner and call site.
    pub owner_named: u32,
    /// The heap left its regions.
    pub outside: u32,
}

impl From<Outcome> for FaultCounts {
    fn from(outcome: Outcome) -> Self {
        let found = outcome.is_found();
        let unfound = |impact| u32::from(!found && outcome.impact == impact);
        Self {
            faults: 1,
            at_once: outcome.at_once.into(),
            next_use: outcome.next_use.into(),
            check: outcome.check.into(),
            scrub: outcome.scrub.is_some().into(),
            scrub_calls: outcome.scrub.unwrap_or(0),
            found: found.into(),
            harmless: unfound(Impact::Nothing),
            contents: unfound(Impact::Contents),
            missed: unfound(Impact::Structure),
            false_alarms: u32::from(found && outcome.impact == Impact::Nothing),
            spread: outcome.spread.into(),
            findings: outcome.block_named.is_some().into(),
            named: outcome.block_named.unwrap_or(false).into(),
            owned: outcome.owner_named.is_some().into(),
            owner_named: outcome.owner_named.unwrap_or(false).into(),
            outside: outcome.outside.into(),
        }
    }
}

impl Add for FaultCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            faults: self.faults + other.faults,
            at_once: self.at_once + other.at_once,
            next_use: self.next_use + other.next_use,
            check: self.check + other.check,
            scrub: self.scrub + other.scrub,
            scrub_calls: self.scrub_calls.max(other.scrub_calls),
            found: self.found + other.found,
            harmless: self.harmless + other.harmless,
            contents: self.contents + other.contents,
            missed: self.missed + other.missed,
            false_alarms: self.false_alarms + other.false_alarms,
            spread: self.spread + other.spread,
            findings: self.findings + other.findings,
            named: self.named + other.named,
            owned: self.owned + other.owned,
            owner_named: self.owner_named + other.owner_named,
            outside: self.outside + other.outside,
        }
    }
}

impl Sum for FaultCounts {
    fn sum<I: Iterator<Item = Self>>(counted: I) -> Self {
        counted.fold(Self::default(), Add::add)
    }
}

impl FromIterator<Outcome> for FaultCounts {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        outcomes.into_iter().map(Self::from).sum()
    }
}
