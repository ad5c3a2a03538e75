//! Linker symbols: where a chip's reservations start and end, and the source of each address.
//!
//! ```text
//!   --symbol NAME=ADDRESS       the command line knows best
//!   the ELF file's symbols      what the firmware itself would see
//!   the ELF file's sections     where a linker script of another kind has no such symbol
//!   behind what it maps         where PSRAM shares its window with constants in flash
//!   nobody: taken as empty      a reservation of which the program has neither end
//!   the chip                    what its ROM states when it runs, as documented
//!   a typical firmware          without an ELF file
//! ```

mod psram;

use std::fmt;

use heap_report::simulate::LinkerSymbols;
use soc_regions::{Bound, Chip, Options, Origin, Reservation, Span, Symbols};

use crate::suggestions::did_you_mean;
use esp_heap::firmware::{Content, Firmware, Piece};
pub(crate) use psram::PROGRAM_DATA;
use psram::Psram;

/// The symbols that a chip's reservations need, each with its address and source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Linked {
    /// In the order of the chip's reservations, each once.
    pub(crate) symbols: Vec<Resolved>,
    /// What the program keeps besides what the chip's table knows: its data in PSRAM.
    pub(crate) own: Vec<Reservation>,
    /// What a person should know of how this was found out.
    pub(crate) remarks: Vec<Remark>,
}

/// Something that a person should know before flashing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    /// The program cannot run like this.
    pub(crate) is_error: bool,
    /// A sentence.
    pub(crate) text: String,
}

impl Remark {
    fn error(text: String) -> Remark {
        Remark {
            is_error: true,
            text,
        }
    }

    /// Returns a way out of what was found.
    pub(crate) fn hint(text: String) -> Remark {
        Remark::warning(text)
    }

    /// Returns a symbol of the command line that nobody asks for.
    pub(crate) fn unused(name: &str) -> Remark {
        Remark::warning(format!(
            "`{name}` is not used: no reservation begins or ends there in this configuration"
        ))
    }

    fn warning(text: String) -> Remark {
        Remark {
            is_error: false,
            text,
        }
    }
}

/// A linker symbol that a reservation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) name: &'static str,
    /// The first reservation that needs it.
    pub(crate) reservation: &'static str,
    pub(crate) address: u32,
    pub(crate) source: Source,
}

/// Source of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    CommandLine,
    Elf,
    /// The ends of the firmware's sections.
    Sections,
    /// The page behind the constants that the firmware maps, or that of its first data there.
    BehindFlash,
    /// The firmware has neither end of the reservation.
    TakenAsEmpty,
    /// The chip states it when it runs; this is what is documented.
    Chip,
    /// A typical small firmware.
    Sample,
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Source::CommandLine => "command line",
            Source::Elf => "ELF file",
            Source::Sections => "sections of the ELF file",
            Source::BehindFlash => "what the ELF file maps there",
            Source::TakenAsEmpty => "nobody: taken as empty",
            Source::Chip => "the chip's documentation",
            Source::Sample => "a typical firmware",
        })
    }
}

impl Symbols for Linked {
    fn address(&self, name: &str) -> Option<u32> {
        self.symbols
            .iter()
            .find(|symbol| symbol.name == name)
            .map(|symbol| symbol.address)
    }

    fn reservations(&self) -> &[Reservation] {
        &self.own
    }
}

impl Linked {
    /// Returns the symbols alone, for a simulated chip.
    pub(crate) fn by_name(&self) -> LinkerSymbols {
        let symbols = self.symbols.iter();
        symbols
            .map(|symbol| (symbol.name, symbol.address))
            .collect()
    }
}

/// Sources to ask.
pub(crate) struct Linker<'a> {
    pub(crate) chip: &'static Chip,
    pub(crate) options: Options,
    /// From the command line.
    pub(crate) given: &'a [(String, u32)],
    pub(crate) firmware: Option<&'a Firmware>,
}

