//! Code size of a program.

use std::fs;
use std::path::Path;

use object::{File, Object as _, ObjectSection as _};

use crate::error::Error;

/// Bytes of code with its literals, and of constants, in an ELF file.
pub(crate) fn code_bytes(file: &Path) -> Result<u64, Error> {
    let bytes = fs::read(file).map_err(|cause| Error::file(file, cause))?;
    counted(&bytes).map_err(|cause| Error::file(file, cause))
}

fn counted(elf: &[u8]) -> Result<u64, object::Error> {
    let elf = File::parse(elf)?;
    let sizes = [".text", ".rodata"].map(|name| {
        let section = elf.section_by_name(name);
        section.map_or(0, |section| section.size())
    });
    Ok(sizes.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::counted;
    use object::write::{Object, StandardSection};
    use object::{Architecture, BinaryFormat, Endianness};

    #[test]
    fn code_counts_and_data_does_not() {
        let mut program = Object::new(BinaryFormat::Elf, Architecture::Xtensa, Endianness::Little);
        for (section, bytes) in [
            (StandardSection::Text, 7),
            (StandardSection::Data, 9),
            (StandardSection::ReadOnlyData, 16),
        ] {
            let section = program.section_id(section);
            program.append_section_data(section, &vec![0; bytes], 1);
        }
        assert_eq!(counted(&program.write().unwrap()), Ok(7 + 16));
    }

    #[test]
    fn other_files_have_no_code() {
        assert!(counted(b"#!/bin/sh").is_err());
    }
}
