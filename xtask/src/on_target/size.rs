//! Code size of a program.

use std::fs;
use std::path::Path;

use crate::error::Error;

/// Code with its literals, and constants.
const COUNTED: [&[u8]; 2] = [b".text", b".rodata"];

/// Bytes of code, literals and constants of a 32-bit little-endian ELF file.
pub(crate) fn code_bytes(file: &Path) -> Result<u64, Error> {
    let elf = fs::read(file).map_err(|cause| Error::file(file, cause))?;
    counted(&elf).ok_or_else(|| Error::file(file, "is no 32-bit ELF file"))
}

/// Offsets as in the ELF specification: `e_shoff` 32, `e_shentsize` 46, `e_shnum` 48, `e_shstrndx`
/// 50; of a section header: `sh_name` 0, `sh_offset` 16, `sh_size` 20.
fn counted(elf: &[u8]) -> Option<u64> {
    elf.strip_prefix(b"\x7FELF\x01\x01")?;
    let (table, each) = (word(elf, 32)?, half(elf, 46)?);
    let header = |index: usize| table + index * each;
    let names = word(elf, header(half(elf, 50)?) + 16)?;
    let mut bytes = 0;
    for index in 0..half(elf, 48)? {
        let name = elf.get(names + word(elf, header(index))?..)?;
        let name = name.split(|&byte| byte == 0).next()?;
        if COUNTED.contains(&name) {
            bytes += word(elf, header(index) + 20)? as u64;
        }
    }
    Some(bytes)
}

fn word(elf: &[u8], at: usize) -> Option<usize> {
    let bytes = elf.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn half(elf: &[u8], at: usize) -> Option<usize> {
    let bytes = elf.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::counted;

    /// Header, three section headers (.text of 7 bytes, .data of 9, the names), names.
    fn elf() -> Vec<u8> {
        let mut elf = vec![0; 52 + 3 * 40];
        elf[..6].copy_from_slice(b"\x7FELF\x01\x01");
        elf[32] = 52;
        elf[46] = 40;
        elf[48] = 3;
        elf[50] = 2;
        for (index, name, offset, size) in [(0, 1, 0, 7), (1, 7, 0, 9), (2, 0, 172, 13)] {
            let header = 52 + index * 40;
            elf[header] = name;
            elf[header + 16] = offset;
            elf[header + 20] = size;
        }
        elf.extend_from_slice(b"\0.text\0.data\0");
        elf
    }

    #[test]
    fn code_counts_and_data_does_not() {
        assert_eq!(counted(&elf()), Some(7));
    }

    #[test]
    fn other_files_have_no_code() {
        assert_eq!(counted(b"#!/bin/sh"), None);
        assert_eq!(counted(&elf()[..60]), None);
    }
}
