//! Symbols that a static library defines and needs, and its size.

use std::fs;
use std::path::Path;

use object::read::archive::ArchiveFile;
use object::{File, Object, ObjectSection, ObjectSymbol, SectionKind};

use super::features::Names;
use crate::error::Error;

/// What a linker sees of a library.
#[derive(Debug, Default)]
pub(crate) struct Library {
    /// Names that programs can use.
    pub(crate) exported: Names,
    /// Names that programs must have.
    pub(crate) needed: Names,
    /// Bytes of code and constants.
    pub(crate) code: u64,
    /// Bytes of variables.
    pub(crate) data: u64,
}

impl Library {
    /// Reads an archive.
    pub(crate) fn read(path: &Path) -> Result<Library, Error> {
        let unreadable = |cause: object::Error| Error::file(path, cause);
        let bytes = fs::read(path).map_err(|cause| Error::file(path, cause))?;
        let archive = ArchiveFile::parse(&*bytes).map_err(unreadable)?;
        let mut library = Library::default();
        for member in archive.members() {
            let member = member.map_err(unreadable)?;
            let data = member.data(&*bytes).map_err(unreadable)?;
            // The index of the archive, and whatever else is no object, is left out.
            if let Ok(object) = File::parse(data) {
                library.add(&object);
            }
        }
        let Library {
            exported, needed, ..
        } = &mut library;
        needed.retain(|name| !exported.contains(name));
        Ok(library)
    }

    fn add(&mut self, object: &File<'_>) {
        self.exported.extend(linkable(object));
        let wanted = object.symbols().filter(|symbol| symbol.is_undefined());
        self.needed
            .extend(wanted.filter_map(|symbol| named(&symbol)));
        for section in object.sections() {
            match section.kind() {
                SectionKind::Text | SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => {
                    self.code += section.size();
                }
                SectionKind::Data | SectionKind::UninitializedData => self.data += section.size(),
                _ => {}
            }
        }
    }
}

/// Returns the names that a static link can take: hidden and weak ones, too.
fn linkable<'object>(object: &'object File<'_>) -> impl Iterator<Item = String> + 'object {
    object
        .symbols()
        .filter(|symbol| symbol.is_definition() && symbol.is_global())
        .filter_map(|symbol| named(&symbol))
}

fn named<'data>(symbol: &impl ObjectSymbol<'data>) -> Option<String> {
    let name = symbol.name().ok().filter(|name| !name.is_empty())?;
    Some(name.to_owned())
}
