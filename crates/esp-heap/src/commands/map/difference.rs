//! Two maps beside each other on a terminal.

use std::fmt::{self, Display, Formatter};

use comfy_table::Table;

use super::compare::{ComparedBytes, Comparison, Section};
use super::model::Map;
use super::text::{findings, program, summary};
use crate::configuration;
use esp_heap::style::{HEADING, painted};
use esp_heap::table;

/// The whole report.
pub(crate) struct Report<'a>(pub(crate) &'a Comparison<'a>);

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Report(comparison) = self;
        let sides = [("left", comparison.left), ("right", comparison.right)];
        for (side, map) in sides {
            title(out, side, map)?;
        }
        for Section { title, rows, .. } in comparison.sections() {
            writeln!(out, "{}\n{}\n", painted(HEADING, title), table(&rows))?;
        }
        for (side, map) in sides {
            findings(out, map)?;
            writeln!(
                out,
                "{side}: {}",
                summary(map, |bytes| format!("{bytes} B"))
            )?;
        }
        Ok(())
    }
}

fn title(out: &mut Formatter<'_>, side: &str, map: &Map) -> fmt::Result {
    let name = painted(HEADING, format!("{side}: {}", map.chip.name()));
    writeln!(out, "{name}: {}", map.chip.generation())?;
    writeln!(out, "  Options: {}", configuration::describe(&map.options))?;
    writeln!(out, "  Program: {}\n", program(map))
}

fn table(rows: &[ComparedBytes]) -> Table {
    let mut table = table::of_numbers(["", "left", "right", "difference"]);
    let bytes = |bytes: Option<u32>| bytes.map_or("–".to_owned(), |bytes| bytes.to_string());
    for row in rows {
        table.add_row([
            row.name.clone(),
            bytes(row.left),
            bytes(row.right),
            signed(row),
        ]);
    }
    table
}

/// `+4096`, `-4096`, `0`
pub(crate) fn signed(row: &ComparedBytes) -> String {
    match row.difference() {
        0 => "0".into(),
        difference => format!("{difference:+}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, common};

    #[test]
    fn both_sides_stand_beside_each_other_with_the_difference() {
        let left = Map::of_sample(&ESP32, ESP32.default_options());
        let right = Map::of_sample(&ESP32, ESP32.options(&[common::SINGLE_CORE.on()]).unwrap());
        let report = Report(&Comparison {
            left: &left,
            right: &right,
        })
        .to_string();
        let report = anstream::adapter::strip_str(&report).to_string();
        let cells = |line: &str| {
            line.replace(['│', '┆'], " ")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let lines: Vec<_> = report.lines().map(cells).collect();
        for line in [
            "right: esp32: ESP32, ESP-IDF v6.2 (2026)",
            "SRAM0 93108 125876 +32768",
            "cpu1_cache 32768 – -32768",
            "DRAM 191064 191064 0",
        ] {
            assert!(
                lines.iter().any(|found| found == line),
                "{line} is missing in\n{report}"
            );
        }
        assert!(
            report.lines().all(|line| line.chars().count() <= 100),
            "{report}"
        );
    }
}
