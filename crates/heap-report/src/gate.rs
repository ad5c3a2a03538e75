//! Limits that a program's heap has to keep, for CI: `peak>60K,leaked>0,largest<20K`.
//!
//! | figure | is |
//! |---|---|
//! | `peak` | most bytes live at once |
//! | `live` | bytes live at the end |
//! | `blocks` | blocks live at the end |
//! | `leaked` | bytes that likely leaks kept |
//! | `refused` | requests that were refused |
//! | `largest` | the largest free block when it was smallest; unknown where no heap is |
//! | `missing` | events, frames and records that are missing |
//!
//! What an input cannot have is unknown, and fails: refusals of a dump, blocks of printed figures,
//! the peak and the leaks of a dump without frees, and all of it where a twentieth is missing.

use std::fmt;

use crate::history::{History, Source};
use crate::replay::{Confidence, Replayed};

/// A figure that may not be above, or below, a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    figure: Figure,
    /// Whether it fails above the limit; else below.
    above: bool,
    limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Peak,
    Live,
    Blocks,
    Leaked,
    Refused,
    Largest,
    Missing,
}

const FIGURES: [(&str, Figure); 7] = [
    ("peak", Figure::Peak),
    ("live", Figure::Live),
    ("blocks", Figure::Blocks),
    ("leaked", Figure::Leaked),
    ("refused", Figure::Refused),
    ("largest", Figure::Largest),
    ("missing", Figure::Missing),
];

/// What became of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The condition.
    pub condition: Condition,
    /// The figure; `None`: the input does not contain it.
    pub value: Option<u64>,
}

impl Outcome {
    /// Returns whether the condition holds, that is, the program fails; what is not known fails,
    /// too.
    #[must_use]
    pub fn fails(&self) -> bool {
        let Condition { above, limit, .. } = self.condition;
        self.value
            .is_none_or(|value| if above { value > limit } else { value < limit })
    }
}

/// Reads conditions with commas in between; sizes may have a K, M or KiB, MiB behind them.
///
/// # Errors
/// A sentence about the first word that is no condition.
pub fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    text.split(',').map(|word| condition(word.trim())).collect()
}

fn condition(word: &str) -> Result<Condition, String> {
    let known = FIGURES.map(|(name, _)| name).join(", ");
    let sign = word
        .find(['<', '>'])
        .ok_or_else(|| format!("`{word}` is no condition: write a figure ({known}), < or >, and a limit, as in peak>60K"))?;
    let (name, rest) = word.split_at(sign);
    let found = FIGURES.iter().find(|(known, _)| *known == name.trim());
    let (_, figure) =
        found.ok_or_else(|| format!("`{}` is no figure; there are {known}", name.trim()))?;
    let limit = rest.get(1..).unwrap_or_default().trim();
    Ok(Condition {
        figure: *figure,
        above: rest.starts_with('>'),
        limit: size(limit).ok_or_else(|| {
            format!("`{limit}` is no limit: write bytes or a number, as in 60000, 60K or 4M")
        })?,
    })
}

fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches("iB").trim_end_matches('B');
    let (digits, unit) = match digits.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => digits
            .strip_suffix('M')
            .map_or((digits, 1), |digits| (digits, 1 << 20)),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// Returns what became of each condition in the two parts of one log: the worse of both, and
/// unknown only where neither knows.
#[must_use]
pub fn worse_of(first: Vec<Outcome>, second: Vec<Outcome>) -> Vec<Outcome> {
    let worse = |(first, second): (Outcome, Outcome)| match (first.value, second.value) {
        (None, _) => second,
        (Some(_), Some(_)) if second.fails() => second,
        _ => first,
    };
    first.into_iter().zip(second).map(worse).collect()
}

/// Returns what became of each condition. O(samples · heaps).
#[must_use]
pub fn outcomes(conditions: &[Condition], history: &History, replayed: &Replayed) -> Vec<Outcome> {
    let outcome = |condition: &Condition| Outcome {
        condition: *condition,
        value: condition.figure.of(history, replayed),
    };
    conditions.iter().map(outcome).collect()
}

impl Figure {
    /// `None` where the input contradicts itself or does not contain it.
    fn of(self, history: &History, replayed: &Replayed) -> Option<u64> {
        if !history.doubts.is_empty() {
            return None;
        }
        if self != Figure::Missing && !self.is_known(history, replayed) {
            return None;
        }
        Some(match self {
            Figure::Peak => replayed.peak.bytes,
            Figure::Live => replayed.total.bytes,
            Figure::Blocks => replayed.total.blocks,
            Figure::Leaked => replayed
                .leaks
                .iter()
                .filter(|leak| leak.sure >= Confidence::Likely)
                .map(|leak| leak.kept.bytes)
                .sum(),
            Figure::Refused => match &history.crash {
                Some(crash) => crash.refused?.into(),
                None => replayed.failures.len() as u64,
            },
            Figure::Largest => {
                let largest = |sample: &crate::Sample| {
                    sample
                        .heaps
                        .iter()
                        .map(|heap| u64::from(heap.largest_free))
                        .max()
                };
                replayed.samples.iter().filter_map(largest).min()?
            }
            Figure::Missing => replayed.gaps.pieces(),
        })
    }

