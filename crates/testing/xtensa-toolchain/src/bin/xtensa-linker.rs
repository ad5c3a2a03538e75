//! The linker of Xtensa programs; rustc calls it, people don't.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use xtensa_toolchain::order::Order;
use xtensa_toolchain::{Error, link};

fn main() -> ExitCode {
    let line: Vec<String> = std::env::args().skip(1).collect();
    match order(&line).and_then(|order| link::link(&order)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the command line, or the one in the file that it names; the target's own options stand
/// before that file.
fn order(line: &[String]) -> Result<Order, Error> {
    let mut words = Vec::new();
    for word in line {
        match word.strip_prefix('@') {
            Some(file) => words.extend(response_file(file)?),
            None => words.push(word.clone()),
        }
    }
    Ok(Order::parse(&words))
}

/// Returns a command line that was too long for the system: one argument a line, spaces and the
/// like behind a backslash.
fn response_file(name: &str) -> Result<Vec<String>, Error> {
    let path = Path::new(name);
    let text = fs::read_to_string(path).map_err(|cause| Error::file(path, cause))?;
    Ok(text.lines().map(|line| line.replace('\\', "")).collect())
}
