//! Memory of a device, from files: an ELF core, raw pieces, a program's constants.

use std::collections::BTreeMap;

use object::Endianness;
use object::elf::{
    ELFCLASS32, ET_CORE, FileHeader32, PT_LOAD, PT_NOTE, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE,
    SHT_PROGBITS,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};

use crate::summary::counted;
use crate::symbols::Identity;
use crate::terminal::printable;
use crate::unpack::unpacked;

/// ESP-IDF's note about the program that crashed: a version and the SHA-256 of its ELF file, as
/// text. Source: `espcoredump`, `ELF_ESP_CORE_DUMP_INFO_TYPE`.
const ESP_CORE_DUMP_INFO: u32 = 8266;

/// Bytes of `core_dump_header_t`, with which a core begins in flash: length, version, four more
/// words (before ESP-IDF 5.1 three). Source: `espcoredump`, `esp_core_dump_types.h`.
const ESP_FLASH_HEADERS: [usize; 2] = [24, 20];

/// More memory than any chip has.
const MOST_MEMORY: u64 = 256 << 20;

/// No machine has memory behind it, and no sum of an address and a few sizes overflows.
const MOST_ADDRESS: u64 = 1 << 56;

type Elf = FileHeader32<Endianness>;
type Segment = <Elf as object::read::elf::FileHeader>::ProgramHeader;

/// Pieces of memory, by address. No two touch: neighbours are one piece.
#[derive(Debug, Clone, Default)]
pub struct MemoryImage {
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Build of the program, if the file says so.
    pub identity: Option<Identity>,
    /// What a reader of the report should know, in sentences.
    pub notes: Vec<String>,
    /// What is missing although the file says that it is there, in sentences.
    pub doubts: Vec<String>,
}

/// Whether some of the bytes were there already, and were others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    Same,
    Differs,
}

const ELF_MAGIC: &[u8] = b"\x7fELF";

impl MemoryImage {
    /// Returns the memory in a file, plain or gzip, that is an ELF core, or ESP-IDF's core-dump
    /// partition with one; `None` for other files.
    ///
    /// # Errors
    /// As [`MemoryImage::of_core`].
    pub fn read(bytes: &[u8]) -> Result<Option<MemoryImage>, String> {
        let unpacked = unpacked(bytes)?;
        let Some(core) = core(&unpacked.bytes) else {
            return Ok(None);
        };
        let mut memory = MemoryImage::of_core(core)?;
        memory.notes.extend(unpacked.notes);
        Ok(Some(memory))
    }

    /// Returns the memory in an ELF core, as ESP-IDF's core-dump component and debuggers write
    /// them. Of a core that is cut off, what is there.
    ///
    /// # Errors
    /// It is damaged, of another kind, or has no memory.
    pub fn of_core(bytes: &[u8]) -> Result<MemoryImage, String> {
        let header = header(bytes)?;
        let endian = header.endian().map_err(damaged)?;
        if header.e_type(endian) != ET_CORE {
            return Err(
                "this ELF file is a program, not the core of one: give it with --elf, and the \
                 core dump in its place"
                    .to_owned(),
            );
        }
        let (mut memory, mut size) = (MemoryImage::default(), 0);
        for part in header.program_headers(endian, bytes).map_err(damaged)? {
            match part.p_type(endian) {
                PT_LOAD => {
                    size += u64::from(part.p_filesz(endian));
                    if size > MOST_MEMORY {
                        let most = MOST_MEMORY >> 20;
                        return Err(format!("this core says that it has more than {most} MiB"));
                    }
                    memory.add_segment(part, endian, bytes)?;
                }
                PT_NOTE => memory.identity = memory.identity.or(identity(part, endian, bytes)),
                _ => {}
            }
        }
        if memory.pieces.is_empty() {
            return Err(match memory.doubts.pop() {
                Some(doubt) => doubt,
                None => "this core has no memory in it (no PT_LOAD segment)".to_owned(),
            });
        }
        Ok(memory)
    }

