//! External memory of a linked program: where PSRAM is mapped, what the program keeps in it.
//!
//! ```text
//!   window    ├ .flash.rodata ─┤·page·├ .ext_ram.bss ┤──────── heap ────────┤  nothing mapped  │
//!                                     ↑ psram:start                         ↑ psram:start + size
//! ```
//! Flash and PSRAM share the window on most chips; PSRAM begins at the next page of the MMU behind
//! the program's constants. The heap begins behind what the program has there.

use soc_regions::{Bound, Chip, Options, Reservation, Span, Symbols as _};

use super::Remark;
use crate::configuration::size_in_words;
use esp_heap::firmware::{Firmware, Piece};

/// The address of PSRAM's first byte, which a running program states.
pub(super) const START: &str = "psram:start";
/// What the program keeps in PSRAM.
pub(crate) const PROGRAM_DATA: &str = "extram_data";
/// A page of the MMU between the window and its memory, in bytes.
const PAGE: u32 = 0x1_0000;
/// Less than this is no heap.
const SMALLEST_HEAP: u32 = 17;

/// A program beside the PSRAM of a chip.
pub(super) struct Psram<'a> {
    window: Span,
    bytes: u32,
    /// What the program keeps there.
    kept: Vec<&'a Piece>,
    /// Constants that are mapped from flash into the same window.
    flash: Vec<&'a Piece>,
    firmware: Option<&'a Firmware>,
}

