//! Overlay of a program on the memory of a chip: where its sections lie, and what is wrong with
//! that.
//!
//! ```text
//!   range      ├ dram_data ────────┤├──────── DRAM ────────┤          every byte of the program should lie in
//!   program     .dram0.data .dram0.bss                                what is reserved for it, and nowhere else
//!                                     ↑ an error: the heap would overwrite it
//! ```
//! What lies on the instruction bus is looked up where the data bus sees the same memory, as heaps
//! do.

use heap_report::summary::bytes;
use soc_regions::{Chip, Span};

use super::address_range::{AddressRange, Content};
use crate::linker::{self, Linked, Remark, Source};
use esp_heap::firmware::{Firmware, Piece};

/// A program laid over a map.
pub(crate) struct Overlay {
    /// The file, as the user named it.
    pub(crate) file: String,
    pub(crate) placed: Vec<Placed>,
    pub(crate) findings: Vec<Finding>,
    /// How many of them are about memory that the program shares with heaps or reservations.
    pub(crate) shared: usize,
}

/// A piece of a program and where it lies.
pub(crate) struct Placed {
    pub(crate) piece: Piece,
    /// Where heaps see its memory; nothing if it is not in RAM.
    pub(crate) views: Vec<Span>,
    /// Reservations, heaps, windows, in words.
    pub(crate) lies_in: String,
}