    /// Adds a segment. A core has stacks twice, on their own and in the RAM around them: the dump
    /// itself ran on one of them in between.
    fn add_segment(
        &mut self,
        part: &Segment,
        endian: Endianness,
        bytes: &[u8],
    ) -> Result<(), String> {
        let start = part.p_vaddr(endian);
        let contents = match contents(part, endian, bytes) {
            Ok(contents) => contents,
            Err(cut) => {
                self.doubts.push(cut);
                let from = usize::try_from(part.p_offset(endian)).unwrap_or(usize::MAX);
                bytes.get(from..).unwrap_or_default()
            }
        };
        if self.insert(start.into(), contents)? == Added::Differs {
            let note = format!(
                "the core has some of the memory behind {start:#010x} twice, and not the same: the \
                 first is shown"
            );
            self.notes.push(note);
        }
        Ok(())
    }

    /// Adds the bytes of `start` and what follows.
    ///
    /// # Errors
    /// Some of it is there already, and is not the same; or there are no such addresses.
    pub fn add(&mut self, start: u64, bytes: &[u8]) -> Result<(), String> {
        match self.insert(start, bytes)? {
            Added::Same => Ok(()),
            Added::Differs => Err(format!(
                "two pieces of memory have the same addresses (behind {start:#010x}) and differ"
            )),
        }
    }

    /// Adds bytes behind the end of a piece, if they go on from there and touch no other one.
    fn append(&mut self, start: u64, bytes: &[u8]) -> bool {
        let end = start.saturating_add(bytes.len() as u64);
        let Some((first, piece)) = self.pieces.range_mut(..=end).next_back() else {
            return false;
        };
        let goes_on = first + piece.len() as u64 == start;
        if goes_on {
            piece.extend(bytes);
        }
        goes_on
    }

    /// Adds bytes; those that are there already stay.
    fn insert(&mut self, start: u64, bytes: &[u8]) -> Result<Added, String> {
        let end = start.saturating_add(bytes.len() as u64);
        if end > MOST_ADDRESS {
            return Err(format!(
                "{} do not fit behind {start:#010x}",
                counted(bytes.len() as u64, "byte")
            ));
        }
        if bytes.is_empty() {
            return Ok(Added::Same);
        }
        if self.append(start, bytes) {
            return Ok(Added::Same);
        }
        let around = self.pieces.range(..=end).rev();
        let touching: Vec<u64> = around
            .take_while(|(first, piece)| *first + piece.len() as u64 >= start)
            .map(|(first, _)| *first)
            .collect();
        let known: Vec<(u64, Vec<u8>)> = touching
            .iter()
            .filter_map(|first| self.pieces.remove_entry(first))
            .collect();
        let first = known.iter().fold(start, |all, (first, _)| all.min(*first));
        let last = known.iter().fold(end, |all, (first, piece)| {
            all.max(first + piece.len() as u64)
        });
        let length = usize::try_from(last - first).map_err(|_| "too much memory")?;
        let mut all = vec![0; length];
        let mut place = |at: u64, piece: &[u8]| {
            let from = usize::try_from(at - first).unwrap_or(length);
            if let Some(place) = all.get_mut(from..from + piece.len()) {
                place.copy_from_slice(piece);
            }
        };
        place(start, bytes);
        for (at, piece) in &known {
            place(*at, piece);
        }
        let from = usize::try_from(start - first).unwrap_or(length);
        let is_same = all.get(from..from + bytes.len()) == Some(bytes);
        self.pieces.insert(first, all);
        Ok(if is_same { Added::Same } else { Added::Differs })
    }

    /// Adds a program's constants (names, descriptions), where the image does not have them. What
    /// both have must be the same.
    ///
    /// # Errors
    /// The file is damaged, or the image is not of this program.
    pub fn add_program(&mut self, program: &[u8]) -> Result<(), String> {
        let header = header(program)?;
        let endian = header.endian().map_err(damaged)?;
        let sections = header.sections(endian, program).map_err(damaged)?;
        for section in sections.iter() {
            let flags = section.sh_flags(endian);
            let name = sections.section_name(endian, section).unwrap_or_default();
            // ESP-IDF's linker scripts leave `.flash.rodata` writable.
            let is_constant = flags & SHF_WRITE != SHF_WRITE
                || name.windows(6).any(|letters| letters == b"rodata");
            // A debugger writes its breakpoints into code.
            let is_code = flags & SHF_EXECINSTR == SHF_EXECINSTR;
            let is_there = flags & SHF_ALLOC == SHF_ALLOC
                && section.sh_type(endian) == SHT_PROGBITS
                && section.sh_addr(endian) != 0;
            if is_there && is_constant && !is_code {
                let start = section.sh_addr(endian).into();
                let contents = section.data(endian, program).map_err(damaged)?;
                self.add(start, contents).map_err(|_| {
                    format!(
                        "the image is not of this program: its constants behind {start:#010x} are \
                         others"
                    )
                })?;
            }
        }
        Ok(())
    }

