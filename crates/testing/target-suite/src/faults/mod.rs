//! Fault injection: what the heap finds, and when, if a program writes where it must not, or frees
//! what it must not.
//!
//! ```text
//!   seed ─► Program: blocks in three heaps, with owners ─► fault ─┬─ the heap refuses the call?              at once
//!                                                                 ├─ a check now: what does it find?         check
//!                                                                 ├─ a scrub that was on its way?           scrub
//!                                                                 └─ the program goes on: frees or resizes
//!                                                                    the block and its neighbours, then
//!                                                                    works on; is a call refused?            next use
//!                                                                     └─ another check                       at the end
//!            arena: guards around the heaps ─► did the heap write outside?     Outcome ─► FaultCounts: a row of the table
//! ```
//!
//! Everything follows from the seed, the same on every machine. What the fault has hit is known
//! byte by byte (`layout.rs`), so nobody asks the heap whether there was something to be found.

#![expect(
    clippy::cast_possible_truncation,
    reason = "counts and places in memory of some KiB; numbers of which the low bits are wanted"
)]

mod arena;
mod counts;
mod fault;
mod kind;
mod layout;
mod program;
mod trial;

pub use counts::FaultCounts;
pub use kind::FaultKind;
pub use trial::{Impact, Outcome, STEP_BUDGET, trial};

use core::fmt;

use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};

use crate::random::mixed;

/// Returns the counts of `count` faults of a kind, those with the numbers from `first` on.
#[must_use]
pub fn count_faults<P: Poison>(kind: FaultKind, seed: u64, first: u64, count: u64) -> FaultCounts {
    let seeds = (first..first + count).map(|number| seed_of(kind, seed, number));
    seeds.map(|seed| trial::<P>(kind, seed)).collect()
}

/// Returns the seed of one fault: the same at all poisoning levels, so that the same programs are
/// compared.
#[must_use]
pub fn seed_of(kind: FaultKind, seed: u64, number: u64) -> u64 {
    mixed(mixed(seed) ^ (kind as u64) << 32 ^ number)
}

/// How many faults of each cell an emulated chip tries.
pub const FEW: u64 = 5;

/// What becomes of the first `count` faults of every kind at every level: a line each, the same on
/// every machine.
pub fn lines(count: u64, mut line: impl FnMut(fmt::Arguments<'_>)) {
    for kind in FaultKind::ALL {
        line(format_args!(
            "{}",
            FaultLine(
                Unpoisoned::NAME,
                kind,
                count_faults::<Unpoisoned>(kind, 1, 0, count)
            )
        ));
        line(format_args!(
            "{}",
            FaultLine(Light::NAME, kind, count_faults::<Light>(kind, 1, 0, count))
        ));
        line(format_args!(
            "{}",
            FaultLine(
                Comprehensive::NAME,
                kind,
                count_faults::<Comprehensive>(kind, 1, 0, count)
            )
        ));
    }
}

struct FaultLine(&'static str, FaultKind, FaultCounts);

impl fmt::Display for FaultLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "faults\t{}\t{}\t{:?}", self.1, self.0, self.2)
    }
}
