//! How figures are printed for machines: one JSON array of one schema, in every command.
//!
//! ```json
//! [{"subject": "multi-heap", "workload": "fw_iot", "metric": "min_heap_bytes", "value": 146000}]
//! ```

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::error::Error;

/// One measured number: of whom, doing what, which quantity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// Who was measured: an allocator, a chip.
    pub(crate) subject: String,
    /// What it did: the name of a trace, a memory type.
    pub(crate) workload: String,
    /// Which quantity, its unit at the end: `min_heap_bytes`.
    pub(crate) metric: &'static str,
    /// The number.
    pub(crate) value: Number,
}

/// A count, or a ratio of counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Number {
    /// Bytes, blocks, operations.
    Count(u64),
    /// One count in terms of another.
    Ratio(f64),
}

impl Figure {
    pub(crate) fn count(
        subject: impl Into<String>,
        workload: impl Into<String>,
        metric: &'static str,
        value: impl Into<u64>,
    ) -> Figure {
        let value = Number::Count(value.into());
        Figure {
            subject: subject.into(),
            workload: workload.into(),
            metric,
            value,
        }
    }

    pub(crate) fn ratio(
        subject: impl Into<String>,
        workload: impl Into<String>,
        metric: &'static str,
        value: f64,
    ) -> Figure {
        let value = Number::Ratio(value);
        Figure {
            subject: subject.into(),
            workload: workload.into(),
            metric,
            value,
        }
    }
}

/// Writes `figures` to standard output as one JSON array, one figure a line.
pub(crate) fn print_json(figures: &[Figure]) -> Result<(), Error> {
    write_json(&mut io::stdout().lock(), figures)
        .map_err(|cause| Error::file(Path::new("standard output"), cause))
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
            Figure::count("multi-heap", "fw_iot", "min_heap_bytes", 146_000_u32),
            Figure::ratio("multi-heap", "all", "ratio", 0.5),
        ];
        assert_eq!(
            written(&figures),
            "[\n  \
             {\"subject\":\"multi-heap\",\"workload\":\"fw_iot\",\"metric\":\"min_heap_bytes\",\"value\":146000},\n  \
             {\"subject\":\"multi-heap\",\"workload\":\"all\",\"metric\":\"ratio\",\"value\":0.5}\n]\n"
        );
    }
}
