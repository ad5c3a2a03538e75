//! `esp-heap map`: the memory of a chip as a table and a picture, alone or beside another's.

mod address_range;
mod canvas;
mod catalogue;
mod compare;
mod difference;
mod json;
mod model;
mod overlay;
mod side_by_side;
mod svg;
mod svg_bars;
mod svg_tables;
mod text;
mod text_bars;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;
use soc_regions::{Chip, LayoutError, OptionKind, Options, Symbols as _};

use crate::configuration::{self, address, chip_called, symbol};
use crate::linker::{Linker, Remark};
use compare::Comparison;
use esp_heap::error::Error;
use esp_heap::firmware::Firmware;
use esp_heap::status;
use esp_heap::style;
use model::Map;

/// Show the memory of a chip: regions, types, capabilities, reservations, what is left for heaps
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Name of the chip; without one, all are listed
    chip: Option<String>,
    /// List the chip's options with their ESP-IDF names and defaults
    #[arg(long, requires = "chip")]
    options: bool,
    /// Change the configuration; may be given several times
    #[arg(long = "option", value_name = "NAME[=VALUE]", requires = "chip")]
    settings: Vec<String>,
    /// A linked program: its sections are laid over the map, its symbols say where reservations end
    #[arg(long, value_name = "FILE", requires = "chip")]
    elf: Option<PathBuf>,
    /// Where the program's data ends and the heap starts, whatever the ELF file says
    #[arg(long, value_name = "ADDRESS", value_parser = address, requires = "chip")]
    heap_start: Option<u32>,
    /// Where the program's code in IRAM ends
    #[arg(long, value_name = "ADDRESS", value_parser = address, requires = "chip")]
    iram_end: Option<u32>,
    /// Any other linker symbol; may be given several times
    #[arg(long = "symbol", value_name = "NAME=ADDRESS", value_parser = symbol, requires = "chip")]
    symbols: Vec<(String, u32)>,
    /// Compare with another chip, or with the same one under --diff-option or --diff-elf
    #[arg(long, value_name = "CHIP", requires = "chip")]
    diff: Option<String>,
    /// An option of the other side, which starts from its chip's defaults; may be given several
    /// times
    #[arg(long = "diff-option", value_name = "NAME[=VALUE]", requires = "chip")]
    diff_settings: Vec<String>,
    /// The program of the other side; if not given, --elf serves both sides of one chip
    #[arg(long, value_name = "FILE", requires = "chip")]
    diff_elf: Option<PathBuf>,
    /// Print JSON instead of the tables
    #[arg(long)]
    json: bool,
    /// Write the picture to this file, too
    #[arg(long, value_name = "FILE", requires = "chip")]
    svg: Option<PathBuf>,
}

const HELP: &str = "\
Examples:
  esp-heap map                                     which chips are known
  esp-heap map esp32c3 --options                   what can be configured
  esp-heap map esp32s3 --option psram=8MiB --svg map.svg
  esp-heap map esp32 --elf build/app.elf           is all of the program where it should be?
  esp-heap map esp32 --diff-option single-core     what does an option give or cost?
  esp-heap map esp32c3 --diff esp32c6              what would another chip give?
  esp-heap map esp32 --elf old.elf --diff-elf new.elf

Without --elf, symbols are those of a typical small firmware of ESP-IDF.

Exit codes:
  0  all is well
  1  the program and the heaps would overwrite each other, or part of it is in no RAM of the chip
  2  no such chip, option, value or symbol, or addresses that contradict each other
  5  no such file, no ELF file, or a program for another machine";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let Some(name) = &arguments.chip else {
        return catalogue::chips(arguments.json);
    };
    let chip = chip_called(name)?;
    if arguments.options {
        return catalogue::options(chip, arguments.json);
    }
    let left = arguments.left(chip)?;
    let right = arguments.right(chip)?;
    match &right {
        None => {
            let picture = svg::Picture(&left);
            arguments.show(&text::Report(&left), &picture, || json::of_map(&left))?;
        }
        Some(right) => {
            let comparison = Comparison { left: &left, right };
            let picture = side_by_side::Picture(&comparison);
            arguments.show(&difference::Report(&comparison), &picture, || {
                json::of_comparison(&comparison)
            })?;
        }
    }
    let sides = [Some(&left), right.as_ref()];
    let is_wrong = sides.into_iter().flatten().any(Map::has_errors);
    Ok(ExitCode::from(u8::from(is_wrong)))
}

