//! Search for the configuration that serves a program best.
//!
//! ```text
//!   policies × reserves that the program's requests suggest × limits above which malloc takes external memory
//!   better = fewer requests refused, then a larger free block at the tightest moment
//! ```
//!
//! Chip, options and poisoning are not searched: they cost money, or are a decision about safety.
//! The cost of stricter poisoning is reported.

use std::collections::BTreeMap;

use heap_caps::{Policy, Reserve};
use soc_regions::Caps;

use super::replay::requests;
use super::{Outcome, Poisoning, Variant};
use crate::error::Error;
use crate::program::{Program, ProgramStep};
use crate::simulate::machine::Requests;
use crate::summary::{bytes, counted};

/// How many kinds of capabilities get reserves tried.
const KINDS: usize = 2;

/// A variant and how the program fared.
#[derive(Debug, Clone)]
pub struct Found {
    /// What was tried.
    pub variant: Variant,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Advice {
    /// All that was tried; the first is where the search began.
    pub tried: Vec<Found>,
    /// The place of the best in it; 0 if nothing is better.
    pub best: usize,
    /// Why, in sentences.
    pub why: String,
}

/// Tries the variants near `base`. `tick` is called after each.
///
/// # Errors
/// As [`Variant::try_on`].
pub fn search(
    program: &Program,
    base: &Variant,
    mut tick: impl FnMut(usize),
) -> Result<Advice, Error> {
    let variants = variants(program, base);
    let mut tried = Vec::new();
    for variant in variants.iter().cloned() {
        let outcome = variant.try_on(program)?;
        tried.push(Found { variant, outcome });
        tick(variants.len());
    }
    let best = best_of(&tried);
    let mut why = reason(&tried, best, program, base);
    if let Some(chosen) = tried.get(best) {
        why.push_str(&on_poisoning(program, &chosen.variant)?);
    }
    Ok(Advice { tried, best, why })
}

/// `base` first, each once.
fn variants(program: &Program, base: &Variant) -> Vec<Variant> {
    let mut variants = vec![base.clone()];
    for (policy, reserve) in policies_and_reserves(program, base) {
        for limit in limits(base) {
            let mut variant = base.clone();
            (variant.setup.policy, variant.setup.reserve) = (policy, reserve);
            variant.external_above = limit;
            let is_new = |other: &Variant| other.to_string() != variant.to_string();
            if variants.iter().all(is_new) {
                variants.push(variant);
            }
        }
    }
    variants
}

/// Only `Guaranteed` honours reserves.
fn policies_and_reserves(program: &Program, base: &Variant) -> Vec<(Policy, Option<Reserve>)> {
    let reserves = reserves(program, base)
        .into_iter()
        .map(|reserve| (Policy::Guaranteed, Some(reserve)));
    [(Policy::Guaranteed, None), (Policy::IdfExact, None)]
        .into_iter()
        .chain(reserves)
        .collect()
}

fn limits(base: &Variant) -> Vec<Option<u32>> {
    if base.has_psram() {
        vec![
            base.external_above,
            Some(0),
            Some(1024),
            Some(4096),
            Some(u32::MAX),
        ]
    } else {
        vec![base.external_above]
    }
}

/// Returns what requests that name capabilities have at their peak, a quarter more, and the sum
/// with what they were refused.
fn reserves(program: &Program, base: &Variant) -> Vec<Reserve> {
    let mut kinds: Vec<(Caps, Need)> = needs(program, base)
        .into_iter()
        .map(|(bits, need)| (Caps::from_bits_retain(bits), need))
        .collect();
    kinds.sort_by_key(|(_, need)| std::cmp::Reverse((need.refused, need.peak)));
    let sizes = |(caps, need): (Caps, Need)| {
        let sizes = [
            need.peak,
            need.peak + need.peak / 4,
            need.peak + need.refused,
        ];
        sizes.into_iter().map(move |bytes| Reserve {
            caps,
            bytes: in_kibibytes(bytes),
        })
    };
    kinds
        .into_iter()
        .take(KINDS)
        .flat_map(sizes)
        .filter(|reserve| reserve.bytes > 0)
        .collect()
}

fn in_kibibytes(bytes: u64) -> u32 {
    u32::try_from(bytes.next_multiple_of(1024)).unwrap_or(0)
}

/// What requests for some capabilities have and wanted, in bytes.
#[derive(Default, Clone, Copy)]
struct Need {
    now: u64,
    peak: u64,
    /// The largest that was refused.
    refused: u64,
}

fn needs(program: &Program, base: &Variant) -> BTreeMap<u32, Need> {
    let mut needs = BTreeMap::<u32, Need>::new();
    let mut blocks: Vec<Option<(u32, u32)>> = vec![None; program.slots];
    let named = |caps: Option<Caps>| match requests(caps, base) {
        Requests::Caps(caps) if base.requests.is_none() => Some(caps.bits()),
        _ => None,
    };
    for step in &program.steps {
        let (slot, new) = match *step {
            ProgramStep::Allocate {
                slot, size, caps, ..
            }
            | ProgramStep::Resize { slot, size, caps } => {
                (slot, named(caps).map(|caps| (caps, size)))
            }
            ProgramStep::Free { slot } => (slot, None),
            ProgramStep::Refused { size, caps } => {
                if let Some(caps) = named(caps) {
                    let need = needs.entry(caps).or_default();
                    need.refused = need.refused.max(size.into());
                }
                continue;
            }
        };
        let Some(place) = blocks.get_mut(slot) else {
            continue;
        };
        if let Some((caps, size)) = std::mem::replace(place, new) {
            needs.entry(caps).or_default().now -= u64::from(size);
        }
        if let Some((caps, size)) = new {
            let need = needs.entry(caps).or_default();
            need.now += u64::from(size);
            need.peak = need.peak.max(need.now);
        }
    }
    needs
}

impl Outcome {
    /// Returns the requests that are not served, those that never were included.
    #[must_use]
    pub fn unserved(&self) -> usize {
        self.refused + self.were_refused - self.granted
    }

