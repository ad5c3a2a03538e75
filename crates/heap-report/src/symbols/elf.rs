//! Names of a program's addresses, from its ELF file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use addr2line::Context;
use gimli::{EndianRcSlice, RunTimeEndian, Section as _};
use object::elf::{EM_386, EM_AARCH64, EM_RISCV, EM_X86_64, EM_XTENSA, Machine};
use object::read::elf::FileHeader as _;
use object::{
    CompressionFormat, Endianness, File, Object as _, ObjectSection as _, ObjectSymbol as _,
    Section, SectionKind, SymbolKind,
};

use super::names;
use crate::error::Error;
use crate::history::Frame;

/// Machines whose programs are known: the chips, and computers, whose heaps are the C library's.
const MACHINES: [Machine; 5] = [EM_XTENSA, EM_RISCV, EM_X86_64, EM_386, EM_AARCH64];

/// The two bits of a return address in which Xtensa keeps the size of the call.
const CALL_SIZE: u32 = 0xC000_0000;

/// The most bytes that a packed byte becomes, by the format of zlib.
const MOST_EXPANSION: u64 = 1032;
/// The largest packed section that is read, in bytes without packing.
const MOST_UNPACKED: u64 = 1 << 30;

type Bytes = EndianRcSlice<RunTimeEndian>;

/// A program's functions and lines, by address.
pub struct Symbols {
    lines: Context<Bytes>,
    /// Where instructions lie.
    code: Vec<Range<u32>>,
    /// Functions by their first addresses, ascending, with their ends.
    functions: Vec<(Range<u32>, String)>,
    is_xtensa: bool,
    has_lines: bool,
    /// What files are named from.
    root: PathBuf,
}

/// Why an ELF file names no addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SymbolError {
    /// It is no ELF file, or damaged.
    NotElf(String),
    /// Neither a chip's nor a computer's; the number is ELF's.
    OtherMachine(u16),
    /// Neither debug information nor names of functions.
    Stripped,
}

impl fmt::Display for SymbolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SymbolError::NotElf(cause) => write!(out, "this is no ELF file ({cause}); give the linked program, not its flash image"),
            SymbolError::OtherMachine(number) => {
                write!(
                    out,
                    "this program is for ELF machine {number}; known are Xtensa (94), RISC-V (243), x86 (3, 62) and AArch64 (183)"
                )
            }
            SymbolError::Stripped => out.write_str(
                "this program has neither debug information nor names of functions; build it with `debug = 1` in its profile (C: -g), and do not strip it",
            ),
        }
    }
}

impl std::error::Error for SymbolError {}

impl fmt::Debug for Symbols {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Symbols of {} functions", self.functions.len())
    }
}

impl Symbols {
    /// Reads the ELF file of a program; files of its source that lie below `root` are named from
    /// there.
    ///
    /// # Errors
    /// The file cannot be read, or names no addresses.
    pub fn read(path: &Path, root: &Path) -> Result<Symbols, Error> {
        let bytes = std::fs::read(path).map_err(|cause| Error::file(path, cause))?;
        Symbols::parse(&bytes, root).map_err(|cause| Error::file(path, cause))
    }

    /// The same of the bytes of a file.
    ///
    /// # Errors
    /// They name no addresses.
    pub fn parse(bytes: &[u8], root: &Path) -> Result<Symbols, SymbolError> {
        let file = opened(bytes)?;
        let machine = machine(&file)?;
        if !MACHINES.contains(&machine) {
            return Err(SymbolError::OtherMachine(machine.0));
        }
        let functions = functions(&file);
        let damaged = |cause: gimli::Error| SymbolError::NotElf(cause.to_string());
        let dwarf = gimli::Dwarf::load(|id| Ok(section(&file, id.name()))).map_err(damaged)?;
        let has_lines = !dwarf.debug_line.reader().is_empty();
        if functions.is_empty() && !has_lines {
            return Err(SymbolError::Stripped);
        }
        Ok(Symbols {
            lines: Context::from_dwarf(dwarf).map_err(damaged)?,
            code: code(&file),
            functions,
            is_xtensa: machine == EM_XTENSA,
            has_lines,
            root: root.to_owned(),
        })
    }

