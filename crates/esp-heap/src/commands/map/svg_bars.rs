//! A range of memory as a bar in SVG, and below it the program that lies there.
//!
//! ```text
//!   |    |    |    |    |    |    |    ticks: a constant number of bytes apart
//!   ██████╱╱╱╱╱╱╱╱████████████████     heaps in the colour of their type, reservations hatched
//!         ▀▀▀▄▄▄                       the program: code, data, zeros
//! ```

use std::fmt;

use soc_regions::{Span, TypeIndex};

use super::address_range::{AddressRange, Content, Part};
use super::canvas::{CARD, Canvas, RESERVED, text_width};
use super::model::Map;
use esp_heap::firmware;

/// Height of a bar.
pub(super) const BAR: u32 = 40;
/// Height of the bar of the program.
pub(super) const PROGRAM_BAR: u32 = 14;

pub(super) const DROPPED: &str = "#c62839";
/// Dark enough for white text.
pub(super) const COLOURS: [&str; 5] = ["#2563c9", "#14805a", "#b45309", "#6a48c8", "#0b7285"];

/// Where a bar is drawn.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) x: u32,
    pub(super) y: u32,
    /// Pixels of `scale` bytes.
    pub(super) width: u32,
    pub(super) scale: u32,
}

impl Frame {
    fn pixels(self, bytes: u32) -> f64 {
        f64::from(bytes) * f64::from(self.width) / f64::from(self.scale.max(1))
    }

    /// Returns the bytes from one tick to the next: a power of two, with room to count them.
    pub(super) fn tick(self) -> u32 {
        const LEAST_PIXELS: f64 = 48.0;
        let mut powers = (4..31).map(|power| 1_u32 << power);
        powers
            .find(|bytes| self.pixels(*bytes) >= LEAST_PIXELS)
            .unwrap_or(1 << 31)
    }

    /// Left edge and width of `span` in a range that starts at `start`.
    fn place(self, start: u32, span: Span) -> (f64, f64) {
        let x = f64::from(self.x) + self.pixels(span.start() - start);
        (x, self.pixels(span.size()).max(2.0))
    }
}

/// Draws the uses of a range, side by side.
pub(super) fn draw_range(
    canvas: &mut Canvas,
    map: &Map,
    range: &AddressRange,
    frame: Frame,
) -> fmt::Result {
    for part in &range.parts {
        let (x, width) = frame.place(range.span.start(), part.span);
        canvas.rect(x, frame.y, width, BAR, fill(map, part))?;
        if width > 4.0 {
            canvas.rect(x, frame.y, 0.8, BAR, CARD)?;
        }
        let (name, class) = match &part.content {
            Content::Heap(heap) => (heap.memory_type.name, "c w"),
            Content::Reserved(name) => (*name, "c s"),
            Content::Dropped => ("", "c"),
        };
        label(canvas, (x, width), frame.y + BAR / 2 + 5, class, name)?;
    }
    let length = frame.pixels(range.span.size());
    canvas.ticks(frame.x, frame.y, length, frame.pixels(frame.tick()))
}

/// Draws the program's sections in a range, each at its place.
pub(super) fn draw_program(
    canvas: &mut Canvas,
    map: &Map,
    range: &AddressRange,
    frame: Frame,
) -> fmt::Result {
    for placed in map.overlay.iter().flat_map(|overlay| &overlay.placed) {
        let inside = placed
            .views
            .iter()
            .filter_map(|view| view.intersection(range.span));
        for view in inside {
            let place = frame.place(range.span.start(), view);
            let fill = program_fill(placed.piece.content);
            canvas.rect(place.0, frame.y, place.1, PROGRAM_BAR, fill)?;
            label(
                canvas,
                place,
                frame.y + PROGRAM_BAR - 3,
                "c w t",
                &placed.piece.name,
            )?;
        }
    }
    Ok(())
}

/// `text` in the middle of a stretch that is wide enough for it.
fn label(
    canvas: &mut Canvas,
    (x, width): (f64, f64),
    y: u32,
    class: &str,
    text: &str,
) -> fmt::Result {
    if width <= f64::from(text_width(text) + 12) {
        return Ok(());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the picture"
    )]
    let middle = (x + width / 2.0) as u32;
    canvas.text(middle, y, class, text)
}

pub(super) fn fill(map: &Map, part: &Part) -> &'static str {
    match &part.content {
        Content::Heap(heap) => colour(map, heap.kind),
        Content::Reserved(_) => RESERVED,
        Content::Dropped => DROPPED,
    }
}

/// Returns the colour of a type: in the order of the types that exist.
pub(super) fn colour(map: &Map, kind: TypeIndex) -> &'static str {
    COLOURS[map.place_of(kind) % COLOURS.len()]
}

pub(super) fn program_fill(content: firmware::Content) -> &'static str {
    match content {
        firmware::Content::Code => "#1b2430",
        firmware::Content::Data => "#5b6777",
        firmware::Content::Zeros => "#9aa5b4",
    }
}
