//! How does a chip's memory look on a terminal?
//!
//! ```text
//!   SRAM1, data bus   0x3FFE0000..0x40000000   128 KiB
//!   ┌─┬──────────┬─┬──────────────────────────────────────┐
//!   │╱│ D/IRAM ▓▓│╱│▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ D/IRAM ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│
//!   └─┴──────────┴─┴──────────────────────────────────────┘
//! ```

use std::fmt::{self, Display, Formatter};

use comfy_table::Table;
use soc_regions::{Columns, Kind};

use super::model::{Content, Map, Part, Strip};
use crate::table;

/// The whole report.
pub(crate) struct Report<'a>(pub(crate) &'a Map);

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let map = self.0;
        writeln!(
            out,
            "{}: {}, {}\n",
            map.chip.name(),
            map.chip.generation(),
            configuration(map)
        )?;
        strips(out, map)?;
        writeln!(
            out,
            "Memory types, capabilities by priority\n{}\n",
            types(map)
        )?;
        writeln!(out, "Regions\n{}\n", regions(map))?;
        writeln!(out, "Reservations\n{}", reservations(map))?;
        not_in_effect(out, map)?;
        writeln!(out, "\nAvailable for heaps\n{}\n", heaps(map))?;
        writeln!(out, "Bytes per capability\n{}", totals(map))?;
        writeln!(out, "{}", summary(map, |bytes| format!("{bytes} B")))
    }
}

/// `with rtc-heap, psram 2 MiB`
pub(crate) fn configuration(map: &Map) -> String {
    let names: Vec<_> = map
        .options
        .changed()
        .map(
            |(option, value)| match (option.kind, option.value_name(value)) {
                (_, Some(name)) => format!("{} {name}", option.name),
                (Kind::Flag { .. }, _) if value == 0 => format!("no {}", option.name),
                (Kind::Flag { .. }, _) => option.name.to_owned(),
                (_, None) => format!("{} {}", option.name, size(value)),
            },
        )
        .collect();
    if names.is_empty() {
        "without options".into()
    } else {
        format!("with {}", names.join(", "))
    }
}

