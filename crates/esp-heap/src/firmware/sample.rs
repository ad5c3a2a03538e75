//! Small ELF files for tests: sections and symbols as ESP-IDF names them, contents all zero.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests only, from more than one test program"
)]

use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, Sym, Writer};
use object::{Endianness, elf};

/// A section of an invented program.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    name: &'a str,
    address: u32,
    size: u32,
    kind: elf::SectionType,
    /// Beside `SHF_ALLOC`.
    extra: elf::SectionFlags,
}

/// Returns the code.
pub(crate) const fn text(name: &str, address: u32, size: u32) -> Section<'_> {
    section(name, address, size, elf::SHT_PROGBITS, elf::SHF_EXECINSTR)
}

/// Data with values.
pub(crate) const fn data(name: &str, address: u32, size: u32) -> Section<'_> {
    section(name, address, size, elf::SHT_PROGBITS, elf::SHF_WRITE)
}

/// Data without.
pub(crate) const fn zeros(name: &str, address: u32, size: u32) -> Section<'_> {
    section(name, address, size, elf::SHT_NOBITS, elf::SHF_WRITE)
}

const fn section(
    name: &str,
    address: u32,
    size: u32,
    kind: elf::SectionType,
    extra: elf::SectionFlags,
) -> Section<'_> {
    Section {
        name,
        address,
        size,
        kind,
        extra,
    }
}

/// Returns a linked program with these sections, a segment for each, and these global symbols.
pub(crate) fn bytes(
    machine: elf::Machine,
    sections: &[Section<'_>],
    symbols: &[(&str, u32)],
) -> Vec<u8> {
    written(machine, sections, symbols, true)
}

/// The same without section headers and symbols.
pub(crate) fn stripped(machine: elf::Machine, sections: &[Section<'_>]) -> Vec<u8> {
    written(machine, sections, &[], false)
}

/// Returns the size of ESP-IDF's "hello world" for the ESP32, with the symbols that its linker
/// script defines.
pub(crate) fn esp_idf_hello() -> Vec<u8> {
    bytes(elf::EM_XTENSA, &HELLO_SECTIONS, &HELLO_SYMBOLS)
}

pub(crate) const HELLO_SECTIONS: [Section<'static>; 6] = [
    data(".flash.rodata", 0x3F40_0120, 0x8A54),
    data(".dram0.data", 0x3FFB_0000, 0x20E4),
    zeros(".dram0.bss", 0x3FFB_20E4, 0xDE4),
    text(".iram0.vectors", 0x4008_0000, 0x403),
    text(".iram0.text", 0x4008_0404, 0x9048),
    text(".flash.text", 0x400D_0020, 0x1_7C83),
];

pub(crate) const HELLO_SYMBOLS: [(&str, u32); 5] = [
    ("_data_start", 0x3FFB_0000),
    ("_bss_end", 0x3FFB_2EC8),
    ("_heap_start", 0x3FFB_2EC8),
    ("_iram_start", 0x4008_0000),
    ("_iram_end", 0x4008_944C),
];

/// Segments, then contents, then the tables: everything but `NOBITS` shares one stretch of zeros.
fn written(
    machine: elf::Machine,
    sections: &[Section<'_>],
    symbols: &[(&str, u32)],
    headers: bool,
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(Endianness::Little, false, &mut file);
    writer.reserve_file_header();
    writer.reserve_program_headers(u32::try_from(sections.len()).unwrap());
    let zeros = sections
        .iter()
        .map(|section| section.bytes_in_file())
        .max()
        .unwrap_or(0);
    let contents = writer.reserve(zeros, 4);
    let mut named = Vec::new();
    let mut values = Vec::new();
    if headers {
        writer.reserve_null_section_index();
        for section in sections {
            writer.reserve_section_index();
            named.push((section, writer.add_section_name(section.name.as_bytes())));
        }
        for (name, value) in symbols {
            writer.reserve_symbol_index(None);
            values.push((*value, writer.add_string(name.as_bytes())));
        }
        writer.reserve_symtab_section_index();
        writer.reserve_strtab_section_index();
        writer.reserve_shstrtab_section_index();
        writer.reserve_symtab();
        writer.reserve_strtab().unwrap();
        writer.reserve_shstrtab().unwrap();
        writer.reserve_section_headers();
    }

    writer.write_file_header(&file_header(machine)).unwrap();
    writer.write_align_program_headers();
    for section in sections {
        writer.write_program_header(&section.segment(contents));
    }
    writer.pad_until(contents + zeros);
    if headers {
        writer.write_null_symbol();
        for (value, name) in values {
            let name = writer.string_offset(Some(name));
            writer.write_symbol(&absolute_symbol(name, value));
        }
        writer.write_strtab();
        writer.write_shstrtab();
        writer.write_null_section_header();
        for (section, name) in named {
            let name = writer.section_name_offset(Some(name));
            writer.write_section_header(&section.header(name, contents));
        }
        writer.write_symtab_section_header(1);
        writer.write_strtab_section_header();
        writer.write_shstrtab_section_header();
    }
    file
}

fn file_header(machine: elf::Machine) -> FileHeader {
    FileHeader {
        e_type: elf::ET_EXEC,
        e_machine: machine,
        ..FileHeader::default()
    }
}

fn absolute_symbol(name: u32, value: u32) -> Sym {
    Sym {
        section: None,
        st_name: name,
        st_info: elf::SymbolInfo::new(elf::STB_GLOBAL, elf::STT_NOTYPE),
        st_other: elf::SymbolOther::default(),
        st_shndx: elf::SHN_ABS,
        st_value: value.into(),
        st_size: 0,
    }
}

impl Section<'_> {
    fn bytes_in_file(&self) -> u64 {
        if self.kind == elf::SHT_NOBITS {
            0
        } else {
            self.size.into()
        }
    }

    fn segment(&self, offset: u64) -> ProgramHeader {
        let executable = self.extra.contains(elf::SHF_EXECINSTR);
        ProgramHeader {
            p_type: elf::PT_LOAD,
            p_flags: if executable {
                elf::PF_R | elf::PF_X
            } else {
                elf::PF_R | elf::PF_W
            },
            p_offset: offset,
            p_vaddr: self.address.into(),
            p_paddr: self.address.into(),
            p_filesz: self.bytes_in_file(),
            p_memsz: self.size.into(),
            p_align: 4,
        }
    }

    fn header(&self, name: u32, offset: u64) -> SectionHeader {
        SectionHeader {
            sh_name: name,
            sh_type: self.kind,
            sh_flags: elf::SHF_ALLOC | self.extra,
            sh_addr: self.address.into(),
            sh_offset: offset,
            sh_size: self.size.into(),
            sh_link: 0,
            sh_info: 0,
            sh_addralign: 4,
            sh_entsize: 0,
        }
    }
}
