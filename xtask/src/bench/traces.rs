//! Figures of recorded programs: every call of a trace, counted on a chip.

use std::fs;
use std::time::Duration;

use heap_bench::Step;

use super::measure::figure;
use crate::error::Error;
use crate::figures::Figure;
use crate::on_target::{Programs, Target, run};
use crate::progress;
use crate::trace::{Operation, Trace};

/// The list of holes of a first fit gets long.
const TIME_LIMIT: Duration = Duration::from_secs(1200);
const PROGRAM: &str = "trace";

/// The heap has this many times the peak of live bytes, so that most heaps complete …
const ROOM: u64 = 2;
/// … and this many bytes, for what a small heap costs itself.
const CONTROL: u64 = 64 * 1024;
/// The emulated chip has no more in one piece: from 0x3FC0_0000 up to the ESP32's own DRAM.
const MOST: u64 = 0x003A_E000;

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
    let tape = programs.folder().join("trace.tape");
    fs::write(&tape, tape_of(trace)?).map_err(|cause| Error::file(&tape, cause))?;
    let bytes = (trace.peak_live_bytes * ROOM + CONTROL)
        .next_multiple_of(4096)
        .min(MOST);
    let command_line = [PROGRAM, &bytes.to_string()];
    let ended = run::run_with_file(programs, &command_line, &tape, TIME_LIMIT)?;
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

/// The words of the trace, little-endian.
fn tape_of(trace: &Trace) -> Result<Vec<u8>, Error> {
    let too_large = || Error::Failed(format!("{} is too large for the chip", trace.name));
    let count = |number: usize| u32::try_from(number).map_err(|_| too_large());
    let mut words = vec![count(trace.operations.len())?, count(trace.slots)?];
    for operation in &trace.operations {
        let step = match *operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => Step::Allocate {
                slot: count(slot)?,
                size,
                alignment,
            },
            Operation::Reallocate { slot, size } => Step::Reallocate {
                slot: count(slot)?,
                size,
            },
            Operation::Free { slot } => Step::Free { slot: count(slot)? },
        };
        words.extend(step.to_words().ok_or_else(too_large)?);
    }
    Ok(words.into_iter().flat_map(u32::to_le_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::{Trace, tape_of};

    #[test]
    fn a_trace_becomes_words() {
        let trace = Trace::from_bytes("small", b"a 0 100\nf 0\n").unwrap();
        let words = [2_u32, 1, 0x8200_0000, 100, 0, 0];
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(tape_of(&trace).unwrap(), bytes);
    }
}
