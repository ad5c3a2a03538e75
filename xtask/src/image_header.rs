//! The header that leads tools to the heap of a program that crashed: whether a linked program has
//! kept it.

use std::fs;
use std::path::Path;

use heap_caps::ImageHeader;
use object::{Object as _, ObjectSection as _, SectionKind};

use crate::error::Error;

/// Returns what is wrong, if a program has no header in its data.
pub(crate) fn fault(program: &Path) -> Result<Option<String>, Error> {
    let bytes = fs::read(program).map_err(|cause| Error::file(program, cause))?;
    let headers = headers(&bytes).map_err(|cause| Error::file(program, cause))?;
    Ok((headers == 0).then(|| {
        format!(
            "{} has no header of its heap in its data: after a crash `esp-heap report` finds no \
             heap in its memory",
            program.display()
        )
    }))
}

fn headers(program: &[u8]) -> Result<usize, object::Error> {
    let file = object::File::parse(program)?;
    let data = file
        .sections()
        .filter(|section| section.kind() == SectionKind::Data);
    let magic = &ImageHeader::MAGIC;
    let within = data.filter_map(|section| Some(section.data().ok()?.windows(magic.len())));
    Ok(within.flatten().filter(|bytes| bytes == magic).count())
}

#[cfg(test)]
mod tests {
    use super::headers;
    use heap_caps::ImageHeader;
    use object::write::{Object, StandardSection};
    use object::{Architecture, BinaryFormat, Endianness};

    fn program(section: StandardSection, contents: &[u8]) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::Xtensa, Endianness::Little);
        let section = object.section_id(section);
        object.append_section_data(section, contents, 4);
        object.write().unwrap()
    }

    #[test]
    fn only_data_has_a_header() {
        let header = [&ImageHeader::MAGIC[..], &[0; 8]].concat();
        let count = |section, contents: &[u8]| headers(&program(section, contents)).unwrap();
        assert_eq!(count(StandardSection::Data, &header), 1);
        assert_eq!(count(StandardSection::Data, &header.repeat(2)), 2);
        assert_eq!(count(StandardSection::Data, b"ESPHEAP2"), 0);
        assert_eq!(count(StandardSection::ReadOnlyData, &header), 0);
    }
}
