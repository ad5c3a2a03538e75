//! `minheap`: the smallest single heap that completes each trace.

use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::Table;
use multi_heap::Poison;

use crate::replay::{self, Region};
use esp_heap::bisect::{self, smallest};
use esp_heap::error::Error;
use esp_heap::figures::{self, Figure};
use esp_heap::poisoning::{Poisoning, with_poison};
use esp_heap::{esp_idf, parallel, progress, say, style, table, traces};
use heap_report::recorded::Trace;
use heap_report::summary::bytes;

/// The search gives up at this many times the peak of live bytes …
const GREATEST_RATIO: u32 = 64;
/// … plus this many bytes, for what a small heap costs itself …
const GREATEST_CONTROL: u32 = 64 * 1024;
/// … or here, in any case.
const GREATEST_HEAP: u32 = 128 << 20;
/// Synthetic traces are called so.
const SYNTHETIC: &str = "syn_";

/// Find the smallest single heap that completes each trace, beside ESP-IDF's
#[derive(clap::Args)]
#[command(after_help = help())]
pub(crate) struct Arguments {
    /// Trace files (plain or gzip), or folders of *.trace and *.trace.gz; default: the shipped ones
    traces: Vec<PathBuf>,
    /// Poisoning of the heap; ESP-IDF's figures are known without only
    #[arg(long, value_enum, default_value = "none")]
    poison: Poisoning,
    /// Print the figures as JSON instead of the table
    #[arg(long)]
    json: bool,
}

fn help() -> String {
    format!(
        "The figure is the size in bytes of one region, its control structure included, at a \
page-aligned address, with the 32-bit block layout of the chip, in which every request of the \
trace succeeds. Sizes are multiples of {} bytes.\n\n\
A bigger heap may fail where a smaller one completes, so the search grows from the peak of live \
bytes until a size completes, bisects, then probes {} sizes over the {} % below the candidate and \
starts again there if one completes. The result completes; no smaller size that was tried does.\n\n\
ESP-IDF's figures are those of its 6.2-dev multi_heap on TLSF, without poisoning, by bisection.",
        bisect::STEP,
        bisect::PROBES,
        bisect::PROBED_PERCENT,
    )
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let traces = traces::read(&arguments.traces)?;
    let results = measure(&traces, arguments.poison)?;
    if arguments.json {
        figures::print_json(&figures_of(&results))?;
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}", table(&results))?;
    style::print(summary(&results))?;
    Ok(ExitCode::SUCCESS)
}

/// What was found for one trace. Sizes in bytes.
#[derive(Debug, Clone)]
struct Found {
    name: String,
    operations: usize,
    peak: u64,
    ours: u32,
    theirs: Option<u32>,
}

impl Found {
    fn to_peak(&self) -> f64 {
        f64::from(self.ours) / self.peak as f64
    }

    fn to_theirs(&self) -> Option<f64> {
        self.theirs
            .map(|theirs| f64::from(self.ours) / f64::from(theirs))
    }

    fn is_synthetic(&self) -> bool {
        self.name.starts_with(SYNTHETIC)
    }
}

/// Searches all traces, on all cores; the results are in the order of the traces.
fn measure(traces: &[Trace], poison: Poisoning) -> Result<Vec<Found>, Error> {
    let bar = progress::bar("minheap", traces.len() as u64);
    let results = parallel::map(traces, |trace| {
        bar.set_message(trace.name.clone());
        let found = with_poison!(poison, P => search::<P>(trace));
        bar.inc(1);
        found.map(|ours| Found {
            name: trace.name.clone(),
            operations: trace.operations.len(),
            peak: trace.peak_live_bytes,
            ours,
            theirs: esp_idf::smallest_heap(trace).filter(|_| poison == Poisoning::None),
        })
    });
    bar.finish_and_clear();
    results.into_iter().collect()
}

fn search<P: Poison>(trace: &Trace) -> Result<u32, Error> {
    let mut region = Region::default();
    let refused = |why: String| Err(Error::Failed(format!("{}: {why}", trace.name)));
    let peak = match u32::try_from(trace.peak_live_bytes) {
        Ok(peak) if peak < GREATEST_HEAP => peak,
        _ => {
            let (peak, most) = (trace.peak_live_bytes, GREATEST_HEAP >> 20);
            return refused(format!(
                "its peak is {} live at once, and no heap is larger than {most} MiB",
                bytes(peak)
            ));
        }
    };
    let upper = peak
        .saturating_mul(GREATEST_RATIO)
        .saturating_add(GREATEST_CONTROL);
    let found = smallest(peak, upper.min(GREATEST_HEAP), |bytes| {
        replay::completes::<P>(trace, &mut region, bytes)
    });
    match found {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) if upper >= GREATEST_HEAP => refused(format!(
            "no heap of up to {} MiB, the largest there can be, completes it; its peak is {}",
            GREATEST_HEAP >> 20,
            bytes(peak.into())
        )),
        Ok(None) => refused(format!(
            "no heap of up to {GREATEST_RATIO} times its peak of {} completes it",
            bytes(peak.into())
        )),
        Err(misuse) => Err(Error::Failed(format!(
            "{}: the heap reports a misuse in a trace that has none: {misuse}",
            trace.name
        ))),
    }
}

