//! The archive that C programs link: the heap's own object, and nothing beside it.
//!
//! cargo puts the compiler's run-time library into a static library, too: some 300 objects with
//! `fmod`, `cbrt` or `memcpy`. A program that names the archive before `-lm` would take those, with
//! what they need in turn. The program has its own, so they are left out.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use ar_archive_writer::{
    ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream,
};
use object::read::archive::ArchiveFile;

use crate::error::Error;

/// What the names of the heap's own objects begin with: the library's name.
const OWN: &str = "heap_caps-";

/// Writes the archive `from` to `to`, without the compiler's objects.
pub(super) fn strip(from: &Path, to: &Path) -> Result<(), Error> {
    let bytes = fs::read(from).map_err(|cause| Error::file(from, cause))?;
    let own = own_members(&bytes).map_err(|cause| Error::file(from, cause))?;
    if own.is_empty() {
        return Err(Error::Failed(format!(
            "{}: no object of the heap",
            from.display()
        )));
    }
    let members: Vec<_> = own
        .into_iter()
        .map(|(name, data)| NewArchiveMember::new(data, &DEFAULT_OBJECT_READER, name))
        .collect();
    let unwritable = |cause| Error::file(to, cause);
    let mut output = BufWriter::new(File::create(to).map_err(unwritable)?);
    write_archive_to_stream(&mut output, &members, ArchiveKind::Gnu, false, None)
        .map_err(unwritable)
}

/// Returns the names and contents of the heap's own objects.
fn own_members(bytes: &[u8]) -> Result<Vec<(String, &[u8])>, object::Error> {
    let archive = ArchiveFile::parse(bytes)?;
    let mut own = Vec::new();
    for member in archive.members() {
        let member = member?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if is_own(&name) {
            own.push((name, member.data(bytes)?));
        }
    }
    Ok(own)
}

/// Returns whether cargo made an object, or a module of bitcode, from the heap's code.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with(OWN)
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn the_compilers_objects_are_distinguished_from_the_heaps() {
        assert!(is_own("heap_caps-bc29.heap_caps.5d78-cgu.0.rcgu.o"));
        assert!(!is_own(
            "compiler_builtins-27cf.compiler_builtins.4e30-cgu.131.rcgu.o"
        ));
        assert!(!is_own("45c91108d938afe8-divtc3.o"));
    }
}
