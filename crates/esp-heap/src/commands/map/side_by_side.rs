//! Two maps beside each other as a picture.
//!
//! ```text
//!   left: chip, options             right: chip, options
//!   range ████╱╱╱╱██████            range ████╱╱███████████       one scale for both sides
//!   by region, capability, ...      ▬▬▬▬▬▬▬▬ left                 a pair of bars a row, and the difference
//!                                   ▬▬▬▬▬▬▬▬▬▬▬▬ right
//! ```

use std::fmt::{self, Display, Formatter};

use super::address_range::AddressRange;
use super::canvas::{Canvas, INNER, MARGIN, WIDTH, grouped, shortened};
use super::compare::{ComparedBytes, Comparison, Section};
use super::model::Map;
use super::svg::legend_of;
use super::svg_bars::{self, BAR, Frame, PROGRAM_BAR, draw_program};
use super::text::{size, summary};
use crate::configuration;

const GAP: u32 = 40;
const SIDE: u32 = (INNER - GAP) / 2;
const LEFT: &str = "#24456f";
const RIGHT: &str = "#d9822b";
/// Where a row's bars start, and how long the longest is.
const BARS: (u32, u32) = (MARGIN + 190, INNER - 190 - 330);

/// The picture as an SVG document.
pub(crate) struct Picture<'a>(pub(crate) &'a Comparison<'a>);

impl Display for Picture<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Picture(comparison) = self;
        let mut canvas = Canvas::starting_at(64);
        titles(&mut canvas, comparison)?;
        legend_of(&mut canvas, &[comparison.left, comparison.right])?;
        ranges(&mut canvas, comparison)?;
        for section in comparison.sections() {
            table(&mut canvas, &section)?;
        }
        let names = [comparison.left, comparison.right].map(|map| map.chip.name());
        canvas.write_document(out, &names.join(" and "))
    }
}

