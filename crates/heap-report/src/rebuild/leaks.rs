//! Who never gave back what it took, the likeliest leak first?
//!
//! What is alive at the end is no leak yet: tables, buffers, connections live as long as the program, and whoever is busy has something just now. What tells a
//! leak from them is that its *floor* rises, the least that it ever has from a moment on:
//!
//! ```text
//!   bytes   │        ╱╲╱╲╱        │ ╱╲   ╱╲    ╱╲      │   ┌──────────────
//!           │   ╱╲╱╲╱             │╱  ╲_╱  ╲╱╲╱  ╲     │   │
//!   floor   │   ______‾‾‾‾‾‾      │ ____________‾‾     │   ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
//!             a leak                busy                   a table
//! ```

use serde::Serialize;

use super::{Account, Rebuilt, Sample};

/// What a site has at the end and never gave back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// The site, an index of [`crate::History::sites`].
    pub site: usize,
    /// Its account.
    pub account: Account,
    /// Number of the event that allocated its oldest block.
    pub oldest: usize,
    /// When that was.
    pub oldest_ticks: u64,
    /// How steadily its floor rose: in which share of the quarters of the time since its first block.
    pub growth: f64,
    /// Whether it is a suspect: its floor rose in at least three of the quarters, and it has more than one block.
    pub suspect: bool,
}

/// Parts of a site's time that are looked at.
const PARTS: usize = 4;
/// A floor rises in a part if it does by this part of what the site's bytes go up and down by.
const NOTICEABLE: u64 = 10;

pub(super) fn suspects(rebuilt: &Rebuilt) -> Vec<Leak> {
    let mut leaks: Vec<Leak> = (0..rebuilt.sites.len())
        .filter_map(|site| leak(rebuilt, site))
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
fn leak(rebuilt: &Rebuilt, site: usize) -> Option<Leak> {
    let account = *rebuilt.sites.get(site)?;
    let oldest = rebuilt
        .alive
        .iter()
        .filter(|block| block.site == site)
        .min_by_key(|block| block.born)?;
    let bytes = |sample: &Sample| sample.by_site.get(site).copied().unwrap_or(0);
    let growth = growth(&rebuilt.moments.iter().map(bytes).collect::<Vec<_>>());
    Some(Leak {
        site,
        account,
        oldest: oldest.born,
        oldest_ticks: oldest.born_ticks,
        growth,
        suspect: growth >= 0.75 && account.blocks > 1,
    })
}

/// In which share of the parts of its time the floor of a site rose that had `bytes`, moment by moment.
#[expect(clippy::cast_precision_loss, reason = "a count of at most four")]
fn growth(bytes: &[u64]) -> f64 {
    let Some(first) = bytes.iter().position(|&bytes| bytes > 0) else {
        return 0.0;
    };
    let floors = floors(bytes.get(first.saturating_sub(1)..).unwrap_or_default());
    let at = |part: usize| {
        floors
            .get((floors.len() - 1) * part / PARTS)
            .copied()
            .unwrap_or(0)
    };
    let most = bytes.iter().copied().max().unwrap_or(0);
    let noticeable = (most.saturating_sub(at(1)) / NOTICEABLE).max(1);
    let risen = (0..PARTS).filter(|&part| at(part + 1) >= at(part) + noticeable);
    risen.count() as f64 / PARTS as f64
}

/// The least of each moment and all after it.
fn floors(bytes: &[u64]) -> Vec<u64> {
    let mut floors = bytes.to_vec();
    let mut least = u64::MAX;
    for floor in floors.iter_mut().rev() {
        least = least.min(*floor);
        *floor = least;
    }
    floors
}

#[cfg(test)]
mod tests {
    use super::{floors, growth};

    #[test]
    fn a_floor_is_the_least_that_is_ever_there_from_now_on() {
        assert_eq!(floors(&[0, 5, 3, 7, 4, 9]), [0, 3, 3, 4, 4, 9]);
    }

    #[test]
    fn a_leak_rises_to_the_end_whatever_comes_and_goes_with_it() {
        assert!(growth(&[0, 1, 2, 3, 4, 5, 6, 7, 8]) >= 1.0);
        assert!(growth(&[0, 9, 2, 9, 4, 9, 5, 12, 8]) >= 1.0);
        assert!(growth(&[0, 0, 0, 48, 48, 96, 96, 96, 144]) >= 0.75);
    }

    #[test]
    fn a_table_rises_once() {
        assert!(growth(&[0, 0, 64, 64, 64, 64, 64, 64, 64]) <= 0.25);
    }

    #[test]
    fn who_is_busy_has_something_at_the_end_but_its_floor_stays() {
        assert!(growth(&[0, 50, 2, 40, 3, 60, 4, 50, 5, 40, 3, 70, 4, 55, 30]) <= 0.5);
    }

    #[test]
    fn who_never_had_anything_does_not_grow() {
        assert!(growth(&[0, 0, 0]) <= 0.0);
        assert!(growth(&[]) <= 0.0);
    }
}