/// Something that a person should know before flashing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// A sentence.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The program and the heaps would overwrite each other, or the program cannot run at all.
    Error,
    /// The figures rest on an assumption, or memory that others use is used.
    Warning,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl Overlay {
    pub(crate) fn new(
        chip: &Chip,
        ranges: &[AddressRange],
        firmware: &Firmware,
        linked: &Linked,
    ) -> Overlay {
        let place = |piece: &Piece| placed(chip, ranges, piece);
        let placed: Vec<_> = firmware.pieces.iter().map(place).collect();
        let mut findings: Vec<Finding> = placed
            .iter()
            .flat_map(|placed| overlaps(chip, ranges, placed))
            .collect();
        let shared = findings.len();
        findings.extend(without_ram(chip, &placed));
        findings.extend(assumptions(linked));
        findings.sort_by_key(|finding| finding.severity);
        Overlay {
            file: firmware.name.clone(),
            placed,
            findings,
            shared,
        }
    }

    #[cfg(test)]
    pub(crate) fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

impl From<&Remark> for Finding {
    fn from(remark: &Remark) -> Finding {
        let severity = if remark.is_error {
            Severity::Error
        } else {
            Severity::Warning
        };
        Finding {
            severity,
            text: remark.text.clone(),
        }
    }
}

fn placed(chip: &Chip, ranges: &[AddressRange], piece: &Piece) -> Placed {
    let in_ram = chip.is_internal(piece.span.start())
        || chip.is_external(piece.span.start()) && !piece.is_for_flash();
    let views = if in_ram {
        views(chip, piece.span)
    } else {
        Vec::new()
    };
    let lies_in = match views.is_empty() {
        false => places(chip, ranges, piece, &views),
        true if piece.name.starts_with(".flash") => "flash".into(),
        true if piece.is_for_flash() => "outside of RAM".into(),
        true if piece.is_placeholder() => "nothing: addresses kept free".into(),
        true => "no RAM of this chip".into(),
    };
    Placed {
        piece: piece.clone(),
        views,
        lies_in,
    }
}

/// The memory behind `span`, at the addresses that the tables of heaps have: the data bus's where
/// there are two.
fn views(chip: &Chip, span: Span) -> Vec<Span> {
    let mut views = Vec::new();
    let mut rest = vec![span];
    for bus in chip.dual_buses() {
        let side = bus.instruction();
        views.extend(rest.iter().filter_map(|part| {
            let part = side.intersection(*part)?;
            let ends = [
                bus.to_data(part.start())? & !3,
                bus.to_data(part.end() - 1)? & !3,
            ];
            let [first, last] = [ends[0].min(ends[1]), ends[0].max(ends[1])];
            Span::new(first, last.checked_add(4)?)
        }));
        let outside = rest.iter().flat_map(|part| {
            let (below, above) = part.subtract(side);
            [below, above].into_iter().flatten()
        });
        rest = outside.collect();
    }
    views.extend(rest);
    views.sort_by_key(|view| view.start());
    views
}

fn places(chip: &Chip, ranges: &[AddressRange], piece: &Piece, views: &[Span]) -> String {
    let mut places: Vec<String> = Vec::new();
    for place in views
        .iter()
        .flat_map(|view| parts_of(ranges, *view))
        .map(|(content, _)| name(content))
    {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        let window = chip.window_at(piece.span.start());
        places.extend(window.map(|window| window.name.to_owned()));
    }
    places.join(", ")
}

fn name(content: &Content) -> String {
    match content {
        Content::Heap(heap) => format!("heap {}", heap.memory_type.name),
        Content::Reserved(name) => (*name).to_owned(),
        Content::Dropped => "what is too small for a heap".into(),
    }
}

/// What the parts that `view` touches are used for, and the memory that is shared.
fn parts_of(ranges: &[AddressRange], view: Span) -> impl Iterator<Item = (&Content, Span)> {
    let parts = ranges.iter().flat_map(|range| &range.parts);
    parts.filter_map(move |part| Some((&part.content, part.span.intersection(view)?)))
}

/// Pieces that can be in no flash and are in no RAM: one finding for all of them.
fn without_ram(chip: &Chip, placed: &[Placed]) -> Vec<Finding> {
    let may_be_outside = |piece: &Piece| piece.is_for_flash() || piece.is_placeholder();
    let homeless = placed
        .iter()
        .filter(|placed| placed.views.is_empty() && !may_be_outside(&placed.piece));
    let names: Vec<_> = homeless.map(|placed| described(&placed.piece)).collect();
    let Some((first, others)) = names.split_first() else {
        return Vec::new();
    };
    let others = match others.len() {
        0 => String::new(),
        1 => " and 1 more".into(),
        count => format!(" and {count} more"),
    };
    let text = format!(
        "{first}{others}: writable, but in no RAM of the {}; was the program linked for another chip?",
        chip.name()
    );
    vec![Finding {
        severity: Severity::Error,
        text,
    }]
}

/// Memory that the program shares with heaps, or with those whose memory it is.
fn overlaps(chip: &Chip, ranges: &[AddressRange], placed: &Placed) -> Vec<Finding> {
    let parts = placed.views.iter().flat_map(|view| parts_of(ranges, *view));
    let findings = parts.filter_map(|(content, shared)| {
        let piece = described(&placed.piece);
        let size = bytes(shared.size().into());
        match content {
            Content::Heap(heap) => Some(Finding {
                severity: Severity::Error,
                text: format!(
                    "{piece}: {size} of it lie in the heap {} ({}), which would overwrite them",
                    heap.memory_type.name, heap.span
                ),
            }),
            Content::Reserved(name) if !is_of_the_program(chip, name) => Some(Finding {
                severity: Severity::Warning,
                text: format!("{piece}: {size} of it lie in `{name}`, which is not the program's"),
            }),
            Content::Reserved(_) | Content::Dropped => None,
        }
    });
    findings.collect()
}

fn is_of_the_program(chip: &Chip, reservation: &str) -> bool {
    if reservation == linker::PROGRAM_DATA {
        return true;
    }
    let mut rows = chip
        .reservations()
        .iter()
        .filter(|row| row.name == reservation);
    rows.any(linker::is_of_the_program)
}

/// Symbols that the file does not have.
fn assumptions(linked: &Linked) -> impl Iterator<Item = Finding> {
    linked.symbols.iter().filter_map(|symbol| {
        let instead = match symbol.source {
            Source::Sections => "its sections say",
            Source::TakenAsEmpty => "taken as empty:",
            Source::CommandLine
            | Source::Elf
            | Source::BehindFlash
            | Source::Chip
            | Source::Sample => return None,
        };
        let text = format!(
            "the file has no symbol `{}`, an end of `{}`; {instead} {:#010X}",
            symbol.name, symbol.reservation, symbol.address
        );
        Some(Finding {
            severity: Severity::Warning,
            text,
        })
    })
}

fn described(piece: &Piece) -> String {
    format!("`{}` ({})", piece.name, piece.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::map::model::Map;
    use crate::linker::Linker;
    use crate::sample::{
        HELLO_SECTIONS, HELLO_SYMBOLS, Section, bytes, data, esp_idf_hello, text, zeros,
    };
    use object::elf::EM_XTENSA;
    use soc_regions::ESP32;

    fn overlay_of(elf: &[u8]) -> Overlay {
        let (chip, options) = (&ESP32, ESP32.default_options());
        let firmware = Firmware::parse("test.elf", elf).unwrap();
        let linker = Linker {
            chip,
            options,
            given: &[],
            firmware: Some(&firmware),
        };
        Map::new(chip, options, linker.link(), Some(&firmware))
            .unwrap()
            .overlay
            .unwrap()
    }

    fn hello_and(more: &[Section<'_>]) -> Overlay {
        let sections = [&HELLO_SECTIONS[..], more].concat();
        overlay_of(&bytes(EM_XTENSA, &sections, &HELLO_SYMBOLS))
    }

    fn errors(overlay: &Overlay) -> Vec<&str> {
        let errors = overlay
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Error);
        errors.map(|finding| finding.text.as_str()).collect()
    }

    #[test]
    fn the_sections_of_a_program_that_is_right_lie_in_their_reservations() {
        let overlay = overlay_of(&esp_idf_hello());
        let places: Vec<_> = overlay
            .placed
            .iter()
            .map(|p| (p.piece.name.as_str(), p.lies_in.as_str()))
            .collect();
        let expected = [
            (".flash.rodata", "flash"),
            (".dram0.data", "dram_data"),
            (".dram0.bss", "dram_data"),
            (".iram0.vectors", "iram_code"),
            (".iram0.text", "iram_code"),
            (".flash.text", "flash"),
        ];
        assert_eq!(places, expected);
        assert_eq!(overlay.findings, []);
    }

    #[test]
    fn data_behind_the_heaps_start_is_an_error_with_the_bytes_that_are_shared() {
        let overlay = hello_and(&[zeros(".noinit", 0x3FFB_2EC0, 0x108)]);
        let expected = "`.noinit` (0x3FFB2EC0..0x3FFB2FC8): 256 bytes of it lie in the heap DRAM \
                        (0x3FFB2EC8..0x3FFE0000), which would overwrite them";
        assert_eq!(errors(&overlay), [expected]);
        assert!(overlay.has_errors());
    }

    #[test]
    fn code_on_the_instruction_bus_is_looked_up_where_the_data_bus_sees_it() {
        // the last 0x40 bytes of SRAM1's instruction side are the first of its data side, the ROM's
        let overlay = hello_and(&[text(".iram1.text", 0x400B_FFC0, 0x40)]);
        let code = overlay
            .placed
            .iter()
            .find(|p| p.piece.name == ".iram1.text")
            .unwrap();
        assert_eq!(code.views, [Span::new(0x3FFE_0000, 0x3FFE_0040).unwrap()]);
        assert_eq!(code.lies_in, "rom_pro_data");
        assert!(
            overlay.findings[0]
                .text
                .contains("64 bytes of it lie in `rom_pro_data`")
        );
        assert!(!overlay.has_errors());
    }

    #[test]
    fn writable_data_in_no_ram_is_an_error_and_constants_there_are_not() {
        let overlay = hello_and(&[
            data(".data.1", 0x4080_0000, 4),
            zeros(".bss.1", 0x4080_0004, 4),
        ]);
        let errors = errors(&overlay);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(
            "`.data.1` (0x40800000..0x40800004) and 1 more: writable, but in no RAM of the esp32"
        ));
    }

    /// esp-hal's scripts for the ESP32-S3 have one in the window of flash, in front of the code.
    #[test]
    fn a_section_that_keeps_addresses_free_is_in_no_ram_and_no_error() {
        let overlay = hello_and(&[zeros(".rotext_dummy", 0x400D_0020, 0x1_0000)]);
        let dummy = overlay
            .placed
            .iter()
            .find(|placed| placed.piece.name == ".rotext_dummy");
        assert_eq!(dummy.unwrap().lies_in, "nothing: addresses kept free");
        assert_eq!(overlay.findings, []);
    }

    #[test]
    fn memory_that_is_no_region_is_called_by_its_window() {
        let overlay = hello_and(&[data(".rtc.data", 0x5000_0000, 16)]);
        let rtc = overlay
            .placed
            .iter()
            .find(|p| p.piece.name == ".rtc.data")
            .unwrap();
        assert_eq!(rtc.lies_in, "RTC slow memory");
        assert_eq!(overlay.findings, []);
    }

    #[test]
    fn what_had_to_be_assumed_is_a_warning() {
        let overlay = overlay_of(&bytes(EM_XTENSA, &HELLO_SECTIONS, &HELLO_SYMBOLS[..1]));
        let texts: Vec<_> = overlay
            .findings
            .iter()
            .map(|finding| finding.text.as_str())
            .collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(texts[0].contains(
            "no symbol `_heap_start`, an end of `dram_data`; its sections say 0x3FFB2EC8"
        ));
        assert!(!overlay.has_errors());
    }
}
