//! Images of memory as arguments: ELF cores, and raw pieces with their addresses.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use esp_heap::error::Error;
use heap_report::History;
use heap_report::image::{MemoryImage, history};
use heap_report::symbols::Identities;

/// `FILE@ADDRESS`: the bytes of a file, as they lay in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    file: PathBuf,
    address: u64,
}

impl FromStr for Piece {
    type Err = String;

    fn from_str(text: &str) -> Result<Piece, String> {
        let (file, address) = text.rsplit_once('@').ok_or_else(|| {
            "write FILE@ADDRESS, as in dram.bin@0x3FFB0000: where the file's first byte lay"
                .to_owned()
        })?;
        let digits = address.replace('_', "");
        let number = match digits
            .strip_prefix("0x")
            .or_else(|| digits.strip_prefix("0X"))
        {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => digits.parse(),
        };
        Ok(Piece {
            file: file.into(),
            address: number.map_err(|_| {
                format!("`{address}` is no address: write it as 0x3FFB0000, or in decimal digits")
            })?,
        })
    }
}

/// Returns the heaps in a core, in raw pieces, or in both; `elf` is the program that ran.
pub(crate) fn read(
    core: Option<(&Path, MemoryImage)>,
    pieces: &[Piece],
    elf: Option<&Path>,
) -> Result<History, Error> {
    let name = match (&core, pieces) {
        (Some((file, _)), _) => file.display().to_string(),
        (None, [piece]) => piece.file.display().to_string(),
        (None, _) => "these pieces of memory".to_owned(),
    };
    let mut memory = core.map_or_else(MemoryImage::default, |(_, memory)| memory);
    for Piece { file, address } in pieces {
        let bytes = fs::read(file).map_err(|cause| Error::file(file, cause))?;
        memory
            .add(*address, &bytes)
            .map_err(|cause| Error::file(file, cause))?;
    }
    if let Some(elf) = elf {
        add_program(&mut memory, elf)?;
    }
    history(&memory).map_err(|cause| Error::File { name, cause })
}

/// Adds the constants of the program, if it is the one that ran.
fn add_program(memory: &mut MemoryImage, elf: &Path) -> Result<(), Error> {
    let because = |cause: String| Error::file(elf, cause);
    let program = fs::read(elf).map_err(|cause| Error::file(elf, cause))?;
    if let Some(identity) = &memory.identity
        && let Some(contradiction) = Identities::of_program(&program).contradiction(identity)
    {
        return Err(because(contradiction));
    }
    memory.add_program(&program).map_err(because)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_a_file_and_the_address_of_its_first_byte() {
        let piece = |file: &str, address| Piece {
            file: file.into(),
            address,
        };
        assert_eq!(
            "dram.bin@0x3FFB_0000".parse(),
            Ok(piece("dram.bin", 0x3FFB_0000))
        );
        assert_eq!("a@b.bin@16".parse(), Ok(piece("a@b.bin", 16)));
        let refusal = |text: &str| text.parse::<Piece>().unwrap_err();
        assert!(refusal("dram.bin").contains("FILE@ADDRESS"));
        assert!(refusal("dram.bin@dram").contains("`dram` is no address"));
        assert!(refusal("dram.bin@0x1ffffffffffffffff").contains("is no address"));
    }
}