    /// Returns whether the program is served better: fewer requests are not served, or more room is
    /// left when it is tightest.
    #[must_use]
    pub fn is_better_than(&self, other: &Outcome) -> bool {
        self.merit() > other.merit()
    }

    /// Larger is better.
    fn merit(&self) -> (std::cmp::Reverse<usize>, u32) {
        (std::cmp::Reverse(self.unserved()), self.tightest.largest)
    }
}

/// Returns the first of the best.
fn best_of(tried: &[Found]) -> usize {
    let mut best = 0;
    for (place, found) in tried.iter().enumerate() {
        let is_better = tried
            .get(best)
            .is_none_or(|so_far| found.outcome.merit() > so_far.outcome.merit());
        if is_better {
            best = place;
        }
    }
    best
}

fn reason(tried: &[Found], best: usize, program: &Program, base: &Variant) -> String {
    let (Some(first), Some(chosen)) = (tried.first(), tried.get(best)) else {
        return String::new();
    };
    let (before, after) = (&first.outcome, &chosen.outcome);
    let count = tried.len();
    if best == 0 {
        let equal = tried
            .iter()
            .filter(|found| found.outcome.merit() == before.merit())
            .count();
        let why = if equal == count {
            because_of_the_program(program, base)
        } else {
            String::new()
        };
        return format!(
            "Nothing that was tried is better than {}; as good: {} of {}.{why}",
            first.variant,
            equal - 1,
            counted(count as u64, "variant")
        );
    }
    let gain = match before.unserved() - after.unserved() {
        0 => format!(
            "it serves as many requests, and at the tightest moment the largest free block has {} instead of {}",
            bytes(after.tightest.largest.into()),
            before.tightest.largest
        ),
        more => format!(
            "it serves {}: refused are {} instead of {}",
            counted(more as u64, "more request"),
            after.unserved(),
            before.unserved()
        ),
    };
    let count = counted(count as u64, "variant");
    format!("Best of {count} is {}: {gain}.", chosen.variant)
}

/// Returns why policy and reserves can't matter.
fn because_of_the_program(program: &Program, base: &Variant) -> String {
    if needs(program, base).is_empty() {
        " Every request is made in the same way, so neither the order of heaps for other requests nor a reserve can matter.".to_owned()
    } else {
        String::new()
    }
}

/// Returns whether stricter poisoning could be left on.
fn on_poisoning(program: &Program, chosen: &Variant) -> Result<String, Error> {
    let unserved = chosen.try_on(program)?.unserved();
    let mut text = String::new();
    for poisoning in [Poisoning::Light, Poisoning::Comprehensive] {
        if poisoning <= chosen.poisoning {
            continue;
        }
        let outcome = Variant {
            poisoning,
            ..chosen.clone()
        }
        .try_on(program)?;
        let what = match outcome.unserved() - unserved.min(outcome.unserved()) {
            0 => format!(
                "would be served as well, with {} in the largest free block at the tightest moment",
                bytes(outcome.tightest.largest.into())
            ),
            more => format!("would cost {}", counted(more as u64, "request")),
        };
        text.push_str(&format!(" Under {poisoning} poisoning the program {what}."));
    }
    Ok(text)
}
