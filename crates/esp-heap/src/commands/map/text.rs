//! A chip's memory on a terminal, in 100 columns.
//!
//! ```text
//!   SRAM1, data bus   0x3FFE0000..0x40000000   128 KiB
//!   ┌─┬──────────┬─┬──────────────────────────────────────┐
//!   │╱│ D/IRAM ▓▓│╱│▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ D/IRAM ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│
//!   └─┴──────────┴─┴──────────────────────────────────────┘
//! ```

use std::fmt::{self, Display, Formatter};

use comfy_table::Table;
use soc_regions::{Available, Caps, Columns};

use super::model::Map;
use super::overlay::{Finding, Overlay, Severity};
use super::text_bars;
use crate::configuration;
use esp_heap::style::{ERROR, HEADING, WARNING, painted};
use esp_heap::table;

/// The whole report.
pub(crate) struct Report<'a>(pub(crate) &'a Map);

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let map = self.0;
        title(out, map)?;
        text_bars::draw(out, map)?;
        section(out, "Memory types, capabilities by priority", types(map))?;
        section(out, "Regions", regions(map))?;
        section(
            out,
            "Ends of reservations that are not the same in every program",
            symbols(map),
        )?;
        section(out, "Reservations", reservations(map))?;
        not_in_effect(out, map)?;
        if let Some(overlay) = &map.overlay {
            section(out, "The program's sections", sections(overlay))?;
        }
        section(out, "Available for heaps", heaps(map))?;
        section(out, "Bytes for heaps per capability", totals(map))?;
        findings(out, map)?;
        writeln!(out, "{}", summary(map, |bytes| format!("{bytes} B")))
    }
}

fn title(out: &mut Formatter<'_>, map: &Map) -> fmt::Result {
    let name = painted(HEADING, map.chip.name());
    writeln!(out, "{name}: {}", map.chip.generation())?;
    writeln!(out, "Options: {}", configuration::describe(&map.options))?;
    writeln!(out, "Program: {}\n", program(map))
}

/// Source of the symbols, in words.
pub(crate) fn program(map: &Map) -> String {
    match &map.overlay {
        Some(overlay) => overlay.file.clone(),
        None => "a typical small firmware of ESP-IDF; --elf FILE takes yours".into(),
    }
}

fn section(out: &mut Formatter<'_>, title: &str, table: Table) -> fmt::Result {
    if table.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}\n{table}\n", painted(HEADING, title))
}

/// Returns one sentence about the whole.
pub(crate) fn summary(map: &Map, number: fn(u32) -> String) -> String {
    let (heaps, memory) = (map.heap_bytes(None), map.memory_bytes());
    let percent = u64::from(heaps) * 100 / u64::from(memory.max(1));
    let count = map.heaps.len();
    format!(
        "{} of {} ({percent} %) are for {count} heap{}.",
        number(heaps),
        number(memory),
        if count == 1 { "" } else { "s" }
    )
}

/// `32 KiB`, `15072 B`
pub(crate) fn size(bytes: u32) -> String {
    match bytes {
        mib if mib >= 1 << 20 && mib % (1 << 20) == 0 => format!("{} MiB", mib >> 20),
        kib if kib % 1024 == 0 => format!("{} KiB", kib >> 10),
        _ => format!("{bytes} B"),
    }
}

fn types(map: &Map) -> Table {
    let mut table = table::of_text(["type", "first choice", "second choice", "last resort"]);
    table::wrap(&mut table);
    for kind in map.types() {
        let [first, second, last] = columns(map.caps(kind));
        table.add_row([map.type_name(kind).to_owned(), first, second, last]);
    }
    table
}

/// Returns the capabilities as words; nothing for none.
pub(crate) fn columns(caps: Columns) -> [String; 3] {
    caps.map(words)
}

fn words(caps: Caps) -> String {
    let names: Vec<_> = caps.named().map(|(name, _)| name).collect();
    names.join(" ")
}

fn regions(map: &Map) -> Table {
    let mut table = table::of_text(["start", "end", "size", "type", "start-up stack"]);
    for (first, count) in map.rows() {
        let bytes = first.span.size() * count; // rows of one chip: below the address space
        let size = if count > 1 {
            format!("{count} × {}", size(first.span.size()))
        } else {
            size(bytes)
        };
        let stack = if first.startup_stack { "yes" } else { "" };
        table.add_row([
            address(first.span.start()),
            address(first.span.start() + bytes),
            size,
            map.type_name(first.kind).to_owned(),
            stack.to_owned(),
        ]);
    }
    table
}

fn symbols(map: &Map) -> Table {
    let mut table = table::of_text(["symbol", "address", "reservation", "known from"]);
    for symbol in &map.linked.symbols {
        table.add_row([
            symbol.name.to_owned(),
            address(symbol.address),
            symbol.reservation.to_owned(),
            symbol.source.to_string(),
        ]);
    }
    table
}

fn reservations(map: &Map) -> Table {
    let mut table = table::of_text(["start", "end", "name", "condition", "costs bytes"]);
    table::wrap(&mut table);
    for cost in &map.costs {
        table.add_row([
            address(cost.span.start()),
            address(cost.span.end()),
            cost.name.to_owned(),
            cost.when.to_string(),
            cost.bytes.to_string(),
        ]);
    }
    table
}

