//! Smallest heaps of the Rust peers.

use std::path::PathBuf;
use std::process::ExitCode;

use esp_heap::{figures, traces};

use crate::bench::peers;
use crate::error::Error;
use esp_heap::say;

/// Find the smallest heap of each Rust peer that completes each trace, on an emulated 32-bit chip
/// (minutes per trace)
#[derive(clap::Args)]
#[command(after_help = "\
`cargo esp-heap minheap` does the same with our heap, and describes the search.")]
pub(crate) struct Arguments {
    /// Trace files (plain or gzip), or folders of *.trace and *.trace.gz; default: the shipped ones
    traces: Vec<PathBuf>,
    /// Print the figures as JSON instead of the table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let traces = traces::read(&arguments.traces)?;
    let found = peers::smallest_heaps(&traces)?;
    if arguments.json {
        figures::print_json(&found)?;
    } else {
        say!("Bytes of the smallest heap; in brackets the ratio to ESP-IDF")?;
        say!("{}", peers::table_of(&found, &traces))?;
    }
    Ok(ExitCode::SUCCESS)
}