impl Linker<'_> {
    /// Returns every symbol that the reservations of this configuration need and a source has.
    pub(crate) fn link(&self) -> Linked {
        let mut linked = Linked::default();
        let in_effect = |row: &&Reservation| row.when.holds(&self.options);
        for reservation in self.chip.reservations().iter().filter(in_effect) {
            for end in [End::Start, End::End] {
                let Some(name) = end.symbol(reservation) else {
                    continue;
                };
                if linked.address(name).is_none() {
                    linked.symbols.extend(self.resolve(reservation, end, name));
                }
            }
        }
        linked.remarks.extend(self.contradicted());
        if let Some(psram) = self.psram() {
            let start = linked.address(psram::START);
            let start = start.unwrap_or_else(|| psram.window_start());
            linked.own.extend(psram.reservation(start));
            linked.remarks.extend(psram.remarks(start));
        }
        linked
    }

    fn psram(&self) -> Option<Psram<'_>> {
        Psram::of(self.chip, &self.options, self.firmware)
    }

    /// What of the command line cannot be meant: two addresses of one symbol, a symbol that the
    /// chip does not have under any options.
    ///
    /// # Errors
    /// The sentence for the user.
    pub(crate) fn check_given(&self, names: &[&str]) -> Result<(), String> {
        for (number, (name, address)) in self.given.iter().enumerate() {
            let mut before = self.given.iter().take(number);
            if let Some((_, other)) = before.find(|(known, at)| known == name && at != address) {
                return Err(format!(
                    "`{name}` is given twice, as {other:#010X} and as {address:#010X}"
                ));
            }
        }
        let known: Vec<&str> = self.known_symbols().collect();
        match names.iter().find(|name| !known.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(format!(
                "no reservation of the {} begins or ends at `{name}`;{} its symbols are {}",
                self.chip.name(),
                did_you_mean(name, known.iter().copied()),
                known.join(", ")
            )),
        }
    }

    /// Returns every symbol that any reservation of the chip begins or ends at, each once.
    fn known_symbols(&self) -> impl Iterator<Item = &'static str> {
        let rows = self.chip.reservations().iter();
        let mut names: Vec<&'static str> = rows
            .flat_map(|row| [End::Start, End::End].map(|end| end.symbol(row)))
            .flatten()
            .collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// Returns where the command line says something else than the program does.
    fn contradicted(&self) -> Vec<Remark> {
        let mut given: Vec<_> = self.given.iter().collect();
        given.dedup();
        let both = given.into_iter().filter_map(|(name, given)| {
            let elf = self.firmware?.address(name)?;
            (elf != *given).then(|| {
                Remark::warning(format!(
                    "`{name}` is {given:#010X} on the command line and {elf:#010X} in the ELF file: \
                     the command line counts"
                ))
            })
        });
        both.collect()
    }

    fn resolve(&self, of: &Reservation, end: End, name: &'static str) -> Option<Resolved> {
        let (address, source) = self.who_knows(of, end, name)?;
        Some(Resolved {
            name,
            reservation: of.name,
            address,
            source,
        })
    }

    fn who_knows(&self, of: &Reservation, end: End, name: &str) -> Option<(u32, Source)> {
        if let Some(address) = self.given(name) {
            return Some((address, Source::CommandLine));
        }
        if let Some(address) = self.firmware.and_then(|firmware| firmware.address(name)) {
            return Some((address, Source::Elf));
        }
        if name == psram::START
            && let Some(start) = self.psram().and_then(|psram| psram.start())
        {
            return Some((start, Source::BehindFlash));
        }
        if let Origin::Stated { documented, .. } = end.of(of).from {
            return Some((documented, Source::Chip));
        }
        let Some(firmware) = self.firmware else {
            return Some((self.sample(name)?, Source::Sample));
        };
        let guess = self.measured(firmware, of, end, name);
        guess
            .map(|address| (address, Source::Sections))
            .or_else(|| self.empty(firmware, of))
    }

    /// Returns the address that the command line gives a symbol; the last one counts.
    fn given(&self, name: &str) -> Option<u32> {
        let given = self.given.iter().rfind(|(known, _)| known == name);
        given.map(|(_, address)| *address)
    }

    fn sample(&self, name: &str) -> Option<u32> {
        self.chip.sample_symbols(&self.options).address(name)
    }

    /// Returns the outermost address of what the program has in the window where a typical program
    /// has this symbol.
    fn measured(&self, firmware: &Firmware, of: &Reservation, end: End, name: &str) -> Option<u32> {
        let window = self.window_of(name, end)?;
        let fixed_start = End::Start.symbol(of).is_none();
        let wanted: Box<dyn Fn(&Piece) -> bool> = match name {
            "_data_start" | "_heap_start" => Box::new(|piece| piece.content != Content::Code),
            "_iram_start" | "_init_start" | "_iram_end" | "_iram_text_end" => {
                Box::new(|piece| piece.content == Content::Code)
            }
            _ if fixed_start => Box::new(|_| true),
            _ => return None,
        };
        let inside = firmware
            .pieces
            .iter()
            .filter(|piece| window.contains_span(piece.span));
        let wanted = inside.filter(|piece| wanted(piece)).map(|piece| piece.span);
        match end {
            End::Start => wanted.map(Span::start).min(),
            End::End => wanted.map(Span::end).max(),
        }
    }

    fn window_of(&self, name: &str, end: End) -> Option<Span> {
        let address = self.sample(name)?;
        let inside = match end {
            End::Start => address,
            End::End => address.saturating_sub(1).max(1),
        };
        let window = self
            .chip
            .window_at(address)
            .or_else(|| self.chip.window_at(inside));
        window.map(|window| window.span)
    }

    /// Returns where a reservation of which the program has neither end takes nothing.
    fn empty(&self, firmware: &Firmware, of: &Reservation) -> Option<(u32, Source)> {
        let known = |end: End| {
            let name = end.symbol(of)?;
            self.given(name).or_else(|| firmware.address(name))
        };
        if known(End::Start).or_else(|| known(End::End)).is_some() {
            return None;
        }
        let nothing_at = match End::Start.symbol(of) {
            Some(name) => self.sample(name)?,
            None => End::Start.fixed(of)?,
        };
        Some((nothing_at, Source::TakenAsEmpty))
    }
}