impl Arguments {
    /// Writes the picture if it is wanted, and prints the report or the JSON.
    fn show(
        &self,
        report: &impl std::fmt::Display,
        picture: &impl std::fmt::Display,
        json: impl FnOnce() -> Value,
    ) -> Result<(), Error> {
        if let Some(file) = &self.svg {
            fs::write(file, picture.to_string()).map_err(|cause| Error::file(file, cause))?;
            status!("the picture is in {}", file.display());
        }
        if self.json {
            style::print(format_args!("{:#}\n", json()))
        } else {
            style::print(report)
        }
    }

    fn left(&self, chip: &'static soc_regions::Chip) -> Result<Map, Error> {
        let given = self.given();
        let side = MapSource {
            chip,
            settings: &self.settings,
            elf: self.elf.as_deref(),
            given: &given,
            named: &self.named(),
        };
        side.map()
    }

    fn right(&self, left: &'static soc_regions::Chip) -> Result<Option<Map>, Error> {
        if self.diff.is_none() && self.diff_settings.is_empty() && self.diff_elf.is_none() {
            return Ok(None);
        }
        let chip = self.diff.as_deref().map_or(Ok(left), chip_called)?;
        let shared = self.elf.as_ref().filter(|_| chip.name() == left.name());
        let elf = self.diff_elf.as_ref().or(shared);
        let given = if chip.name() == left.name() {
            self.given()
        } else {
            Vec::new()
        };
        let side = MapSource {
            chip,
            settings: &self.diff_settings,
            elf: elf.map(PathBuf::as_path),
            given: &given,
            named: &self.named(),
        };
        side.map().map(Some)
    }

    /// Returns the names of symbols that were typed.
    fn named(&self) -> Vec<&str> {
        self.symbols.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Returns the symbols of the command line, those with a name of their own included.
    fn given(&self) -> Vec<(String, u32)> {
        let mut given = Vec::new();
        let named = [
            ("_heap_start", self.heap_start),
            ("_iram_end", self.iram_end),
            ("_iram_text_end", self.iram_end),
        ];
        given.extend(
            named
                .iter()
                .filter_map(|(name, at)| Some(((*name).to_owned(), (*at)?))),
        );
        given.extend(self.symbols.iter().cloned());
        given
    }
}

/// What one map is made of.
struct MapSource<'a> {
    chip: &'static Chip,
    settings: &'a [String],
    elf: Option<&'a Path>,
    /// Symbols of the command line.
    given: &'a [(String, u32)],
    /// Those that were typed by name; all of them belong to the chip if any is given.
    named: &'a [&'a str],
}