/// One sentence about the whole.
pub(crate) fn summary(map: &Map, number: fn(u32) -> String) -> String {
    let (heaps, regions) = (map.heap_bytes(None), map.region_bytes(None));
    let percent = u64::from(heaps) * 100 / u64::from(regions.max(1));
    let count = map.heaps.len();
    format!(
        "{} of {} ({percent} %) are for {count} heaps.",
        number(heaps),
        number(regions)
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
    for kind in map.types() {
        let Some(memory_type) = map.chip.memory_type(kind) else {
            continue;
        };
        let [first, second, last] = columns(memory_type.caps_under(&map.options));
        table.add_row([memory_type.name.to_owned(), first, second, last]);
    }
    table
}

/// Capabilities as text; nothing for none.
pub(crate) fn columns(caps: Columns) -> [String; 3] {
    caps.map(|caps| {
        if caps.is_empty() {
            String::new()
        } else {
            caps.to_string()
        }
    })
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

fn reservations(map: &Map) -> Table {
    let mut table = table::of_text(["start", "end", "name", "condition", "costs bytes"]);
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
    writeln!(out, "Not in this configuration:")?;
    map.not_in_effect()
        .try_for_each(|(name, when)| writeln!(out, "  {name}: {when}"))
}

fn heaps(map: &Map) -> Table {
    let mut table = table::of_text(["start", "end", "bytes", "type", "instruction bus", "from"]);
    for heap in &map.heaps {
        table.add_row([
            address(heap.span.start()),
            address(heap.span.end()),
            heap.span.size().to_string(),
            heap.memory_type.name.to_owned(),
            heap.iram_alias.map(address).unwrap_or_default(),
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

fn address(address: u32) -> String {
    format!("{address:#010X}")
}

/// Cells of the longest strip on the chip.
const CELLS: u32 = 64;

fn strips(out: &mut Formatter<'_>, map: &Map) -> fmt::Result {
    let internal = map.strips.iter().filter(|strip| !strip.external);
    let longest = internal.map(|strip| strip.span.size()).max().unwrap_or(1);
    for strip in &map.strips {
        draw(out, map, strip, longest.max(1))?;
    }
    writeln!(out, "{}\n", legend(map))
}

fn draw(out: &mut Formatter<'_>, map: &Map, strip: &Strip, longest: u32) -> fmt::Result {
    let scale = if strip.external {
        strip.span.size()
    } else {
        longest
    };
    let cells: Vec<u32> = strip.parts.iter().map(|part| cells(part, scale)).collect();
    let line = |left: &str, middle: &str, right: &str| {
        let pieces: Vec<_> = cells
            .iter()
            .map(|cells| "─".repeat(*cells as usize))
            .collect();
        format!("{left}{}{right}", pieces.join(middle))
    };
    let fills: Vec<_> = strip
        .parts
        .iter()
        .zip(&cells)
        .map(|(part, cells)| fill(map, part, *cells))
        .collect();
    let note = if strip.external {
        ", at a scale of its own"
    } else {
        ""
    };
    writeln!(
        out,
        "{}   {}   {}{note}",
        strip.name,
        strip.span,
        size(strip.span.size())
    )?;
    writeln!(out, "{}", line("┌", "┬", "┐"))?;
    writeln!(out, "│{}│", fills.join("│"))?;
    writeln!(out, "{}", line("└", "┴", "┘"))
}

/// How wide a part is drawn: to scale, but never nothing.
fn cells(part: &Part, scale: u32) -> u32 {
    let exact = u64::from(part.span.size()) * u64::from(CELLS) / u64::from(scale);
    u32::try_from(exact).unwrap_or(CELLS).max(1)
}

fn fill(map: &Map, part: &Part, cells: u32) -> String {
    let cells = cells as usize;
    let (name, mark) = match &part.content {
        Content::Heap(heap) => (heap.memory_type.name, mark(map, heap.kind)),
        Content::Reserved(name) => (*name, RESERVED),
        Content::Dropped => ("", DROPPED),
    };
    let label = match cells.checked_sub(name.len()) {
        Some(0 | 1) => name.to_owned(),
        Some(_) => format!(" {name} "),
        None => String::new(),
    };
    let rest = cells - label.len();
    format!(
        "{}{label}{}",
        mark.repeat(rest / 2),
        mark.repeat(rest - rest / 2)
    )
}

const RESERVED: &str = "╱";
const DROPPED: &str = "×";
const MARKS: [&str; 5] = ["█", "▓", "▒", "░", "▚"];

/// The fill of a type: in the order of the types that exist.
fn mark(map: &Map, kind: soc_regions::TypeIndex) -> &'static str {
    let place = map
        .types()
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(0);
    MARKS[place % MARKS.len()]
}

fn legend(map: &Map) -> String {
    let types = map
        .types()
        .into_iter()
        .map(|kind| format!("{} {}", mark(map, kind), map.type_name(kind)));
    let all: Vec<_> = types
        .chain([
            format!("{RESERVED} reserved"),
            format!("{DROPPED} dropped: 16 bytes or less"),
        ])
        .collect();
    all.join("   ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, Options, common};

    fn report(options: Options) -> String {
        let map = Map::new(&ESP32, options, &ESP32.sample_symbols(&options)).unwrap();
        Report(&map).to_string()
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
            "413084 B of 532480 B (77 %) are for 5 heaps",
        ] {
            assert!(report.contains(text), "{text} is missing in\n{report}");
        }
    }

    #[test]
    fn reservations_of_other_configurations_are_listed_with_their_condition() {
        assert!(report(ESP32.default_options()).contains("rom_bt_em: bluetooth"));
        let options = ESP32.options(&[common::PSRAM.of(1 << 20)]).unwrap();
        assert!(
            report(options)
                .contains("PSRAM   0x3F800000..0x3FC00000   4 MiB, at a scale of its own")
        );
    }

    #[test]
    fn the_lines_of_a_strip_are_equally_long() {
        let report = report(ESP32.default_options());
        let lines: Vec<_> = report.lines().collect();
        let top = lines.iter().position(|line| line.contains('┌')).unwrap();
        let lengths: Vec<_> = lines[top..top + 3]
            .iter()
            .map(|line| line.chars().count())
            .collect();
        assert!(
            lengths
                .iter()
                .all(|length| *length == lengths[0] && *length < 80),
            "{lengths:?}"
        );
    }

    #[test]
    fn sizes_are_written_in_the_largest_unit_that_is_exact() {
        assert_eq!(
            [4 << 20, 5 << 10, 1025].map(size),
            ["4 MiB", "5 KiB", "1025 B"]
        );
    }
}
