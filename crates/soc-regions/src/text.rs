//! Messages composed by the compiler: text in a constant.
//!
//! ```text
//!   Text::new().word("esp32: ").number(61440).word(" bytes")  ─►  panic!("{}", text.as_str()) in a constant
//! ```
//!
//! Invariant: what was put in so far is UTF-8. A piece that does not fit is left out whole.

use crate::Caps;
use crate::caps::NAMES;

/// A sentence that grows from left to right.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    bytes: [u8; Text::CAPACITY],
    length: usize,
}

impl Text {
    const CAPACITY: usize = 320;

    pub(crate) const fn new() -> Text {
        Text {
            bytes: [0; Text::CAPACITY],
            length: 0,
        }
    }

    /// Returns what was put in.
    pub(crate) const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length);
        match core::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => "", // the invariant excludes it
        }
    }

    pub(crate) const fn word(mut self, word: &str) -> Text {
        let word = word.as_bytes();
        if word.len() <= Text::CAPACITY - self.length {
            let mut at = 0;
            while at < word.len() {
                self.bytes[self.length + at] = word[at];
                at += 1;
            }
            self.length += word.len();
        }
        self
    }

    /// In decimal digits.
    pub(crate) const fn number(self, number: u32) -> Text {
        let (mut text, mut place) = (self, 1);
        while number / place >= 10 {
            place *= 10; // at most a billion
        }
        while place > 0 {
            text = text.digit(number / place % 10);
            place /= 10;
        }
        text
    }

    /// As `0x3FFB0000`.
    pub(crate) const fn address(self, address: u32) -> Text {
        let (mut text, mut shift) = (self.word("0x"), u32::BITS);
        while shift > 0 {
            shift -= 4;
            text = text.digit(address >> shift & 0xF);
        }
        text
    }

    /// As `Display` writes them: `8BIT|DMA`.
    pub(crate) const fn caps(self, caps: Caps) -> Text {
        let (mut text, mut rest, mut at) = (self, caps, 0);
        while at < NAMES.len() {
            let (name, cap) = NAMES[at];
            if rest.contains(cap) {
                rest = rest.difference(cap);
                text = text.word(name);
                text = if rest.is_empty() {
                    text
                } else {
                    text.word("|")
                };
            }
            at += 1;
        }
        if rest.is_empty() && !caps.is_empty() {
            return text;
        }
        text.address(rest.bits())
    }

    const fn digit(self, digit: u32) -> Text {
        const DIGITS: &str = "0123456789ABCDEF";
        let (_, from) = DIGITS.split_at(digit as usize); // below 16
        self.word(from.split_at(1).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_sentence_is_composed_of_words_numbers_addresses_and_capabilities() {
        const TEXT: Text = Text::new()
            .word("at ")
            .address(0x3FFB_0A09)
            .word(": ")
            .number(0)
            .word(" or ")
            .number(u32::MAX)
            .word(" bytes with ")
            .caps(Caps::BIT8.union(Caps::DMA));
        let text = TEXT;
        let expected = "at 0x3FFB0A09: 0 or 4294967295 bytes with 8BIT|DMA";
        assert_eq!(text.as_str(), expected);
    }

    #[test]
    fn capabilities_read_as_display_writes_them() {
        for caps in [Caps::EXEC, Caps::DMA | Caps::INTERNAL | Caps::INVALID] {
            assert_eq!(Text::new().caps(caps).as_str(), caps.to_string());
        }
        let unnamed = Caps::DMA | Caps::from_bits_retain(1 << 25);
        assert_eq!(Text::new().caps(unnamed).as_str(), "DMA|0x02000000");
        assert_eq!(Text::new().caps(Caps::empty()).as_str(), "0x00000000");
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let mut text = Text::new();
        for _ in 0..100 {
            text = text.word("überall");
        }
        assert_eq!(text.as_str(), "überall".repeat(320 / 8));
    }
}
