//! Replay of a history: accounts, peak, timeline.
//!
//! ```text
//!   events ──► Live ──► Change ──► accounts of sites, owners, all
//!                │                      │
//!                └── blocks by address ─┴──► samples: at most ~240 samples, the peak among them
//! ```

mod account;
pub(crate) mod evidence;
mod follow;
pub(crate) mod leaks;
mod live;
mod pressure;
pub(crate) mod refusal;
mod timeline;

pub use account::Account;
pub(crate) use follow::failure;
pub use leaks::{Confidence, Growth, Leak};
pub use live::{Change, Live, LiveBlock};
pub use pressure::{LevelBand, PressureNote, Shortage, Waits};
pub use refusal::{AdjacentBlock, Holders, Pin, RefusalCause, Space};
pub(crate) use timeline::heaps;
pub use timeline::{HeapSample, Sample};

use std::collections::BTreeMap;

use serde::Serialize;
use soc_regions::Caps;

use crate::history::{Gaps, History};

/// A whole history, followed to its end.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// The accounts of the sites, by their numbers.
    pub sites: Vec<Account>,
    /// The accounts of the owners.
    pub owners: BTreeMap<u8, Account>,
    /// The account of all.
    pub total: Account,
    /// Samples, evenly over the events: the first, the last and the peak are among them.
    pub samples: Vec<Sample>,
    /// The blocks that are live at the end, by address.
    pub live: Vec<LiveBlock>,
    /// The moment with most bytes live.
    pub peak: Peak,
    /// The requests that were refused.
    pub failures: Vec<FailureNote>,
    /// The moments that the program named.
    pub marks: Vec<Mark>,
    /// Shortages of memory, and what was done about them.
    pub shortage: Shortage,
    /// After how many events the program restarted.
    pub restarts: Vec<usize>,
    /// What is missing, what only following the events shows included.
    pub gaps: Gaps,
    pub(crate) leaks: Vec<Leak>,
    /// The same when the first request was refused that a heap could ever serve: who cannot grow
    /// any more does not grow to the end.
    pub(crate) leaks_at_failure: Vec<Leak>,
}

/// The moment with most bytes live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// After how many events.
    pub event: usize,
    /// When.
    pub ticks: u64,
    /// Bytes live.
    pub bytes: u64,
    /// Blocks live.
    pub blocks: u64,
    /// Bytes live of each site, by its number.
    pub by_site: Vec<u64>,
    /// Live bytes of each owner that ever had some.
    pub by_owner: BTreeMap<u8, u64>,
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureNote {
    /// Number of the event.
    pub event: usize,
    /// When.
    pub ticks: u64,
    /// Bytes asked for; `u32::MAX`: that many or more.
    pub size: u32,
    /// Capabilities asked for.
    pub caps: Caps,
    /// On whose behalf.
    pub owner: u8,
    /// Why, in a sentence: the heap's own, else what the rebuilt heaps say.
    pub sentence: String,
    /// The same as figures, from the rebuilt heaps.
    pub cause: RefusalCause,
}

/// A moment that the program named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Number of the event.
    pub event: usize,
    /// When.
    pub ticks: u64,
    /// Its name.
    pub name: String,
}

impl Replayed {
    /// Follows `history` to its end. O(events · log(blocks)), and O(blocks) for each sample.
    #[must_use]
    pub fn of(history: &History) -> Replayed {
        follow::to_the_end(history)
    }

    /// Returns what is live at the end by site, the likeliest leak first.
    #[must_use]
    pub fn leaks(&self) -> Vec<Leak> {
        self.leaks.clone()
    }
}
