//! Identity of a build: which ELF file a log belongs to.
//!
//! ```text
//!   linker --build-id ─► .note.gnu.build-id   | 4 | 20 | 3 | "GNU" 0 | 20 bytes: the id |
//!                        between two symbols  └ lengths of name and id, kind
//!   the program sends it in its stream and in dumps; tools compare it with the ELF file's note
//! ```

use core::fmt;

/// What a linker or a build calls a program: a hash, of at most 32 bytes.
///
/// Tools take it for the ELF file's build id (`--build-id`) or its SHA-256, as ESP-IDF has it
/// (`esp_app_get_description()->app_elf_sha256`); its beginning is enough, from 4 bytes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildId<'a>(&'a [u8]);

impl<'a> BuildId<'a> {
    /// The most bytes that are kept: those of a SHA-256.
    pub const MOST_BYTES: usize = 32;

    /// Creates an id; of a longer one the beginning.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        match bytes.split_at_checked(Self::MOST_BYTES) {
            Some((beginning, _)) => Self(beginning),
            None => Self(bytes),
        }
    }

    /// Returns the id in the linker's note (`.note.gnu.build-id`), `None` if `note` is another one.
    /// O(1).
    #[must_use]
    pub fn of_note(note: &'a [u8]) -> Option<Self> {
        const GNU_BUILD_ID: u32 = 3;
        let (lengths, rest) = note.split_first_chunk::<12>()?;
        let (words, _) = lengths.as_chunks::<4>();
        let [name, id, kind] = words else { return None };
        let (name, id) = (u32::from_le_bytes(*name), u32::from_le_bytes(*id));
        let is_gnu = u32::from_le_bytes(*kind) == GNU_BUILD_ID && name == 4;
        let rest = rest.strip_prefix(b"GNU\0").filter(|_| is_gnu)?;
        Some(Self::new(rest.get(..usize::try_from(id).ok()?)?))
    }

    /// Returns its bytes, at most [`BuildId::MOST_BYTES`].
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Hexadecimal digits, as `file` and `readelf -n` show it.
impl fmt::Display for BuildId<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// The build id that the linker wrote, as an `Option<BuildId<'static>>`: the linker script encloses
/// the note in two symbols, and the linker gets `--build-id`.
///
/// ```text
/// .note.gnu.build-id : { _build_id_start = .; KEEP(*(.note.gnu.build-id)) _build_id_end = .; } > DROM
/// ```
///
/// ```text
/// // SAFETY: the linker script has nothing but the note there.
/// let build = heap_trace::build_id!(unsafe { _build_id_start, _build_id_end });
/// ```
///
/// # Safety
/// - Between the two symbols lie constants of the program, or nothing.
#[macro_export]
macro_rules! build_id {
    (unsafe { $start:ident, $end:ident }) => {{
        unsafe extern "C" {
            static $start: u8;
            static $end: u8;
        }
        let (start, end) = (&raw const $start, &raw const $end);
        let length = end.addr().saturating_sub(start.addr());
        // SAFETY: constants of the program lie there, as the macro's `unsafe` promises.
        $crate::BuildId::of_note(unsafe { core::slice::from_raw_parts(start, length) })
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_id_is_taken_out_of_the_linkers_note_and_out_of_no_other() {
        let note = |name: &[u8], kind: u8| {
            [
                &[4, 0, 0, 0, 5, 0, 0, 0, kind, 0, 0, 0],
                name,
                &[0xAB, 1, 2, 3, 4, 0, 0, 0],
            ]
            .concat()
        };
        let right = note(b"GNU\0", 3);
        assert_eq!(BuildId::of_note(&right).unwrap().to_string(), "ab01020304");
        for wrong in [
            note(b"GNU\0", 1),
            note(b"abc\0", 3),
            right[..18].to_vec(),
            std::vec![],
        ] {
            assert_eq!(BuildId::of_note(&wrong), None, "{wrong:x?}");
        }
    }

    #[test]
    fn of_a_long_id_the_beginning_is_kept() {
        let bytes = [7; 40];
        assert_eq!(BuildId::new(&bytes).bytes(), &bytes[..32]);
        assert_eq!(BuildId::new(&bytes[..20]).bytes().len(), 20);
    }
}
