//! How does a chip's memory look as a picture?
//!
//! ```text
//!   title, options, one sentence
//!   legend
//!   strip: name, range, size          one block a strip: a bar to scale, and below it
//!   ██████╱╱╱╱████████████            its parts in three columns
//!   ▪ 0x… DRAM 184 632 B   ▪ 0x… …
//!   memory types                      a table, capabilities by priority
//!   bytes per capability              a bar each, stacked by priority
//! ```

use std::fmt::{self, Display, Formatter};

use soc_regions::TypeIndex;

use super::canvas::{Canvas, INNER, MARGIN, RESERVED, WIDTH, grouped, text_width};
use super::model::{Content, Map, Part, Strip, Total};
use super::text::{columns, configuration, size, summary};

const BAR: u32 = 40;
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

const DROPPED: &str = "#c62839";
/// Dark enough for white text.
const COLOURS: [&str; 5] = ["#2563c9", "#14805a", "#b45309", "#6a48c8", "#0b7285"];
/// First choice, second choice, last resort.
const PRIORITIES: [(&str, &str); 3] = [
    ("first choice", "#24456f"),
    ("second choice", "#6f93c2"),
    ("last resort", "#c3d3e8"),
];

fn draw(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    title(canvas, map)?;
    legend(canvas, map)?;
    let internal = map.strips.iter().filter(|strip| !strip.external);
    let longest = internal.map(|strip| strip.span.size()).max().unwrap_or(1);
    for strip in &map.strips {
        draw_strip(canvas, map, strip, longest)?;
    }
    types(canvas, map)?;
    totals(canvas, map)
}

fn title(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    let about = format!(
        "Memory map {}. {}",
        configuration(map),
        summary(map, grouped)
    );
    canvas.text(MARGIN, canvas.y, "h1", map.chip.generation())?;
    canvas.text(MARGIN, canvas.y + 28, "s", &about)?;
    canvas.y += 62;
    Ok(())
}

fn legend(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    let types = map
        .types()
        .into_iter()
        .map(|kind| (map.type_name(kind), colour(map, kind)));
    let others = [
        ("reserved", RESERVED),
        ("dropped: 16 bytes or less", DROPPED),
    ];
    let mut x = MARGIN;
    for (name, fill) in types.chain(others) {
        canvas.swatch(x, canvas.y, fill)?;
        canvas.text(x + 18, canvas.y + 1, "", name)?;
        x += 18 + text_width(name) + 26;
    }
    if map.heaps.iter().any(|heap| heap.iram_alias.is_some()) {
        canvas.text(
            WIDTH - MARGIN,
            canvas.y + 1,
            "s e",
            "→ address on the instruction bus",
        )?;
    }
    canvas.y += 22;
    Ok(())
}

fn draw_strip(canvas: &mut Canvas, map: &Map, strip: &Strip, longest: u32) -> fmt::Result {
    let parts = u32::try_from(strip.parts.len()).unwrap_or(u32::MAX);
    let lines = parts.div_ceil(PARTS_A_LINE);
    let top = canvas.y;
    canvas.card(top, 30 + BAR + 30 + lines * LINE)?;

    let (start, end) = (strip.span.start(), strip.span.end());
    let scale = if strip.external {
        ", at a scale of its own"
    } else {
        ""
    };
    canvas.text(MARGIN, top + 24, "h2", strip.name)?;
    let late = strip
        .parts
        .iter()
        .any(|part| matches!(&part.content, Content::Heap(heap) if heap.startup_stack));
    let note = if late {
        ", a heap from the end of start-up"
    } else {
        ""
    };
    let range = format!("{start:#010X} – {end:#010X}{note}");
    canvas.text(WIDTH / 2, top + 24, "m s c", &range)?;
    canvas.text(
        WIDTH - MARGIN,
        top + 24,
        "e b",
        &format!("{}{scale}", size(strip.span.size())),
    )?;

    let scale = if strip.external {
        strip.span.size()
    } else {
        longest
    };
    for part in &strip.parts {
        draw_part(canvas, map, part, start, scale, top + 36)?;
    }
    list_parts(canvas, map, strip, top + 36 + BAR + 26, lines)?;
    canvas.y = top + 30 + BAR + 30 + lines * LINE + 14;
    Ok(())
}

fn draw_part(
    canvas: &mut Canvas,
    map: &Map,
    part: &Part,
    start: u32,
    scale: u32,
    y: u32,
) -> fmt::Result {
    let pixels = |bytes: u32| f64::from(bytes) * f64::from(INNER) / f64::from(scale);
    let (x, width) = (
        f64::from(MARGIN) + pixels(part.span.start() - start),
        pixels(part.span.size()),
    );
    canvas.rect(x, y, width.max(2.0), BAR, fill(map, part))?;
    if width > 4.0 {
        canvas.rect(x, y, 0.8, BAR, "#fff")?;
    }
    let (name, class) = match &part.content {
        Content::Heap(heap) => (heap.memory_type.name, "c w"),
        Content::Reserved(name) => (*name, "c s"),
        Content::Dropped => ("", "c"),
    };
    if width > f64::from(text_width(name) + 12) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the picture"
        )]
        let middle = (x + width / 2.0) as u32;
        canvas.text(middle, y + BAR / 2 + 5, class, name)?;
    }
    Ok(())
}

