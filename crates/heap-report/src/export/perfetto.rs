//! A history as a trace of the Trace Event Format: what `ui.perfetto.dev` and `chrome://tracing`
//! show.
//!
//! ```text
//!   process 1, the program   total         ▁▂▅▅▃▂     marks, failures and gaps as instants over all tracks
//!   process 2, owners        mqtt          ▁▁▃▃▁▁     live bytes of each
//!   process 3, heaps         DRAM          ▁▂▅▅▃▂     live bytes in each; where heaps were measured: `largest free`, too
//! ```
//!
//! A counter is written when it changes. Times are microseconds; where the program's clock is
//! unknown, a tick or an operation stands for one.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::clock::{Unit, timed_events};
use super::{missing, title};
use crate::history::{Event, History, TimedEvent};
use crate::replay::{Live, LiveBlock};
use crate::summary::{bytes, counted};

const PROGRAM: u32 = 1;
const OWNERS: u32 = 2;
const HEAPS: u32 = 3;

/// Writes `history` as JSON of the Trace Event Format. O(events).
///
/// # Errors
/// `out` does not take it.
pub fn perfetto(history: &History, out: &mut impl Write) -> io::Result<()> {
    let about = json!({
        "program": title(history),
        "ticks_per_second": history.ticks_per_second,
        "gaps": history.gaps,
    });
    writeln!(
        out,
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":["
    )?;
    let mut track = Track {
        history,
        out,
        counters: BTreeMap::new(),
    };
    track.name_processes()?;
    let end = track.follow()?;
    track.write_missing(end)?;
    let last = json!({"ph": "M", "pid": PROGRAM, "name": "process_sort_index", "args": {"sort_index": PROGRAM}});
    writeln!(track.out, "{last}\n]}}")
}

struct Track<'a, W: Write> {
    history: &'a History,
    out: &'a mut W,
    /// What was written last, by process and name.
    counters: BTreeMap<(u32, String), u64>,
}

