//! A board's own program, started in an emulator from its first instruction.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::build;
use crate::board::boot::{self, Chip, Model, Start};
use crate::board::build::Source;
use crate::board::documented;
use crate::error::Error;
use crate::image_header;
use esp_heap::style;

/// Start the program for a board in an emulator, from its first instruction
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Start once, on a chip with this many cores; without this option and the next two, start in
    /// every way
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    cores: Option<u8>,
    /// Start once, with PSRAM that something has mapped
    #[arg(long)]
    psram: bool,
    /// Start once, as after a restart: dirty memory, watchdogs on, the second core in the program
    /// before
    #[arg(long)]
    restart: bool,
    /// Stop behind this many reports of the program
    #[arg(long, default_value_t = 2, value_name = "NUMBER")]
    reports: usize,
    /// Keep every byte of the program's output, frames of defmt included
    #[arg(long, value_name = "FILE")]
    bytes: Option<PathBuf>,
    /// Seconds that a start may take
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    limit: u64,
}

const HELP: &str = "\
The program is the one a board gets. A ROM of ours loads it into the memory map of the chip, in a
stock emulator; registers are memory there (docs/flash.md lists what is modelled).
Exit codes: 0 every start went as it should; 1 one did not; 3 no compiler or emulator, with the
line that installs it; 5 no such file; 6 it cannot be built; 7 it would not start on the chip.";

impl Arguments {
    fn starts(&self, chip: Chip) -> Vec<Start> {
        let is_one = self.cores.is_some() || self.psram || self.restart;
        if !is_one {
            return chip.starts().to_vec();
        }
        vec![Start {
            cores: self
                .cores
                .unwrap_or(if chip == Chip::Esp32 { 2 } else { 1 }),
            psram: self.psram,
            restart: self.restart,
        }]
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let source = &arguments.source;
    let Some(chip) = Chip::of(source.chip).filter(|_| !source.esp_hal) else {
        let name = source.chip.printed_name();
        return Err(Error::Usage(format!(
            "the start-up of esp-hal's program for the {name} is not modelled; modelled are \
             `--chip esp32` and `--chip esp32c3`"
        )));
    };
    if source.dry_run {
        build::show_step(source)?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = build::checked(source)?;
    let mut faults = Vec::from_iter(image_header::fault(&program.file)?);
    let model = Model::with(&program, chip)?;
    let mut kept = arguments.bytes.as_deref().map(create).transpose()?;
    for start in arguments.starts(chip) {
        style::print(format_args!("== {start}\n"))?;
        faults.extend(faults_of(chip, &model, start, arguments, kept.as_mut())?);
    }
    if faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::Failed(faults.join("\n  ")))
}

fn create(file: &Path) -> Result<File, Error> {
    File::create(file).map_err(|cause| Error::file(file, cause))
}

/// Returns what goes wrong at one start, and what docs/flash.md says and the program does not.
fn faults_of(
    chip: Chip,
    model: &Model,
    start: Start,
    arguments: &Arguments,
    mut kept: Option<&mut File>,
) -> Result<Vec<String>, Error> {
    let limit = Duration::from_secs(arguments.limit);
    let mut unwritten = Ok(());
    let lines = model.lines(start, arguments.reports, limit, |line| {
        // Standard output that nobody reads any more ends no start.
        let _ = style::print(format_args!("{}\n", String::from_utf8_lossy(line)));
        if let (Some(file), Ok(())) = (kept.as_deref_mut(), &unwritten) {
            unwritten = file.write_all(&[line, b"\n"].concat());
        }
    })?;
    unwritten.map_err(|cause| Error::Failed(format!("the output cannot be kept: {cause}")))?;
    let mut faults = boot::faults(chip, start, &lines);
    if Some(&start) == chip.starts().first() {
        let shown = documented::patterns(chip.heading())?;
        let missing = documented::missing(&shown, &lines);
        faults.extend(missing.iter().map(|line| {
            format!(
                "docs/flash.md shows `{line}`, where # is a number, and {start} does not print it"
            )
        }));
    }
    Ok(faults)
}
