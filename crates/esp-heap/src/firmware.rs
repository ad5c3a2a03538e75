//! Linked programs: sections in memory, and symbols.
//!
//! ```text
//!   ELF file   .iram0.vectors  0x4008_0000 ┐            pieces, ascending: what is in memory when the program starts
//!              .iram0.text     0x4008_0404 │ code
//!              .dram0.data     0x3FFB_0000 │ data       sections that are not loaded (debug information) are left out
//!              .dram0.bss      0x3FFB_1F40 ┘ zeros
//!              _heap_start   = 0x3FFB_2EC8              symbols, by name
//! ```
//! A file without section headers has its segments as pieces.

mod error;
#[cfg(test)]
pub mod sample;

use std::collections::HashMap;
use std::path::Path;

use object::elf;
use object::read::elf::{ElfFile32, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _};
use soc_regions::{Chip, Isa, Span, Symbols};

use crate::error::Error;
pub use error::FirmwareError;

/// A linked program, as far as its memory is concerned.
#[derive(Debug)]
pub struct Firmware {
    /// The file, as the user named it.
    pub name: String,
    /// Its instruction set.
    pub isa: Isa,
    /// What is in memory when it starts, ascending by address; none is empty.
    pub pieces: Vec<Piece>,
    symbols: HashMap<String, u32>,
}

/// Contiguous memory of a program with one use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The section's name.
    pub name: String,
    /// Its addresses.
    pub span: Span,
    /// Code, data or zeros.
    pub content: Content,
    /// Whether the program may write to it.
    pub writable: bool,
}

/// What a program keeps somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Instructions.
    Code,
    /// Data with a value in the file.
    Data,
    /// Memory that the file says nothing about: zeroed, or left as it is.
    Zeros,
}

impl Content {
    /// Its name in figures and pictures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Content::Code => "code",
            Content::Data => "data",
            Content::Zeros => "zeros",
        }
    }
}

impl Piece {
    /// Whether it stays in flash, as ESP-IDF's `.flash.*` and whatever is only read or run where no
    /// RAM is.
    ///
    /// The caller knows that it is in no RAM on the chip; flash is mapped to addresses that the
    /// chips' tables do not have.
    #[must_use]
    pub fn is_for_flash(&self) -> bool {
        self.name.starts_with(".flash") || !self.writable
    }

    /// Whether it keeps addresses free and has no memory, as `.flash_rodata_dummy` and
    /// `.ext_ram.dummy` in ESP-IDF's linker scripts, `.rotext_dummy` in esp-hal's.
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        self.name.contains("dummy")
    }
}

impl Firmware {
    /// Reads an ELF file that was linked for `chip`.
    ///
    /// # Errors
    /// The file cannot be read, is no linked program, or is one for another instruction set.
    pub fn read(path: &Path, chip: &Chip) -> Result<Firmware, Error> {
        let bytes = std::fs::read(path).map_err(|cause| Error::file(path, cause))?;
        let name = path.display().to_string();
        let firmware = Firmware::parse(&name, &bytes).map_err(|cause| Error::file(path, cause))?;
        if firmware.isa == chip.isa() {
            Ok(firmware)
        } else {
            let wrong = FirmwareError::OtherMachine {
                found: firmware.isa,
                wanted: chip.isa(),
            };
            Err(Error::file(path, wrong))
        }
    }

    /// The program in `bytes`, called `name`.
    ///
    /// # Errors
    /// The bytes are no linked program of these chips.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Firmware, FirmwareError> {
        error::check_magic(bytes)?;
        let file = ElfFile32::<Endianness>::parse(bytes)?;
        let isa = isa_of(&file)?;
        error::check_linked(&file)?;
        let sections = pieces_of_sections(&file)?;
        let mut pieces = if sections.is_empty() {
            pieces_of_segments(&file)?
        } else {
            sections
        };
        if pieces.is_empty() {
            return Err(FirmwareError::Empty);
        }
        pieces.sort_by_key(|piece| (piece.span.start(), piece.span.end()));
        Ok(Firmware {
            name: name.to_owned(),
            isa,
            pieces,
            symbols: symbols_of(&file),
        })
    }
}

impl Symbols for Firmware {
    fn address(&self, name: &str) -> Option<u32> {
        self.symbols.get(name).copied()
    }
}

type File<'data> = ElfFile32<'data, Endianness>;

fn isa_of(file: &File<'_>) -> Result<Isa, FirmwareError> {
    match file.elf_header().e_machine(file.endian()) {
        elf::EM_XTENSA => Ok(Isa::Xtensa),
        elf::EM_RISCV => Ok(Isa::RiscV),
        other => Err(FirmwareError::UnknownMachine(other.0)),
    }
}

/// The sections that take memory of the running program.
fn pieces_of_sections(file: &File<'_>) -> Result<Vec<Piece>, FirmwareError> {
    let mut pieces = Vec::new();
    for section in file.sections() {
        let header = section.elf_section_header();
        let flags = header.sh_flags(file.endian());
        if !flags.contains(elf::SHF_ALLOC) || section.size() == 0 {
            continue;
        }
        let content = if header.sh_type(file.endian()) == elf::SHT_NOBITS {
            Content::Zeros
        } else {
            code_or_data(flags.contains(elf::SHF_EXECINSTR))
        };
        let name = section.name().unwrap_or("?").to_owned();
        let span = span(&name, section.address(), section.size())?;
        let writable = flags.contains(elf::SHF_WRITE);
        pieces.push(Piece {
            name,
            span,
            content,
            writable,
        });
    }
    Ok(pieces)
}

