//! A night with too little memory: recorded programs on heaps that shrink step by step, under one
//! mechanism against shortage after the other.
//!
//! ```text
//!   trace ─► the smallest heap that serves everything ─► 98 %, 96 %, …  × mechanism ─► Outcome
//! ```

mod cache;
pub(crate) mod ends;
mod player;
pub(crate) mod svg;

use esp_heap::bisect::smallest;
use esp_heap::error::Error;
use heap_report::recorded::Trace;

pub(crate) use player::Outcome;

/// Smallest block, in bytes, that can be part of the cache.
pub(crate) const CACHED_FROM: u32 = 512;
/// One in this many of these blocks is part of it.
pub(crate) const CACHED_EVERY: usize = 4;
/// Operations of the program after which a request that waits gives up.
pub(crate) const TIME_OUT: usize = 1000;
/// The emergency reserve, in percent of the heap.
pub(crate) const RESERVE_PERCENT: u32 = 4;
/// The guaranteed minimum, in percent of the heap.
pub(crate) const MINIMUM_PERCENT: u32 = 35;
/// Requests below this many bytes have the minimum.
pub(crate) const SMALL_BELOW: u32 = 256;

/// What a program does against shortage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Nothing,
    Shrinkers,
    Waiting,
    ShrinkersAndWaiting,
    Emergency,
    Minimum,
}

impl Mechanism {
    pub(crate) const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Shrinkers,
        Self::Waiting,
        Self::ShrinkersAndWaiting,
        Self::Emergency,
        Self::Minimum,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Shrinkers => "shrinkers",
            Self::Waiting => "waiting",
            Self::ShrinkersAndWaiting => "shrinkers, then waiting",
            Self::Emergency => "emergency reserve",
            Self::Minimum => "minimum for small ones",
        }
    }

    const fn shrinks(self) -> bool {
        matches!(self, Self::Shrinkers | Self::ShrinkersAndWaiting)
    }

    const fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::ShrinkersAndWaiting)
    }
}

/// What became of a program on one heap under one mechanism.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    pub(crate) percent: u32,
    pub(crate) bytes: u32,
    pub(crate) mechanism: Mechanism,
    pub(crate) outcome: Outcome,
}

/// A program's nights.
#[derive(Debug)]
pub(crate) struct Night {
    pub(crate) name: String,
    /// The smallest heap that serves everything without any mechanism.
    pub(crate) enough: u32,
    pub(crate) rows: Vec<Trial>,
}

/// Replays a trace on heaps of `percents` of what is enough, under every mechanism.
///
/// # Errors
/// No heap serves the trace, or one is too small for a mechanism.
pub(crate) fn night(
    trace: &Trace,
    percents: &[u32],
    tick: impl Fn() + Sync,
) -> Result<Night, Error> {
    const GREATEST: u32 = 64 << 20;
    let peak = u32::try_from(trace.peak_live_bytes).unwrap_or(u32::MAX);
    let greatest = peak
        .saturating_mul(4)
        .saturating_add(0x1_0000)
        .min(GREATEST);
    let serves_all = |bytes| {
        let played = player::play(trace, bytes, Mechanism::Nothing);
        Ok::<_, Error>(played.is_ok_and(|outcome| outcome.refused == 0))
    };
    let enough = smallest(peak, greatest, serves_all)?.ok_or_else(|| {
        Error::Failed(format!(
            "{}: no heap of up to {greatest} bytes serves it",
            trace.name
        ))
    })?;
    let cases: Vec<(u32, Mechanism)> = percents
        .iter()
        .flat_map(|&percent| Mechanism::ALL.map(|mechanism| (percent, mechanism)))
        .collect();
    let rows = esp_heap::parallel::map(&cases, |&(percent, mechanism)| {
        let bytes = u32::try_from(u64::from(enough) * u64::from(percent) / 100 / 4 * 4);
        let bytes = bytes.unwrap_or(enough); // at most 100 %
        tick();
        let outcome = player::play(trace, bytes, mechanism)?;
        Ok(Trial {
            percent,
            bytes,
            mechanism,
            outcome,
        })
    });
    Ok(Night {
        name: trace.name.clone(),
        enough,
        rows: rows.into_iter().collect::<Result<_, Error>>()?,
    })
}
