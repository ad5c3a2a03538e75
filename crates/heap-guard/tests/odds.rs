//! Odds of catching a bug: computed, compared with guards at work and with `docs/hardening.md`.
//!
//! A bug writes behind a block, or into it after its free, `later` allocations after the block was
//! allocated. It is caught if the block was sampled and is still in its slot: the slots go round,
//! so a guard stays for as long as it takes to sample `slots` others.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "tests: helpers too; figures for people"
)]

mod support;

use std::fmt::Write as _;

use heap_guard::Sampling;
use soc_regions::Caps;
use support::{Program, take_caught};

/// Allocations between the one of the block and the write.
const LATER: [u32; 4] = [10, 100, 1000, 10_000];
const RATES: [u32; 4] = [10, 100, 1000, 10_000];
const SLOTS: u32 = 2;

/// How likely one write is caught. The intervals between samples are 1 to 2 · rate - 1, equally
/// likely; the guard is still there if `SLOTS` of them are longer than `later` together.
fn caught(rate: u32, later: u32) -> f64 {
    let longest = (2 * rate - 1) as usize;
    let mut exactly = vec![1.0]; // exactly[n]: how likely all intervals so far come to n
    for _ in 0..SLOTS {
        let mut sums = vec![0.0; exactly.len()];
        sums.push(0.0);
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = exactly.get(at).copied().unwrap_or(0.0);
        }
        let before: Vec<f64> = exactly
            .iter()
            .scan(0.0, |sum, likely| {
                *sum += likely;
                Some(*sum)
            })
            .collect();
        let up_to = |n: isize| match usize::try_from(n) {
            Ok(n) => before[n.min(before.len() - 1)],
            Err(_) => 0.0,
        };
        let most = exactly.len() - 1 + longest;
        exactly = (0..=most)
            .map(|n| {
                let n = n.cast_signed();
                (up_to(n - 1) - up_to(n - 1 - longest.cast_signed())) / longest as f64
            })
            .collect();
    }
    let stays: f64 = exactly.iter().skip(later as usize + 1).sum();
    stays / f64::from(rate)
}

/// The same with guards at work.
fn observed(rate: u32, later: usize, writes: u32) -> f64 {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(rate));
    let mut blocks = std::collections::VecDeque::new();
    let (mut hits, mut done) = (0, 0);
    while done < writes {
        blocks.push_back(program.heap.malloc(16, Caps::BIT8).unwrap());
        if blocks.len() > later {
            let block = blocks.pop_front().unwrap();
            if program.watches_behind(block, 16) {
                program.write(block, 16, 0x400D_0000);
            }
            hits += program.heap.poll();
            done += 1;
            program.free(block);
        }
    }
    take_caught();
    f64::from(hits) / f64::from(writes)
}

#[test]
fn guards_at_work_catch_as_often_as_computed() {
    for (rate, later) in [(5, 1), (10, 10), (20, 10), (20, 30), (50, 10)] {
        let writes = 40_000;
        let (computed, observed) = (caught(rate, later), observed(rate, later as usize, writes));
        let spread = 4.0 * (computed / f64::from(writes)).sqrt();
        assert!(
            (computed - observed).abs() <= spread + computed * 0.02,
            "one of {rate}, {later} allocations later: computed {computed}, observed {observed}"
        );
    }
}

fn table() -> String {
    let mut table = String::from("| one of … | ");
    for later in LATER {
        write!(table, "{later} later | ").unwrap();
    }
    table.truncate(table.trim_end().len());
    table.push_str("\n|---|---|---|---|---|\n");
    for rate in RATES {
        write!(table, "| {rate} | ").unwrap();
        for later in LATER {
            let cell = match caught(rate, later) {
                likely if likely < 1e-9 => "never".to_owned(),
                likely => {
                    // With this many writes, one in two programs, and 19 in 20, have caught it.
                    let hours = |share: f64| (1.0 - share).ln() / (1.0 - likely).ln();
                    format!("{}, {}", time(hours(0.5)), time(hours(0.95)))
                }
            };
            write!(table, "{cell} | ").unwrap();
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

fn time(hours: f64) -> String {
    match hours {
        hours if hours < 48.0 => format!("{:.0} h", hours.max(1.0)),
        hours if hours < 24.0 * 365.0 => format!("{:.0} days", hours / 24.0),
        hours => format!("{:.1} years", hours / 24.0 / 365.25),
    }
}

#[test]
fn the_document_says_what_is_computed() {
    let table = table();
    println!("{table}");
    let document = include_str!("../../../docs/hardening.md");
    let same = document
        .lines()
        .collect::<Vec<_>>()
        .windows(table.lines().count())
        .any(|lines| lines.iter().copied().eq(table.lines()));
    assert!(same, "docs/hardening.md should have:\n{table}");
}
