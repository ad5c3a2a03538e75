//! Memory drawn with characters: a range for each window, and below it where the program is.
//!
//! ```text
//!   ┌─┬────────┬──────────────────────────┐     a cell is at least one character wide, so a tiny part is seen
//!   │╱│╱╱╱╱╱╱╱╱│███████ DRAM █████████████│
//!   └─┴────────┴──────────────────────────┘
//!     ddddzz                                    only with a program: code, data, zeros
//! ```

use std::fmt::{self, Formatter};

use anstyle::Style;
use soc_regions::{Span, TypeIndex};

use super::address_range::{AddressRange, Content, Part};
use super::model::Map;
use super::text::size;
use esp_heap::firmware;
use esp_heap::style::{COLOURS, FAINT, HEADING, painted};

/// Cells of the longest range on the chip.
const CELLS: u32 = 64;

const RESERVED: &str = "╱";
const DROPPED: &str = "×";
const MARKS: [&str; 5] = ["█", "▓", "▒", "░", "▚"];

pub(super) fn draw(out: &mut Formatter<'_>, map: &Map) -> fmt::Result {
    for range in &map.ranges {
        draw_range(out, map, range)?;
    }
    writeln!(out, "{}\n", legend(map))
}

fn draw_range(out: &mut Formatter<'_>, map: &Map, range: &AddressRange) -> fmt::Result {
    let cells: Vec<u32> = range
        .parts
        .iter()
        .map(|part| cells(part, map.scale(range)))
        .collect();
    let line = |left: &str, middle: &str, right: &str| {
        let pieces: Vec<_> = cells
            .iter()
            .map(|cells| "─".repeat(*cells as usize))
            .collect();
        format!("{left}{}{right}", pieces.join(middle))
    };
    let parts = range.parts.iter().zip(&cells);
    let fills: Vec<_> = parts.map(|(part, cells)| fill(map, part, *cells)).collect();
    let note = if map.has_own_scale(range) {
        ", at a scale of its own"
    } else {
        ""
    };
    let name = painted(HEADING, range.name);
    writeln!(
        out,
        "{name}   {}   {}{note}",
        range.span,
        size(range.span.size())
    )?;
    writeln!(out, "{}", line("┌", "┬", "┐"))?;
    writeln!(out, "│{}│", fills.join("│"))?;
    writeln!(out, "{}", line("└", "┴", "┘"))?;
    match program_line(map, range, &cells) {
        Some(line) => writeln!(out, "{line}"),
        None => Ok(()),
    }
}

/// Returns how wide a part is drawn: to scale, but never nothing.
fn cells(part: &Part, scale: u32) -> u32 {
    let exact = u64::from(part.span.size()) * u64::from(CELLS) / u64::from(scale.max(1));
    u32::try_from(exact).unwrap_or(CELLS).max(1)
}

fn fill(map: &Map, part: &Part, cells: u32) -> String {
    let cells = cells as usize;
    let (name, mark, style) = match &part.content {
        Content::Heap(heap) => (
            heap.memory_type.name,
            mark(map, heap.kind),
            colour(map, heap.kind),
        ),
        Content::Reserved(name) => (*name, RESERVED, FAINT),
        Content::Dropped => ("", DROPPED, FAINT),
    };
    let label = match cells.checked_sub(name.len()) {
        Some(0 | 1) => name.to_owned(),
        Some(_) => format!(" {name} "),
        None => String::new(),
    };
    let rest = cells - label.len();
    let (before, behind) = (mark.repeat(rest / 2), mark.repeat(rest - rest / 2));
    painted(style, format!("{before}{label}{behind}"))
}

