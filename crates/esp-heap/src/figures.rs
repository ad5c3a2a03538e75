//! Figures for machines: one JSON array of one schema, in every command.
//!
//! ```json
//! [{"subject": "multi-heap", "workload": "fw_iot", "metric": "min_heap_bytes", "value": 146000}]
//! ```

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::style;

/// One measured number: subject, workload, quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// The subject: an allocator, a chip.
    pub subject: String,
    /// What it did: the name of a trace, a memory type.
    pub workload: String,
    /// The quantity, its unit at the end: `min_heap_bytes`.
    pub metric: &'static str,
    /// The number: bytes, blocks, operations.
    pub value: u64,
}

impl Figure {
    /// Returns one measured number.
    pub fn new(
        subject: impl Into<String>,
        workload: impl Into<String>,
        metric: &'static str,
        value: impl Into<u64>,
    ) -> Figure {
        let value = value.into();
        Figure {
            subject: subject.into(),
            workload: workload.into(),
            metric,
            value,
        }
    }
}

/// Writes `figures` to standard output as one JSON array, one figure a line.
///
/// # Errors
/// Standard output cannot be written to.
pub fn print_json(figures: &[Figure]) -> Result<(), Error> {
    let mut text = Vec::new();
    write_json(&mut text, figures)
        .map_err(|cause| Error::file(Path::new("standard output"), cause))?;
    style::print(String::from_utf8_lossy(&text))
}

fn write_json(out: &mut impl Write, figures: &[Figure]) -> io::Result<()> {
    writeln!(out, "[")?;
    for (index, figure) in figures.iter().enumerate() {
        let comma = if index + 1 < figures.len() { "," } else { "" };
        writeln!(out, "  {}{comma}", serde_json::to_string(figure)?)?;
    }
    writeln!(out, "]")
}

#[cfg(test)]
mod tests {
    use super::{Figure, write_json};

    fn written(figures: &[Figure]) -> String {
        let mut out = Vec::new();
        write_json(&mut out, figures).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_figures_are_an_empty_array() {
        let array: Vec<serde_json::Value> = serde_json::from_str(&written(&[])).unwrap();
        assert!(array.is_empty());
    }

    #[test]
    fn a_figure_is_an_object_of_subject_workload_metric_and_value() {
        let figures = [
            Figure::new("multi-heap", "fw_iot", "min_heap_bytes", 146_000_u32),
            Figure::new("esp-idf", "fw_iot", "min_heap_bytes", 149_324_u32),
        ];
        assert_eq!(
            written(&figures),
            "[\n  \
             {\"subject\":\"multi-heap\",\"workload\":\"fw_iot\",\"metric\":\"min_heap_bytes\",\"value\":146000},\n  \
             {\"subject\":\"esp-idf\",\"workload\":\"fw_iot\",\"metric\":\"min_heap_bytes\",\"value\":149324}\n]\n"
        );
    }
}