impl<W: Write> Track<'_, W> {
    fn name_processes(&mut self) -> io::Result<()> {
        for (pid, name) in [
            (PROGRAM, title(self.history).as_str()),
            (OWNERS, "owners"),
            (HEAPS, "heaps"),
        ] {
            self.write(
                &json!({"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}),
            )?;
        }
        Ok(())
    }

    /// Returns the time of the end.
    fn follow(&mut self) -> io::Result<f64> {
        let unit = Unit::of(self.history);
        let mut live = Live::new();
        let mut sums = Sums::default();
        let mut end = 0.0;
        let mut measured = self.history.measured.iter().peekable();
        for (number, ticks, timed) in timed_events(self.history) {
            end = unit.times(ticks);
            if let Some(change) = live.apply(number, timed) {
                change
                    .went()
                    .for_each(|block| sums.leave(self.history, block));
                change
                    .came()
                    .into_iter()
                    .for_each(|block| sums.enter(self.history, block));
                self.count(PROGRAM, "total", end, live.bytes())?;
                let changed: Vec<&LiveBlock> = change.went().chain(change.came()).collect();
                self.count_changed(&sums, &changed, end)?;
            }
            self.write_instant(timed, end)?;
            while let Some(state) = measured.next_if(|state| state.event <= number + 1) {
                self.count_measured(state, end)?;
            }
        }
        Ok(end)
    }

    fn count_changed(&mut self, sums: &Sums, changed: &[&LiveBlock], time: f64) -> io::Result<()> {
        for block in changed {
            let owner = self.history.owner_name(block.owner);
            self.count(OWNERS, &owner, time, sums.owner(block))?;
            if let Some(heap) = heap_of(self.history, block) {
                let name = heap_name(self.history, heap);
                self.count(HEAPS, &name, time, sums.heap(heap))?;
            }
        }
        Ok(())
    }

    fn count_measured(&mut self, state: &crate::history::Measured, time: f64) -> io::Result<()> {
        for (heap, sample) in state.heaps.iter().enumerate() {
            let name = format!("{}, largest free", heap_name(self.history, heap));
            self.count(HEAPS, &name, time, sample.largest_free.into())?;
        }
        Ok(())
    }

    fn count(&mut self, pid: u32, name: &str, time: f64, bytes: u64) -> io::Result<()> {
        if self.counters.insert((pid, name.to_owned()), bytes) == Some(bytes) {
            return Ok(());
        }
        self.write(
            &json!({"ph": "C", "pid": pid, "ts": time, "name": name, "args": {"bytes": bytes}}),
        )
    }

    /// Writes an event that changes no bytes, as an instant.
    fn write_instant(&mut self, timed: &TimedEvent, time: f64) -> io::Result<()> {
        let (name, category, arguments) = match &timed.event {
            Event::Mark { name } => (name.clone(), "mark", json!({})),
            Event::Pressure { name, kind } => (
                kind.about(name).to_string(),
                "pressure",
                json!({ "name": name, "value": kind.to_numbers().1 }),
            ),
            Event::Dropped { events } => (
                format!("missing here: {}", counted((*events).into(), "event")),
                "gap",
                json!({"events": events}),
            ),
            Event::Restarted => ("the program restarted".to_owned(), "mark", json!({})),
            Event::Failed {
                size,
                caps,
                owner,
                sentence,
            } => {
                let owner = self.history.owner_name(*owner);
                let arguments = json!({"bytes": size, "capabilities": caps.to_string(), "owner": owner, "reason": sentence});
                (
                    format!("refused: {} for {caps}", bytes((*size).into())),
                    "failure",
                    arguments,
                )
            }
            Event::Allocated { .. } | Event::Freed { .. } | Event::Resized { .. } => return Ok(()),
        };
        self.instant(&name, category, time, &arguments)
    }

    fn write_missing(&mut self, end: f64) -> io::Result<()> {
        let Some(missing) = missing(&self.history.gaps) else {
            return Ok(());
        };
        self.instant(&format!("incomplete: {missing}"), "gap", end, &json!({}))
    }

    fn instant(
        &mut self,
        name: &str,
        category: &str,
        time: f64,
        arguments: &Value,
    ) -> io::Result<()> {
        self.write(&json!({
            "ph": "i", "s": "g", "pid": PROGRAM, "tid": PROGRAM, "ts": time, "name": name, "cat": category, "args": arguments,
        }))
    }

    fn write(&mut self, event: &Value) -> io::Result<()> {
        writeln!(self.out, "{event},")
    }
}

/// Live bytes by owner and by heap.
#[derive(Default)]
struct Sums {
    owners: BTreeMap<u8, u64>,
    heaps: BTreeMap<usize, u64>,
}

impl Sums {
    fn enter(&mut self, history: &History, block: &LiveBlock) {
        *self.owners.entry(block.owner).or_default() += u64::from(block.size);
        if let Some(heap) = heap_of(history, block) {
            *self.heaps.entry(heap).or_default() += u64::from(block.size);
        }
    }

    fn leave(&mut self, history: &History, block: &LiveBlock) {
        *self.owners.entry(block.owner).or_default() -= u64::from(block.size);
        if let Some(heap) = heap_of(history, block) {
            *self.heaps.entry(heap).or_default() -= u64::from(block.size);
        }
    }

    fn owner(&self, block: &LiveBlock) -> u64 {
        self.owners.get(&block.owner).copied().unwrap_or(0)
    }

    fn heap(&self, heap: usize) -> u64 {
        self.heaps.get(&heap).copied().unwrap_or(0)
    }
}

/// Returns the place in [`History::heaps`] of the heap that a block lies in.
fn heap_of(history: &History, block: &LiveBlock) -> Option<usize> {
    history
        .heaps
        .iter()
        .position(|heap| heap.contains(block.address))
}

/// Returns its name and, as several may have that, its address.
fn heap_name(history: &History, heap: usize) -> String {
    let described = history.heaps.get(heap);
    described.map_or_else(String::new, |heap| {
        format!("{} {:#010x}", heap.name, heap.start)
    })
}