/// Returns a letter under every cell in which the program has a byte; `None` if it has none in the
/// range.
fn program_line(map: &Map, range: &AddressRange, cells: &[u32]) -> Option<String> {
    let overlay = map.overlay.as_ref()?;
    let pieces = overlay.placed.iter().flat_map(|placed| {
        let letter = letter(placed.piece.content);
        placed.views.iter().map(move |view| (*view, letter))
    });
    let pieces: Vec<(Span, char)> = pieces.collect();
    let mut line = String::from(" ");
    for (part, cells) in range.parts.iter().zip(cells) {
        line.extend((0..*cells).map(|cell| letter_in(&pieces, stretch(part.span, cell, *cells))));
        line.push(' ');
    }
    (!line.trim().is_empty()).then(|| line.trim_end().to_owned())
}

/// Returns the addresses of cell `cell` of `cells` in `span`.
fn stretch(span: Span, cell: u32, cells: u32) -> Span {
    let at = |cell: u32| {
        let bytes = u64::from(span.size()) * u64::from(cell) / u64::from(cells.max(1));
        span.start() + u32::try_from(bytes).unwrap_or(span.size()) // at most its end
    };
    Span::new(at(cell), at(cell + 1)).unwrap_or(span)
}

/// Returns the letter of the piece that has most of `stretch`.
fn letter_in(pieces: &[(Span, char)], stretch: Span) -> char {
    let inside = pieces
        .iter()
        .filter_map(|(view, letter)| Some((view.intersection(stretch)?, letter)));
    inside
        .max_by_key(|(shared, _)| shared.size())
        .map_or(' ', |(_, letter)| *letter)
}

fn letter(content: firmware::Content) -> char {
    match content {
        firmware::Content::Code => 'c',
        firmware::Content::Data => 'd',
        firmware::Content::Zeros => 'z',
    }
}

/// Returns the fill of a type: in the order of the types that exist.
fn mark(map: &Map, kind: TypeIndex) -> &'static str {
    MARKS[map.place_of(kind) % MARKS.len()]
}

fn colour(map: &Map, kind: TypeIndex) -> Style {
    COLOURS[map.place_of(kind) % COLOURS.len()]
}

fn legend(map: &Map) -> String {
    let types = map.types().into_iter().map(|kind| {
        painted(
            colour(map, kind),
            format!("{} {}", mark(map, kind), map.type_name(kind)),
        )
    });
    let mut all: Vec<_> = types.collect();
    all.push(painted(FAINT, format!("{RESERVED} reserved")));
    if map
        .ranges
        .iter()
        .flat_map(|range| &range.parts)
        .any(Part::is_dropped)
    {
        all.push(painted(
            FAINT,
            format!("{DROPPED} dropped: 16 bytes or less"),
        ));
    }
    if map.overlay.is_some() {
        all.push("the program: c code, d data, z zeros".into());
    }
    all.join("   ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, Options, common};

    struct Drawn<'a>(&'a Map);

    impl fmt::Display for Drawn<'_> {
        fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
            draw(out, self.0)
        }
    }

    fn drawn(options: Options) -> String {
        let text = Drawn(&Map::of_sample(&ESP32, options)).to_string();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn the_lines_of_a_range_are_equally_long() {
        let drawn = drawn(ESP32.default_options());
        let lines: Vec<_> = drawn.lines().collect();
        let tops = (0..lines.len()).filter(|line| lines[*line].starts_with('┌'));
        for top in tops {
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
    }

    #[test]
    fn short_ranges_and_psram_have_a_scale_of_their_own() {
        let options = [common::PSRAM.of(1 << 20), common::RTC_HEAP.on()];
        let drawn = drawn(ESP32.options(&options).unwrap());
        for text in [
            "PSRAM   0x3F800000..0x3FC00000   4 MiB, at a scale of its own",
            "RTC fast memory, data bus   0x3FF80000..0x3FF82000   8 KiB, at a scale of its own",
            "SRAM2   0x3FFAE000..0x3FFE0000   200 KiB\n",
        ] {
            assert!(drawn.contains(text), "{text} is missing in\n{drawn}");
        }
    }
}
