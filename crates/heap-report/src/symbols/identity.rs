//! Identity of a build, as a device sends it and an ELF file has it.

use std::fmt::{self, Write as _};

use object::elf::{FileHeader32, NT_GNU_BUILD_ID};
use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::{Endianness, elf};

/// Fewer digits say too little.
const FEWEST_DIGITS: usize = 8;

/// A hash of a build in hexadecimal digits, perhaps only its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(String);

/// What an ELF file is called by: either is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    /// The SHA-256 of the file, as ESP-IDF's tools and core dumps have it.
    pub sha256: Identity,
    /// The build id of its linker (`--build-id`).
    pub build_id: Option<Identity>,
}

impl Identity {
    /// Of bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Identity> {
        let mut digits = String::new();
        for byte in bytes {
            write!(digits, "{byte:02x}").ok()?;
        }
        (digits.len() >= FEWEST_DIGITS).then_some(Identity(digits))
    }

    /// Of hexadecimal digits, up to the first other letter.
    #[must_use]
    pub fn of_text(text: &[u8]) -> Option<Identity> {
        let digits = text.iter().take_while(|letter| letter.is_ascii_hexdigit());
        let digits: String = digits
            .map(|letter| char::from(letter.to_ascii_lowercase()))
            .collect();
        (digits.len() >= FEWEST_DIGITS).then_some(Identity(digits))
    }

    /// Returns whether both are of one build, as far as the shorter one goes.
    #[must_use]
    pub fn is(&self, other: &Identity) -> bool {
        let digits = self.0.len().min(other.0.len());
        self.0.get(..digits) == other.0.get(..digits)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        match self.0.get(..SHOWN).filter(|_| self.0.len() > SHOWN) {
            Some(digits) => write!(out, "{digits}…"),
            None => out.write_str(&self.0),
        }
    }
}

impl Identities {
    /// Of the bytes of an ELF file.
    #[must_use]
    pub fn of_program(bytes: &[u8]) -> Identities {
        let sha256 = Identity::of_bytes(&hmac_sha256::Hash::hash(bytes));
        Identities {
            sha256: sha256.unwrap_or(Identity(String::new())),
            build_id: build_id(bytes),
        }
    }

    /// Returns whether a device that sent `identity` ran this program.
    #[must_use]
    pub fn has(&self, identity: &Identity) -> bool {
        let build_id = self.build_id.as_ref();
        self.sha256.is(identity) || build_id.is_some_and(|own| own.is(identity))
    }

    /// Returns what to say if it did not; `None` if it did.
    #[must_use]
    pub fn contradiction(&self, identity: &Identity) -> Option<String> {
        let own = match &self.build_id {
            Some(own) => format!("its build id is {own}, its SHA-256 {}", self.sha256),
            None => format!("its SHA-256 is {}, and it has no build id", self.sha256),
        };
        (!self.has(identity)).then(|| {
            format!(
                "this is not the program that ran: the device tells build {identity}, and of this \
                 file {own}"
            )
        })
    }
}

fn build_id(bytes: &[u8]) -> Option<Identity> {
    let header = FileHeader32::<Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, bytes).ok()?;
    sections.iter().find_map(|section| {
        let mut notes = section.notes(endian, bytes).ok()??;
        while let Ok(Some(note)) = notes.next() {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == NT_GNU_BUILD_ID {
                return Identity::of_bytes(note.desc());
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_hash_is_the_beginning_of_a_long_one() {
        let long =
            Identity::of_bytes(&[0xAB, 0xCD, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 1]).unwrap();
        let short = Identity::of_text(b"ABCD12345\0\0").unwrap();
        assert!(long.is(&short) && short.is(&long));
        assert_eq!(
            (short.to_string(), long.to_string()),
            ("abcd12345".to_owned(), "abcd123456789abc…".to_owned())
        );
        assert!(!long.is(&Identity::of_text(b"abcd12346").unwrap()));
        assert_eq!(Identity::of_text(b"abcd123"), None);
    }

    #[test]
    fn a_program_is_known_by_the_hash_of_its_file() {
        let own = Identities::of_program(b"");
        let parsed = Identity::of_text(b"e3b0c44298fc1c14").unwrap();
        assert!(own.has(&parsed), "the well-known SHA-256 of nothing");
        let other = Identity::of_text(b"00000000").unwrap();
        assert_eq!(
            own.contradiction(&other).unwrap(),
            "this is not the program that ran: the device tells build 00000000, and of this file \
             its SHA-256 is e3b0c44298fc1c14…, and it has no build id"
        );
    }
}
