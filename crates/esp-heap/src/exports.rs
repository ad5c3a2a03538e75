//! Options that name the files for other tools.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heap_report::{History, Program, export};

use esp_heap::error::Error;

/// Files in the formats of other tools.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Files for other tools")]
pub(crate) struct Exports {
    /// DHAT's JSON, for valgrind's dh_view.html
    #[arg(long, value_name = "FILE")]
    dhat: Option<PathBuf>,
    /// JSON of the Trace Event Format, for ui.perfetto.dev and chrome://tracing
    #[arg(long, value_name = "FILE")]
    perfetto: Option<PathBuf>,
    /// heaptrack's data, for heaptrack_gui and heaptrack_print
    #[arg(long, value_name = "FILE")]
    heaptrack: Option<PathBuf>,
    /// A table with a row an event
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Collapsed stacks, for flame graphs (inferno, flamegraph.pl, speedscope)
    #[arg(long, value_name = "FILE")]
    collapsed: Option<PathBuf>,
    /// Which bytes the collapsed stacks have
    #[arg(long, value_enum, default_value = "peak", value_name = "WHICH")]
    collapsed_bytes: Which,
    /// A recorded trace, for sim, minheap and what-if: sizes, order, alignment
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,
}

#[derive(Debug, Default, Clone, Copy, ValueEnum)]
enum Which {
    /// Live at the peak
    #[default]
    Peak,
    /// Live at the end
    End,
    /// Of all allocations
    Total,
}

impl From<Which> for export::Bytes {
    fn from(which: Which) -> export::Bytes {
        match which {
            Which::Peak => export::Bytes::Peak,
            Which::End => export::Bytes::End,
            Which::Total => export::Bytes::Total,
        }
    }
}

type Out = BufWriter<File>;
type Export<'a> = dyn Fn(&mut Out) -> io::Result<()> + 'a;

impl Exports {
    /// Writes what is wanted, folders included; the files that were written.
    pub(crate) fn write(&self, history: &History) -> Result<Vec<&Path>, Error> {
        let bytes = self.collapsed_bytes.into();
        let wanted: [(&Option<PathBuf>, &Export<'_>); 6] = [
            (&self.dhat, &|out| export::dhat(history, out)),
            (&self.perfetto, &|out| export::perfetto(history, out)),
            (&self.heaptrack, &|out| export::heaptrack(history, out)),
            (&self.csv, &|out| export::csv(history, out)),
            (&self.collapsed, &|out| {
                export::collapsed(history, bytes, out)
            }),
            (&self.recorded, &|out| Program::from(history).write(out)),
        ];
        let named = wanted
            .into_iter()
            .filter_map(|(file, export)| Some((file.as_deref()?, export)));
        named
            .map(|(file, export)| {
                to_file(file, export)
                    .map(|()| file)
                    .map_err(|cause| Error::file(file, cause))
            })
            .collect()
    }
}

fn to_file(file: &Path, export: &Export<'_>) -> io::Result<()> {
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)?;
    }
    let mut out = BufWriter::new(File::create(file)?);
    export(&mut out)?;
    out.flush()
}