    /// Returns whether it knows lines, and not functions only.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        self.has_lines
    }

    /// Returns the functions that a return address is in, the innermost first, each with the line
    /// that calls; none for an address that is not the program's code.
    #[must_use]
    pub fn frames(&self, return_address: u32) -> Vec<Frame> {
        let Some(call) = self.call_before(return_address) else {
            return Vec::new();
        };
        let frames = self.frames_by_lines(call);
        if !frames.is_empty() {
            return frames;
        }
        vec![self.frame_by_name(call).unwrap_or_else(|| Frame {
            function: format!("{return_address:#010x}"),
            file: String::new(),
            line: 0,
        })]
    }

    /// Returns an address inside of the call that returns there.
    fn call_before(&self, return_address: u32) -> Option<u32> {
        let is_code = |address: u32| self.code.iter().any(|code| code.contains(&address));
        let as_it_is = return_address.checked_sub(1).filter(|&call| is_code(call));
        let segments = self
            .code
            .iter()
            .filter(|_| self.is_xtensa)
            .map(|code| code.start & CALL_SIZE);
        let restored =
            segments.map(|segment| (return_address & !CALL_SIZE | segment).wrapping_sub(1));
        as_it_is.or_else(|| restored.into_iter().find(|&call| is_code(call)))
    }

    fn frames_by_lines(&self, call: u32) -> Vec<Frame> {
        let Ok(mut found) = self.lines.find_frames(call.into()).skip_all_loads() else {
            return Vec::new();
        };
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            let function = frame
                .function
                .as_ref()
                .and_then(|function| function.demangle().ok());
            let named = function.map(|name| names::function(&name));
            let place = frame.location.as_ref();
            frames.push(Frame {
                function: named
                    .or_else(|| Some(self.frame_by_name(call)?.function))
                    .unwrap_or_else(|| "?".to_owned()),
                file: place
                    .and_then(|place| place.file)
                    .map_or_else(String::new, |file| names::file(file, &self.root)),
                line: place.and_then(|place| place.line).unwrap_or(0),
            });
        }
        frames
    }

    fn frame_by_name(&self, address: u32) -> Option<Frame> {
        let behind = self
            .functions
            .partition_point(|(span, _)| span.start <= address);
        let (span, name) = self.functions.get(behind.checked_sub(1)?)?;
        span.contains(&address).then(|| Frame {
            function: name.clone(),
            file: String::new(),
            line: 0,
        })
    }
}

fn opened(bytes: &[u8]) -> Result<File<'_>, SymbolError> {
    File::parse(bytes).map_err(|cause| SymbolError::NotElf(cause.to_string()))
}

fn machine(file: &File<'_>) -> Result<Machine, SymbolError> {
    match file {
        File::Elf32(file) => Ok(file.elf_header().e_machine(file.endian())),
        File::Elf64(file) => Ok(file.elf_header().e_machine(file.endian())),
        _ => Err(SymbolError::NotElf("another kind of program".to_owned())),
    }
}

fn section(file: &File<'_>, name: &str) -> Bytes {
    let data = file
        .section_by_name(name)
        .and_then(|section| unpacked(&section));
    let endian = match file.endianness() {
        Endianness::Little => RunTimeEndian::Little,
        Endianness::Big => RunTimeEndian::Big,
    };
    EndianRcSlice::new(Rc::from(data.unwrap_or_default().as_ref()), endian)
}

/// Returns the contents of a section; `None` for one that is damaged, or says that it unpacks to
/// more than it can: memory of that size would be filled before the first byte is read.
fn unpacked<'data>(section: &Section<'data, '_>) -> Option<Cow<'data, [u8]>> {
    let packed = section.compressed_data().ok()?;
    let most = (packed.data.len() as u64).saturating_mul(MOST_EXPANSION);
    let fits = packed.uncompressed_size <= most.min(MOST_UNPACKED);
    let is_packed = packed.format != CompressionFormat::None;
    (fits || !is_packed)
        .then(|| packed.decompress().ok())
        .flatten()
}

fn code(file: &File<'_>) -> Vec<Range<u32>> {
    let of_code = file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text && section.size() > 0);
    of_code
        .filter_map(|section| range(section.address(), section.size()))
        .collect()
}

