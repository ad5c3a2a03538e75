//! Prometheus's text format, version 0.0.4.

use core::fmt::{self, Write as _};

use super::out::{Out, Quoted};
use super::{CapabilityMetrics, Metrics, called};
use crate::{Owner, Usage};

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

pub(super) fn write<'n, const OWNERS: usize>(
    metrics: &Metrics<OWNERS>,
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
}

fn head(out: &mut Out<'_>, metric: &str, help: &str) {
    out.show(format_args!(
        "# HELP {metric} {help}\n# TYPE {metric} gauge\n"
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
