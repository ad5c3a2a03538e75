//! Reasons why a file is no firmware of these chips.

use std::fmt;

use object::Endianness;
use object::elf;
use object::read::elf::{ElfFile32, FileHeader as _};

use soc_regions::Isa;

/// What is wrong with an ELF file, for the person who named it.
#[derive(Debug)]
pub enum FirmwareError {
    /// It does not start as an ELF file does.
    NotElf,
    /// It is for machines with 64-bit addresses.
    SixtyFourBits,
    /// A header or table leads out of the file.
    Damaged(object::Error),
    /// An object file or library: nothing has an address yet.
    NotLinked,
    /// Neither Xtensa nor RISC-V; the number is ELF's.
    UnknownMachine(u16),
    /// The chip does not run these instructions.
    OtherMachine {
        /// What the program is for.
        found: Isa,
        /// What the chip runs.
        wanted: Isa,
    },
    /// A section reaches beyond 32-bit addresses.
    OutsideOfMemory(String),
    /// Nothing of it is loaded.
    Empty,
}

impl fmt::Display for FirmwareError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FirmwareError::NotElf => out.write_str(
                "this is no ELF file; give the linked program (as in build/NAME.elf or \
                 target/TRIPLE/release/NAME), not its flash image",
            ),
            FirmwareError::SixtyFourBits => {
                out.write_str("this is a 64-bit program; the chips are 32-bit machines")
            }
            FirmwareError::Damaged(cause) => write!(out, "the ELF file is damaged: {cause}"),
            FirmwareError::NotLinked => out.write_str(
                "this ELF file is not linked yet (an object file or a library); give the program",
            ),
            FirmwareError::UnknownMachine(number) => write!(
                out,
                "this program is for ELF machine {number}; the chips are Xtensa (94) and RISC-V (243)"
            ),
            FirmwareError::OtherMachine { found, wanted } => {
                write!(out, "this program is for {found}, the chip runs {wanted}")
            }
            FirmwareError::OutsideOfMemory(name) => {
                write!(out, "`{name}` does not fit into 32-bit addresses")
            }
            FirmwareError::Empty => out.write_str("this program puts nothing into memory"),
        }
    }
}

impl std::error::Error for FirmwareError {}

impl From<object::Error> for FirmwareError {
    fn from(cause: object::Error) -> FirmwareError {
        FirmwareError::Damaged(cause)
    }
}

/// What the first bytes show.
pub(super) fn check_magic(bytes: &[u8]) -> Result<(), FirmwareError> {
    const CLASS_64: u8 = 2;
    match bytes {
        [0x7F, b'E', b'L', b'F', CLASS_64, ..] => Err(FirmwareError::SixtyFourBits),
        [0x7F, b'E', b'L', b'F', ..] => Ok(()),
        _ => Err(FirmwareError::NotElf),
    }
}

pub(super) fn check_linked(file: &ElfFile32<'_, Endianness>) -> Result<(), FirmwareError> {
    match file.elf_header().e_type(file.endian()) {
        elf::ET_EXEC | elf::ET_DYN => Ok(()),
        _ => Err(FirmwareError::NotLinked),
    }
}
