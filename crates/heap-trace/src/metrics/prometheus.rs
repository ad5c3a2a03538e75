//! Prometheus's text format, version 0.0.4.

use core::fmt::{self, Write as _};

use super::out::{Out, Quoted};
use super::{CapabilityMetrics, Metrics, called};
use crate::{Owner, PressureFigures, Usage};

/// A metric of capabilities: name, help, value.
type OfCapability = (&'static str, &'static str, fn(&CapabilityMetrics) -> u32);
/// A metric of owners.
type OfOwner = (&'static str, &'static str, fn(&Usage) -> u32);

const OF_CAPABILITIES: [OfCapability; 4] = [
    (
        "heap_size_bytes",
        "Bytes of the heaps that have the capability.",
        |has| has.size,
    ),
    (
        "heap_free_bytes",
        "Free bytes of the heaps that have the capability.",
        |has| has.free,
    ),
    (
        "heap_minimum_free_bytes",
        "Least free bytes so far, the sum of each heap's own minimum.",
        |has| has.minimum_free,
    ),
    (
        "heap_largest_free_block_bytes",
        "Largest request that succeeds now.",
        |has| has.largest_free,
    ),
];

const OF_OWNERS: [OfOwner; 3] = [
    (
        "heap_owner_bytes",
        "Bytes that the owner has allocated now.",
        |has| has.bytes,
    ),
    (
        "heap_owner_blocks",
        "Blocks that the owner has allocated now.",
        |has| has.blocks,
    ),
    (
        "heap_owner_peak_bytes",
        "Most bytes that the owner had at one moment.",
        |has| has.peak_bytes,
    ),
];

/// A metric of shortages: name, help, type, value.
type OfPressure = (
    &'static str,
    &'static str,
    &'static str,
    fn(&PressureFigures<'_>) -> u32,
);

const OF_PRESSURE: [OfPressure; 6] = [
    (
        "heap_shrinker_calls_total",
        "Calls of shrinkers.",
        "counter",
        |has| has.shrinker_calls,
    ),
    (
        "heap_shrunk_bytes_total",
        "Bytes that shrinkers gave back, as they say.",
        "counter",
        |has| has.shrunk_bytes,
    ),
    (
        "heap_released_reserves_total",
        "Emergency reserves that were released.",
        "counter",
        |has| has.released_reserves,
    ),
    (
        "heap_limit_refusals_total",
        "Requests that were refused because of their owner's hard limit.",
        "counter",
        |has| has.limit_refusals,
    ),
    (
        "heap_waits_total",
        "Requests that had to wait for memory.",
        "counter",
        |has| has.waits,
    ),
    (
        "heap_waiting_requests",
        "Requests that wait for memory now.",
        "gauge",
        |has| has.waiting,
    ),
];

pub(super) fn write<'n, const OWNERS: usize>(
    metrics: &Metrics<'_, OWNERS>,
    name: &dyn Fn(Owner) -> Option<&'n str>,
    out: &mut Out<'_>,
) {
    for (metric, help, value) in OF_CAPABILITIES {
        head(out, metric, help);
        for has in metrics.capabilities() {
            sample(out, metric, "capability", format_args!("{}", has.name));
            out.show(format_args!("{}\n", value(has)));
        }
    }
    let metric = "heap_fragmentation_ratio";
    head(
        out,
        metric,
        "Part of the free bytes that is not in the largest free block.",
    );
    for has in metrics.capabilities() {
        sample(out, metric, "capability", format_args!("{}", has.name));
        let permille = has.fragmentation_permille();
        out.show(format_args!("{}.{:03}\n", permille / 1000, permille % 1000));
    }
    for (metric, help, value) in OF_OWNERS {
        head(out, metric, help);
        for (owner, usage) in metrics.owners() {
            called(owner, name, &mut |words| {
                sample(out, metric, "owner", words);
            });
            out.show(format_args!("{}\n", value(&usage)));
        }
    }
    let metric = "heap_untracked_bytes";
    head(out, metric, "Bytes of blocks that no owner's account has.");
    out.show(format_args!("{metric} {}\n", metrics.untracked_bytes()));
    write_pressure(metrics.pressure(), out);
}

fn write_pressure(pressure: &PressureFigures<'_>, out: &mut Out<'_>) {
    let metric = "heap_pressure_level";
    head(out, metric, "0: enough memory, 1: low, 2: critical.");
    for (name, level) in pressure.levels() {
        sample(out, metric, "gauge", format_args!("{name}"));
        out.show(format_args!("{}\n", level.number()));
    }
    for (metric, help, kind, value) in OF_PRESSURE {
        head_of(out, metric, help, kind);
        out.show(format_args!("{metric} {}\n", value(pressure)));
    }
}

fn head(out: &mut Out<'_>, metric: &str, help: &str) {
    head_of(out, metric, help, "gauge");
}

fn head_of(out: &mut Out<'_>, metric: &str, help: &str, kind: &str) {
    out.show(format_args!(
        "# HELP {metric} {help}\n# TYPE {metric} {kind}\n"
    ));
}

/// `metric{label="words"} `
fn sample(out: &mut Out<'_>, metric: &str, label: &str, words: fmt::Arguments<'_>) {
    out.show(format_args!("{metric}{{{label}=\""));
    let mut quoted = Quoted {
        out,
        has_unicode_escapes: false,
    };
    let _ = quoted.write_fmt(words);
    out.text("\"} ");
}