    /// Returns the bytes of `at` and what follows; `None` if not all of them are known.
    #[must_use]
    pub fn bytes(&self, at: u64, length: usize) -> Option<&[u8]> {
        let (first, piece) = self.pieces.range(..=at).next_back()?;
        let from = usize::try_from(at - first).ok()?;
        piece.get(from..from.checked_add(length)?)
    }

    /// Returns the bytes of the piece that begins at `at`, up to its end.
    #[must_use]
    pub fn piece(&self, at: u64) -> Option<&[u8]> {
        self.pieces.get(&at).map(Vec::as_slice)
    }

    /// Returns a word.
    #[must_use]
    pub fn word(&self, at: u64) -> Option<u32> {
        let bytes = self.bytes(at, 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Returns a number of `bytes` bytes, 8 at most.
    #[must_use]
    pub fn number(&self, at: u64, bytes: u32) -> Option<u64> {
        let bytes = self.bytes(at, bytes.min(8) as usize)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    }

    /// Returns a pointer of `bytes` bytes; `None` if it cannot be one.
    #[must_use]
    pub fn pointer(&self, at: u64, pointer_bytes: u32) -> Option<u64> {
        self.number(at, pointer_bytes)
            .filter(|pointer| *pointer < MOST_ADDRESS)
    }

    /// Returns the words.
    #[must_use]
    pub fn words(&self, at: u64, count: usize) -> Option<Vec<u32>> {
        let (words, _) = self.bytes(at, count.checked_mul(4)?)?.as_chunks();
        Some(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    /// Returns a text whose pointer and length stand at `at`, without letters that a terminal
    /// obeys.
    #[must_use]
    pub fn text(&self, at: u64, pointer_bytes: u32) -> Option<String> {
        /// No name of a heap, a file or an owner is longer.
        const LONGEST: usize = 4096;
        let first = self.pointer(at, pointer_bytes)?;
        let length = self.number(at + u64::from(pointer_bytes), pointer_bytes)?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= LONGEST)?;
        let text = std::str::from_utf8(self.bytes(first, length)?).ok()?;
        Some(printable(text.trim_end_matches('\0')).into_owned())
    }

    /// Returns where these bytes stand, at multiples of 4.
    pub fn find<'a>(&'a self, wanted: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
        self.pieces.iter().flat_map(move |(first, piece)| {
            let places = (first.next_multiple_of(4)..first + piece.len() as u64).step_by(4);
            places.filter(move |at| {
                let from = usize::try_from(at - first).unwrap_or(usize::MAX);
                piece
                    .get(from..)
                    .is_some_and(|rest| rest.starts_with(wanted))
            })
        })
    }

    /// Returns what there is, by address: `0x3ffb0000..0x3ffc0000, …`.
    #[must_use]
    pub fn extent(&self) -> String {
        const SHOWN: usize = 4;
        let piece = |(first, piece): (&u64, &Vec<u8>)| {
            let end = first + piece.len() as u64;
            format!("{first:#010x}..{end:#010x}")
        };
        let shown: Vec<String> = self.pieces.iter().take(SHOWN).map(piece).collect();
        match self.pieces.len().checked_sub(SHOWN) {
            None | Some(0) => shown.join(", "),
            Some(more) => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

/// Returns the ELF file in these bytes.
fn core(bytes: &[u8]) -> Option<&[u8]> {
    let behind = |lead: &usize| bytes.get(*lead..);
    let mut beginnings = std::iter::once(bytes).chain(ESP_FLASH_HEADERS.iter().filter_map(behind));
    beginnings.find(|rest| rest.starts_with(ELF_MAGIC))
}

fn header(bytes: &[u8]) -> Result<&Elf, String> {
    if bytes.get(4).is_some_and(|class| *class != ELFCLASS32.0) {
        return Err("this is a 64-bit ELF file; the chips are 32-bit machines".to_owned());
    }
    Elf::parse(bytes).map_err(damaged)
}

fn damaged(cause: object::Error) -> String {
    format!("this ELF file is damaged or cut off: {cause}")
}

/// Returns the program's hash in a core's notes.
fn identity(part: &Segment, endian: Endianness, bytes: &[u8]) -> Option<Identity> {
    let mut notes = part.notes(endian, bytes).ok()??;
    while let Ok(Some(note)) = notes.next() {
        if note.n_type(endian) == object::elf::NoteType(ESP_CORE_DUMP_INFO) {
            return Identity::of_text(note.desc().get(4..)?);
        }
    }
    None
}

fn contents<'a>(part: &Segment, endian: Endianness, bytes: &'a [u8]) -> Result<&'a [u8], String> {
    part.data(endian, bytes).map_err(|()| {
        let (from, size) = (part.p_offset(endian), part.p_filesz(endian));
        let there = (bytes.len() as u64).saturating_sub(from.into());
        format!(
            "this ELF file is cut off: the memory at {:#010x} has {size} bytes, of which {there} \
             are there",
            part.p_vaddr(endian)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_touch_are_one_and_contradictions_are_refused() {
        let mut memory = MemoryImage::default();
        memory.add(0x100, &[1, 2, 3, 4]).unwrap();
        memory.add(0x108, &[9, 10]).unwrap();
        assert_eq!(memory.bytes(0x102, 7), None);
        memory.add(0x103, &[4, 5, 6, 7, 8, 9]).unwrap();
        assert_eq!(
            memory.bytes(0x100, 10),
            Some(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..])
        );
        assert_eq!(
            (memory.bytes(0x100, 11), memory.bytes(0xFF, 1)),
            (None, None)
        );
        assert!(memory.add(0x109, &[11]).unwrap_err().contains("differ"));
        assert_eq!(memory.bytes(0x109, 1), Some(&[10][..]));
        assert!(
            memory
                .add(u64::MAX, &[1])
                .unwrap_err()
                .contains("do not fit")
        );
        assert_eq!(memory.extent(), "0x00000100..0x0000010a");
    }

    /// A core whose segments are each the same bytes, at these addresses.
    fn core_of(addresses: &[u32], bytes: &[u8]) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let count = u32::try_from(addresses.len()).unwrap();
        let (at, size) = (52 + 32 * count, u32::try_from(bytes.len()).unwrap());
        let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let core_of_xtensa = 4 | 94 << 16;
        let (header_bytes, segment_bytes) = (52, 32 << 16);
        let rest: Vec<u8> = words(&[
            core_of_xtensa,
            1,
            0,
            52,
            0,
            0,
            header_bytes | segment_bytes,
            count,
            0,
        ]);
        file.extend(rest);
        for address in addresses {
            let segment: Vec<u8> = words(&[1, at, *address, *address, size, size, 6, 4]);
            file.extend(segment);
        }
        file.extend(bytes);
        file
    }

    #[test]
    fn a_core_is_found_behind_the_header_that_it_has_in_flash() {
        let core = core_of(&[0x3FFB_0000], &[1, 2, 3, 4]);
        for lead in [0, 20, 24] {
            let mut file = vec![0; lead];
            file.extend(&core);
            file.extend([0xA5; 32]); // the checksum
            let memory = MemoryImage::read(&file).unwrap().unwrap();
            assert_eq!(memory.bytes(0x3FFB_0000, 4), Some(&[1, 2, 3, 4][..]));
        }
        assert!(MemoryImage::read(&[0; 80]).unwrap().is_none());
    }

    /// Segments may be the same bytes of a file: a small core was gigabytes of memory.
    #[test]
    fn a_core_of_more_memory_than_a_chip_has_is_refused() {
        let addresses: Vec<u32> = (0..300).map(|number| number << 21).collect();
        let core = core_of(&addresses, &vec![7; 1 << 20]);
        let refusal = MemoryImage::read(&core).unwrap_err();
        assert!(refusal.contains("more than 256 MiB"), "{refusal}");
    }
}
