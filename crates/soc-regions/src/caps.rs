//! Capabilities of memory, and of the requests for it.
//!
//! ```text
//!  bit  31      21 20 19 18 17 16 15 14 13 12 11 10  9 … 4  3  2  1  0
//!       INVALID  │  │  │  │  │  │  │  │  │  │  │  │  PID7…2 │  │  │  EXEC
//!                │  │  │  │  │  │  │  │  │  │  │  SPIRAM    │  │  32BIT
//!                │  │  │  │  │  │  │  │  │  │  INTERNAL     │  8BIT
//!                │  │  │  │  │  │  │  │  │  DEFAULT         DMA
//!                │  │  │  │  │  │  │  │  IRAM_8BIT
//!                │  │  │  │  │  │  │  RETENTION
//!                │  │  │  │  │  │  RTCRAM
//!                │  │  │  │  │  SPM
//!                │  │  │  │  DMA_DESC_AHB
//!                │  │  │  DMA_DESC_AXI
//!                │  │  CACHE_ALIGNED
//!                │  SIMD
//!                SPIRAM_NO_ENC                      bits 22..=30 are free
//! ```
//!
//! The values are ESP-IDF's (`MALLOC_CAP_*` of `esp_heap_caps.h`), so a mask can cross to C and
//! back.

use core::fmt;
use core::str::FromStr;

bitflags::bitflags! {
    /// A set of capabilities, with ESP-IDF's bit values.
    ///
    /// Unknown bits are kept, never dropped: a mask that came from C means the same when it goes
    /// back.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    #[repr(transparent)] // a list of masks from C is a list of these
    pub struct Caps: u32 {
        /// Code can be fetched from it.
        const EXEC = 1 << 0;
        /// Aligned 32-bit words can be read and written.
        const BIT32 = 1 << 1;
        /// Bytes and half-words can be read and written.
        const BIT8 = 1 << 2;
        /// Peripherals' DMA engines reach it.
        const DMA = 1 << 3;
        /// Mapped to process 2 (tables of ESP-IDF v2.1 and v3.0).
        const PID2 = 1 << 4;
        /// Mapped to process 3.
        const PID3 = 1 << 5;
        /// Mapped to process 4.
        const PID4 = 1 << 6;
        /// Mapped to process 5.
        const PID5 = 1 << 7;
        /// Mapped to process 6.
        const PID6 = 1 << 8;
        /// Mapped to process 7.
        const PID7 = 1 << 9;
        /// External RAM on the SPI bus (PSRAM).
        const SPIRAM = 1 << 10;
        /// On the chip: usable while the caches of flash and PSRAM are off.
        const INTERNAL = 1 << 11;
        /// May be handed out by plain `malloc`.
        const DEFAULT = 1 << 12;
        /// Word-only IRAM where an exception handler emulates byte access.
        const IRAM_8BIT = 1 << 13;
        /// Reached by the retention DMA, which saves it over light sleep.
        const RETENTION = 1 << 14;
        /// RTC (low-power) fast memory.
        const RTCRAM = 1 << 15;
        /// Scratch-pad memory, tightly coupled to the core (ESP32-P4).
        const SPM = 1 << 16;
        /// May hold descriptors of an AHB DMA engine.
        const DMA_DESC_AHB = 1 << 17;
        /// May hold descriptors of an AXI DMA engine.
        const DMA_DESC_AXI = 1 << 18;
        /// Asks for start and size in whole cache lines; no memory lists it.
        const CACHE_ALIGNED = 1 << 19;
        /// Reached by SIMD loads and stores.
        const SIMD = 1 << 20;
        /// PSRAM outside of the encrypted part.
        const SPIRAM_NO_ENC = 1 << 21;
        /// Never satisfied; ESP-IDF's check, dump and walk functions read it as "all heaps".
        const INVALID = 1 << 31;

        /// Every bit is kept, also those without a name.
        const _ = !0;
    }
}