fn not_in_effect(out: &mut Formatter<'_>, map: &Map) -> fmt::Result {
    let others: Vec<_> = map.not_in_effect().collect();
    if others.is_empty() {
        return Ok(());
    }
    writeln!(out, "Not in this configuration:")?;
    for (name, when) in others {
        writeln!(out, "  {name}: {when}")?;
    }
    writeln!(out)
}

fn sections(overlay: &Overlay) -> Table {
    let mut table = table::of_text(["start", "end", "bytes", "section", "content", "lies in"]);
    table::wrap(&mut table);
    for placed in &overlay.placed {
        let piece = &placed.piece;
        table.add_row([
            address(piece.span.start()),
            address(piece.span.end()),
            piece.span.size().to_string(),
            piece.name.clone(),
            piece.content.name().to_owned(),
            placed.lies_in.clone(),
        ]);
    }
    table
}

fn heaps(map: &Map) -> Table {
    let mut table = table::of_text(["start", "end", "bytes", "type", "instruction bus", "from"]);
    for heap in &map.heaps {
        table.add_row([
            address(heap.span.start()),
            address(heap.span.end()),
            heap.span.size().to_string(),
            heap.memory_type.name.to_owned(),
            alias(heap),
            if heap.startup_stack {
                "end of start-up"
            } else {
                "boot"
            }
            .to_owned(),
        ]);
    }
    table
}

/// Returns where the instruction bus sees a heap.
fn alias(heap: &Available) -> String {
    match heap.iram_alias {
        Some(alias) if alias == heap.span.start() => "the same".into(),
        Some(alias) => address(alias),
        None => String::new(),
    }
}

fn totals(map: &Map) -> Table {
    let mut table = table::of_numbers([
        "capability",
        "first choice",
        "second choice",
        "last resort",
        "total",
    ]);
    for total in map.totals() {
        let [first, second, last] = total.by_priority();
        let numbers = [first, second, last, total.bytes()].map(|bytes| bytes.to_string());
        table.add_row([total.name.to_owned()].into_iter().chain(numbers));
    }
    table
}

pub(crate) fn findings(out: &mut Formatter<'_>, map: &Map) -> fmt::Result {
    for Finding { severity, text } in map.findings() {
        let style = match severity {
            Severity::Error => ERROR,
            Severity::Warning => WARNING,
        };
        writeln!(out, "{}: {text}", painted(style, severity.name()))?;
    }
    Ok(())
}

pub(crate) fn address(address: u32) -> String {
    format!("{address:#010X}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linker::Linker;
    use crate::sample::esp_idf_hello;
    use esp_heap::firmware::Firmware;
    use soc_regions::{ESP32, Options, common};

    fn report(options: Options) -> String {
        plain(&Map::of_sample(&ESP32, options))
    }

    fn plain(map: &Map) -> String {
        anstream::adapter::strip_str(&Report(map).to_string()).to_string()
    }

    #[test]
    fn the_report_names_heaps_reservations_and_totals() {
        let report = report(ESP32.default_options());
        for text in [
            "0x3FFB2EC8",
            "184632",
            "rom_app_data",
            "not single-core",
            "16 × 8 KiB",
            "319976",
            "a typical firmware",
            "413084 B of 532480 B (77 %) are for 5 heaps",
        ] {
            assert!(report.contains(text), "{text} is missing in\n{report}");
        }
    }

    #[test]
    fn reservations_of_other_configurations_are_listed_with_their_condition() {
        assert!(report(ESP32.default_options()).contains("rom_bt_em: bluetooth"));
    }

    #[test]
    fn the_report_fits_into_100_columns_and_no_colour_is_left_without_a_terminal() {
        let options = [common::PSRAM.of(1 << 20), common::RTC_HEAP.on()];
        let report = report(ESP32.options(&options).unwrap());
        let longest = report
            .lines()
            .max_by_key(|line| line.chars().count())
            .unwrap();
        assert!(longest.chars().count() <= 100, "{longest}");
        assert!(!report.contains('\u{1b}'));
    }

    #[test]
    fn a_program_is_reported_with_its_sections_and_where_its_symbols_come_from() {
        let firmware = Firmware::parse("build/hello.elf", &esp_idf_hello()).unwrap();
        let (chip, options) = (&ESP32, ESP32.default_options());
        let linker = Linker {
            chip,
            options,
            given: &[],
            firmware: Some(&firmware),
        };
        let map = Map::new(chip, options, linker.link(), Some(&firmware)).unwrap();
        let report = plain(&map);
        for text in [
            "Program: build/hello.elf",
            "ELF file",
            ".dram0.bss",
            "iram_code",
            "flash",
            "ddz",
        ] {
            assert!(report.contains(text), "{text} is missing in\n{report}");
        }
    }

    #[test]
    fn sizes_are_written_in_the_largest_unit_that_is_exact() {
        assert_eq!(
            [4 << 20, 5 << 10, 1025].map(size),
            ["4 MiB", "5 KiB", "1025 B"]
        );
    }
}