/// An end of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Start,
    End,
}

impl End {
    fn of(self, reservation: &Reservation) -> Bound {
        match self {
            End::Start => reservation.start,
            End::End => reservation.end,
        }
    }

    /// Returns what [`Symbols`] is asked for.
    fn symbol(self, reservation: &Reservation) -> Option<&'static str> {
        match self.of(reservation).from {
            Origin::Symbol(name) | Origin::Stated { name, .. } => Some(name),
            Origin::Address(_) => None,
        }
    }

    fn fixed(self, reservation: &Reservation) -> Option<u32> {
        match self.of(reservation).from {
            Origin::Address(address) => Some(address),
            Origin::Symbol(_) | Origin::Stated { .. } => None,
        }
    }
}

/// Returns whether the program's linker script decides where it starts or ends.
pub(crate) fn is_of_the_program(reservation: &Reservation) -> bool {
    let ends = [reservation.start, reservation.end];
    ends.iter().any(|end| matches!(end.from, Origin::Symbol(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{bytes, data, esp_idf_hello, text, zeros};
    use object::elf::EM_XTENSA;
    use soc_regions::{ESP32, common};

    fn linked(options: Options, given: &[(&str, u32)], elf: Option<&[u8]>) -> Linked {
        let given: Vec<_> = given
            .iter()
            .map(|(name, at)| ((*name).to_owned(), *at))
            .collect();
        let firmware = elf.map(|bytes| Firmware::parse("test.elf", bytes).unwrap());
        Linker {
            chip: &ESP32,
            options,
            given: &given,
            firmware: firmware.as_ref(),
        }
        .link()
    }

    fn known(linked: &Linked, name: &str) -> Option<(u32, Source)> {
        let mut symbols = linked.symbols.iter();
        symbols
            .find(|symbol| symbol.name == name)
            .map(|symbol| (symbol.address, symbol.source))
    }

    #[test]
    fn without_a_program_symbols_are_those_of_a_typical_one() {
        let linked = linked(ESP32.default_options(), &[("_iram_end", 0x4009_0000)], None);
        assert_eq!(
            known(&linked, "_heap_start"),
            Some((0x3FFB_2EC8, Source::Sample))
        );
        assert_eq!(
            known(&linked, "_iram_end"),
            Some((0x4009_0000, Source::CommandLine))
        );
        assert_eq!(
            known(&linked, "_heap_end"),
            None,
            "only sram1-as-iram needs it"
        );
    }

    #[test]
    fn the_command_line_is_asked_before_the_file() {
        let given = [("_heap_start", 0x3FFB_4000), ("_heap_start", 0x3FFB_8000)];
        let linked = linked(ESP32.default_options(), &given, Some(&esp_idf_hello()));
        assert_eq!(
            known(&linked, "_heap_start"),
            Some((0x3FFB_8000, Source::CommandLine))
        );
        assert_eq!(
            known(&linked, "_data_start"),
            Some((0x3FFB_0000, Source::Elf))
        );
    }

    #[test]
    fn a_program_without_the_symbols_is_measured_by_its_sections() {
        let sections = [
            text(".vectors", 0x4008_0000, 0x400),
            text(".rwtext", 0x4008_0400, 0x100),
            data(".data", 0x3FFB_1000, 0x200),
            zeros(".bss", 0x3FFB_1200, 0x10),
            text(".text", 0x400D_0020, 0x1000),
        ];
        let file = bytes(EM_XTENSA, &sections, &[("_iram_start", 0x4008_0000)]);
        let linked = linked(ESP32.default_options(), &[], Some(&file));
        assert_eq!(
            known(&linked, "_data_start"),
            Some((0x3FFB_1000, Source::Sections))
        );
        assert_eq!(
            known(&linked, "_heap_start"),
            Some((0x3FFB_1210, Source::Sections))
        );
        assert_eq!(
            known(&linked, "_iram_start"),
            Some((0x4008_0000, Source::Elf))
        );
        assert_eq!(
            known(&linked, "_iram_end"),
            Some((0x4008_0500, Source::Sections))
        );
    }

    #[test]
    fn a_reservation_of_which_the_program_has_neither_end_takes_nothing() {
        let options = ESP32.options(&[common::RTC_HEAP.on()]).unwrap();
        let linked = linked(options, &[], Some(&esp_idf_hello()));
        let (start, source) = known(&linked, "_rtc_slow_reserved_start").unwrap();
        assert_eq!(source, Source::TakenAsEmpty);
        assert_eq!(
            known(&linked, "_rtc_slow_reserved_end"),
            Some((start, source))
        );
        assert_eq!(
            known(&linked, "_rtc_force_fast_end"),
            Some((0x3FF8_0000, source))
        );
        assert!(ESP32.layout(&options, &linked).is_ok());
    }

    #[test]
    fn one_end_alone_is_not_guessed() {
        let options = ESP32.options(&[common::RTC_HEAP.on()]).unwrap();
        let file = bytes(
            EM_XTENSA,
            &[data(".data", 0x3FFB_0000, 4), text(".text", 0x4008_0000, 4)],
            &[("_rtc_fast_reserved_start", 0x3FF8_1F00)],
        );
        let linked = linked(options, &[], Some(&file));
        assert_eq!(known(&linked, "_rtc_fast_reserved_end"), None);
        let error = ESP32.layout(&options, &linked).unwrap_err().to_string();
        assert!(error.contains("`_rtc_fast_reserved_end`"), "{error}");
    }
}
