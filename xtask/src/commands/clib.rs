//! How does a program in C get the heap?

use std::process::ExitCode;

use crate::clib::symbols::Library;
use crate::clib::{Order, Processor, checks, features};
use crate::error::Error;
use esp_heap::poisoning::Poisoning;

/// Build the heap as a static library for C; print where it is, its names and its size
#[derive(clap::Args)]
#[command(after_help = "The headers are in crates/heap-caps-c/include; docs/c.md shows a program.")]
pub(crate) struct Arguments {
    /// For which processor
    #[arg(long, value_enum, default_value = "host")]
    target: Processor,
    /// How closely the heaps watch their blocks
    #[arg(long, value_enum, default_value = "none")]
    poisoning: Poisoning,
    /// Features of crates/heap-caps-c/staticlib: which C names it has (all of them, if none is named), policy-idf-exact
    #[arg(long, value_delimiter = ',', value_name = "FEATURE")]
    features: Vec<String>,
    /// Instead: run the checks in C (crates/heap-caps-c/checks) on a library with all features, on this machine
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if arguments.check {
        return check(arguments.target, arguments.poisoning);
    }
    let order = Order {
        processor: arguments.target,
        features: wanted(&arguments.features)?,
        poisoning: arguments.poisoning,
    };
    let path = order.build()?;
    let library = Library::read(&path)?;
    for name in &library.exported {
        println!("{name}");
    }
    println!(
        "{}: {} names, {} bytes of code and constants, {} of variables",
        path.display(),
        library.exported.len(),
        library.code,
        library.data
    );
    Ok(ExitCode::SUCCESS)
}

fn check(processor: Processor, poisoning: Poisoning) -> Result<ExitCode, Error> {
    if !processor.is_hosted() {
        return Err(Error::Usage(
            "checks for a chip run in the emulator: cargo xtask qemu".into(),
        ));
    }
    let outcome = checks::run(processor, poisoning)?;
    println!("{} passed, {} failed", outcome.passed, outcome.failed);
    Ok(ExitCode::from(u8::from(outcome.failed > 0)))
}

/// The features of the command line, and all C names if it has none.
fn wanted(named: &[String]) -> Result<Vec<String>, Error> {
    let known = features::all()?;
    let mut wanted = named.to_vec();
    if !wanted.iter().any(|feature| known.contains(feature)) {
        wanted.extend(known);
    }
    Ok(wanted)
}