fn figures_of(results: &[Found]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for found in results {
        figures.push(Figure::new(
            "multi-heap",
            &found.name,
            "min_heap_bytes",
            found.ours,
        ));
        if let Some(theirs) = found.theirs {
            figures.push(Figure::new(
                "esp-idf",
                &found.name,
                "min_heap_bytes",
                theirs,
            ));
        }
    }
    figures
}

fn table(results: &[Found]) -> Table {
    let mut table = table::of_numbers([
        "trace",
        "operations",
        "peak live B",
        "multi-heap B",
        "ratio to peak",
        "ESP-IDF B",
        "ratio to ESP-IDF",
    ]);
    for found in results {
        table.add_row([
            found.name.clone(),
            found.operations.to_string(),
            found.peak.to_string(),
            found.ours.to_string(),
            format!("{:.4}", found.to_peak()),
            found
                .theirs
                .map_or("–".to_owned(), |bytes| bytes.to_string()),
            found
                .to_theirs()
                .map_or("–".to_owned(), |ratio| format!("{ratio:.4}")),
        ]);
    }
    table
}

/// Geometric means and worst cases, a line each; lines without data are left out.
fn summary(results: &[Found]) -> String {
    let of = |synthetic: bool| {
        let of_kind = results
            .iter()
            .filter(move |found| found.is_synthetic() == synthetic);
        of_kind.filter_map(Found::to_theirs).collect::<Vec<f64>>()
    };
    let (real, synthetic) = (of(false), of(true));
    let all = [&real[..], &synthetic].concat();
    let to_peak: Vec<f64> = results.iter().map(Found::to_peak).collect();
    let lines = [
        ("ratio to peak, geometric mean", geometric_mean(&to_peak)),
        (
            "ratio to ESP-IDF, geometric mean of all",
            geometric_mean(&all),
        ),
        (
            "ratio to ESP-IDF, geometric mean of real traces",
            geometric_mean(&real),
        ),
        ("ratio to ESP-IDF, worst real trace", worst(&real)),
        (
            "ratio to ESP-IDF, worst synthetic trace (syn_*)",
            worst(&synthetic),
        ),
    ];
    let known = lines
        .iter()
        .filter_map(|(what, ratio)| ratio.map(|ratio| (what, ratio)));
    known
        .map(|(what, ratio)| format!("{what:<50}{ratio:.4}\n"))
        .collect()
}

fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logarithms / ratios.len() as f64).exp())
}

fn worst(ratios: &[f64]) -> Option<f64> {
    ratios.iter().copied().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::{Found, figures_of, geometric_mean, search, summary};
    use heap_report::recorded::Trace;
    use heap_report::summary::bytes;
    use multi_heap::Unpoisoned;

    #[test]
    fn a_trace_that_no_heap_can_complete_is_refused_with_the_reason() {
        let refused = |text: &str| {
            let trace = Trace::from_bytes("huge", text.as_bytes()).unwrap();
            search::<Unpoisoned>(&trace).unwrap_err().to_string()
        };
        for size in [u32::MAX, u32::MAX - 3, 128 << 20, 129 << 20] {
            let why = refused(&format!("a 0 {size}\n"));
            assert_eq!(
                why,
                format!(
                    "huge: its peak is {} live at once, and no heap is larger than 128 MiB",
                    bytes(size.into())
                )
            );
        }
    }

    fn found(name: &str, ours: u32, theirs: Option<u32>) -> Found {
        Found {
            name: name.to_owned(),
            operations: 2,
            peak: 100,
            ours,
            theirs,
        }
    }

    #[test]
    fn the_geometric_mean_of_a_half_and_a_double_is_one() {
        assert_eq!(geometric_mean(&[0.5, 2.0]), Some(1.0));
        assert_eq!(geometric_mean(&[]), None);
    }

    #[test]
    fn real_and_synthetic_traces_are_summed_up_apart() {
        let text = summary(&[
            found("real", 150, Some(200)),
            found("syn_a", 300, Some(200)),
        ]);
        assert!(
            text.contains("worst real trace                0.7500"),
            "{text}"
        );
        assert!(
            text.contains("worst synthetic trace (syn_*)   1.5000"),
            "{text}"
        );
    }

    #[test]
    fn without_a_known_figure_only_the_ratio_to_the_peak_is_summed_up() {
        assert_eq!(summary(&[found("new", 150, None)]).lines().count(), 1);
    }

    #[test]
    fn both_allocators_are_subjects_of_the_same_metric() {
        let figures = figures_of(&[found("real", 150, Some(200)), found("new", 150, None)]);
        let written: Vec<_> = figures
            .iter()
            .map(|figure| {
                (
                    figure.subject.as_str(),
                    figure.workload.as_str(),
                    figure.metric,
                )
            })
            .collect();
        assert_eq!(
            written,
            [
                ("multi-heap", "real", "min_heap_bytes"),
                ("esp-idf", "real", "min_heap_bytes"),
                ("multi-heap", "new", "min_heap_bytes"),
            ]
        );
    }
}
