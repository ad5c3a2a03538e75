//! The tool for people with a heap on an ESP32-class chip: `esp-heap --help`.
//!
//! ```text
//!  main ── commands/sim        boot a chip's memory on the host, replay a trace, draw the heap
//!       ├─ commands/map        a chip's memory as a table and a picture, a program laid over it, two side by side
//!       ├─ commands/report     what a program's heap did, from its stream, its dump or a recording
//!       ├─ commands/watch      a program's heap, live
//!       ├─ commands/what_if    a recorded program under other configurations
//!       ├─ commands/minheap    the smallest heap that completes a trace
//!       └─ commands/night      the same program with less and less memory, and what saves it
//! ```
//!
//! Standard output carries results only; progress and errors go to standard error.

mod commands;
mod configuration;
mod exports;
mod image;
mod linker;
mod night;
mod replay;
#[cfg(test)]
#[path = "firmware/sample.rs"]
mod sample;
mod suggestions;
mod target_options;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use esp_heap::error::Error;
use esp_heap::status;

/// What `--help` says about exit codes, for every command.
const EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  a check failed (memory that did not keep its content, a program that a heap would overwrite, a
     damaged heap in a core dump)
  2  the command line makes no sense: unknown chip, capability or option
  4  `sim` went through, but some requests of the trace were refused
  5  a file cannot be read, understood or written, or is a program for another machine
  8  the board's port is absent, busy or silent
  9  a condition of `report --fail-if` holds";

/// Memory maps, heap reports, live views and simulations for ESP32-class chips.
#[derive(Parser)]
#[command(name = "esp-heap", version, after_help = EXIT_CODES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Sim(commands::sim::Arguments),
    Map(commands::map::Arguments),
    Report(Box<commands::report::Arguments>),
    Watch(commands::watch::Arguments),
    WhatIf(Box<commands::what_if::Arguments>),
    Minheap(commands::minheap::Arguments),
    Night(commands::night::Arguments),
}

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(code) => code,
        Err(error) => {
            status!("error: {error}");
            error.exit_code()
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Sim(arguments) => commands::sim::run(&arguments),
        Command::Map(arguments) => commands::map::run(&arguments),
        Command::Report(arguments) => commands::report::run(&arguments),
        Command::Watch(arguments) => commands::watch::run(&arguments),
        Command::WhatIf(arguments) => commands::what_if::run(&arguments),
        Command::Minheap(arguments) => commands::minheap::run(&arguments),
        Command::Night(arguments) => commands::night::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::CommandLine;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
