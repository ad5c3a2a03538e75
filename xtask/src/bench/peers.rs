//! Smallest heap of each Rust peer that completes a trace. Measured on an emulated 32-bit chip: a
//! 64-bit host would make peers' headers 64-bit.

use std::path::PathBuf;
use std::time::Duration;

use comfy_table::Table;

use super::trace_words;
use crate::error::Error;
use crate::on_target::{Programs, Target, run};
use esp_heap::bisect::smallest;
use esp_heap::figures::Figure;
use esp_heap::{esp_idf, parallel, progress, table};
use heap_report::recorded::Trace;

const PROGRAM: &str = "completes";
/// One replay.
const TIME_LIMIT: Duration = Duration::from_secs(600);
/// Ours is the first of the heaps that the program knows, and is measured on the host.
const FIRST_PEER: usize = 1;

pub(crate) const METRIC: &str = "min_heap_bytes";

/// One search.
struct Search<'a> {
    trace: &'a Trace,
    words: PathBuf,
    /// Its number in [`heap_bench::REPLAYED`].
    peer: usize,
}

/// Returns the smallest heaps of all peers, what they keep outside of their region included, by the
/// search of `minheap`. A peer without a figure completes in no heap that the chip has.
pub(crate) fn smallest_heaps(traces: &[Trace]) -> Result<Vec<Figure>, Error> {
    let programs = Programs::build(Target::Esp32, &[PROGRAM])?;
    let mut searches = Vec::new();
    for trace in traces {
        let words = trace_words::write(&programs, trace)?;
        let peers = FIRST_PEER..heap_bench::REPLAYED.len();
        searches.extend(peers.map(|peer| Search {
            trace,
            words: words.clone(),
            peer,
        }));
    }
    let bar = progress::bar("peers", searches.len() as u64);
    let found = parallel::map(&searches, |search| {
        let figure = search.run(&programs);
        bar.inc(1);
        figure
    });
    bar.finish_and_clear();
    let figures: Result<Vec<Option<Figure>>, Error> = found.into_iter().collect();
    Ok(figures?.into_iter().flatten().collect())
}

impl Search<'_> {
    fn run(&self, programs: &Programs) -> Result<Option<Figure>, Error> {
        let peak = u32::try_from(self.trace.peak_live_bytes).unwrap_or(u32::MAX);
        let found = smallest(peak, trace_words::GREATEST_HEAP, |bytes| {
            self.completes(programs, bytes)
        })?;
        let name = heap_bench::REPLAYED[self.peer];
        Ok(found.map(|bytes| Figure::new(name, &self.trace.name, METRIC, bytes)))
    }

    fn completes(&self, programs: &Programs, bytes: u32) -> Result<bool, Error> {
        let command_line = [PROGRAM, &bytes.to_string(), &self.peer.to_string()];
        let ended = run::with_file(programs, &command_line, &self.words, TIME_LIMIT)?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(Error::Failed(format!(
                "{} cannot be replayed with {}: exit code {:?}; {}",
                self.trace.name,
                heap_bench::REPLAYED[self.peer],
                ended.code,
                ended.lines.join("; ")
            ))),
        }
    }
}

/// Returns a row for each trace, a column for each peer: bytes, and the ratio to ESP-IDF's where
/// that is known.
pub(crate) fn table_of(figures: &[Figure], traces: &[Trace]) -> Table {
    let mut table = table::of_numbers([
        "trace",
        "rlsf B",
        "talc 5 B",
        "talc 4 B",
        "linked list B",
        "buddy B",
    ]);
    for trace in traces {
        let cell = |peer: &&str| {
            let of_both =
                |figure: &&Figure| figure.subject == **peer && figure.workload == trace.name;
            let Some(figure) = figures.iter().find(of_both) else {
                return "–".to_owned();
            };
            match esp_idf::smallest_heap(trace) {
                Some(theirs) => {
                    let ratio = figure.value as f64 / f64::from(theirs);
                    format!("{} ({ratio:.3})", figure.value)
                }
                None => figure.value.to_string(),
            }
        };
        let cells = heap_bench::REPLAYED[FIRST_PEER..].iter().map(cell);
        table.add_row(std::iter::once(trace.name.clone()).chain(cells));
    }
    table
}
