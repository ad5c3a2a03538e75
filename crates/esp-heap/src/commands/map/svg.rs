//! A chip's memory as a picture.
//!
//! ```text
//!   title, options, one sentence
//!   legend
//!   range: name, addresses, size        one block a range: a bar to scale, and below it
//!   ██████╱╱╱╱████████████            its parts in three columns
//!   ▪ 0x… DRAM 184 632 B   ▪ 0x… …     (with a program: its sections in a bar of their own, and as a list)
//!   memory types                      a table, capabilities by priority
//!   bytes per capability              a bar each, stacked by priority
//! ```

use std::fmt::{self, Display, Formatter};

use super::address_range::{AddressRange, Content, Part};
use super::canvas::{Canvas, INNER, MARGIN, RESERVED, WIDTH, grouped};
use super::model::Map;
use super::overlay::Overlay;
use super::svg_bars::{BAR, DROPPED, Frame, PROGRAM_BAR, colour, draw_program, fill, program_fill};
use super::text::{program, size, summary};
use super::{canvas, svg_bars, svg_tables};
use crate::configuration;
use esp_heap::firmware;

const LINE: u32 = 20;
const PARTS_A_LINE: u32 = 3;

/// The picture as an SVG document.
pub(crate) struct Picture<'a>(pub(crate) &'a Map);

impl Display for Picture<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut canvas = Canvas::starting_at(64);
        draw(&mut canvas, self.0)?;
        canvas.write_document(out, self.0.chip.generation())
    }
}

fn draw(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    title(canvas, map)?;
    legend(canvas, map)?;
    for range in &map.ranges {
        draw_range(canvas, map, range)?;
    }
    if let Some(overlay) = &map.overlay {
        sections(canvas, overlay)?;
    }
    svg_tables::types(canvas, map)?;
    svg_tables::totals(canvas, map)
}

fn title(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    let options = configuration::describe(&map.options);
    canvas.text(MARGIN, canvas.y, "h1", map.chip.generation())?;
    canvas.text(MARGIN, canvas.y + 28, "b", &summary(map, grouped))?;
    canvas.text(MARGIN, canvas.y + 50, "s", &format!("Options: {options}"))?;
    canvas.text(
        MARGIN,
        canvas.y + 70,
        "s",
        &format!("Program: {}", program(map)),
    )?;
    canvas.y += 102;
    Ok(())
}

fn legend(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    legend_of(canvas, &[map])?;
    if map
        .heaps
        .iter()
        .any(|heap| heap.iram_alias.is_some_and(|at| at != heap.span.start()))
    {
        let text = "→ address on the instruction bus";
        canvas.text(MARGIN, canvas.y + 1, "s", text)?;
        canvas.y += 24;
    }
    Ok(())
}

/// Draws the colours of some maps, each once, in as many lines as they need.
pub(super) fn legend_of(canvas: &mut Canvas, maps: &[&Map]) -> fmt::Result {
    let mut entries: Vec<(&str, &str)> = Vec::new();
    for map in maps {
        let types = map.types().into_iter();
        entries.extend(types.map(|kind| (map.type_name(kind), colour(map, kind))));
    }
    entries.push(("reserved", RESERVED));
    let ranges = || maps.iter().flat_map(|map| &map.ranges);
    if ranges()
        .flat_map(|range| &range.parts)
        .any(Part::is_dropped)
    {
        entries.push(("dropped: 16 bytes or less", DROPPED));
    }
    if maps.iter().any(|map| map.overlay.is_some()) {
        use firmware::Content::{Code, Data, Zeros};
        let names = [
            ("program: code", Code),
            ("program: data", Data),
            ("program: zeros", Zeros),
        ];
        entries.extend(names.map(|(name, content)| (name, program_fill(content))));
    }
    let mut known = Vec::new();
    entries.retain(|entry| {
        let is_new = !known.contains(entry);
        known.push(*entry);
        is_new
    });
    canvas.legend(&entries)
}

