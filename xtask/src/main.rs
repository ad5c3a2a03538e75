//! The project's own commands: `cargo xtask --help`.
//!
//! ```text
//!  main ── commands/qemu       the heap on emulated chips: every check, on the chip's instruction set
//!       ├─ commands/bench      instructions per operation, on emulated chips
//!       ├─ commands/peers      the smallest heaps of Rust peers, on an emulated chip
//!       ├─ commands/faults     what the heap finds of what programs do wrong
//!       ├─ commands/campaign   millions of arbitrary calls, damaged heaps and forged headers
//!       ├─ commands/fuzz       arbitrary input for the parsers of the host tools
//!       ├─ commands/mutants    changes to the code that no test notices
//!       ├─ commands/build      a program for a board, checked and measured
//!       ├─ commands/image      the same as a flash image
//!       ├─ commands/boot       the same, started in an emulator from its first instruction
//!       ├─ commands/flash      the same, sent to the board; commands/monitor listens
//!       ├─ commands/clib       the heap as a static library for C
//!       ├─ commands/check_ram      what code that lies in RAM refers to
//!       ├─ commands/c_programs real programs in C on it, beside other allocators
//!       ├─ commands/check_symbols  that library's names, against their lists
//!       ├─ commands/test_host  every host test of the workspace
//!       └─ commands/ci         what CI checks, as far as this machine can
//! ```
//!
//! Standard output carries results only; progress and errors go to standard error.

mod bench;
mod board;
mod campaign;
mod ci;
mod clib;
mod commands;
mod error;
mod faults;
mod image_header;
mod on_target;
mod record;
#[cfg(test)]
#[path = "../../crates/esp-heap/src/firmware/sample.rs"]
mod sample;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;
use esp_heap::status;

/// What `--help` says about exit codes, for every command.
const EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  a check failed (a test, a lint, memory that did not keep its content, a program that a heap would overwrite)
  2  the command line makes no sense: unknown chip, capability or option
  3  a tool is missing; the message has the line that installs it
  5  a file cannot be read, understood or written, or is a program for another machine
  6  a program for a board cannot be built
  7  a program or image for a board would not start there
  8  the board's port is absent, busy or silent, or another chip is there
  `test-host` passes on the exit code of cargo itself (101 when a test fails),
  `qemu --bin` that of the program";

/// Build, run, test and measure the capability heap.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXIT_CODES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    TestHost(commands::test_host::Arguments),
    Qemu(commands::qemu::Arguments),
    Bench(commands::bench::Arguments),
    Peers(commands::peers::Arguments),
    Faults(commands::faults::Arguments),
    Campaign(commands::campaign::Arguments),
    Fuzz(commands::fuzz::Arguments),
    Mutants(commands::mutants::Arguments),
    Build(Box<commands::build::Arguments>),
    Image(Box<commands::image::Arguments>),
    Boot(Box<commands::boot::Arguments>),
    Flash(Box<commands::flash::Arguments>),
    Monitor(Box<commands::monitor::Arguments>),
    Clib(commands::clib::Arguments),
    CheckRam(commands::check_ram::Arguments),
    CPrograms(commands::c_programs::Arguments),
    CheckSymbols(commands::check_symbols::Arguments),
    Ci(commands::ci::Arguments),
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
        Command::TestHost(arguments) => commands::test_host::run(&arguments),
        Command::Qemu(arguments) => commands::qemu::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Peers(arguments) => commands::peers::run(&arguments),
        Command::Faults(arguments) => commands::faults::run(&arguments),
        Command::Campaign(arguments) => commands::campaign::run(&arguments),
        Command::Fuzz(arguments) => commands::fuzz::run(&arguments),
        Command::Mutants(arguments) => commands::mutants::run(&arguments),
        Command::Build(arguments) => commands::build::run(&arguments),
        Command::Image(arguments) => commands::image::run(&arguments),
        Command::Boot(arguments) => commands::boot::run(&arguments),
        Command::Flash(arguments) => commands::flash::run(&arguments),
        Command::Monitor(arguments) => commands::monitor::run(&arguments),
        Command::Clib(arguments) => commands::clib::run(&arguments),
        Command::CheckRam(arguments) => commands::check_ram::run(&arguments),
        Command::CPrograms(arguments) => commands::c_programs::run(&arguments),
        Command::CheckSymbols(arguments) => commands::check_symbols::run(&arguments),
        Command::Ci(arguments) => commands::ci::run(&arguments),
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
