//! How does the memory of a chip look, as a table and a picture?

mod canvas;
mod model;
mod options;
mod svg;
mod text;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use soc_regions::{Chip, chips};

use crate::error::Error;
use crate::figures::{self, Figure};
use model::Map;

/// Show the memory of a chip: regions, types, capabilities, reservations, totals
#[derive(clap::Args)]
#[command(after_help = help())]
pub(crate) struct Arguments {
    /// Name of the chip
    chip: String,
    /// Change the configuration; may be given several times, see below
    #[arg(long = "option", value_name = "NAME[=VALUE]")]
    options: Vec<String>,
    /// Where the program's data ends and the heap starts
    #[arg(long, value_name = "ADDRESS", value_parser = options::address)]
    heap_start: Option<u32>,
    /// Where the program's code in IRAM ends
    #[arg(long, value_name = "ADDRESS", value_parser = options::address)]
    iram_end: Option<u32>,
    /// Any other linker symbol; may be given several times
    #[arg(long = "symbol", value_name = "NAME=ADDRESS", value_parser = options::symbol)]
    symbols: Vec<(String, u32)>,
    /// Print the figures as JSON instead of the tables
    #[arg(long)]
    json: bool,
    /// Write the picture to this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn help() -> String {
    format!(
        "Chips: {}\n\n{}\n\nSymbols that are not given are those of a small program for two cores.",
        names(),
        options::HELP
    )
}

fn names() -> String {
    let names: Vec<_> = chips::all().map(Chip::name).collect();
    names.join(", ")
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let map = map(arguments)?;
    if let Some(file) = &arguments.svg {
        fs::write(file, svg::Picture(&map).to_string())
            .map_err(|cause| Error::file(file, cause))?;
        eprintln!("the picture is in {}", file.display());
    }
    if arguments.json {
        figures::print_json(&figures_of(&map))?;
    } else {
        print(&text::Report(&map))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output; a reader that has seen enough, like `head`, is no error.
fn print(report: &text::Report<'_>) -> Result<(), Error> {
    match write!(io::stdout().lock(), "{report}") {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Error::file(Path::new("standard output"), cause))
        }
        _ => Ok(()),
    }
}

fn map(arguments: &Arguments) -> Result<Map, Error> {
    let chip = chips::by_name(&arguments.chip).ok_or_else(|| {
        Error::Usage(format!(
            "no chip is called {:?}; known are {}",
            arguments.chip,
            names()
        ))
    })?;
    let options = options::parse(chip.default_options(), &arguments.options)?;
    let given = |name: &str| arguments.symbol(name);
    Map::new(chip, options, &(given, chip.sample_symbols(&options)))
        .map_err(|error| Error::Usage(error.to_string()))
}

impl Arguments {
    fn symbol(&self, name: &str) -> Option<u32> {
        let given = self
            .symbols
            .iter()
            .rfind(|(known, _)| known == name)
            .map(|(_, address)| *address);
        given.or(match name {
            "_heap_start" => self.heap_start,
            "_iram_end" | "_iram_text_end" => self.iram_end,
            _ => None,
        })
    }
}

fn figures_of(map: &Map) -> Vec<Figure> {
    let chip = map.chip.name();
    let figure = |what: &str, metric, bytes: u32| Figure::new(chip, what, metric, bytes);
    let mut figures = Vec::new();
    for kind in map.types() {
        let name = map.type_name(kind);
        figures.push(figure(name, "region_bytes", map.region_bytes(Some(kind))));
        figures.push(figure(name, "available_bytes", map.heap_bytes(Some(kind))));
    }
    let reserved = map.costs.iter().map(|cost| {
        (
            format!("{}@{:#010X}", cost.name, cost.span.start()),
            cost.bytes,
        )
    });
    figures.extend(reserved.map(|(name, bytes)| figure(&name, "reserved_bytes", bytes)));
    let heaps = map.heaps.iter().map(|heap| {
        (
            format!("{}@{:#010X}", heap.memory_type.name, heap.span.start()),
            heap,
        )
    });
    figures.extend(heaps.map(|(name, heap)| figure(&name, "heap_bytes", heap.span.size())));
    figures.extend(
        map.totals()
            .iter()
            .map(|total| figure(total.name, "capability_bytes", total.bytes())),
    );
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn map_of(words: &[&str]) -> Result<Map, Error> {
        let line = CommandLine::try_parse_from(["map"].iter().chain(words))
            .expect("the words make a command line");
        map(&line.arguments)
    }

    fn error_of(words: &[&str]) -> String {
        map_of(words)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn an_unknown_chip_is_answered_with_the_known_ones() {
        assert_eq!(
            error_of(&["esp33"]),
            "no chip is called \"esp33\"; known are esp32, esp32-v3.0, esp32-v2.1"
        );
    }

    #[test]
    fn symbols_of_the_command_line_replace_those_of_the_sample() {
        let map = map_of(&[
            "esp32",
            "--heap-start",
            "0x3FFC_0000",
            "--iram-end",
            "0x4009_0000",
        ])
        .unwrap();
        let starts: Vec<_> = map.heaps.iter().map(|heap| heap.span.start()).collect();
        assert_eq!(
            starts,
            [
                0x3FFA_E6E0,
                0x3FFC_0000,
                0x3FFE_0440,
                0x3FFE_4350,
                0x4009_0000
            ]
        );
        let map = map_of(&[
            "esp32-v3.0",
            "--iram-end=0x40090000",
            "--symbol",
            "_heap_start=0x3FFC0000",
        ])
        .unwrap();
        assert_eq!(
            map.heap_bytes(None),
            6_432 + 0x2_0000 + 0x3BC0 + 113_840 + 0x1_0000
        );
    }

    #[test]
    fn a_program_that_does_not_fit_the_options_is_an_error_of_the_command_line() {
        assert!(
            error_of(&["esp32", "--heap-start=0x3FFA0000"])
                .contains("`dram_data` ends at 0x3FFA0000")
        );
        let error = error_of(&[
            "esp32",
            "--option=sram1-as-iram",
            "--option=trace-memory=two-banks",
        ]);
        assert!(
            error.contains("`sram1_iram` and `trace_mem` both take"),
            "{error}"
        );
    }

    #[test]
    fn figures_say_what_each_capability_reservation_and_heap_has() {
        let figures = figures_of(&map_of(&["esp32"]).unwrap());
        let value = |workload: &str, metric: &str| {
            let found = figures
                .iter()
                .find(|figure| figure.workload == workload && figure.metric == metric);
            found.map(|figure| figure.value)
        };
        assert_eq!(value("DRAM", "region_bytes"), Some(204_800));
        assert_eq!(value("DMA", "capability_bytes"), Some(319_976));
        assert_eq!(value("rom_data@0x3FFAE000", "reserved_bytes"), Some(1_760));
        assert_eq!(value("IRAM@0x4008944C", "heap_bytes"), Some(93_108));
    }
}
