//! A recorded program under another policy, on another chip, with other poisoning or a reserve.
//!
//! ```text
//!   Program ─┬─► Variant 1 ─► Outcome ─┐
//!            ├─► Variant 2 ─► Outcome ─┼─► Advice: which, and why; or that nothing changes
//!            └─► …                     ┘          └─► lines to paste
//! ```
//!
//! Every variant is replayed on the simulated chip, whose heaps are the real ones: figures are
//! measured, not estimated. What a program would do after a request was refused, nobody knows: the
//! replay goes on without that block. Nor is it known how long a block would have lived that the
//! program was refused: such a request is made where it was, and freed at once.

mod paste;
mod replay;
mod search;

pub use paste::lines;
pub use search::{Advice, Found, search};

use std::fmt;

use heap_caps::{Policy, Reserve};
use multi_heap::{Comprehensive, Light, Unpoisoned};
use soc_regions::{Caps, When, common};

use crate::error::Error;
use crate::program::Program;
use crate::simulate::machine::{Requests, Setup};

/// What is written around and into blocks to find errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Poisoning {
    /// Nothing.
    #[default]
    None,
    /// A canary before and after each block.
    Light,
    /// Free and fresh memory is filled, too.
    Comprehensive,
}

/// A configuration to be tried.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Chip, options, policy, reserve.
    pub setup: Setup,
    /// Of all heaps.
    pub poisoning: Poisoning,
    /// Above which size `malloc` prefers external memory; `None`: as ESP-IDF has it where there is
    /// some.
    pub external_above: Option<u32>,
    /// How every request is made; `None`: with the capabilities that the program named, as by
    /// `malloc` where it named none.
    pub requests: Option<Requests>,
}

/// How a program fared. Bytes of memory are those of heaps that serve [`Outcome::view`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Requests for memory: allocations and resizes that the program made and was granted when it
    /// was recorded.
    pub requests: usize,
    /// Those of them that are refused here.
    pub refused: usize,
    /// The first of them: number of the step, and the sentence.
    pub first_refusal: Option<(usize, String)>,
    /// Requests that the program was refused when it was recorded.
    pub were_refused: usize,
    /// Those of them that are granted here.
    pub granted: usize,
    /// The capabilities whose heaps are looked at: those of most requests.
    pub view: Caps,
    /// Free at the beginning.
    pub free_at_start: u32,
    /// Least bytes that were free at one moment.
    pub least_free: u32,
    /// The moment at which the largest free block was smallest.
    pub tightest: FreeSample,
    /// Most bytes asked for that were live.
    pub peak_bytes: u64,
    /// What headers, rounding and canaries took then beyond them.
    pub overhead: u64,
}

/// Free memory at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreeSample {
    /// After how many steps.
    pub step: usize,
    /// Free bytes.
    pub free: u32,
    /// The largest request that would be served.
    pub largest: u32,
}

impl FreeSample {
    /// 1 − largest / free, in percent.
    #[must_use]
    pub fn fragmentation(&self) -> u32 {
        let holes = u64::from(self.free.saturating_sub(self.largest));
        u32::try_from((holes * 100).checked_div(self.free.into()).unwrap_or(0)).unwrap_or(100)
    }
}

impl Variant {
    /// As a program is that has changed nothing.
    #[must_use]
    pub fn plain(setup: Setup) -> Variant {
        Variant {
            setup,
            poisoning: Poisoning::None,
            external_above: None,
            requests: None,
        }
    }

    /// Replays the program. O(steps · heaps).
    ///
    /// # Errors
    /// The chip has no such memory or no such reserve, or its heaps refuse a block of their own.
    pub fn try_on(&self, program: &Program) -> Result<Outcome, Error> {
        match self.poisoning {
            Poisoning::None => replay::replay::<Unpoisoned>(program, self),
            Poisoning::Light => replay::replay::<Light>(program, self),
            Poisoning::Comprehensive => replay::replay::<Comprehensive>(program, self),
        }
    }

    /// Returns whether the chip has external memory.
    #[must_use]
    pub fn has_psram(&self) -> bool {
        When::given(common::PSRAM).holds(&self.setup.options)
    }
}

impl fmt::Display for Poisoning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Poisoning::None => "none",
            Poisoning::Light => "light",
            Poisoning::Comprehensive => "comprehensive",
        })
    }
}

impl fmt::Display for Variant {
    /// `esp32, guaranteed, reserve DMA=24576, poisoning light, psram 4194304`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}, {}",
            self.setup.chip.name(),
            policy_name(self.setup.policy)
        )?;
        if let Some(Reserve { caps, bytes }) = self.setup.reserve {
            write!(out, ", reserve {caps}={bytes}")?;
        }
        if self.poisoning != Poisoning::None {
            write!(out, ", poisoning {}", self.poisoning)?;
        }
        if self.has_psram() {
            write!(out, ", psram {}", psram_bytes(self))?;
        }
        match self.external_above {
            Some(limit) => write!(out, ", external above {limit}"),
            None => Ok(()),
        }
    }
}

/// As on the command line.
fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::IdfExact => "idf-exact",
        Policy::Guaranteed => "guaranteed",
        Policy::Tagged2016 => "tagged-2016",
    }
}

fn psram_bytes(variant: &Variant) -> u32 {
    variant.setup.options.value("psram").unwrap_or(0)
}

#[cfg(test)]
mod tests;
