//! Traces as words in a file, which the emulator loads into a chip's memory.

use std::fs;
use std::path::PathBuf;

use heap_bench::TraceStep;

use crate::error::Error;
use crate::on_target::Programs;
use heap_report::recorded::{Operation, Trace};

/// The greatest heap that the emulated chip has in one piece: from 0x3FC0_0000 up to the ESP32's
/// own DRAM.
pub(crate) const GREATEST_HEAP: u32 = 0x003A_E000;

/// Writes the trace to a file beside the programs; returns its name.
pub(crate) fn write(programs: &Programs, trace: &Trace) -> Result<PathBuf, Error> {
    let file = programs.folder().join(format!("{}.words", trace.name));
    fs::write(&file, bytes(trace)?).map_err(|cause| Error::file(&file, cause))?;
    Ok(file)
}

/// Returns the words of the trace, little-endian.
fn bytes(trace: &Trace) -> Result<Vec<u8>, Error> {
    let too_large = || Error::Failed(format!("{} is too large for the chip", trace.name));
    let count = |number: usize| u32::try_from(number).map_err(|_| too_large());
    let mut words = vec![count(trace.operations.len())?, count(trace.slots)?];
    for operation in &trace.operations {
        let words_of_step = step(*operation).and_then(TraceStep::to_words);
        words.extend(words_of_step.ok_or_else(too_large)?);
    }
    Ok(words.into_iter().flat_map(u32::to_le_bytes).collect())
}

fn step(operation: Operation) -> Option<TraceStep> {
    let number = |slot: usize| u32::try_from(slot).ok();
    Some(match operation {
        Operation::Allocate {
            slot,
            size,
            alignment,
        } => TraceStep::Allocate {
            slot: number(slot)?,
            size,
            alignment,
        },
        Operation::Reallocate { slot, size } => TraceStep::Reallocate {
            slot: number(slot)?,
            size,
        },
        Operation::Free { slot } => TraceStep::Free {
            slot: number(slot)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{Trace, bytes};

    #[test]
    fn a_trace_becomes_words() {
        let trace = Trace::from_bytes("small", b"a 0 100\nf 0\n").unwrap();
        let words = [2_u32, 1, 0x8200_0000, 100, 0, 0];
        let expected: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(bytes(&trace).unwrap(), expected);
    }
}