impl MapSource<'_> {
    /// Returns a chip as it comes.
    fn of(chip: &'static Chip) -> MapSource<'static> {
        MapSource {
            chip,
            settings: &[],
            elf: None,
            given: &[],
            named: &[],
        }
    }

    fn map(&self) -> Result<Map, Error> {
        let options = configuration::configured(self.chip, self.settings)?;
        let firmware = self
            .elf
            .map(|file| Firmware::read(file, self.chip))
            .transpose()?;
        let firmware = firmware.as_ref();
        let linker = self.linker(options, firmware);
        if !self.given.is_empty() {
            linker.check_given(self.named).map_err(Error::Usage)?;
        }
        match Map::new(self.chip, options, linker.link(), firmware) {
            Ok(mut map) => {
                let unused = self
                    .named
                    .iter()
                    .filter(|name| map.linked.address(name).is_none());
                let unused: Vec<Remark> = unused.map(|name| Remark::unused(name)).collect();
                map.linked.remarks.extend(unused);
                if map.has_errors() {
                    let hint = self.hint(options, firmware);
                    map.linked.remarks.extend(hint.map(Remark::hint));
                }
                Ok(map)
            }
            Err(error) => Err(Error::Usage(self.refusal(&error, options, firmware))),
        }
    }

    fn linker<'a>(&'a self, options: Options, firmware: Option<&'a Firmware>) -> Linker<'a> {
        Linker {
            chip: self.chip,
            options,
            given: self.given,
            firmware,
        }
    }

    fn refusal(
        &self,
        error: &LayoutError,
        options: Options,
        firmware: Option<&Firmware>,
    ) -> String {
        let file = match self.elf {
            Some(file) => format!("{}: ", file.display()),
            None => String::new(),
        };
        match self.hint(options, firmware) {
            Some(hint) => format!("{file}{error}; {hint}"),
            None => format!("{file}{error}"),
        }
    }

    /// Returns the option with which the program would be right, if one alone does that.
    fn hint(&self, options: Options, firmware: Option<&Firmware>) -> Option<String> {
        let firmware = firmware?;
        let declared = options.iter().map(|(declared, _)| declared);
        let settings = declared.flat_map(|declared| match declared.kind {
            OptionKind::Flag { .. } => {
                vec![declared.name.to_owned(), format!("{}=off", declared.name)]
            }
            OptionKind::Choice { values } => {
                let named = values.iter().map(|value| value.name);
                named
                    .map(|value| format!("{}={value}", declared.name))
                    .collect()
            }
            OptionKind::Amount { .. } => Vec::new(),
        });
        let helps = |setting: &String| {
            let changed = options.parse(setting).ok().filter(|new| *new != options);
            let map = changed.and_then(|options| {
                let linked = self.linker(options, Some(firmware)).link();
                Map::new(self.chip, options, linked, Some(firmware)).ok()
            });
            map.is_some_and(|map| map.has_its_place())
        };
        let setting = settings.into_iter().find(helps)?;
        Some(format!(
            "with --option {setting} it would be right: was the program built so?"
        ))
    }
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

    fn arguments(words: &[&str]) -> Arguments {
        let line = CommandLine::try_parse_from(["map"].iter().chain(words));
        line.expect("the words make a command line").arguments
    }

    fn map_of(words: &[&str]) -> Result<Map, Error> {
        let arguments = arguments(words);
        arguments.left(chip_called(arguments.chip.as_deref().unwrap_or_default())?)
    }

    fn error_of(words: &[&str]) -> String {
        map_of(words)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
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
        let words = [
            "esp32-v3.0",
            "--iram-end=0x40090000",
            "--symbol",
            "_heap_start=0x3FFC0000",
        ];
        let expected = 6_432 + 0x2_0000 + 0x3BC0 + 113_840 + 0x1_0000;
        assert_eq!(map_of(&words).unwrap().heap_bytes(None), expected);
    }

    #[test]
    fn a_program_that_does_not_fit_the_options_is_an_error_of_the_command_line() {
        let error = error_of(&["esp32", "--heap-start=0x3FFA0000"]);
        assert!(error.contains("`dram_data` ends at 0x3FFA0000"), "{error}");
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
    fn the_other_side_starts_from_its_chips_defaults() {
        let other = |words: &[&str]| {
            let arguments = arguments(words);
            arguments
                .right(&soc_regions::ESP32)
                .unwrap()
                .map(|map| (map.chip.name(), configuration::describe(&map.options)))
        };
        let defaults = "the chip's defaults".to_owned();
        assert_eq!(other(&["esp32", "--option=single-core"]), None);
        assert_eq!(
            other(&["esp32", "--option=single-core", "--diff", "esp32-v3.0"]),
            Some(("esp32-v3.0", defaults))
        );
        assert_eq!(
            other(&["esp32", "--option=single-core", "--diff-option=rtc-heap"]),
            Some(("esp32", "rtc-heap".to_owned()))
        );
    }
}
