//! Framing: a frame as bytes between zeros, written and read.
//!
//! ```text
//!   body | check          at most 127 bytes
//!   COBS(body | check) | 0      no zero inside, so a reader finds the next frame wherever it begins to listen
//! ```
//!
//! Numbers are written in groups of seven bits, the lowest first, the top bit set on all but the
//! last. The check is a byte that a single wrong byte always changes; it costs three instructions a
//! byte.

/// The longest frame as it is sent, code and zero included. One COBS code reaches over 254 bytes.
pub(super) const LONGEST: usize = 129;
/// The longest frame of an event that is counted: a word, four numbers, a byte; code, check and
/// zero.
pub(super) const LONGEST_COUNTED: usize = 4 + 4 * 5 + 1 + 3;

/// A frame that is being written. What does not fit is cut off: texts at their end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<const BYTES: usize = LONGEST> {
    /// Place 0 is for the COBS code, the last two for the check and the zero.
    bytes: [u8; BYTES],
    end: usize,
}

impl<const BYTES: usize> Body<BYTES> {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; BYTES],
            end: 1,
        }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        if self.end < BYTES - 2
            && let Some(place) = self.bytes.get_mut(self.end)
        {
            *place = byte;
            self.end += 1;
        }
    }

    pub(super) fn word(&mut self, word: u32) {
        word.to_le_bytes()
            .into_iter()
            .for_each(|byte| self.byte(byte));
    }

    pub(super) fn number(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.byte(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.byte(number.to_le_bytes()[0]);
    }

    /// A number of either sign: small ones of both are short.
    pub(super) fn signed(&mut self, number: i32) {
        self.number((number << 1 ^ number >> 31).cast_unsigned());
    }

    pub(super) fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
    }

    /// Returns the bytes to send.
    pub(super) fn seal(&mut self) -> &[u8] {
        let body = self.bytes.get(1..self.end).unwrap_or_default();
        let check = check(body);
        if let Some(place) = self.bytes.get_mut(self.end) {
            *place = check;
            self.end += 1;
        }
        self.hide_zeros();
        self.bytes.get(..=self.end).unwrap_or_default()
    }

    /// COBS in place: each zero, and the byte in front of all, says how far it is to the next.
    fn hide_zeros(&mut self) {
        let mut code = 0;
        for at in 1..=self.end {
            if self.bytes.get(at) != Some(&0) {
                continue;
            }
            let distance = u8::try_from(at - code).unwrap_or(u8::MAX);
            if let Some(place) = self.bytes.get_mut(code) {
                *place = distance;
            }
            code = at;
        }
        if let Some(last) = self.bytes.get_mut(self.end) {
            *last = 0;
        }
    }
}

fn check(body: &[u8]) -> u8 {
    body.iter()
        .fold(0x5A, |check: u8, byte| check.rotate_left(3) ^ byte)
}

/// Undoes COBS, and takes the check off; `None` where it is wrong. `sent` has no zero.
pub(super) fn open(sent: &mut [u8]) -> Option<&[u8]> {
    let mut code = 0;
    while let Some(place) = sent.get_mut(code) {
        let distance = usize::from(core::mem::take(place));
        code += distance;
    }
    if code != sent.len() {
        return None;
    }
    let (&last, body) = sent.get(1..)?.split_last()?;
    (check(body) == last).then_some(body)
}

/// A frame that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let mut number = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i32> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Returns the rest as text. A frame cuts a text that is too long, if need be in the middle of
    /// a character.
    pub(super) fn text(&mut self) -> &'a str {
        let bytes = core::mem::take(&mut self.0);
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                core::str::from_utf8(valid).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn sent(write: impl Fn(&mut Body)) -> Vec<u8> {
        let mut body: Body = Body::new();
        write(&mut body);
        body.seal().to_vec()
    }

    #[test]
    fn zeros_are_hidden_and_come_back() {
        let bytes = sent(|body| [0, 1, 0, 0, 2].into_iter().for_each(|byte| body.byte(byte)));
        let (last, inner) = bytes.split_last().unwrap();
        assert_eq!((*last, inner.contains(&0)), (0, false));
        assert_eq!(bytes.len(), 5 + 3);
        assert_eq!(open(&mut inner.to_vec()), Some([0, 1, 0, 0, 2].as_slice()));
    }

    #[test]
    fn numbers_of_every_size_come_back() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u32::MAX] {
            let bytes = sent(|body| body.number(number));
            let mut inner = bytes.split_last().unwrap().1.to_vec();
            let mut fields = Fields(open(&mut inner).unwrap());
            assert_eq!((fields.number(), fields.byte()), (Some(number), None));
        }
        for number in [0, -1, 1, i32::MIN, i32::MAX] {
            let bytes = sent(|body| body.signed(number));
            let mut inner = bytes.split_last().unwrap().1.to_vec();
            assert_eq!(Fields(open(&mut inner).unwrap()).signed(), Some(number));
        }
    }

    #[test]
    fn any_single_wrong_byte_is_noticed() {
        let bytes = sent(|body| body.word(0x3FFB_0010));
        for at in 0..bytes.len() - 1 {
            for wrong in 1..=255_u8 {
                let mut inner = bytes.split_last().unwrap().1.to_vec();
                inner[at] ^= wrong;
                if !inner.contains(&0) {
                    let opened = open(&mut inner).map(<[u8]>::to_vec);
                    assert_ne!(opened.as_deref(), Some([0x10, 0, 0xFB, 0x3F].as_slice()));
                }
            }
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_and_the_frame_stays_whole() {
        let long = "ä".repeat(200);
        let bytes = sent(|body| body.text(&long));
        assert!(bytes.len() <= LONGEST);
        let mut inner = bytes.split_last().unwrap().1.to_vec();
        let text = Fields(open(&mut inner).unwrap()).text();
        assert!(long.starts_with(text) && text.len() > 100, "{text}");
    }
}
