//! A linked program as boot loaders, checks and size tables see it.

use std::fs;
use std::path::{Path, PathBuf};

use object::read::elf::{ElfFile32, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind, elf as format,
};
use soc_regions::{Span, Symbols};

use super::Board;
use crate::error::Error;
use esp_heap::firmware::Firmware;

/// A program for a board.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) file: PathBuf,
    /// Its sections and symbols.
    pub(crate) firmware: Firmware,
    pub(crate) entry: u32,
    /// What is loaded, ascending.
    pub(crate) segments: Vec<Segment>,
    /// Sections whose bytes are in the file, ascending: what an image is made of.
    pub(crate) contents: Vec<Content>,
    /// Functions and data with a size, by name as in the file.
    pub(crate) items: Vec<(String, u64)>,
}

/// Memory that a loader fills; the rest is zeroed or left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) span: Span,
    pub(crate) executable: bool,
}

/// Bytes at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) start: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Program {
    pub(crate) fn read(file: &Path, board: Board) -> Result<Program, Error> {
        let firmware = Firmware::read(file, board.table())?;
        let bytes = fs::read(file).map_err(|cause| Error::file(file, cause))?;
        let elf = ElfFile32::<Endianness>::parse(&*bytes)
            .map_err(|cause| Error::file(file, format!("the ELF file is damaged: {cause}")))?;
        Ok(Program {
            file: file.to_owned(),
            firmware,
            entry: elf.elf_header().e_entry(elf.endian()),
            segments: segments(&elf),
            contents: contents(&elf),
            items: items(&elf),
        })
    }

    pub(crate) fn symbol(&self, name: &str) -> Option<u32> {
        self.firmware.address(name)
    }

    pub(crate) fn content(&self, name: &str) -> Option<&Content> {
        self.contents.iter().find(|content| content.name == name)
    }
}

type File<'data> = ElfFile32<'data, Endianness>;

fn segments(elf: &File<'_>) -> Vec<Segment> {
    let endian = elf.endian();
    let loaded = elf
        .elf_program_headers()
        .iter()
        .filter(|header| header.p_type(endian) == format::PT_LOAD);
    let mut segments: Vec<Segment> = loaded
        .filter_map(|header| {
            let span = Span::from_size(header.p_vaddr(endian), header.p_memsz(endian))?;
            let executable = header.p_flags(endian).contains(format::PF_X);
            Some(Segment { span, executable })
        })
        .collect();
    segments.sort_by_key(|segment| segment.span.start());
    segments
}

fn contents(elf: &File<'_>) -> Vec<Content> {
    let endian = elf.endian();
    let mut contents = Vec::new();
    for section in elf.sections() {
        let header = section.elf_section_header();
        let is_loaded = header.sh_flags(endian).contains(format::SHF_ALLOC)
            && header.sh_type(endian) != format::SHT_NOBITS;
        let (Ok(start), Ok(bytes)) = (u32::try_from(section.address()), section.data()) else {
            continue;
        };
        if is_loaded && !bytes.is_empty() {
            contents.push(Content {
                name: section.name().unwrap_or("?").to_owned(),
                start,
                bytes: bytes.to_vec(),
            });
        }
    }
    contents.sort_by_key(|content| content.start);
    contents
}

/// Returns functions and data by name. Symbols of one address are counted once: the linker folds
/// equal functions.
fn items(elf: &File<'_>) -> Vec<(String, u64)> {
    let mut seen = std::collections::HashSet::new();
    let mut items = Vec::new();
    for symbol in elf.symbols() {
        let is_item = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data);
        if !is_item || symbol.is_undefined() || symbol.size() == 0 {
            continue;
        }
        if let Ok(name) = symbol.name()
            && seen.insert((symbol.address(), symbol.size()))
        {
            items.push((name.to_owned(), symbol.size()));
        }
    }
    items
}
