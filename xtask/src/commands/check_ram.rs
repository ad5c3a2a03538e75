//! References of code in RAM: none may lead into flash.

use std::process::ExitCode;

use crate::error::Error;
use crate::on_target::{Programs, Target, in_ram};
use esp_heap::say;

/// The programs that make the four calls: `malloc`, `calloc`, `realloc`, `free`; of the global
/// allocator, and by C's names, with the features that these take.
const PROGRAMS: [(&str, &[&str]); 3] = [
    ("linked_global", &[]),
    ("linked_c_malloc", &["c-names"]),
    ("linked_c_heap_caps", &["c-names"]),
];

/// Build programs with the path of allocations in RAM, follow every reference out of that code,
/// and name those that lead into flash
#[derive(clap::Args)]
#[command(after_help = "\
What is found is a word of the code's literals, or a jump, with the function that uses it.
Exit code 1 when code in RAM needs flash.")]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<ExitCode, Error> {
    let mut sound = true;
    for (program, features) in PROGRAMS {
        sound &= is_in_ram(program, features)?;
    }
    Ok(ExitCode::from(u8::from(!sound)))
}

/// Returns whether the path of a program stays in RAM.
fn is_in_ram(program: &str, features: &[&str]) -> Result<bool, Error> {
    let programs = Programs::build_in_ram(Target::Esp32, &[program], features)?;
    let found = in_ram::read(&programs.file(program))?;
    for reference in &found.into_flash {
        say!("FAILED  {program}: {reference}")?;
    }
    for reference in &found.telling {
        say!("{program}, to report a fault or a refusal: {reference}")?;
    }
    say!(
        "{program}: {} bytes in RAM, {} references, {} of them into flash",
        found.bytes,
        found.references,
        found.into_flash.len()
    )?;
    Ok(found.into_flash.is_empty() && found.references > 0)
}
