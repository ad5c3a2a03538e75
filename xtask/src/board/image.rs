//! Images made of ELF files, read back and compared.
//!
//! ```text
//!   0x00  E9, segments, flash mode, flash size and speed     header, 24 bytes; chip's number at 12, hash appended? at 23
//!   0x18  address, length, bytes …                           each segment; flash's lie in the file as they are mapped
//!         zeros, checksum                                    to a multiple of 16; all segments' bytes XOR 0xEF
//!         SHA-256 of all that                                32 bytes
//! ```
//! Source: ESP-IDF v5.5, `esp_app_format.h`. Whoever made the image, it is read back here and
//! compared byte by byte.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Board;
use super::program::{Content, Program};
use super::sender::Sender;
use crate::error::Error;
use esp_heap::status;

const HEADER: usize = 24;
const MAGIC: u8 = 0xE9;
const CHECKSUM_SEED: u8 = 0xEF;
const HASH: usize = 32;
/// The ELF file's hash in the application descriptor: the tool that makes the image writes it.
const DESCRIPTOR: &str = ".flash.appdesc";
const HASH_IN_DESCRIPTOR: std::ops::Range<usize> = 144..176;

/// What is in an image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) entry: u32,
    chip: u16,
    pub(crate) segments: Vec<Content>,
}

/// Makes the image of `program` beside its ELF file and compares the two.
pub(crate) fn make(
    program: &Program,
    board: Board,
    sender: Sender,
    file: &Path,
) -> Result<Image, Error> {
    let command = sender.image(board, &program.file, file);
    status!("{command}");
    let (is_well, output) = command.answer()?;
    if !is_well {
        return Err(Error::Image(format!(
            "{} makes no image of {}:\n{output}",
            sender.program(),
            program.file.display()
        )));
    }
    let bytes = fs::read(file).map_err(|cause| Error::file(file, cause))?;
    let image = Image::parse(&bytes)
        .map_err(|fault| Error::Image(format!("{}: {fault}", file.display())))?;
    match image.difference(program, board) {
        None => Ok(image),
        Some(fault) => Err(Error::Image(format!("{}: {fault}", file.display()))),
    }
}

/// `demo.bin` for `demo`.
pub(crate) fn file_beside(elf: &Path) -> PathBuf {
    elf.with_extension("bin")
}

impl Image {
    /// Reads an image and checks its sums.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Image, String> {
        let header = bytes
            .first_chunk::<HEADER>()
            .ok_or("the image has no header")?;
        if header[0] != MAGIC {
            return Err(format!(
                "an image starts with 0xE9, this file with {:#04X}",
                header[0]
            ));
        }
        let mut reader = Reader { bytes, at: HEADER };
        let mut segments = Vec::new();
        for number in 0..header[1] {
            segments.push(reader.segment(number)?);
        }
        let end = reader.check_sum(&segments)?;
        if header[23] == 1 {
            check_hash(bytes, end)?;
        }
        Ok(Image {
            entry: word(header, 4),
            chip: u16::from_le_bytes([header[12], header[13]]),
            segments,
        })
    }

    /// Returns the first thing in which this is not `program`'s image.
    fn difference(&self, program: &Program, board: Board) -> Option<String> {
        if self.chip != board.image_number() {
            return Some(format!(
                "the image is for chip number {}, {} has {}",
                self.chip,
                board.name(),
                board.image_number()
            ));
        }
        if self.entry != program.entry {
            return Some(format!(
                "the image starts at {:#010x}, the program at {:#010x}",
                self.entry, program.entry
            ));
        }
        let differs = |content: &&Content| !self.has(content);
        program.contents.iter().find(differs).map(|content| {
            format!(
                "`{}` of the program is not in the image as it is",
                content.name
            )
        })
    }

    /// Tools split a section to fill the space in front of a page of flash: it may lie in several
    /// segments.
    fn has(&self, content: &Content) -> bool {
        let skipped = if content.name == DESCRIPTOR {
            HASH_IN_DESCRIPTOR
        } else {
            0..0
        };
        let mut at = 0;
        while let Some(wanted) = content.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let address = content.start as usize + at;
            let mut segments = self.segments.iter();
            let Some(there) = segments.find_map(|segment| bytes_from(segment, address)) else {
                return false;
            };
            let same = |(at, (a, b)): (usize, (&u8, &u8))| a == b || skipped.contains(&at);
            if !(at..).zip(there.iter().zip(wanted)).all(same) {
                return false;
            }
            at += there.len().min(wanted.len());
        }
        true
    }
}

/// Returns what the segment has from this address on; `None` if the address is not in it.
fn bytes_from(segment: &Content, address: usize) -> Option<&[u8]> {
    let from = address.checked_sub(segment.start as usize)?;
    segment.bytes.get(from..).filter(|bytes| !bytes.is_empty())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn segment(&mut self, number: u8) -> Result<Content, String> {
        let short = || format!("the image ends inside segment {number}");
        let header = self.bytes.get(self.at..self.at + 8).ok_or_else(short)?;
        let (start, length) = (word(header, 0), word(header, 4) as usize);
        let from = self.at + 8;
        let bytes = self
            .bytes
            .get(from..)
            .and_then(|rest| rest.get(..length))
            .ok_or_else(short)?;
        self.at = from + length;
        Ok(Content {
            name: format!("segment {number}"),
            start,
            bytes: bytes.to_vec(),
        })
    }

    /// Checks the checksum, the last byte of its 16; returns the end of these.
    fn check_sum(&self, segments: &[Content]) -> Result<usize, String> {
        let bytes = segments.iter().flat_map(|segment| &segment.bytes);
        let sum = bytes.fold(CHECKSUM_SEED, |sum, byte| sum ^ byte);
        let place = self.at | 15;
        match self.bytes.get(place) {
            Some(&there) if there == sum => Ok(place + 1),
            Some(there) => Err(format!(
                "the checksum is {there:#04x}, of the segments {sum:#04x}"
            )),
            None => Err("the image ends before its checksum".to_owned()),
        }
    }
}