impl<'a> Psram<'a> {
    /// `None`: the chip has no window for PSRAM.
    pub(super) fn of(
        chip: &Chip,
        options: &Options,
        firmware: Option<&'a Firmware>,
    ) -> Option<Psram<'a>> {
        let external = chip.regions().iter();
        let external = external.filter(|row| chip.is_external(row.span.start()));
        // Caches that serve as memory may lie in the same window.
        let window = external
            .map(|row| row.span)
            .max_by_key(|span| span.size())?;
        let pieces = firmware.iter().flat_map(|firmware| &firmware.pieces);
        let inside = pieces.filter(|piece| window.contains_span(piece.span));
        let real = inside.filter(|piece| !piece.is_placeholder());
        let (flash, kept) = real.partition(|piece| piece.is_for_flash());
        Some(Psram {
            window,
            bytes: options.value("psram").unwrap_or(0),
            kept,
            flash,
            firmware,
        })
    }

    /// Returns where PSRAM begins on a chip whose window it has for itself.
    pub(super) fn window_start(&self) -> u32 {
        self.window.start()
    }

    /// Returns where the program lets PSRAM begin: at the page of its first data there, else at the
    /// page behind its constants.
    pub(super) fn start(&self) -> Option<u32> {
        let kept = self.kept.iter().map(|piece| piece.span.start()).min();
        let flash = self.flash.iter().map(|piece| piece.span.end()).max();
        kept.map(|start| start / PAGE * PAGE)
            .or_else(|| flash?.checked_next_multiple_of(PAGE))
    }

    /// Returns the addresses that have PSRAM behind them if it begins at `start`.
    fn mapped(&self, start: u32) -> Option<Span> {
        let end = start.saturating_add(self.bytes).min(self.window.end());
        Span::new(start, end)
    }

    /// Returns the end of what the program keeps, by its sections and by its symbols.
    fn kept_end(&self) -> Option<u32> {
        let sections = self.kept.iter().map(|piece| piece.span.end()).max();
        sections.max(self.symbol_end().map(|(_, end)| end))
    }

    /// Returns the last end that a symbol of the program states, and the symbol.
    fn symbol_end(&self) -> Option<(&'static str, u32)> {
        let names = [
            "_ext_ram_bss_end",
            "_ext_ram_noinit_end",
            "_ext_ram_data_end",
            "_ext_ram_end",
        ];
        let stated = names
            .into_iter()
            .filter_map(|name| Some((name, self.firmware?.address(name)?)));
        let inside =
            stated.filter(|(_, end)| *end > self.window.start() && *end <= self.window.end());
        inside.max_by_key(|(_, end)| *end)
    }

    /// Returns what the program takes of the PSRAM that begins at `start`.
    pub(super) fn reservation(&self, start: u32) -> Option<Reservation> {
        let mapped = self.mapped(start)?;
        let end = self.kept_end()?.min(mapped.end());
        let words = end.checked_next_multiple_of(4)?;
        (words > start).then(|| Reservation::new(PROGRAM_DATA, Bound::at(start), Bound::at(words)))
    }

    /// Returns what a person should know of PSRAM that begins at `start`.
    pub(super) fn remarks(&self, start: u32) -> Vec<Remark> {
        let remarks = [
            self.without_psram(),
            self.clamped(start),
            self.too_small(start),
            self.beyond(start),
            self.contradicted(),
            self.over_flash(start),
        ];
        remarks.into_iter().flatten().collect()
    }

    fn without_psram(&self) -> Option<Remark> {
        let first = self.kept.first().filter(|_| self.bytes == 0)?;
        Some(Remark::error(format!(
            "`{}` ({}): the program keeps data in PSRAM, and there is none in this configuration: \
             --option psram=SIZE says how much",
            first.name, first.span
        )))
    }

    fn clamped(&self, start: u32) -> Option<Remark> {
        let mapped = self.mapped(start).filter(|span| span.size() < self.bytes)?;
        Some(Remark::warning(format!(
            "psram={}: only {} of it are mapped, from {:#010X} to the end of the window at {:#010X}; \
             the rest has no addresses and is no heap",
            size_in_words(self.bytes),
            size_in_words(mapped.size()),
            start,
            mapped.end()
        )))
    }

    fn too_small(&self, start: u32) -> Option<Remark> {
        if self.bytes == 0 {
            return None;
        }
        let mapped = self.mapped(start).map_or(0, Span::size);
        let kept = self.kept_end().map_or(0, |end| end.saturating_sub(start));
        (mapped.saturating_sub(kept) < SMALLEST_HEAP).then(|| {
            let why = match kept {
                0 => "that is too little; sizes are written 4M, 512K".to_owned(),
                _ => format!("the program keeps {} of it", size_in_words(kept)),
            };
            Remark::warning(format!(
                "psram={}: no heap is left of it: {why}",
                size_in_words(self.bytes)
            ))
        })
    }

    fn beyond(&self, start: u32) -> Option<Remark> {
        let mapped = self.mapped(start)?;
        let (end, last) = (self.kept_end()?, self.kept.last()?);
        (end > mapped.end()).then(|| {
            Remark::error(format!(
                "`{}` ({}): the program's data in PSRAM ends at {end:#010X}, the PSRAM at {:#010X}: \
                 is psram={} what the board has?",
                last.name,
                last.span,
                mapped.end(),
                size_in_words(self.bytes)
            ))
        })
    }

    fn contradicted(&self) -> Option<Remark> {
        let (name, stated) = self.symbol_end()?;
        let end = self.kept.iter().map(|piece| piece.span.end()).max()?;
        (stated < end).then(|| {
            Remark::warning(format!(
                "`{name}` is {stated:#010X}, but the program's data in PSRAM ends at {end:#010X}; \
                 the heap begins behind the later one"
            ))
        })
    }

    fn over_flash(&self, start: u32) -> Option<Remark> {
        let mapped = self.mapped(start).filter(|_| self.bytes > 0)?;
        let hidden = self
            .flash
            .iter()
            .find(|piece| piece.span.overlaps(mapped))?;
        Some(Remark::error(format!(
            "`{}` ({}) is mapped from flash where PSRAM would be ({mapped}): it begins behind it, \
             at {:#010X} or later",
            hidden.name,
            hidden.span,
            hidden
                .span
                .end()
                .checked_next_multiple_of(PAGE)
                .unwrap_or(u32::MAX)
        )))
    }
}
