//! Lists of chips and of what can be configured on one of them.

use std::fmt::Write;
use std::process::ExitCode;

use comfy_table::Table;
use serde_json::{Value, json};
use soc_regions::{Chip, Declared, OptionKind, chips};

use super::MapSource;
use super::model::Map;
use crate::configuration::{kconfig_names, possible_values, value_of};
use esp_heap::error::Error;
use esp_heap::style::{self, HEADING, painted};
use esp_heap::table;

/// Lists the chips, and says what to type next.
pub(super) fn chips(as_json: bool) -> Result<ExitCode, Error> {
    let maps: Vec<Map> = chips::all()
        .map(|chip| MapSource::of(chip).map())
        .collect::<Result<_, _>>()?;
    if as_json {
        let maps: Vec<_> = maps.iter().map(chip_as_json).collect();
        style::print(format_args!("{:#}\n", Value::from(maps)))?;
    } else {
        style::print(format_args!("{}\n{NEXT}\n", table_of_chips(&maps)))?;
    }
    Ok(ExitCode::SUCCESS)
}

const NEXT: &str = "
With the chip's default options and a typical small firmware. Next:
  esp-heap map CHIP                     its whole map
  esp-heap map CHIP --options           what can be configured
  esp-heap map CHIP --elf FIRMWARE      your program laid over it
  esp-heap map CHIP --diff OTHER-CHIP   both side by side
  esp-heap map --help                   everything else";

fn table_of_chips(maps: &[Map]) -> Table {
    let mut table = table::of_numbers([
        "chip",
        "cores",
        "RAM on the chip",
        "for heaps",
        "largest heap",
    ]);
    for map in maps {
        let largest = map
            .heaps
            .iter()
            .map(|heap| heap.span.size())
            .max()
            .unwrap_or(0);
        table.add_row([
            map.chip.name().to_owned(),
            map.chip.cores().to_string(),
            map.internal_bytes().to_string(),
            map.heap_bytes(None).to_string(),
            largest.to_string(),
        ]);
    }
    table
}

fn chip_as_json(map: &Map) -> Value {
    json!({
        "chip": map.chip.name(),
        "generation": map.chip.generation(),
        "cores": map.chip.cores(),
        "internal_bytes": map.internal_bytes(),
        "heap_bytes": map.heap_bytes(None),
    })
}

/// Lists what can be configured on `chip`.
pub(super) fn options(chip: &Chip, as_json: bool) -> Result<ExitCode, Error> {
    let declared = || chip.default_options().iter().map(|(declared, _)| declared);
    if as_json {
        let options: Vec<_> = declared().map(option_as_json).collect();
        style::print(format_args!("{:#}\n", Value::from(options)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let title = format!(
        "Options of the {}, with ESP-IDF's names (CONFIG_…)",
        chip.name()
    );
    let mut text = painted(HEADING, title);
    for declared in declared() {
        let _ = write!(text, "\n\n{}", described(declared));
    }
    let next = format!(
        "esp-heap map {} --option NAME=VALUE --option …",
        chip.name()
    );
    style::print(format_args!("{text}\n\n{next}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn described(declared: &Declared) -> String {
    let name = painted(HEADING, declared.name);
    let default = value_of(declared, declared.default);
    let mut text = format!("  {name}  {}\n", declared.help);
    let _ = write!(
        text,
        "      {} [default: {default}]",
        possible_values(declared)
    );
    for config in configs(declared) {
        let _ = write!(text, "\n      {config}");
    }
    text
}

/// `SPIRAM`; for choices `trace-memory=one-bank: MEMMAP_TRACEMEM=1`.
fn configs(declared: &Declared) -> Vec<String> {
    let short = |config: &str| config.trim_start_matches("CONFIG_").to_owned();
    let OptionKind::Choice { values } = declared.kind else {
        return kconfig_names(declared).into_iter().map(short).collect();
    };
    let line = |value: &soc_regions::Value| {
        let configs = value.configs.iter();
        let words: Vec<_> = configs
            .map(|(name, number)| format!("{}={number}", short(name)))
            .collect();
        format!("{}: {}", value.name, words.join(" "))
    };
    values
        .iter()
        .filter(|value| !value.configs.is_empty())
        .map(line)
        .collect()
}

fn option_as_json(declared: &'static Declared) -> Value {
    json!({
        "name": declared.name,
        "help": declared.help,
        "values": possible_values(declared),
        "default": value_of(declared, declared.default),
        "config": kconfig_names(declared),
    })
}
