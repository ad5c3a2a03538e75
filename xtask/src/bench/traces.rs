//! Figures of recorded programs: every call of a trace, counted on a chip.

use std::time::Duration;

use super::measure::figure;
use super::programs::{Measured, Wanted};
use super::trace_words;
use crate::error::Error;
use crate::on_target::run::Ended;
use crate::on_target::{Programs, Target, build, run};
use esp_heap::figures::Figure;
use esp_heap::{parallel, progress};
use heap_report::recorded::{Trace, shipped};

/// The list of holes of a first fit gets long.
const TIME_LIMIT: Duration = Duration::from_secs(1200);
const PROGRAM: &str = "trace";
/// Recorded programs in `crates/testing/traces`.
const MORE: [&str; 2] = ["quickjs_app", "lvgl_ui"];

/// The heap has this many times the peak of live bytes, so that most heaps complete …
const ROOM: u64 = 2;
/// … and this many bytes, for what a small heap costs itself.
const CONTROL: u64 = 64 * 1024;

/// Returns all figures of these traces on a chip. Workloads are called `malloc fw_iot` and the
/// like.
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

/// Returns the recorded programs that every API is measured with: those that ship, and those of
/// `crates/testing/traces`.
pub(crate) fn of_programs(wanted: &Wanted) -> Result<Vec<Trace>, Error> {
    let folder = build::root().join("crates/testing/traces");
    let mut traces = Vec::new();
    for trace in shipped::ALL {
        if wanted.has_trace(trace.name) {
            traces.push(trace.read()?);
        }
    }
    for name in MORE {
        if wanted.has_trace(name) {
            traces.push(Trace::read(&folder.join(format!("{name}.trace.gz")))?);
        }
    }
    Ok(traces)
}

/// Returns the figures of a program's allocators over recorded programs.
pub(crate) fn replayed(
    programs: &Programs,
    measured: &Measured,
    traces: &[Trace],
) -> Result<Vec<Figure>, Error> {
    let mut runs = Vec::new();
    for trace in traces {
        let words = trace_words::write(programs, trace)?;
        runs.extend((0..measured.allocators.len()).map(|number| (trace, words.clone(), number)));
    }
    let found = parallel::map(&runs, |(trace, words, number)| {
        let line = [measured.program, "trace", &number.to_string()];
        let place = (words.as_path(), programs.target().below_dram());
        let ended = run::counting_with_file(programs, &line, place, TIME_LIMIT)?;
        named(&ended, trace)
    });
    let figures: Result<Vec<Vec<Figure>>, Error> = found.into_iter().collect();
    Ok(figures?.concat())
}

fn of(programs: &Programs, trace: &Trace) -> Result<Vec<Figure>, Error> {
    let words = trace_words::write(programs, trace)?;
    let bytes = (trace.peak_live_bytes * ROOM + CONTROL).next_multiple_of(4096);
    let bytes = bytes.min(trace_words::GREATEST_HEAP.into());
    let command_line = [PROGRAM, &bytes.to_string()];
    let place = (words.as_path(), programs.target().psram());
    let ended = run::counting_with_file(programs, &command_line, place, TIME_LIMIT)?;
    named(&ended, trace)
}

/// Returns the figures that a program printed, with the trace in their workloads' names.
fn named(ended: &Ended, trace: &Trace) -> Result<Vec<Figure>, Error> {
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