/// The parts by address, in columns: colour, address, name, alias, size.
fn list_parts(canvas: &mut Canvas, map: &Map, strip: &Strip, top: u32, lines: u32) -> fmt::Result {
    let parts = u32::try_from(strip.parts.len()).unwrap_or(u32::MAX);
    let width = INNER / parts.div_ceil(lines.max(1)).max(1);
    for (index, part) in (0..).zip(&strip.parts) {
        let x = MARGIN + index / lines * width;
        let y = top + index % lines * LINE;
        canvas.swatch(x, y, fill(map, part))?;
        canvas.text(x + 20, y, "m s", &format!("{:#010X}", part.span.start()))?;
        name_part(canvas, part, x + 106, y)?;
        canvas.text(x + width - 28, y, "m e", &grouped(part.span.size()))?;
    }
    Ok(())
}

fn name_part(canvas: &mut Canvas, part: &Part, x: u32, y: u32) -> fmt::Result {
    match &part.content {
        Content::Heap(heap) => {
            let alias = heap.iram_alias.map(|alias| format!("→ {alias:#010X}"));
            canvas.name_and_note(x, y, heap.memory_type.name, &alias.unwrap_or_default())
        }
        Content::Reserved(name) => canvas.text(x, y, "s", name),
        Content::Dropped => canvas.text(x, y, "s", "dropped"),
    }
}

fn types(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    let types = map.types();
    let rows = u32::try_from(types.len()).unwrap_or(u32::MAX);
    let top = canvas.y;
    canvas.card(top, 54 + rows * 24)?;
    canvas.text(MARGIN, top + 28, "h2", "Types")?;
    let columns_at = [
        MARGIN + 110,
        MARGIN + 250,
        MARGIN + 440,
        MARGIN + 690,
        MARGIN + 970,
    ];
    let heads = [
        "in regions",
        "for heaps",
        "first choice",
        "second choice",
        "last resort",
    ];
    for (x, head) in columns_at.into_iter().zip(heads) {
        canvas.text(x, top + 28, "s", head)?;
    }
    for (row, kind) in (0..).zip(types) {
        let y = top + 56 + row * 24;
        let caps = map
            .chip
            .memory_type(kind)
            .map(|memory| memory.caps_under(&map.options));
        let [first, second, last] = columns(caps.unwrap_or_default());
        let bytes = [map.region_bytes(Some(kind)), map.heap_bytes(Some(kind))].map(grouped);
        canvas.swatch(MARGIN, y, colour(map, kind))?;
        canvas.text(MARGIN + 20, y, "b", map.type_name(kind))?;
        for (x, text) in columns_at
            .into_iter()
            .zip([&bytes[0], &bytes[1], &first, &second, &last])
        {
            canvas.text(x, y, "m", text)?;
        }
    }
    canvas.y = top + 54 + rows * 24 + 14;
    Ok(())
}

fn totals(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    let totals = map.totals();
    let rows = u32::try_from(totals.len()).unwrap_or(u32::MAX);
    let top = canvas.y;
    canvas.card(top, 54 + rows * 26)?;
    canvas.text(MARGIN, top + 28, "h2", "Bytes per capability")?;
    let mut x = MARGIN + 240;
    for (name, colour) in PRIORITIES {
        canvas.swatch(x, top + 27, colour)?;
        canvas.text(x + 18, top + 28, "s", name)?;
        x += 130;
    }
    let most = totals
        .iter()
        .map(|total| total.internal.iter().sum())
        .max()
        .unwrap_or(1)
        .max(1);
    for (row, total) in (0..).zip(&totals) {
        draw_total(canvas, total, most, top + 60 + row * 26)?;
    }
    canvas.y = top + 54 + rows * 26 + 10;
    Ok(())
}

fn draw_total(canvas: &mut Canvas, total: &Total, most: u32, y: u32) -> fmt::Result {
    const LEFT: u32 = MARGIN + 110;
    const LENGTH: u32 = INNER - 110 - 290;
    canvas.text(MARGIN, y, "m", total.name)?;
    let mut x = f64::from(LEFT);
    for (bytes, (_, colour)) in total.internal.into_iter().zip(PRIORITIES) {
        let width = f64::from(bytes) * f64::from(LENGTH) / f64::from(most);
        canvas.rect(x, y - 13, width, 17, colour)?;
        x += width;
    }
    let (internal, external) = (
        total.internal.iter().sum::<u32>(),
        total.external.iter().sum::<u32>(),
    );
    let text = match (internal, external) {
        (_, 0) => grouped(internal),
        (0, _) => format!("{} outside of the chip", grouped(external)),
        _ => format!("{} + {} outside", grouped(internal), grouped(external)),
    };
    canvas.text(WIDTH - MARGIN, y, "m e", &text)
}

fn fill(map: &Map, part: &Part) -> &'static str {
    match &part.content {
        Content::Heap(heap) => colour(map, heap.kind),
        Content::Reserved(_) => RESERVED,
        Content::Dropped => DROPPED,
    }
}

/// The colour of a type: in the order of the types that exist.
fn colour(map: &Map, kind: TypeIndex) -> &'static str {
    let place = map
        .types()
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(0);
    COLOURS[place % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, Options, common};

    fn picture(options: Options) -> String {
        let map = Map::new(&ESP32, options, &ESP32.sample_symbols(&options)).unwrap();
        Picture(&map).to_string()
    }

    #[test]
    fn every_strip_heap_and_reservation_is_in_the_picture() {
        let picture = picture(
            ESP32
                .options(&[common::RTC_HEAP.on(), common::PSRAM.of(2 << 20)])
                .unwrap(),
        );
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
    fn a_bar_is_as_long_as_its_part_at_the_scale_of_the_longest_strip() {
        // 184 632 of 204 800 bytes on 1144 pixels
        assert!(picture(ESP32.default_options()).contains("width=\"1031.3\""));
    }
}
