//! The linker of the Xtensa programs; rustc calls it, people don't.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::error::Error;
use crate::xtensa::link;
use crate::xtensa::order::Order;

/// Link bitcode to an Xtensa program (called by rustc)
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What rustc says
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    line: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let order = match arguments.line.as_slice() {
        [only] if only.starts_with('@') => Order::parse(&response_file(&only[1..])?),
        line => Order::parse(line),
    };
    link::link(&order)?;
    Ok(ExitCode::SUCCESS)
}

/// A command line that was too long for the system: one argument a line, spaces and the like behind a backslash.
fn response_file(name: &str) -> Result<Vec<String>, Error> {
    let path = Path::new(name);
    let text = fs::read_to_string(path).map_err(|cause| Error::file(path, cause))?;
    Ok(text.lines().map(|line| line.replace('\\', "")).collect())
}
