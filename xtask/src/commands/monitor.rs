//! `monitor`: the output of a board.

use std::process::ExitCode;

use super::build;
use crate::board::build::Source;
use crate::board::output::BoardOutput;
use crate::board::sender::{Line, Sender};
use crate::error::Error;
use esp_heap::{port, style};

/// Show what the program on a board prints
#[derive(clap::Args)]
#[command(after_help = build::HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    line: Line,
    #[command(flatten)]
    output: BoardOutput,
    /// Who listens; the first that is installed by default
    #[arg(long, value_enum)]
    with: Option<Sender>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let (source, line) = (&arguments.source, &arguments.line);
    let sender = if source.dry_run {
        Sender::wanted_or_found(arguments.with)
    } else {
        Sender::find(arguments.with)?
    };
    let elf = source.expected_file();
    let elf = elf.is_file().then_some(elf);
    if source.dry_run {
        let port = line.port.as_deref().unwrap_or("PORT");
        let command = sender.listening(source.chip, elf.as_deref(), port, line.no_reset);
        style::print(format_args!("{command}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let port = port::chosen(line.port.as_deref())?;
    port::check(&port)?;
    let command = sender.listening(source.chip, elf.as_deref(), &port, line.no_reset);
    let is_well = arguments.output.listen(&command)?;
    Ok(ExitCode::from(if is_well { 0 } else { Error::PORT }))
}
