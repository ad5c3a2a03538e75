//! Metrics of a watched program: the device's own format, from heaps that are rebuilt.

use std::collections::BTreeMap;

use heap_caps::{Level, PressureKind};
use heap_trace::{CapabilityMetrics, Metrics, MetricsFormat, Owner, PressureFigures, Usage};
use soc_regions::Caps;

use crate::history::{HeapDescription, History};
use crate::replay::{Account, HeapSample};

/// The least free bytes by capability, at the moments that were asked for.
pub(super) type LeastFree = BTreeMap<&'static str, u32>;

/// Shortages of the program since it began, as its own ledger counts them.
#[derive(Debug, Default)]
pub(super) struct Shortages {
    /// Gauges by name, in the order in which they reported a level first.
    levels: Vec<(String, Level)>,
    /// Sums of what was done; it has no levels.
    sums: PressureFigures<'static>,
}

impl Shortages {
    pub(super) fn record(&mut self, name: &str, kind: PressureKind) {
        let PressureKind::Level(level) = kind else {
            self.sums.record_named("", kind);
            return;
        };
        let known = self.levels.iter_mut().find(|(known, _)| known == name);
        if let Some((_, of_gauge)) = known {
            *of_gauge = level;
        } else if self.levels.len() < MOST_GAUGES {
            self.levels.push((name.to_owned(), level));
        }
    }

    fn figures(&self) -> PressureFigures<'_> {
        let mut figures: PressureFigures<'_> = self.sums;
        for (name, level) in &self.levels {
            figures.record_named(name, PressureKind::Level(*level));
        }
        figures
    }
}

/// More than a device has; a damaged stream may name any number of them.
const MOST_GAUGES: usize = 16;

/// Returns what the heaps with each capability have; those that no heap has are left out.
pub(super) fn capabilities(
    described: &[HeapDescription],
    heaps: &[HeapSample],
    least_free: &mut LeastFree,
) -> Vec<CapabilityMetrics> {
    let of = |(name, caps): (&'static str, Caps)| {
        let having = || {
            let both = described.iter().zip(heaps);
            both.filter(move |(heap, _)| heap.caps.contains(caps))
        };
        having().next()?;
        let sum = |of: fn(&(&HeapDescription, &HeapSample)) -> u32| {
            having().map(|both| of(&both)).fold(0, u32::saturating_add)
        };
        let free = sum(|(_, sample)| sample.free);
        let least = least_free.entry(name).or_insert(free);
        *least = (*least).min(free);
        Some(CapabilityMetrics {
            name,
            size: sum(|(heap, _)| heap.size),
            free,
            minimum_free: *least,
            largest_free: having()
                .map(|(_, sample)| sample.largest_free)
                .max()
                .unwrap_or(0),
        })
    };
    Caps::all_named().filter_map(of).collect()
}

/// Returns an account as the device's ledger would have it.
pub(super) fn usage(account: &Account) -> Usage {
    let saturated = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Usage {
        bytes: saturated(account.bytes),
        blocks: saturated(account.blocks),
        peak_bytes: saturated(account.peak_bytes),
        peak_blocks: saturated(account.peak_blocks),
        allocations: saturated(account.allocations),
    }
}

/// Returns the text, in a buffer that is as large as it must be.
pub(super) fn written(
    capabilities: Vec<CapabilityMetrics>,
    owners: impl Iterator<Item = (Owner, Usage)>,
    shortages: &Shortages,
    history: &History,
) -> String {
    let metrics = Metrics::<256>::from_figures(capabilities, owners);
    let metrics = metrics.with_pressure(shortages.figures());
    let name = |owner: Owner| history.owners.get(&owner.0).map(String::as_str);
    let mut buffer = Vec::new();
    loop {
        match metrics.write(MetricsFormat::Prometheus, name, &mut buffer) {
            Ok(text) => return String::from_utf8_lossy(text).into_owned(),
            Err(too_small) => buffer.resize(too_small.needed, 0),
        }
    }
}