/// Names in the order of the bits, spelled as in ESP-IDF without `MALLOC_CAP_`.
pub(crate) const NAMES: [(&str, Caps); 23] = [
    ("EXEC", Caps::EXEC),
    ("32BIT", Caps::BIT32),
    ("8BIT", Caps::BIT8),
    ("DMA", Caps::DMA),
    ("PID2", Caps::PID2),
    ("PID3", Caps::PID3),
    ("PID4", Caps::PID4),
    ("PID5", Caps::PID5),
    ("PID6", Caps::PID6),
    ("PID7", Caps::PID7),
    ("SPIRAM", Caps::SPIRAM),
    ("INTERNAL", Caps::INTERNAL),
    ("DEFAULT", Caps::DEFAULT),
    ("IRAM_8BIT", Caps::IRAM_8BIT),
    ("RETENTION", Caps::RETENTION),
    ("RTCRAM", Caps::RTCRAM),
    ("SPM", Caps::SPM),
    ("DMA_DESC_AHB", Caps::DMA_DESC_AHB),
    ("DMA_DESC_AXI", Caps::DMA_DESC_AXI),
    ("CACHE_ALIGNED", Caps::CACHE_ALIGNED),
    ("SIMD", Caps::SIMD),
    ("SPIRAM_NO_ENC", Caps::SPIRAM_NO_ENC),
    ("INVALID", Caps::INVALID),
];

/// Names that mean the same bit in other generations of ESP-IDF.
const OLD_NAMES: [(&str, Caps); 2] = [("SPISRAM", Caps::SPIRAM), ("TCM", Caps::SPM)];

const PREFIX: &str = "MALLOC_CAP_";

impl Caps {
    /// ESP-IDF's name of [`Caps::SPM`] from v5.2 to v6.0.
    pub const TCM: Caps = Caps::SPM;

    /// Returns the named capabilities of this set in the order of the bits, each with ESP-IDF's
    /// name.
    pub fn named(self) -> impl Iterator<Item = (&'static str, Caps)> {
        NAMES
            .into_iter()
            .filter(move |&(_, cap)| self.contains(cap))
    }

    /// Returns every capability that has a name, in the order of the bits.
    pub fn all_named() -> impl Iterator<Item = (&'static str, Caps)> {
        NAMES.into_iter()
    }

    fn without_name(self) -> Caps {
        NAMES
            .into_iter()
            .fold(self, |rest, (_, cap)| rest.difference(cap))
    }
}

/// `8BIT|DMA|INTERNAL`: names in the order of the bits, unnamed bits last as one hexadecimal
/// number, `0` for none.
impl fmt::Display for Caps {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, _) in self.named() {
            write!(out, "{separator}{name}")?;
            separator = "|";
        }
        let rest = self.without_name().bits();
        if rest != 0 || self.is_empty() {
            write!(out, "{separator}{rest:#x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Caps {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Caps({self})")
    }
}

/// What [`Caps::from_str`] could not read: the bytes `start..end` of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCapsError {
    /// Where the unknown name starts in the input, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl fmt::Display for ParseCapsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ParseCapsError { start, end } = self;
        write!(out, "unknown capability at bytes {start}..{end}; known are")?;
        NAMES
            .into_iter()
            .try_for_each(|(name, _)| write!(out, " {name}"))
    }
}

impl core::error::Error for ParseCapsError {}

/// Reads what `Display` writes, in any case, with or without `MALLOC_CAP_`, and numbers as
/// `0x1804`.
///
/// Names are separated by `|`, `,` or `+` (the latter two need no quotes in a shell).
impl FromStr for Caps {
    type Err = ParseCapsError;

    fn from_str(text: &str) -> Result<Caps, ParseCapsError> {
        let mut caps = Caps::empty();
        let mut start = 0;
        for word in text.split(['|', ',', '+']) {
            let end = start + word.len(); // both within `text`
            caps |= one(word.trim()).ok_or(ParseCapsError { start, end })?;
            start = end + 1;
        }
        Ok(caps)
    }
}

fn one(word: &str) -> Option<Caps> {
    number(word).or_else(|| by_name(without_prefix(word)))
}

fn number(word: &str) -> Option<Caps> {
    let bits = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None if word == "0" => 0,
        None => return None,
    };
    Some(Caps::from_bits_retain(bits))
}