fn functions(file: &File<'_>) -> Vec<(Range<u32>, String)> {
    let is_function = |kind: SymbolKind| matches!(kind, SymbolKind::Text | SymbolKind::Label);
    let known = file
        .symbols()
        .filter(|symbol| is_function(symbol.kind()) && symbol.is_definition() && symbol.size() > 0);
    let mut functions: Vec<_> = known
        .filter_map(|symbol| {
            let name = addr2line::demangle_auto(symbol.name().ok()?.into(), None);
            Some((
                range(symbol.address(), symbol.size())?,
                names::function(&name),
            ))
        })
        .collect();
    functions.sort_by_key(|(span, _)| span.start);
    functions
}

fn range(start: u64, size: u64) -> Option<Range<u32>> {
    Some(u32::try_from(start).ok()?..u32::try_from(start.checked_add(size)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use gimli::write::{
        Address, AttributeValue, DwarfUnit, EndianVec, LineProgram, LineString, Sections,
    };
    use gimli::{Encoding, LineEncoding, LittleEndian};
    use object::elf::{SHF_COMPRESSED, SHT_PROGBITS};
    use object::write::{Object, StandardSection, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, SectionFlags, SymbolFlags, SymbolScope};
    use std::io::Write as _;

    fn refusal(bytes: &[u8]) -> String {
        Symbols::parse(bytes, Path::new("/"))
            .unwrap_err()
            .to_string()
    }

    /// 64 bytes of code from address 0 on, `app_main` in the bytes 0x10 to 0x30; if wanted, lines:
    /// 5 from 0x10 on, 6 from 0x18 on, of `/project/src/main.c`.
    fn program(machine: Architecture, lines: bool) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, machine, object::Endianness::Little);
        let text = object.section_id(StandardSection::Text);
        object.append_section_data(text, &[0; 64], 4);
        object.add_symbol(Symbol {
            name: b"app_main".to_vec(),
            value: 0x10,
            size: 0x20,
            kind: SymbolKind::Text,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
        if lines {
            debug_information()
                .for_each(|name, section| -> Result<(), gimli::write::Error> {
                    let id = object.add_section(Vec::new(), name.name().into(), SectionKind::Debug);
                    object.append_section_data(id, section.slice(), 1);
                    Ok(())
                })
                .unwrap();
        }
        object.write().unwrap()
    }

    fn debug_information() -> Sections<EndianVec<LittleEndian>> {
        let encoding = Encoding {
            format: gimli::Format::Dwarf32,
            version: 4,
            address_size: 4,
        };
        let text = |text: &str| LineString::String(text.as_bytes().to_vec());
        let mut lines = LineProgram::new(
            encoding,
            LineEncoding::default(),
            text("/project"),
            None,
            text("src/main.c"),
            None,
        );
        let folder = lines.default_directory();
        let file = lines.add_file(text("src/main.c"), folder, None);
        lines.begin_sequence(Some(Address::Constant(0x10)));
        for (offset, line) in [(0, 5), (8, 6)] {
            let row = lines.row();
            (row.address_offset, row.file, row.line) = (offset, file, line);
            lines.generate_row();
        }
        lines.end_sequence(0x20);
        let mut dwarf = DwarfUnit::new(encoding);
        dwarf.unit.line_program = lines;
        let root = dwarf.unit.root();
        let unit = dwarf.unit.get_mut(root);
        unit.set(
            gimli::DW_AT_comp_dir,
            AttributeValue::String(b"/project".to_vec()),
        );
        unit.set(
            gimli::DW_AT_low_pc,
            AttributeValue::Address(Address::Constant(0x10)),
        );
        unit.set(gimli::DW_AT_high_pc, AttributeValue::Udata(0x20));
        unit.set(gimli::DW_AT_stmt_list, AttributeValue::LineProgramRef);
        let mut sections = Sections::new(EndianVec::new(LittleEndian));
        dwarf.write(&mut sections).unwrap();
        sections
    }

    fn frames(program: &[u8], return_address: u32) -> Vec<String> {
        let symbols = Symbols::parse(program, Path::new("/project")).unwrap();
        symbols
            .frames(return_address)
            .iter()
            .map(Frame::to_string)
            .collect()
    }

    #[test]
    fn the_line_is_that_of_the_call_not_of_the_instruction_after_it() {
        let program = program(Architecture::Riscv32, true);
        assert_eq!(frames(&program, 0x18), ["src/main.c:5 app_main"]);
        assert_eq!(frames(&program, 0x19), ["src/main.c:6 app_main"]);
    }

    #[test]
    fn the_size_of_the_call_is_taken_off_on_xtensa_and_nowhere_else() {
        assert_eq!(
            frames(&program(Architecture::Xtensa, true), 0x8000_0018),
            ["src/main.c:5 app_main"]
        );
        assert!(frames(&program(Architecture::Riscv32, true), 0x8000_0018).is_empty());
    }

    #[test]
    fn programs_of_computers_are_read_too() {
        for machine in [
            Architecture::X86_64,
            Architecture::I386,
            Architecture::Aarch64,
        ] {
            let program = program(machine, true);
            assert_eq!(
                frames(&program, 0x18),
                ["src/main.c:5 app_main"],
                "{machine:?}"
            );
        }
    }

    #[test]
    fn without_lines_functions_are_named_and_what_is_no_code_is_not() {
        let program = program(Architecture::Xtensa, false);
        assert!(
            !Symbols::parse(&program, Path::new("/"))
                .unwrap()
                .has_lines()
        );
        assert_eq!(frames(&program, 0x18), ["app_main"]);
        assert_eq!(
            frames(&program, 0x40),
            ["0x00000040"],
            "code without a name"
        );
        for nowhere in [0, 0x41, 0x3FFB_0000] {
            assert!(frames(&program, nowhere).is_empty(), "{nowhere:#x}");
        }
    }

    #[test]
    fn an_empty_section_of_lines_has_no_lines() {
        let mut object = Object::new(
            BinaryFormat::Elf,
            Architecture::Xtensa,
            object::Endianness::Little,
        );
        object.add_section(Vec::new(), b".debug_line".to_vec(), SectionKind::Debug);
        assert!(refusal(&object.write().unwrap()).contains("debug = 1"));
    }

    /// The program without lines, and a packed section of lines that says it has `claimed` bytes.
    fn with_packed_lines(claimed: u32) -> Vec<u8> {
        const ZLIB: u32 = 1;
        let mut object = Object::new(
            BinaryFormat::Elf,
            Architecture::Xtensa,
            object::Endianness::Little,
        );
        let id = object.add_section(Vec::new(), b".debug_line".to_vec(), SectionKind::Debug);
        let header = [ZLIB, claimed, 1].map(u32::to_le_bytes).concat();
        let mut packed = ZlibEncoder::new(header, Compression::default());
        packed.write_all(&[0; 64]).unwrap();
        object.append_section_data(id, &packed.finish().unwrap(), 1);
        object.section_mut(id).flags = SectionFlags::Elf {
            sh_type: SHT_PROGBITS,
            sh_flags: SHF_COMPRESSED,
        };
        object.write().unwrap()
    }

    #[test]
    fn a_section_that_unpacks_to_more_than_it_can_is_not_read() {
        let has_lines = |claimed| {
            let symbols = Symbols::parse(&with_packed_lines(claimed), Path::new("/"));
            symbols.is_ok_and(|symbols| symbols.has_lines())
        };
        assert!(has_lines(64));
        assert!(!has_lines(1 << 20));
        assert!(!has_lines(u32::MAX));
    }

    #[test]
    fn a_file_without_addresses_is_refused_with_a_remedy() {
        assert!(
            refusal(b"hello").contains("no ELF file"),
            "{}",
            refusal(b"hello")
        );
        assert!(refusal(b"\x7fELF\x02").contains("no ELF file"));
        assert!(refusal(&program(Architecture::Arm, true)).contains("ELF machine 40"));
        let mut stripped = Object::new(
            BinaryFormat::Elf,
            Architecture::Xtensa,
            object::Endianness::Little,
        );
        let text = stripped.section_id(StandardSection::Text);
        stripped.append_section_data(text, &[0; 4], 4);
        assert!(refusal(&stripped.write().unwrap()).contains("debug = 1"));
    }
}