fn sides<'a>(comparison: &Comparison<'a>) -> [(u32, &'a Map, &'static str, &'static str); 2] {
    [
        (MARGIN, comparison.left, "left", LEFT),
        (MARGIN + SIDE + GAP, comparison.right, "right", RIGHT),
    ]
}

fn titles(canvas: &mut Canvas, comparison: &Comparison<'_>) -> fmt::Result {
    let y = canvas.y;
    for (x, map, side, colour) in sides(comparison) {
        let options = format!("Options: {}", configuration::describe(&map.options));
        let program = map
            .overlay
            .as_ref()
            .map_or("a typical small firmware", |o| &o.file);
        canvas.swatch(x, y, colour)?;
        canvas.text(
            x + 20,
            y,
            "h2",
            &format!("{side}: {}", map.chip.generation()),
        )?;
        canvas.text(x, y + 24, "b", &summary(map, grouped))?;
        canvas.text(x, y + 46, "s", &shortened(&options, 80))?;
        canvas.text(
            x,
            y + 66,
            "s",
            &shortened(&format!("Program: {program}"), 80),
        )?;
    }
    canvas.y = y + 98;
    Ok(())
}

/// Draws the ranges of either side below each other, in the order of their addresses.
fn ranges(canvas: &mut Canvas, comparison: &Comparison<'_>) -> fmt::Result {
    let top = canvas.y;
    let heights = sides(comparison)
        .map(|(_, map, ..)| map.ranges.iter().map(|s| height(map, s)).sum::<u32>());
    let height_of_card = heights[0].max(heights[1]) + 10;
    canvas.card(top, height_of_card)?;
    let longest = shared_scale(comparison);
    for (x, map, ..) in sides(comparison) {
        let mut y = top + 8;
        for range in &map.ranges {
            draw_range(canvas, map, range, (x, y), longest)?;
            y += height(map, range);
        }
    }
    canvas.y = top + height_of_card + 14;
    Ok(())
}

fn height(map: &Map, range: &AddressRange) -> u32 {
    let program = if map.has_program_in(range) {
        PROGRAM_BAR + 4
    } else {
        0
    };
    26 + BAR + program + 14
}

/// Returns the bytes that fill half of the picture: those of the longest range that has no scale of
/// its own, on either side.
fn shared_scale(comparison: &Comparison<'_>) -> u32 {
    let maps = [comparison.left, comparison.right].into_iter();
    let ranges = maps.flat_map(|map| map.ranges.iter().filter(|range| !map.has_own_scale(range)));
    ranges.map(|range| range.span.size()).max().unwrap_or(1)
}

fn draw_range(
    canvas: &mut Canvas,
    map: &Map,
    range: &AddressRange,
    (x, y): (u32, u32),
    longest: u32,
) -> fmt::Result {
    let own = map.has_own_scale(range);
    let scale = if own { range.span.size() } else { longest };
    let (start, end) = (range.span.start(), range.span.end());
    let text = format!("{start:#010X} – {end:#010X}");
    canvas.name_and_note(x, y + 18, range.name, &text)?;
    let frame = Frame {
        x,
        y: y + 26,
        width: SIDE,
        scale,
    };
    let (bytes, tick) = (size(range.span.size()), size(frame.tick()));
    canvas.text(x + SIDE, y + 18, "e", &format!("{bytes}, tick {tick}"))?;
    svg_bars::draw_range(canvas, map, range, frame)?;
    draw_program(
        canvas,
        map,
        range,
        Frame {
            y: frame.y + BAR + 4,
            ..frame
        },
    )
}

/// Draws a pair of bars a row, both numbers and the difference.
fn table(canvas: &mut Canvas, section: &Section) -> fmt::Result {
    const ROW: u32 = 34;
    let rows = u32::try_from(section.rows.len()).unwrap_or(u32::MAX);
    let top = canvas.y;
    canvas.card(top, 54 + rows * ROW)?;
    canvas.text(MARGIN, top + 28, "h2", section.title)?;
    for (x, head) in columns().into_iter().zip(["left", "right", "difference"]) {
        canvas.text(x, top + 28, "s e", head)?;
    }
    let most = longest_bar(&section.rows);
    for (index, row) in (0..).zip(&section.rows) {
        draw_row(canvas, row, most, top + 58 + index * ROW)?;
        let y = top + 62 + index * ROW;
        canvas.text(
            columns()[2],
            y,
            class_of(row, section.more_is_better),
            &signed(row),
        )?;
    }
    canvas.y = top + 54 + rows * ROW + 14;
    Ok(())
}

/// Right edges of the numbers.
fn columns() -> [u32; 3] {
    [WIDTH - MARGIN - 220, WIDTH - MARGIN - 110, WIDTH - MARGIN]
}

/// PSRAM would make everything else invisible: bars that are eight times longer than the others are
/// cut.
fn longest_bar(rows: &[ComparedBytes]) -> u32 {
    let mut bytes: Vec<u32> = rows
        .iter()
        .flat_map(|row| [row.left, row.right])
        .flatten()
        .collect();
    bytes.sort_unstable();
    let longest_of_chip = bytes.iter().rev().find(|bytes| **bytes <= LARGEST_CHIP);
    longest_of_chip
        .or(bytes.last())
        .copied()
        .unwrap_or(1)
        .max(1)
}

/// No chip has more RAM inside.
const LARGEST_CHIP: u32 = 1 << 20;

fn draw_row(canvas: &mut Canvas, row: &ComparedBytes, most: u32, y: u32) -> fmt::Result {
    canvas.text(MARGIN, y + 4, "", &shortened(&row.name, 28))?;
    for (bytes, colour, y) in [(row.left, LEFT, y - 10), (row.right, RIGHT, y)] {
        let bytes = bytes.unwrap_or(0);
        let width = f64::from(bytes.min(most)) * f64::from(BARS.1) / f64::from(most);
        canvas.rect(f64::from(BARS.0), y, width, 9, colour)?;
        if bytes > most {
            canvas.text(BARS.0 + BARS.1 + 4, y + 9, "s", "→")?;
        }
    }
    let [left, right, _] = columns();
    let number = |bytes: Option<u32>| bytes.map_or("–".to_owned(), grouped);
    canvas.text(left, y + 4, "m e", &number(row.left))?;
    canvas.text(right, y + 4, "m e", &number(row.right))
}

fn class_of(row: &ComparedBytes, more_is_better: bool) -> &'static str {
    match row.difference() {
        0 => "m e s",
        difference if (difference > 0) == more_is_better => "m e better",
        _ => "m e worse",
    }
}

/// `+4 096 B`, `−4 096 B`, `0 B`
fn signed(row: &ComparedBytes) -> String {
    let difference = row.difference();
    let bytes = grouped(u32::try_from(difference.unsigned_abs()).unwrap_or(u32::MAX));
    match difference {
        ..0 => format!("−{bytes}"),
        0 => bytes,
        1.. => format!("+{bytes}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, common};

    #[test]
    fn the_picture_has_both_sides_and_what_changed_in_its_colour() {
        let left = Map::of_sample(&ESP32, ESP32.default_options());
        let right = Map::of_sample(&ESP32, ESP32.options(&[common::SINGLE_CORE.on()]).unwrap());
        let picture = Picture(&Comparison {
            left: &left,
            right: &right,
        })
        .to_string();
        for text in [
            "left: ESP32",
            "right: ESP32",
            "Options: single-core",
            "What reservations cost",
        ] {
            assert!(picture.contains(text), "{text}");
        }
        assert!(
            picture.contains("better\">+32\u{a0}768\u{a0}B<"),
            "more IRAM"
        );
        assert!(
            picture.contains("better\">−32\u{a0}768\u{a0}B<"),
            "no second cache"
        );
        assert!(!picture.contains("worse\">"));
    }

    #[test]
    fn bars_of_the_chip_are_not_dwarfed_by_psram() {
        let row = |left, right| ComparedBytes {
            name: String::new(),
            left,
            right,
        };
        assert_eq!(
            longest_bar(&[row(Some(4 << 20), None), row(Some(1000), Some(2000))]),
            2000
        );
        assert_eq!(longest_bar(&[row(Some(4 << 20), Some(2 << 20))]), 4 << 20);
        assert_eq!(longest_bar(&[row(None, None)]), 1);
    }
}