fn draw_range(canvas: &mut Canvas, map: &Map, range: &AddressRange) -> fmt::Result {
    let parts = u32::try_from(range.parts.len()).unwrap_or(u32::MAX);
    let lines = parts.div_ceil(PARTS_A_LINE);
    let top = canvas.y;
    let program = if map.has_program_in(range) {
        PROGRAM_BAR + 4
    } else {
        0
    };
    canvas.card(top, 30 + BAR + program + 30 + lines * LINE)?;
    let frame = Frame {
        x: MARGIN,
        y: top + 36,
        width: INNER,
        scale: map.scale(range),
    };
    caption(canvas, map, range, (top + 24, frame.tick()))?;
    svg_bars::draw_range(canvas, map, range, frame)?;
    draw_program(
        canvas,
        map,
        range,
        Frame {
            y: top + 36 + BAR + 4,
            ..frame
        },
    )?;
    list_parts(canvas, map, range, top + 36 + BAR + program + 26, lines)?;
    canvas.y = top + 30 + BAR + program + 30 + lines * LINE + 14;
    Ok(())
}

fn caption(
    canvas: &mut Canvas,
    map: &Map,
    range: &AddressRange,
    (y, tick): (u32, u32),
) -> fmt::Result {
    let is_late = |part: &Part| matches!(&part.content, Content::Heap(heap) if heap.startup_stack);
    let (start, end) = (range.span.start(), range.span.end());
    let late = match range
        .parts
        .iter()
        .filter(|part| part.is_heap())
        .map(is_late)
        .collect::<Vec<_>>()
    {
        heaps if heaps.iter().all(|late| *late) && !heaps.is_empty() => {
            ", a heap from the end of start-up"
        }
        heaps if heaps.contains(&true) => ", * a heap from the end of start-up",
        _ => "",
    };
    let scale = if map.has_own_scale(range) {
        ": a scale of its own"
    } else {
        ""
    };
    canvas.text(MARGIN, y, "h2", range.name)?;
    canvas.text(
        WIDTH / 2,
        y,
        "m s c",
        &format!("{start:#010X} – {end:#010X}{late}"),
    )?;
    canvas.text(
        WIDTH - MARGIN,
        y,
        "e b",
        &format!(
            "{}, a tick every {}{scale}",
            size(range.span.size()),
            size(tick)
        ),
    )
}

/// Draws the parts by address, in columns: colour, address, name, alias, size.
fn list_parts(
    canvas: &mut Canvas,
    map: &Map,
    range: &AddressRange,
    top: u32,
    lines: u32,
) -> fmt::Result {
    let parts = u32::try_from(range.parts.len()).unwrap_or(u32::MAX);
    let width = INNER / parts.div_ceil(lines.max(1)).max(1);
    for (index, part) in (0..).zip(&range.parts) {
        let x = MARGIN + index / lines * width;
        let y = top + index % lines * LINE;
        canvas.swatch(x, y, fill(map, part))?;
        canvas.text(x + 20, y, "m s", &format!("{:#010X}", part.span.start()))?;
        name_part(canvas, range, part, x + 106, y)?;
        canvas.text(x + width - 28, y, "m e", &grouped(part.span.size()))?;
    }
    Ok(())
}

fn name_part(
    canvas: &mut Canvas,
    range: &AddressRange,
    part: &Part,
    x: u32,
    y: u32,
) -> fmt::Result {
    match &part.content {
        Content::Heap(heap) => {
            let is_mixed = range
                .parts
                .iter()
                .any(|part| matches!(&part.content, Content::Heap(heap) if !heap.startup_stack));
            let star = if heap.startup_stack && is_mixed {
                " *"
            } else {
                ""
            };
            let alias = heap.iram_alias.filter(|alias| *alias != heap.span.start());
            let alias = alias.map(|alias| format!("→ {alias:#010X}"));
            let name = format!("{}{star}", heap.memory_type.name);
            canvas.name_and_note(x, y, &name, &alias.unwrap_or_default())
        }
        Content::Reserved(name) => canvas.text(x, y, "s", name),
        Content::Dropped => canvas.text(x, y, "s", "dropped"),
    }
}

