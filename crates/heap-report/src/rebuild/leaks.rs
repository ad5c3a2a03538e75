//! Who never gave back what it took, the likeliest leak first?
//!
//! What is alive at the end is no leak yet: tables, buffers, connections live as long as the program. What tells them apart is growth: a leak has more
//! and more blocks, as long as one looks; what belongs to the program is there soon and stays.

use serde::Serialize;

use super::{Account, Rebuilt, Sample};
use crate::history::History;

/// What a site has at the end and never gave back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// The site, an index of [`History::sites`].
    pub site: usize,
    /// Its account.
    pub account: Account,
    /// Number of the event that allocated its oldest block.
    pub oldest: usize,
    /// When that was.
    pub oldest_ticks: u64,
    /// How steadily its bytes grew: the share of the quarters of the time since its first block in which it had more at the end than at the beginning.
    pub growth: f64,
    /// Whether it is a suspect: it grew in at least three quarters of its time, and has more than one block.
    pub suspect: bool,
}

/// Parts of a site's time that are looked at.
const PARTS: usize = 4;

pub(super) fn suspects(rebuilt: &Rebuilt, history: &History) -> Vec<Leak> {
    let end = history.events.len();
    let mut leaks: Vec<Leak> = (0..rebuilt.sites.len())
        .filter_map(|site| leak(rebuilt, site, end))
        .collect();
    leaks.sort_by(|one, other| {
        let rank = |leak: &Leak| (leak.suspect, leak.account.bytes);
        rank(other)
            .cmp(&rank(one))
            .then(one.oldest.cmp(&other.oldest))
    });
    leaks
}

/// `None` for a site that has nothing at the end.
fn leak(rebuilt: &Rebuilt, site: usize, end: usize) -> Option<Leak> {
    let account = *rebuilt.sites.get(site)?;
    let oldest = rebuilt
        .alive
        .iter()
        .filter(|block| block.site == site)
        .min_by_key(|block| block.born)?;
    let growth = growth(&rebuilt.moments, site, end);
    Some(Leak {
        site,
        account,
        oldest: oldest.born,
        oldest_ticks: oldest.born_ticks,
        growth,
        suspect: growth >= 0.75 && account.blocks > 1,
    })
}

/// In how many of the quarters of its time the site had more at the end than at the beginning, as a share.
#[expect(clippy::cast_precision_loss, reason = "a count of at most four")]
fn growth(moments: &[Sample], site: usize, end: usize) -> f64 {
    let bytes = |sample: &Sample| sample.by_site.get(site).copied().unwrap_or(0);
    let Some(first) = moments.iter().position(|sample| bytes(sample) > 0) else {
        return 0.0;
    };
    let start = moments
        .get(first.saturating_sub(1))
        .map_or(0, |sample| sample.event);
    let at = |part: usize| {
        let event = start + (end - start) * part / PARTS;
        moments
            .iter()
            .rfind(|sample| sample.event <= event)
            .map_or(0, bytes)
    };
    let grown = (0..PARTS).filter(|&part| at(part + 1) > at(part));
    grown.count() as f64 / PARTS as f64
}
