//! Decoding of a file's bytes: gzip and UTF-16 to bytes or UTF-8 text.
//!
//! A device that crashed leaves a gzip without its end: what is there is read. Members one after
//! the other are read as one file; other bytes behind the last one are ignored, as gzip(1) does. A
//! small file that unpacks to more than fits into memory is refused.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read as _};

use flate2::bufread::GzDecoder;

/// More is not unpacked: 256 MiB, ten times the largest recording we know.
const MOST_UNPACKED: usize = 256 << 20;

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// What was in a file.
#[derive(Debug)]
pub(crate) struct Unpacked<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// What a reader should know, in sentences.
    pub(crate) notes: Vec<String>,
}

/// # Errors
/// Nothing can be unpacked, or it would be too much.
pub(crate) fn unpacked(bytes: &[u8]) -> Result<Unpacked<'_>, String> {
    let mut unpacked = if bytes.starts_with(&GZIP_MAGIC) {
        gunzipped(bytes, MOST_UNPACKED)?
    } else {
        Unpacked {
            bytes: Cow::Borrowed(bytes),
            notes: Vec::new(),
        }
    };
    if let Some(text) = decoded(&unpacked.bytes) {
        unpacked.bytes = Cow::Owned(text);
    }
    Ok(unpacked)
}

/// Returns all members of a gzip, one after the other.
fn gunzipped(packed: &[u8], most: usize) -> Result<Unpacked<'static>, String> {
    let (mut bytes, mut left) = (Vec::new(), packed);
    let note = loop {
        let fault = append_member(&mut left, &mut bytes, most);
        if bytes.len() > most {
            let (from, most) = (packed.len(), most >> 20);
            return Err(format!(
                "the gzip of {from} bytes unpacks to more than {most} MiB, and is not read; unpack it, and give the part that matters"
            ));
        }
        match fault {
            Err(cause) if bytes.is_empty() => return Err(format!("the gzip is damaged: {cause}")),
            Err(cause) => break Some(damage(&cause, bytes.len())),
            Ok(()) if left.is_empty() => break None,
            Ok(()) if left.starts_with(&GZIP_MAGIC) => {}
            Ok(()) => {
                let count = left.len();
                break Some(format!(
                    "behind the end of the gzip are {count} bytes that are no gzip: they are ignored"
                ));
            }
        }
    };
    Ok(Unpacked {
        bytes: Cow::Owned(bytes),
        notes: note.into_iter().collect(),
    })
}

/// Appends what the member at the beginning of `left` contains, and removes it there; stops when
/// there are more than `most` bytes.
fn append_member(left: &mut &[u8], bytes: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let mut member = GzDecoder::new(*left);
    let within = most.saturating_sub(bytes.len()).saturating_add(1);
    let read = (&mut member).take(within as u64).read_to_end(bytes);
    *left = member.into_inner();
    read.map(|_| ())
}

fn damage(cause: &io::Error, count: usize) -> String {
    match cause.kind() {
        ErrorKind::UnexpectedEof => {
            format!("the gzip is cut off; the {count} bytes before the cut are read")
        }
        _ => format!("the gzip is damaged behind its first {count} bytes, which are read: {cause}"),
    }
}

/// UTF-16 with a byte order mark as UTF-8; UTF-8 without its mark. `None`: it has none.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return Some(rest.to_vec());
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf_16(rest, u16::from_le_bytes);
    }
    utf_16(bytes.strip_prefix(b"\xFE\xFF")?, u16::from_be_bytes)
}

/// `None` if it is no log: a binary stream may begin with the mark's bytes, too.
fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Vec<u8>> {
    const LOOKED_AT: usize = 64;
    let (pairs, _) = bytes.as_chunks();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let beginning = || units.iter().take(LOOKED_AT);
    let ascii = beginning().filter(|unit| (0x09..0x7F).contains(*unit));
    (ascii.count() * 2 > beginning().count()).then(|| String::from_utf16_lossy(&units).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn text_with_a_byte_order_mark_is_utf_8_without_it() {
        let utf_16 = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
            let units = "96 bytes °\n".encode_utf16().flat_map(unit);
            mark.iter().copied().chain(units).collect::<Vec<u8>>()
        };
        for bytes in [
            utf_16(b"\xFF\xFE", u16::to_le_bytes),
            utf_16(b"\xFE\xFF", u16::to_be_bytes),
            b"\xEF\xBB\xBF96 bytes \xC2\xB0\n".to_vec(),
        ] {
            assert_eq!(
                unpacked(&bytes).unwrap().bytes.as_ref(),
                "96 bytes °\n".as_bytes()
            );
        }
        assert_eq!(unpacked(b"\x01\x02").unwrap().bytes.as_ref(), b"\x01\x02");
    }

    #[test]
    fn a_cut_gzip_yields_what_is_there_and_says_that_it_is_cut() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        let packed = gzip(&text);
        let whole = unpacked(&packed).unwrap();
        assert!(whole.notes.is_empty() && whole.bytes == text);
        let cut = unpacked(&packed[..packed.len() / 2]).unwrap();
        assert!(!cut.bytes.is_empty() && text.starts_with(&cut.bytes));
        assert!(
            cut.notes[0].starts_with("the gzip is cut off"),
            "{:?}",
            cut.notes
        );
    }

    #[test]
    fn bytes_behind_a_gzip_are_told_as_what_they_are() {
        let packed = [gzip(b"a 0 96\n"), b"\xFF\xFF\xFF".to_vec()].concat();
        let read = unpacked(&packed).unwrap();
        assert_eq!(read.bytes.as_ref(), b"a 0 96\n");
        assert_eq!(
            read.notes,
            ["behind the end of the gzip are 3 bytes that are no gzip: they are ignored"]
        );
    }

    #[test]
    fn members_one_after_the_other_are_one_file() {
        let members = [gzip(b"a 0 96\n"), gzip(b""), gzip(b"f 0\n")].concat();
        let whole = unpacked(&members).unwrap();
        assert_eq!(whole.bytes.as_ref(), b"a 0 96\nf 0\n");
        assert!(whole.notes.is_empty());
        let cut = unpacked(&members[..members.len() - 3]).unwrap();
        assert_eq!(cut.bytes.as_ref(), b"a 0 96\nf 0\n");
        assert!(
            cut.notes[0].starts_with("the gzip is cut off"),
            "{:?}",
            cut.notes
        );
        let refused = gunzipped(&members, 8).unwrap_err();
        assert!(refused.contains("unpacks to more than"), "{refused}");
    }

    #[test]
    fn a_gzip_that_unpacks_without_end_is_refused() {
        let packed = gzip(&[0; 1 << 20]);
        assert!(packed.len() < 5000);
        let refused = gunzipped(&packed, 1 << 19).unwrap_err();
        assert!(refused.contains("unpacks to more than"), "{refused}");
        assert_eq!(gunzipped(&packed, 1 << 20).unwrap().bytes.len(), 1 << 20);
    }
}