/// Draws the program's sections in RAM, in columns: colour, address, name, size.
fn sections(canvas: &mut Canvas, overlay: &Overlay) -> fmt::Result {
    let in_ram: Vec<_> = overlay
        .placed
        .iter()
        .filter(|placed| !placed.views.is_empty())
        .collect();
    let count = u32::try_from(in_ram.len()).unwrap_or(u32::MAX);
    let lines = count.div_ceil(PARTS_A_LINE);
    let top = canvas.y;
    canvas.card(top, 44 + lines * LINE)?;
    canvas.text(MARGIN, top + 28, "h2", "The program's sections in RAM")?;
    let width = INNER / PARTS_A_LINE;
    for (index, placed) in (0..).zip(in_ram) {
        let (x, y) = (
            MARGIN + index / lines * width,
            top + 54 + index % lines * LINE,
        );
        let piece = &placed.piece;
        canvas.swatch(x, y, program_fill(piece.content))?;
        canvas.text(x + 20, y, "m s", &format!("{:#010X}", piece.span.start()))?;
        canvas.text(x + 106, y, "", canvas::shortened(&piece.name, 22).as_ref())?;
        canvas.text(x + width - 28, y, "m e", &grouped(piece.span.size()))?;
    }
    canvas.y = top + 44 + lines * LINE + 14;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, Options, common};

    fn picture(options: Options) -> String {
        Picture(&Map::of_sample(&ESP32, options)).to_string()
    }

    #[test]
    fn every_range_heap_and_reservation_is_in_the_picture() {
        let options = [common::RTC_HEAP.on(), common::PSRAM.of(2 << 20)];
        let picture = picture(ESP32.options(&options).unwrap());
        for text in [
            "SRAM0",
            "SRAM1, data bus",
            "PSRAM",
            "RTC fast memory",
            "0x3FFB2EC8",
            "rom_app_data",
            "→ 0x400BC0E0",
        ] {
            assert!(picture.contains(text), "{text}");
        }
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>"));
        assert_eq!(
            picture.matches("<text").count(),
            picture.matches("</text>").count()
        );
    }

    #[test]
    fn every_bar_has_ticks_and_says_how_far_they_are_apart() {
        let options = [common::RTC_HEAP.on(), common::PSRAM.of(2 << 20)];
        let picture = picture(ESP32.options(&options).unwrap());
        let map = Map::of_sample(&ESP32, ESP32.options(&options).unwrap());
        assert_eq!(picture.matches("class=\"ticks\"").count(), map.ranges.len());
        // 16 KiB of 204 800 bytes on 1144 pixels are 91.5.
        let ticks = picture.split("class=\"ticks\" d=\"").nth(2).unwrap();
        assert!(ticks.starts_with("M48.0 "), "{ticks}");
        assert!(picture.contains("200 KiB, a tick every 16 KiB<"));
        assert!(
            picture.contains("M139.5 "),
            "the second tick of the longest range"
        );
        assert!(picture.contains("4 MiB, a tick every 256 KiB: a scale of its own"));
    }

    #[test]
    fn a_dark_screen_has_colours_of_its_own_for_all_that_is_neutral() {
        let picture = picture(ESP32.default_options());
        let (_, night) = picture
            .split_once("@media(prefers-color-scheme:dark){")
            .unwrap();
        let (night, drawn) = night.split_once("</style>").unwrap();
        let fills = drawn
            .split("fill=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        for fill in fills.filter(|fill| fill.starts_with('#')) {
            assert!(
                svg_bars::COLOURS.contains(&fill) || night.contains(&format!("[fill=\"{fill}\"]")),
                "{fill}"
            );
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_part_at_the_scale_of_the_longest_range() {
        // 184 632 of 204 800 bytes on 1144 pixels
        assert!(picture(ESP32.default_options()).contains("width=\"1031.3\""));
    }
}
