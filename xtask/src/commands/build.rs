//! The program for a board: built, looked at, measured.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::board::build::Source;
use crate::board::program::Program;
use crate::board::sizes::Sizes;
use crate::board::{Board, checks};
use crate::error::Error;
use esp_heap::style;

/// Build the program for a board, check it and show what takes how much room
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Show sizes beside those of this earlier program
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

pub(crate) const HELP: &str = "\
Exit codes: 0 all is well; 3 no compiler or sender, with the line that installs it; 5 no such file; 6 it cannot be
built; 7 the program or its image would not start on the chip; 8 the port is absent, busy, silent, or another chip's.";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let source = &arguments.source;
    if source.dry_run {
        show_step(source)?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = checked(source)?;
    let before = arguments.compare.as_deref();
    let before = before
        .map(|file| Program::read(file, source.chip))
        .transpose()?;
    let sizes = Sizes {
        program: &program,
        before: before.as_ref(),
    };
    style::print(format_args!("{sizes}{}\n", program.file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// What `--dry-run` shows of the build.
pub(crate) fn show_step(source: &Source) -> Result<(), Error> {
    match source.command()? {
        Some(command) => Ok(style::print(format_args!("{command}\n"))?),
        None => Ok(()),
    }
}

/// The program, built; one that would not start is an error.
pub(crate) fn checked(source: &Source) -> Result<Program, Error> {
    read_checked(&source.build()?, source.chip)
}

fn read_checked(file: &Path, board: Board) -> Result<Program, Error> {
    let program = Program::read(file, board)?;
    let faults = checks::faults(&program, board);
    if faults.is_empty() {
        return Ok(program);
    }
    let name = program.file.display();
    let chip = board.printed_name();
    Err(Error::Image(format!(
        "{name} would not start on an {chip}:\n  {}",
        faults.join("\n  ")
    )))
}