fn check_hash(bytes: &[u8], end: usize) -> Result<(), String> {
    let hash = bytes
        .get(end..end + HASH)
        .ok_or("the image ends before its hash")?;
    let computed = Sha256::digest(&bytes[..end]);
    if hash == &computed[..] {
        Ok(())
    } else {
        Err("the image's hash is not that of its bytes".to_owned())
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.map_or(0, |four| u32::from_le_bytes(*four))
}

/// The segments, a line each.
impl fmt::Display for Image {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "entry {:#010x}", self.entry)?;
        for (number, segment) in self.segments.iter().enumerate() {
            writeln!(
                out,
                "segment {number}: {:#010x}, {} bytes",
                segment.start,
                segment.bytes.len()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One segment of four bytes for the ESP32-C3, with both sums.
    fn image() -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        (bytes[0], bytes[1], bytes[12], bytes[23]) = (MAGIC, 1, 5, 1);
        bytes[4..8].copy_from_slice(&0x4200_0020_u32.to_le_bytes());
        bytes.extend(0x3C00_0020_u32.to_le_bytes());
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend([1, 2, 4, 8]);
        bytes.resize(47, 0);
        bytes.push(CHECKSUM_SEED ^ 15);
        let hash = Sha256::digest(&bytes);
        bytes.extend(&hash[..]);
        bytes
    }

    #[test]
    fn an_image_is_read_back() {
        let parsed = Image::parse(&image()).unwrap();
        assert_eq!((parsed.entry, parsed.chip), (0x4200_0020, 5));
        assert_eq!(parsed.segments[0].start, 0x3C00_0020);
        assert_eq!(parsed.segments[0].bytes, [1, 2, 4, 8]);
    }

    #[test]
    fn any_flipped_byte_of_an_image_is_found() {
        let sound = image();
        let parsed = Image::parse(&sound).unwrap();
        for at in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[at] ^= 1;
            // Without the mark that a hash follows, nobody looks at the hash: the mark itself is
            // not under the checksum.
            assert!(at == 23 || Image::parse(&flipped).is_err(), "byte {at}");
        }
        assert_eq!(parsed, Image::parse(&sound).unwrap());
    }

    #[test]
    fn an_image_that_ends_early_is_refused_wherever_it_ends() {
        let sound = image();
        for end in 0..sound.len() {
            assert!(Image::parse(&sound[..end]).is_err(), "after {end} bytes");
        }
    }

    #[test]
    fn a_program_is_in_its_image_but_for_the_descriptors_hash() {
        let bytes: Vec<u8> = (0..=255).collect();
        let segment = Content {
            name: "segment 0".to_owned(),
            start: 0x3C00_0000,
            bytes,
        };
        let image = Image {
            entry: 0,
            chip: 5,
            segments: vec![segment],
        };
        let content = |name: &str, start: u32, bytes: Vec<u8>| Content {
            name: name.to_owned(),
            start,
            bytes,
        };
        assert!(image.has(&content(".rodata", 0x3C00_0010, vec![16, 17])));
        assert!(!image.has(&content(".rodata", 0x3C00_0010, vec![16, 18])));
        assert!(!image.has(&content(".rodata", 0x3C00_00FF, vec![255, 0])));
        assert!(!image.has(&content(".rodata", 0x3BFF_FFFF, vec![0])));
        let mut descriptor: Vec<u8> = (0..=255).collect();
        descriptor[150] = 0;
        assert!(image.has(&content(DESCRIPTOR, 0x3C00_0000, descriptor.clone())));
        assert!(!image.has(&content(".rodata", 0x3C00_0000, descriptor)));
    }

    /// As esptool's and espflash's images for the ESP32-C6 have it, where code in RAM is long.
    #[test]
    fn a_section_may_be_split_over_two_segments() {
        let part = |name: &str, start: u32, bytes: &[u8]| Content {
            name: name.to_owned(),
            start,
            bytes: bytes.to_vec(),
        };
        let image = Image {
            entry: 0,
            chip: 13,
            segments: vec![
                part("segment 0", 0x4080_0000, &[1, 2, 3]),
                part("segment 1", 0x4200_0020, &[9]),
                part("segment 2", 0x4080_0003, &[4, 5]),
            ],
        };
        assert!(image.has(&part(".rwtext", 0x4080_0001, &[2, 3, 4, 5])));
        assert!(!image.has(&part(".rwtext", 0x4080_0001, &[2, 3, 7, 5])));
        assert!(!image.has(&part(".rwtext", 0x4080_0001, &[2, 3, 4, 5, 6])));
    }
}
