//! Address ranges: what lies side by side, and what it is used for.
//!
//! ```text
//!   range "SRAM2"   ├ rom_data ┤├──── DRAM ────┤├ dram_data ┤├────── DRAM ──────┤
//!                     reserved        heap          reserved         heap
//! ```
//! Invariant: the parts of a range ascend, leave no gap and share no byte.

use soc_regions::{Available, Chip, Layout, Span};

/// Contiguous memory of one window.
pub(crate) struct AddressRange {
    pub(crate) name: &'static str,
    pub(crate) span: Span,
    pub(crate) external: bool,
    pub(crate) parts: Vec<Part>,
}

/// A part of a range with one use.
pub(crate) struct Part {
    pub(crate) span: Span,
    pub(crate) content: Content,
}

impl Part {
    pub(crate) fn is_heap(&self) -> bool {
        matches!(self.content, Content::Heap(_))
    }

    pub(crate) fn is_dropped(&self) -> bool {
        matches!(self.content, Content::Dropped)
    }
}

/// What a part is used for.
pub(crate) enum Content {
    Heap(Available),
    Reserved(&'static str),
    /// 16 bytes or less, too small for a heap.
    Dropped,
}

impl AddressRange {
    pub(crate) fn heap_bytes(&self) -> u32 {
        let heaps = self.parts.iter().filter(|part| part.is_heap());
        heaps.map(|part| part.span.size()).sum()
    }
}

/// Returns the memory of a layout, by address.
pub(super) fn address_ranges(
    chip: &'static Chip,
    layout: &Layout,
    heaps: &[Available],
) -> Vec<AddressRange> {
    let mut ranges: Vec<AddressRange> = Vec::new();
    let mut rows: Vec<_> = layout.regions().collect();
    rows.sort_by_key(|row| row.span.start());
    for row in rows {
        let name = chip
            .window_at(row.span.start())
            .map_or("?", |window| window.name);
        let joined = ranges
            .last_mut()
            .filter(|range| range.name == name)
            .and_then(|range| range.span.join(row.span));
        match (joined, ranges.last_mut()) {
            (Some(span), Some(range)) => range.span = span,
            _ => {
                let external = chip.is_external(row.span.start());
                ranges.push(AddressRange {
                    name,
                    span: row.span,
                    external,
                    parts: Vec::new(),
                });
            }
        }
    }
    for range in &mut ranges {
        range.parts = parts(range.span, layout, heaps);
    }
    ranges
}

/// Returns the uses of a range, by address, the gaps between them as [`Content::Dropped`].
fn parts(range: Span, layout: &Layout, heaps: &[Available]) -> Vec<Part> {
    let heaps = heaps.iter().map(|heap| (heap.span, Content::Heap(*heap)));
    let reserved = layout
        .reserved()
        .map(|reserved| (reserved.span, Content::Reserved(reserved.name)));
    let inside = |(span, content): (Span, Content)| {
        Some(Part {
            span: range.intersection(span)?,
            content,
        })
    };
    let mut used: Vec<Part> = heaps.chain(reserved).filter_map(inside).collect();
    used.sort_by_key(|part| part.span.start());

    let mut parts = Vec::new();
    let mut from = range.start();
    for part in used {
        parts.extend(dropped(from, part.span.start()));
        from = part.span.end();
        parts.push(part);
    }
    parts.extend(dropped(from, range.end()));
    parts
}

fn dropped(start: u32, end: u32) -> Option<Part> {
    Span::new(start, end).map(|span| Part {
        span,
        content: Content::Dropped,
    })
}

#[cfg(test)]
mod tests {
    use super::super::model::Map;
    use soc_regions::{ESP32, common};

    #[test]
    fn the_parts_of_a_range_leave_no_gap() {
        let options = ESP32
            .options(&[common::PSRAM.of(1 << 20), common::RTC_HEAP.on()])
            .unwrap();
        for range in Map::of_sample(&ESP32, options).ranges {
            let mut at = range.span.start();
            for part in range.parts {
                assert_eq!(part.span.start(), at);
                at = part.span.end();
            }
            assert_eq!(at, range.span.end());
        }
    }
}
