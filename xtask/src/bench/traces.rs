//! Figures of recorded programs: every call of a trace, counted on a chip.

use std::time::Duration;

use super::measure::figure;
use super::tape;
use crate::error::Error;
use crate::on_target::{Programs, Target, run};
use esp_heap::figures::Figure;
use esp_heap::progress;
use heap_report::recorded::Trace;

/// The list of holes of a first fit gets long.
const TIME_LIMIT: Duration = Duration::from_secs(1200);
const PROGRAM: &str = "trace";

/// The heap has this many times the peak of live bytes, so that most heaps complete …
const ROOM: u64 = 2;
/// … and this many bytes, for what a small heap costs itself.
const CONTROL: u64 = 64 * 1024;

/// All figures of these traces on a chip. Workloads are called `malloc fw_iot` and the like.
pub(crate) fn on(target: Target, traces: &[Trace]) -> Result<Vec<Figure>, Error> {
    let programs = Programs::build(target, &[PROGRAM])?;
    let bar = progress::bar("traces", traces.len() as u64);
    let mut figures = Vec::new();
    for trace in traces {
        bar.set_message(trace.name.clone());
        figures.extend(of(&programs, trace)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(figures)
}

fn of(programs: &Programs, trace: &Trace) -> Result<Vec<Figure>, Error> {
    let tape = tape::write(programs, trace)?;
    let bytes = (trace.peak_live_bytes * ROOM + CONTROL).next_multiple_of(4096);
    let bytes = bytes.min(tape::GREATEST_HEAP.into());
    let command_line = [PROGRAM, &bytes.to_string()];
    let ended = run::counting_with_file(programs, &command_line, &tape, TIME_LIMIT)?;
    if ended.code != Some(0) {
        return Err(Error::Failed(format!(
            "{} cannot be measured on the chip: {}",
            trace.name,
            ended.lines.join("; ")
        )));
    }
    let named = |line: &String| {
        let mut figure = figure(line)?;
        figure.workload = format!("{} {}", figure.workload, trace.name);
        Some(figure)
    };
    Ok(ended.lines.iter().filter_map(named).collect())
}
