//! The program for a board as an image for its flash.

use std::path::PathBuf;
use std::process::ExitCode;

use super::build;
use crate::board::build::Source;
use crate::board::image;
use crate::board::sender::Sender;
use crate::error::Error;
use esp_heap::style;

/// Build the program for a board and make its flash image
#[derive(clap::Args)]
#[command(after_help = build::HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Where the image goes; beside the program by default
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Who makes the image; the first that is installed by default
    #[arg(long, value_enum)]
    with: Option<Sender>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let source = &arguments.source;
    let file = |elf: PathBuf| {
        arguments
            .output
            .clone()
            .unwrap_or_else(|| image::file_beside(&elf))
    };
    let sender = if source.dry_run {
        Sender::wanted_or_found(arguments.with)
    } else {
        Sender::find(arguments.with)?
    };
    if source.dry_run {
        build::show_step(source)?;
        let elf = source.expected_file();
        let command = sender.image(source.chip, &elf, &file(elf.clone()));
        style::print(format_args!("{command}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = build::checked(source)?;
    let file = file(program.file.clone());
    let image = image::make(&program, source.chip, sender, &file)?;
    style::print(format_args!("{image}{}\n", file.display()))?;
    Ok(ExitCode::SUCCESS)
}
