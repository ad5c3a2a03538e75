//! References of code in RAM: none may lead into flash.

use std::process::ExitCode;

use crate::error::Error;
use crate::on_target::{Programs, Target, in_ram};
use esp_heap::say;

/// The programs that make the four calls: `malloc`, `calloc`, `realloc`, `free`.
const PROGRAM: &str = "linked_global";

/// Build a program with the path of allocations in RAM, follow every reference out of that code,
/// and name those that lead into flash
#[derive(clap::Args)]
#[command(after_help = "\
What is found is a word of the code's literals, or a jump, with the function that uses it.
Exit code 1 when code in RAM needs flash.")]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<ExitCode, Error> {
    let programs = Programs::build_in_ram(Target::Esp32, &[PROGRAM])?;
    let found = in_ram::read(&programs.file(PROGRAM))?;
    for reference in &found.into_flash {
        say!("FAILED  {reference}")?;
    }
    for reference in &found.telling {
        say!("to tell of a fault or a refusal: {reference}")?;
    }
    say!(
        "{} bytes in RAM, {} references, {} of them into flash",
        found.bytes,
        found.references,
        found.into_flash.len()
    )?;
    let sound = found.into_flash.is_empty() && found.references > 0;
    Ok(ExitCode::from(u8::from(!sound)))
}
