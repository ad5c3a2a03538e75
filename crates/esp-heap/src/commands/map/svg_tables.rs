//! Tables of memory types and of the bytes of each capability in SVG.
//!
//! ```text
//!   Types      in regions  for heaps  first choice   second choice   last resort
//!   ▪ DRAM     …           …          8BIT DEFAULT   32BIT DMA …
//!
//!   DMA   ██████████▓▓▓▓▓▓▓▓▓▒▒▒▒   319 976 B            stacked by priority, what is outside of the chip in words
//! ```

use std::fmt;

use soc_regions::TypeIndex;

use super::canvas::{self, Canvas, INNER, MARGIN, WIDTH, grouped};
use super::model::{Map, Total};
use super::svg_bars::colour;
use super::text::columns;

/// First choice, second choice, last resort.
const PRIORITIES: [(&str, &str); 3] = [
    ("first choice", "#24456f"),
    ("second choice", "#6f93c2"),
    ("last resort", "#c3d3e8"),
];

/// Left edges of a type's figures and capabilities, and how many characters of the latter fit into
/// a line.
const TYPE_COLUMNS: [u32; 5] = [
    MARGIN + 150,
    MARGIN + 290,
    MARGIN + 430,
    MARGIN + 680,
    MARGIN + 930,
];
const CAPS_A_LINE: usize = 30;

pub(super) fn types(canvas: &mut Canvas, map: &Map) -> fmt::Result {
    let rows: Vec<_> = map
        .types()
        .into_iter()
        .map(|kind| (kind, caps_of(map, kind)))
        .collect();
    let height = |caps: &[Vec<String>; 3]| {
        let lines = caps.iter().map(Vec::len).max().unwrap_or(0).max(1);
        u32::try_from(lines).unwrap_or(1) * 17 + 7
    };
    let top = canvas.y;
    canvas.card(
        top,
        46 + rows.iter().map(|(_, caps)| height(caps)).sum::<u32>(),
    )?;
    canvas.text(MARGIN, top + 28, "h2", "Types")?;
    let heads = [
        "in regions",
        "for heaps",
        "first choice",
        "second choice",
        "last resort",
    ];
    for (x, head) in TYPE_COLUMNS.into_iter().zip(heads) {
        canvas.text(x, top + 28, "s", head)?;
    }
    let mut y = top + 56;
    for (kind, caps) in &rows {
        draw_type(canvas, map, *kind, caps, y)?;
        y += height(caps);
    }
    canvas.y = y + 4;
    Ok(())
}

/// By priority, each in as many lines as it needs.
fn caps_of(map: &Map, kind: TypeIndex) -> [Vec<String>; 3] {
    columns(map.caps(kind)).map(|caps| canvas::lines(&caps, CAPS_A_LINE))
}

fn draw_type(
    canvas: &mut Canvas,
    map: &Map,
    kind: TypeIndex,
    caps: &[Vec<String>; 3],
    y: u32,
) -> fmt::Result {
    let [in_regions, for_heaps, lists @ ..] = TYPE_COLUMNS;
    canvas.swatch(MARGIN, y, colour(map, kind))?;
    canvas.text(MARGIN + 20, y, "b", map.type_name(kind))?;
    canvas.text(in_regions, y, "m", &grouped(map.region_bytes(Some(kind))))?;
    canvas.text(for_heaps, y, "m", &grouped(map.heap_bytes(Some(kind))))?;
    for (x, lines) in lists.into_iter().zip(caps) {
        for (line, text) in (0..).zip(lines) {
            canvas.text(x, y + line * 17, "m", text)?;
        }
    }
    Ok(())
}

pub(super) fn totals(canvas: &mut Canvas, map: &Map) -> fmt::Result {
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