/// What the loader would load, where nobody says what it is.
fn pieces_of_segments(file: &File<'_>) -> Result<Vec<Piece>, FirmwareError> {
    let mut pieces = Vec::new();
    let endian = file.endian();
    for (number, segment) in file.elf_program_headers().iter().enumerate() {
        let (from_file, in_memory) = (segment.p_filesz(endian), segment.p_memsz(endian));
        if segment.p_type(endian) != elf::PT_LOAD || in_memory == 0 {
            continue;
        }
        let name = format!("segment {number}");
        let span = span(&name, segment.p_vaddr(endian).into(), in_memory.into())?;
        let content = match from_file {
            0 => Content::Zeros,
            _ => code_or_data(segment.p_flags(endian).contains(elf::PF_X)),
        };
        let writable = segment.p_flags(endian).contains(elf::PF_W);
        pieces.push(Piece {
            name,
            span,
            content,
            writable,
        });
    }
    Ok(pieces)
}

fn code_or_data(executable: bool) -> Content {
    if executable {
        Content::Code
    } else {
        Content::Data
    }
}

fn span(name: &str, address: u64, size: u64) -> Result<Span, FirmwareError> {
    let fitting = u32::try_from(address).ok().zip(u32::try_from(size).ok());
    fitting
        .and_then(|(address, size)| Span::from_size(address, size))
        .ok_or_else(|| FirmwareError::OutsideOfMemory(name.to_owned()))
}

/// Symbols with an address. Of two with one name the global one counts: locals are private to their
/// source file.
fn symbols_of(file: &File<'_>) -> HashMap<String, u32> {
    let mut symbols = HashMap::new();
    for symbol in file.symbols().filter(|symbol| !symbol.is_undefined()) {
        let (Ok(name), Ok(address)) = (symbol.name(), u32::try_from(symbol.address())) else {
            continue;
        };
        if !name.is_empty() && (symbol.is_global() || !symbols.contains_key(name)) {
            symbols.insert(name.to_owned(), address);
        }
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::sample::{Section, bytes, data, esp_idf_hello, stripped, text, zeros};
    use super::*;

    fn parsed(machine: elf::Machine, sections: &[Section<'_>]) -> Result<Firmware, FirmwareError> {
        Firmware::parse(
            "test",
            &bytes(machine, sections, &[("_heap_start", 0x3FFB_1100)]),
        )
    }

    #[test]
    fn sections_in_memory_are_pieces_by_address() {
        let sections = [
            text(".iram0.text", 0x4008_0000, 0x400),
            zeros(".dram0.bss", 0x3FFB_1000, 0x100),
            data(".dram0.data", 0x3FFB_0000, 0x1000),
            data(".empty", 0x3FFB_1100, 0),
        ];
        let firmware = parsed(elf::EM_XTENSA, &sections).unwrap();
        let pieces: Vec<_> = firmware
            .pieces
            .iter()
            .map(|p| (p.name.as_str(), p.content))
            .collect();
        let expected = [
            (".dram0.data", Content::Data),
            (".dram0.bss", Content::Zeros),
            (".iram0.text", Content::Code),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(
            Some(firmware.pieces[1].span),
            Span::new(0x3FFB_1000, 0x3FFB_1100)
        );
        assert_eq!(
            (firmware.isa, firmware.address("_heap_start")),
            (Isa::Xtensa, Some(0x3FFB_1100))
        );
        assert_eq!(firmware.address("_heap_end"), None);
    }

    #[test]
    fn a_file_without_sections_has_its_segments() {
        let file = stripped(
            elf::EM_RISCV,
            &[data("", 0x3FC8_0000, 0x20), text("", 0x4038_0000, 0x40)],
        );
        let firmware = Firmware::parse("stripped", &file).unwrap();
        assert_eq!(firmware.isa, Isa::RiscV);
        let names: Vec<_> = firmware
            .pieces
            .iter()
            .map(|p| (p.name.as_str(), p.content))
            .collect();
        assert_eq!(
            names,
            [("segment 0", Content::Data), ("segment 1", Content::Code)]
        );
    }

    #[test]
    fn what_is_no_firmware_is_refused_with_a_sentence() {
        let sentence = |bytes: &[u8]| Firmware::parse("it", bytes).unwrap_err().to_string();
        assert!(
            sentence(b"#!/bin/sh").starts_with("this is no ELF file"),
            "{}",
            sentence(b"#!/bin/sh")
        );
        let good = esp_idf_hello();
        assert!(
            sentence(&good[..60]).contains("the ELF file is damaged"),
            "{}",
            sentence(&good[..60])
        );
        let arm = bytes(elf::EM_ARM, &[text(".text", 0, 4)], &[]);
        assert!(sentence(&arm).contains("machine 40"), "{}", sentence(&arm));
        let empty = bytes(elf::EM_XTENSA, &[], &[]);
        assert!(
            sentence(&empty).contains("puts nothing into memory"),
            "{}",
            sentence(&empty)
        );
        let mut wide = good.clone();
        wide[4] = 2; // EI_CLASS: 64 bits
        assert!(sentence(&wide).contains("64-bit"), "{}", sentence(&wide));
        let mut object = good;
        object[16] = 1; // e_type: relocatable
        assert!(
            sentence(&object).contains("is not linked"),
            "{}",
            sentence(&object)
        );
    }

    #[test]
    fn a_section_beyond_the_address_space_is_refused() {
        let error = parsed(elf::EM_XTENSA, &[text(".high", 0xFFFF_FFF0, 0x20)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`.high` does not fit into 32-bit addresses"
        );
    }
}
