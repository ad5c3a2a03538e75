//! How does the memory of a chip look, as a table and a picture?

use std::process::ExitCode;

use crate::error::Error;

/// Show the memory of a chip: regions, types, capabilities, reservations, totals
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Name of the chip, for example `esp32`
    chip: String,
    /// Print the figures as JSON instead of the table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let _ = arguments.json;
    Err(Error::Usage(format!(
        "no chip is called {:?}",
        arguments.chip
    )))
}
