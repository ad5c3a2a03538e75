//! The heap as a static library for C: built, packed, checked.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::clib::package::{self, PackageKind};
use crate::clib::symbols::Library;
use crate::clib::{Order, Processor, checks, features};
use crate::error::Error;
use esp_heap::poisoning::Poisoning;
use esp_heap::say;

/// Build the heap as a static library for C; print where it is and how large it is
#[derive(clap::Args)]
#[command(after_help = "\
Features:
  c-abi-idf           ESP-IDF's names of today and of v3.0: esp_heap_caps.h, multi_heap.h …
  c-abi-legacy        those of 2016: esp_heap_alloc_caps.h, freertos/heap_regions.h
  c-abi-libc          malloc and its like, newlib's _malloc_r and its like
                      (on a host with the prefix heap_caps_libc_)
  c-abi-esp-radio     the nine names of esp-hal's radio stack
  heap-tracing        esp_heap_trace.h records allocations; without it, its functions
                      return ESP_ERR_NOT_SUPPORTED
  heap-task-tracking  esp_heap_task_info.h knows whose each block is; without it, the same
  policy-idf-exact    blocks are placed as ESP-IDF places them; reserves are not honoured
  faults-go-on        a double free, a foreign pointer or a damaged block is a line, and the
                      program goes on; without it, the line is followed by abort()
  in-ram              for chips: what allocates, frees and resizes lies in .iram1, which
                      linker scripts keep in RAM (docs/in-ram.md)
All names that begin with c-abi- are built in if none of them is named.

The headers are in crates/heap-caps-c/include; docs/c.md begins with a program.")]
pub(crate) struct Arguments {
    /// For which processor; several for a package
    #[arg(long, value_enum, value_delimiter = ',', default_value = "host")]
    target: Vec<Processor>,
    /// How closely the heaps watch their blocks
    #[arg(long, value_enum, default_value = "none")]
    poisoning: Poisoning,
    /// What it has, see below
    #[arg(long, value_delimiter = ',', value_name = "FEATURE")]
    features: Vec<String>,
    /// Print the names that it exports, too
    #[arg(long)]
    symbols: bool,
    /// Instead: write a folder that such a project takes as it is
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "check")]
    package: Option<PackageKind>,
    /// Where to write the package
    #[arg(
        long,
        default_value = "heap_caps",
        value_name = "FOLDER",
        requires = "package"
    )]
    out: PathBuf,
    /// Instead: run the checks in C (crates/heap-caps-c/checks) on a library with all features, on
    /// this machine
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let features = wanted(&arguments.features)?;
    let orders: Vec<_> = arguments
        .target
        .iter()
        .map(|&processor| Order {
            processor,
            features: features.clone(),
            poisoning: arguments.poisoning,
        })
        .collect();
    if let Some(kind) = arguments.package {
        package::write(kind, &orders, &arguments.out)?;
        say!(
            "{}: {} archives, headers",
            arguments.out.display(),
            orders.len()
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let [order] = &*orders else {
        return Err(Error::Usage("several targets are for --package".into()));
    };
    if arguments.check {
        check(order.processor, order.poisoning)
    } else {
        build(order, arguments.symbols)
    }
}

fn build(order: &Order, symbols: bool) -> Result<ExitCode, Error> {
    let path = order.build()?;
    let library = Library::read(&path)?;
    for name in library.exported.iter().filter(|_| symbols) {
        say!("{name}")?;
    }
    say!(
        "{}: {} names, {} bytes of code and constants, {} of variables",
        path.display(),
        library.exported.len(),
        library.code,
        library.data
    )?;
    Ok(ExitCode::SUCCESS)
}

fn check(processor: Processor, poisoning: Poisoning) -> Result<ExitCode, Error> {
    if !processor.is_hosted() {
        return Err(Error::Usage(
            "checks for a chip run in the emulator: cargo xtask qemu".into(),
        ));
    }
    let outcome = checks::run(processor, poisoning)?;
    say!("{} passed, {} failed", outcome.passed, outcome.failed)?;
    Ok(ExitCode::from(u8::from(outcome.failed > 0)))
}

/// Returns the features of the command line, and all C names if it has none.
fn wanted(named: &[String]) -> Result<Vec<String>, Error> {
    let known = features::all()?;
    let mut wanted = named.to_vec();
    if !wanted.iter().any(|feature| known.contains(feature)) {
        wanted.extend(known);
    }
    Ok(wanted)
}
