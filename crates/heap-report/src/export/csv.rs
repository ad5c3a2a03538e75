//! A history as a table: a row an event, for spreadsheets and data frames.
//!
//! `docs/exports.md` has the columns. A name that begins as a formula does (`=`, `+`, `-`, `@`) has
//! an apostrophe in front of it.

use std::io::{self, Write};

use csv::Writer;

use super::clock::{Unit, timed_events};
use super::missing;
use crate::history::{Event, History, TimedEvent};
use crate::replay::{Change, Live, LiveBlock};

/// The columns, in their order.
const COLUMNS: [&str; 16] = [
    "event",
    "ticks",
    "seconds",
    "kind",
    "address",
    "size",
    "old_address",
    "old_size",
    "owner",
    "site",
    "caps",
    "heap",
    "age_ticks",
    "live_bytes",
    "live_blocks",
    "text",
];

/// Writes `history` as comma-separated values, their names in the first row. O(events).
///
/// # Errors
/// `out` does not take it.
pub fn csv(history: &History, out: &mut impl Write) -> io::Result<()> {
    let mut rows = Writer::from_writer(out);
    rows.write_record(COLUMNS)?;
    let unit = Unit::of(history);
    let mut live = Live::new();
    let start = timed_events(history)
        .next()
        .map_or(0, |(_, ticks, _)| ticks);
    for (number, ticks, timed) in timed_events(history) {
        let change = live.apply(number, timed);
        let mut row = CsvRow::of(history, timed, change.as_ref());
        row.event = number.to_string();
        row.ticks = timed.ticks.to_string();
        if history.ticks_per_second > 0 {
            row.seconds = format!("{:.6}", unit.times(ticks - start) / 1e6);
        }
        row.live = Some((live.bytes(), live.count()));
        rows.write_record(row.cells())?;
    }
    if let Some(missing) = missing(&history.gaps) {
        rows.write_record(CsvRow::told("missing", missing).cells())?;
    }
    rows.flush()
}

#[derive(Default)]
struct CsvRow {
    event: String,
    ticks: String,
    seconds: String,
    kind: &'static str,
    address: Option<u32>,
    size: Option<u32>,
    old: Option<(u32, Option<u32>)>,
    owner: String,
    site: String,
    caps: String,
    heap: Option<u32>,
    age_ticks: Option<u64>,
    live: Option<(u64, usize)>,
    text: String,
}

impl CsvRow {
    fn of(history: &History, timed: &TimedEvent, change: Option<&Change>) -> CsvRow {
        let went = change.and_then(|change| change.went().next());
        let came = |kind| {
            let block = change.and_then(Change::came);
            block.map_or_else(CsvRow::default, |block| {
                CsvRow::of_block(kind, history, block)
            })
        };
        match &timed.event {
            Event::Allocated { .. } => came("allocated"),
            Event::Resized { old_address, .. } => {
                let known = went.filter(|block| block.address == *old_address);
                CsvRow {
                    old: Some((*old_address, known.map(|block| block.size))),
                    ..came("resized")
                }
            }
            Event::Freed { address } => match went {
                Some(block) => CsvRow {
                    age_ticks: Some(timed.ticks.saturating_sub(block.allocated_ticks)),
                    ..CsvRow::of_block("freed", history, block)
                },
                None => CsvRow {
                    address: Some(*address),
                    ..CsvRow::told("freed", "never seen before".to_owned())
                },
            },
            Event::Failed {
                size,
                caps,
                owner,
                sentence,
            } => CsvRow {
                size: Some(*size),
                owner: history.owner_name(*owner),
                caps: caps.to_string(),
                ..CsvRow::told("failed", sentence.clone().unwrap_or_default())
            },
            Event::Dropped { events } => CsvRow::told("dropped", events.to_string()),
            Event::Mark { name } => CsvRow::told("mark", name.clone()),
            Event::Pressure { name, kind } => {
                CsvRow::told("pressure", kind.about(name).to_string())
            }
            Event::Restarted => CsvRow::told("restarted", String::new()),
        }
    }

    fn told(kind: &'static str, text: String) -> CsvRow {
        CsvRow {
            kind,
            text,
            ..CsvRow::default()
        }
    }

    fn of_block(kind: &'static str, history: &History, block: &LiveBlock) -> CsvRow {
        let site = history.site(block.site);
        let heap = history
            .heaps
            .iter()
            .find(|heap| heap.contains(block.address));
        CsvRow {
            kind,
            address: Some(block.address),
            size: Some(block.size),
            owner: history.owner_name(block.owner),
            site: site.map_or_else(String::new, |site| site.label()),
            caps: site.map_or_else(String::new, |site| site.caps.to_string()),
            heap: heap.map(|heap| heap.start),
            ..CsvRow::default()
        }
    }

    fn cells(self) -> [String; COLUMNS.len()] {
        let (old_address, old_size) = self
            .old
            .map_or((None, None), |(address, size)| (Some(address), size));
        [
            self.event,
            self.ticks,
            self.seconds,
            self.kind.to_owned(),
            address(self.address),
            number(self.size),
            address(old_address),
            number(old_size),
            inert(self.owner),
            inert(self.site),
            self.caps,
            address(self.heap),
            number(self.age_ticks),
            number(self.live.map(|(bytes, _)| bytes)),
            number(self.live.map(|(_, blocks)| blocks)),
            inert(self.text),
        ]
    }
}

/// Returns a name that a spreadsheet would take for a formula, with an apostrophe in front of it.
fn inert(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn address(address: Option<u32>) -> String {
    address.map_or_else(String::new, |address| format!("{address:#010x}"))
}

fn number<N: ToString>(number: Option<N>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn what_a_spreadsheet_would_calculate_is_text() {
        for formula in ["=1+1", "+1", "-1", "@sum(a1)", "\t=1"] {
            assert_eq!(inert(formula.to_owned()), format!("'{formula}"));
        }
        assert_eq!(inert("src/main.rs:7".to_owned()), "src/main.rs:7");
    }
}