    /// Returns whether this kind of input has the figure, and enough of it was read.
    fn is_known(self, history: &History, replayed: &Replayed) -> bool {
        if replayed.gaps.are_too_large(history.events.len()) {
            return false;
        }
        match (history.source, self) {
            // Figures of the heaps, and no blocks.
            (Source::Printed, _) => self == Figure::Largest,
            (Source::Guard, _) | (Source::Dump, Figure::Refused) => false,
            // What was not freed when it was printed, which may come and go.
            (Source::Dump, Figure::Peak | Figure::Leaked) => !replayed.total.keeps_everything(),
            // One point in time has no peak, and nothing that grows.
            (Source::Image, Figure::Peak | Figure::Leaked) => false,
            _ => true,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FIGURES
            .iter()
            .find(|(_, figure)| *figure == self.figure)
            .map_or("", |(name, _)| name);
        write!(
            out,
            "{name}{}{}",
            if self.above { '>' } else { '<' },
            self.limit
        )
    }
}

impl fmt::Display for Outcome {
    /// `FAILED  peak>61440: it is 65,000`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.fails() { "FAILED" } else { "ok    " };
        match self.value {
            Some(value) => write!(out, "{word}  {}: it is {value}", self.condition),
            None => write!(out, "{word}  {}: not in this input", self.condition),
        }
    }
}

/// Returns the outcomes as JUnit's XML, which CI servers show.
#[must_use]
pub fn junit(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.fails()).count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"heap\" tests=\"{}\" failures=\"{failed}\">\n",
        outcomes.len()
    );
    for outcome in outcomes {
        let escaped = |text: String| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
        };
        let name = escaped(outcome.condition.to_string());
        text += &if outcome.fails() {
            format!(
                "  <testcase name=\"{name}\"><failure>{}</failure></testcase>\n",
                escaped(outcome.to_string())
            )
        } else {
            format!("  <testcase name=\"{name}\"/>\n")
        };
    }
    text + "</testsuite>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, TimedEvent};

    fn history() -> History {
        let event = Event::Allocated {
            address: 0x100,
            size: 70_000,
            site: 0,
            owner: 0,
        };
        History {
            events: vec![TimedEvent { ticks: 0, event }],
            ..History::default()
        }
    }

    fn outcome_lines(text: &str, history: &History) -> Vec<String> {
        let outcomes = outcomes(&conditions(text).unwrap(), history, &Replayed::of(history));
        outcomes.iter().map(Outcome::to_string).collect()
    }

    #[test]
    fn figures_are_compared_with_their_limits() {
        assert_eq!(
            outcome_lines("peak>60K, leaked>0,blocks>1,live<4 KiB", &history()),
            [
                "FAILED  peak>61440: it is 70000",
                "ok      leaked>0: it is 0",
                "ok      blocks>1: it is 1",
                "ok      live<4096: it is 70000"
            ]
        );
    }

    #[test]
    fn what_is_not_known_fails() {
        assert_eq!(
            outcome_lines("largest<20K", &history()),
            ["FAILED  largest<20480: not in this input"]
        );
        let doubted = History {
            doubts: vec!["totals contradict".to_owned()],
            ..history()
        };
        assert_eq!(
            outcome_lines("peak>1M", &doubted),
            ["FAILED  peak>1048576: not in this input"]
        );
    }

    #[test]
    fn figures_that_an_input_cannot_have_are_not_known() {
        let of = |source| History {
            source,
            ..history()
        };
        for (source, figures) in [
            (
                Source::Printed,
                "peak>1M,live>1M,blocks>9,leaked>0,refused>0",
            ),
            (Source::Dump, "peak>1M,leaked>0,refused>0"),
        ] {
            let outcomes = outcome_lines(figures, &of(source));
            assert!(
                outcomes
                    .iter()
                    .all(|line| line.ends_with("not in this input")),
                "{outcomes:?}"
            );
        }
        let mut lossy = history();
        lossy.gaps.unreadable_records = 1;
        assert_eq!(
            outcome_lines("live>1M,missing>0", &lossy),
            [
                "FAILED  live>1048576: not in this input",
                "FAILED  missing>0: it is 1"
            ]
        );
    }

    #[test]
    fn of_two_parts_of_a_log_the_worse_counts() {
        let conditions = conditions("live>0,refused>0").unwrap();
        let of = |history: &History| outcomes(&conditions, history, &Replayed::of(history));
        let dump = History {
            source: Source::Dump,
            ..history()
        };
        let worse = worse_of(of(&History::default()), of(&dump));
        let values: Vec<_> = worse.iter().map(|outcome| outcome.value).collect();
        assert_eq!(values, [Some(70_000), Some(0)]);
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_there_is() {
        for (text, words) in [
            ("peak", "is no condition"),
            ("pike>1", "`pike` is no figure; there are peak"),
            ("peak>many", "`many` is no limit"),
        ] {
            let refused = conditions(text).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn junit_counts_and_names_what_fails() {
        let history = history();
        let outcomes = outcomes(
            &conditions("peak>60K,blocks>1").unwrap(),
            &history,
            &Replayed::of(&history),
        );
        let text = junit(&outcomes);
        assert!(text.contains("tests=\"2\" failures=\"1\""), "{text}");
        assert!(text.contains("<testcase name=\"peak&gt;61440\"><failure>FAILED  peak&gt;61440: it is 70000</failure>"), "{text}");
    }
}
