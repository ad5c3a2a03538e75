//! A history as collapsed stacks: what flame graphs are drawn of.
//!
//! ```text
//!   mqtt;main (src/main.rs:12);publish (src/mqtt.rs:78) 4096
//!   └ owner, if any has a name            innermost frame  bytes
//! ```
//!
//! Of a history with gaps, every stack stands on a frame that says so.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::missing;
use super::stacks::{Stacks, text};
use crate::history::History;
use crate::replay::{Change, Live, LiveBlock};

/// The bytes that are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bytes {
    /// Those live when most were.
    #[default]
    Peak,
    /// Those live at the end: leaks, and what lives for ever.
    End,
    /// Those of all allocations.
    Total,
}

/// Bytes by owner and stack.
type Sums = BTreeMap<(u8, usize), u64>;

/// Writes `history` as a line a stack, sorted. O(events).
///
/// # Errors
/// `out` does not take it.
pub fn collapsed(history: &History, bytes: Bytes, out: &mut impl Write) -> io::Result<()> {
    let stacks = Stacks::of(history);
    let place = |block: &LiveBlock| (block.owner, stacks.of_site(block.site));
    let sums = match bytes {
        Bytes::Total => total(history, place),
        Bytes::End => live(history, history.events.len(), place),
        Bytes::Peak => live(history, peak(history), place),
    };
    let mut lines: Vec<String> = sums
        .into_iter()
        .filter(|(_, bytes)| *bytes > 0)
        .map(|((owner, stack), bytes)| line(history, &stacks, owner, stack, bytes))
        .collect();
    lines.sort();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn line(history: &History, stacks: &Stacks, owner: u8, stack: usize, bytes: u64) -> String {
    let gaps = missing(&history.gaps).map(|missing| format!("incomplete: {missing}"));
    let owner = (!history.owners.is_empty()).then(|| history.owner_name(owner));
    let stack = stacks.stacks.get(stack).into_iter().flatten();
    let frames = stack.rev().map(text);
    let words: Vec<String> = gaps
        .into_iter()
        .chain(owner)
        .chain(frames)
        .map(|word| in_one_piece(&word))
        .collect();
    format!("{} {bytes}", words.join(";"))
}

/// Returns a semicolon separates frames, a line end stacks.
fn in_one_piece(frame: &str) -> String {
    frame.replace(';', ":").replace(['\n', '\r'], " ")
}

/// Returns how many events lead to the most live bytes.
fn peak(history: &History) -> usize {
    let (mut live, mut most, mut at) = (Live::new(), 0, 0);
    for (number, timed) in history.events.iter().enumerate() {
        live.apply(number, timed);
        if live.bytes() > most {
            (most, at) = (live.bytes(), number + 1);
        }
    }
    at
}

fn live(history: &History, events: usize, place: impl Fn(&LiveBlock) -> (u8, usize)) -> Sums {
    let mut live = Live::new();
    for (number, timed) in history.events.iter().take(events).enumerate() {
        live.apply(number, timed);
    }
    sum(live.blocks(), place)
}

fn total(history: &History, place: impl Fn(&LiveBlock) -> (u8, usize)) -> Sums {
    let mut live = Live::new();
    let changes = history.events.iter().enumerate();
    let changes: Vec<Change> = changes
        .filter_map(|(number, timed)| live.apply(number, timed))
        .collect();
    sum(changes.iter().filter_map(Change::came), place)
}

fn sum<'a>(
    blocks: impl Iterator<Item = &'a LiveBlock>,
    place: impl Fn(&LiveBlock) -> (u8, usize),
) -> Sums {
    let mut sums = Sums::new();
    for block in blocks {
        *sums.entry(place(block)).or_default() += u64::from(block.size);
    }
    sums
}
