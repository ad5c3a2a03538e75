//! `cargo xtask flash`: the program for a board, sent to it.

use std::process::ExitCode;

use super::build;
use crate::board::build::Source;
use crate::board::output::BoardOutput;
use crate::board::sender::{Before, Files, Line, Sender};
use crate::board::{image, send};
use crate::error::Error;
use esp_heap::{port, style};

/// Build the program for a board, send it there, and show what it prints
#[derive(clap::Args)]
#[command(after_help = build::HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    line: Line,
    #[command(flatten)]
    before: Before,
    #[command(flatten)]
    output: BoardOutput,
    /// Who sends; the first that is installed by default
    #[arg(long, value_enum)]
    with: Option<Sender>,
    /// How often to try over a line that breaks
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    attempts: u32,
    /// Do not show what the program prints
    #[arg(long)]
    no_monitor: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let source = &arguments.source;
    if source.dry_run {
        arguments.show(Sender::wanted_or_found(arguments.with))?;
        return Ok(ExitCode::SUCCESS);
    }
    let sender = Sender::find(arguments.with)?;
    // A port that is not there is reported before minutes of compiling.
    let port = port::chosen(arguments.line.port.as_deref())?;
    port::check(&port)?;
    let program = build::checked(source)?;
    let file = image::file_beside(&program.file);
    let image = image::make(&program, source.chip, sender, &file)?;
    style::print(&image)?;
    let files = Files {
        elf: &program.file,
        image: &file,
    };
    let line = Line {
        port: Some(port.clone()),
        ..arguments.line.clone()
    };
    port::check(&port)?;
    send::send(
        sender,
        source.chip,
        files,
        &arguments.before,
        &line,
        arguments.attempts,
    )?;
    if arguments.no_monitor {
        return Ok(ExitCode::SUCCESS);
    }
    let command = sender.listening(source.chip, Some(files.elf), &port, line.no_reset);
    let is_well = arguments.output.listen(&command)?;
    Ok(ExitCode::from(if is_well { 0 } else { Error::PORT }))
}

impl Arguments {
    /// What would be run, a line each.
    fn show(&self, sender: Sender) -> Result<(), Error> {
        let chip = self.source.chip;
        let elf = self.source.expected_file();
        let file = image::file_beside(&elf);
        let port = self.line.port.as_deref().unwrap_or("PORT");
        let files = Files {
            elf: &elf,
            image: &file,
        };
        build::show_step(&self.source)?;
        let mut commands = vec![
            sender.image(chip, &elf, &file),
            sender.query(&self.line),
            sender.sending(chip, files, &self.before, &self.line),
        ];
        if !self.no_monitor {
            commands.push(sender.listening(chip, Some(&elf), port, self.line.no_reset));
        }
        let lines: String = commands
            .iter()
            .map(|command| format!("{command}\n"))
            .collect();
        Ok(style::print(lines)?)
    }
}
