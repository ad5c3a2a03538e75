//! Chunks of an image: a line that breaks costs one of them and not the whole.
//!
//! ```text
//!   demo.bin         │ 64 KiB │ 64 KiB │ rest │
//!   demo.chunks/      0x10000  0x20000  0x30000      each named by where it goes; the chip hashes what is there, and equal ones are not sent
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A block that flash chips erase at once: some 1.5 s on the line at 460800 bits a second.
const BYTES: usize = 64 * 1024;

/// A part of an image, in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) offset: u32,
    pub(crate) file: PathBuf,
}

/// Writes the chunks of `image`, which belongs at `offset` in flash, beside it.
pub(crate) fn split(image: &Path, offset: u32) -> Result<Vec<Chunk>, Error> {
    let bytes = fs::read(image).map_err(|cause| Error::file(image, cause))?;
    let folder = image.with_extension("chunks");
    fs::create_dir_all(&folder).map_err(|cause| Error::file(&folder, cause))?;
    let offsets = (offset..).step_by(BYTES);
    offsets
        .zip(bytes.chunks(BYTES))
        .map(|(offset, bytes)| {
            let file = folder.join(format!("{offset:#x}.bin"));
            fs::write(&file, bytes).map_err(|cause| Error::file(&file, cause))?;
            Ok(Chunk { offset, file })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chunks_are_the_image_and_each_says_where_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("demo.bin");
        let bytes: Vec<u8> = (0..=250).cycle().take(150_000).collect();
        fs::write(&image, &bytes).unwrap();
        let chunks = split(&image, 0x1_0000).unwrap();
        let offsets: Vec<_> = chunks.iter().map(|chunk| chunk.offset).collect();
        assert_eq!(offsets, [0x1_0000, 0x2_0000, 0x3_0000]);
        let files = chunks.iter().map(|chunk| fs::read(&chunk.file).unwrap());
        assert_eq!(files.collect::<Vec<_>>().concat(), bytes);
        assert!(chunks[2].file.ends_with("demo.chunks/0x30000.bin"));
        assert!(split(Path::new("/no/such/image"), 0).is_err());
    }
}
