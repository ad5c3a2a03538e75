//! Precision and recall of each verdict.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use heap_report::Replayed;
use heap_report::verdict::{Verdict, VerdictKind};

use super::programs::{STORIES, Story, run};

/// What came of many programs.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Verdicts by what is true and what was said.
    counts: BTreeMap<(VerdictKind, VerdictKind), u32>,
    /// By what was said: right verdicts that name a line, and those of them that name the right
    /// one.
    lines: BTreeMap<VerdictKind, (u32, u32)>,
    /// Verdicts that are wrong, in words.
    pub(crate) wrong: Vec<String>,
}

impl Score {
    /// Of `count` programs of each kind, with seeds from `first` on.
    pub(crate) fn of(first: u64, count: u64) -> Score {
        let mut score = Score::default();
        for story in STORIES {
            (first..first + count).for_each(|seed| score.add(story, seed));
        }
        score
    }

    fn add(&mut self, story: Story, seed: u64) {
        let history = run(story, seed);
        let verdict = Verdict::of(&history, &Replayed::of(&history));
        *self.counts.entry((story.kind(), verdict.kind)).or_default() += 1;
        let is_right = story.kind() == verdict.kind;
        let names = story.site().filter(|_| is_right);
        if let Some(site) = names {
            let (named, right) = self.lines.entry(verdict.kind).or_default();
            *named += 1;
            *right += u32::from(verdict.site == Some(site));
        }
        if !is_right || names.is_some_and(|site| verdict.site != Some(site)) {
            self.wrong
                .push(format!("{story:?} {seed}: {}", verdict.sentence));
        }
    }

    fn sum(&self, of: impl Fn(VerdictKind, VerdictKind) -> bool) -> u32 {
        self.counts
            .iter()
            .filter(|((truth, verdict), _)| of(*truth, *verdict))
            .map(|(_, count)| count)
            .sum()
    }

    /// Share of the positive verdicts that are right.
    pub(crate) fn precision(&self, kind: VerdictKind) -> f64 {
        share(
            self.sum(|truth, verdict| truth == kind && verdict == kind),
            self.sum(|_, verdict| verdict == kind),
        )
    }

    /// Share of the positive programs that were found.
    pub(crate) fn recall(&self, kind: VerdictKind) -> f64 {
        share(
            self.sum(|truth, verdict| truth == kind && verdict == kind),
            self.sum(|truth, _| truth == kind),
        )
    }

    /// Of the right verdicts about programs with a line to blame, how many name it.
    pub(crate) fn line(&self, kind: VerdictKind) -> f64 {
        let (named, right) = self.lines.get(&kind).copied().unwrap_or_default();
        share(right, named)
    }
}

/// 1 of nothing.
fn share(part: u32, whole: u32) -> f64 {
    match whole {
        0 => 1.0,
        whole => f64::from(part) / f64::from(whole),
    }
}

pub(crate) const KINDS: [(VerdictKind, &str); 5] = [
    (VerdictKind::Healthy, "healthy"),
    (VerdictKind::Leaking, "leak"),
    (VerdictKind::UsedUp, "used up"),
    (VerdictKind::Fragmented, "fragmented"),
    (VerdictKind::NeverFitted, "never fitted"),
];

impl Display for Score {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "| verdict | programs | precision | recall | names the right line |"
        )?;
        writeln!(out, "|---|---|---|---|---|")?;
        for (kind, name) in KINDS {
            let programs = self.sum(|truth, _| truth == kind);
            let percent = |share: f64| format!("{:.0} %", share * 100.0);
            let line = if self.lines.contains_key(&kind) {
                percent(self.line(kind))
            } else {
                "–".to_owned()
            };
            writeln!(
                out,
                "| {name} | {programs} | {} | {} | {line} |",
                percent(self.precision(kind)),
                percent(self.recall(kind))
            )?;
        }
        Ok(())
    }
}