fn by_name(word: &str) -> Option<Caps> {
    let mut names = NAMES.into_iter().chain(OLD_NAMES);
    names
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, cap)| cap)
}

fn without_prefix(word: &str) -> &str {
    match word.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn bits_have_the_values_of_esp_idf() {
        let bits = |name: &str| name.parse::<Caps>().unwrap().bits();
        assert_eq!(bits("EXEC"), 0x0000_0001);
        assert_eq!(bits("32BIT"), 0x0000_0002);
        assert_eq!(bits("8BIT"), 0x0000_0004);
        assert_eq!(bits("DMA"), 0x0000_0008);
        assert_eq!(bits("PID2"), 0x0000_0010);
        assert_eq!(bits("PID7"), 0x0000_0200);
        assert_eq!(bits("SPIRAM"), 0x0000_0400);
        assert_eq!(bits("INTERNAL"), 0x0000_0800);
        assert_eq!(bits("DEFAULT"), 0x0000_1000);
        assert_eq!(bits("IRAM_8BIT"), 0x0000_2000);
        assert_eq!(bits("RETENTION"), 0x0000_4000);
        assert_eq!(bits("RTCRAM"), 0x0000_8000);
        assert_eq!(bits("SPM"), 0x0001_0000);
        assert_eq!(bits("DMA_DESC_AHB"), 0x0002_0000);
        assert_eq!(bits("DMA_DESC_AXI"), 0x0004_0000);
        assert_eq!(bits("CACHE_ALIGNED"), 0x0008_0000);
        assert_eq!(bits("SIMD"), 0x0010_0000);
        assert_eq!(bits("SPIRAM_NO_ENC"), 0x0020_0000);
        assert_eq!(bits("INVALID"), 0x8000_0000);
    }

    #[test]
    fn a_set_is_written_with_esp_idf_names_in_the_order_of_the_bits() {
        let caps = Caps::DMA | Caps::BIT8 | Caps::INTERNAL;
        assert_eq!(caps.to_string(), "8BIT|DMA|INTERNAL");
        assert_eq!(Caps::empty().to_string(), "0x0");
        assert_eq!(
            (Caps::EXEC | Caps::from_bits_retain(1 << 30)).to_string(),
            "EXEC|0x40000000"
        );
    }

    #[test]
    fn every_single_bit_survives_writing_and_reading() {
        for bit in 0..32 {
            let caps = Caps::from_bits_retain(1 << bit);
            assert_eq!(caps.to_string().parse(), Ok(caps));
        }
    }

    #[test]
    fn names_are_read_in_any_case_with_prefix_and_with_separators_for_the_shell() {
        let caps = Caps::BIT8 | Caps::DMA;
        assert_eq!("8bit|dma".parse(), Ok(caps));
        assert_eq!("MALLOC_CAP_8BIT | malloc_cap_DMA".parse(), Ok(caps));
        assert_eq!("8bit,dma".parse(), Ok(caps));
        assert_eq!("8bit+0x8".parse(), Ok(caps));
        assert_eq!("0".parse(), Ok(Caps::empty()));
    }

    #[test]
    fn old_names_are_read_as_the_bit_they_had() {
        assert_eq!("SPISRAM".parse(), Ok(Caps::SPIRAM));
        assert_eq!("TCM".parse(), Ok(Caps::SPM));
    }

    #[test]
    fn an_unknown_name_is_pointed_at() {
        let text = "8BIT|FAST|DMA";
        let error = text.parse::<Caps>().unwrap_err();
        assert_eq!(&text[error.start..error.end], "FAST");
        assert!(
            error
                .to_string()
                .starts_with("unknown capability at bytes 5..9; known are EXEC 32BIT")
        );
        assert!("".parse::<Caps>().is_err());
        assert!("8BIT|".parse::<Caps>().is_err());
        assert!("0xG".parse::<Caps>().is_err());
        assert!("0x100000000".parse::<Caps>().is_err());
        assert!("MALLOC_CAP_é".parse::<Caps>().is_err());
    }
}
