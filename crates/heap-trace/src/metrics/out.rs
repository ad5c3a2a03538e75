//! Writer into a buffer that counts what has no room.

use core::fmt;

use super::BufferTooSmall;

/// A buffer and how much was written; what has no room is counted, not kept.
pub(super) struct Out<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> Out<'b> {
    pub(super) fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(place) = self.buffer.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
        }
        self.length = end;
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes a value as its `Display` says. Writing to `Out` never fails.
    pub(super) fn show(&mut self, text: fmt::Arguments<'_>) {
        let _ = fmt::Write::write_fmt(self, text);
    }

    pub(super) fn finish(self) -> Result<&'b [u8], BufferTooSmall> {
        let needed = self.length;
        let written: &'b [u8] = self.buffer;
        written.get(..needed).ok_or(BufferTooSmall { needed })
    }
}

impl fmt::Write for Out<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// Writes text between quotes, with a backslash before what would end them; control characters as
/// `escape` says.
pub(super) struct Quoted<'o, 'b> {
    pub(super) out: &'o mut Out<'b>,
    /// Whether control characters are written as `\u001b` (JSON) or as a space (Prometheus, whose
    /// format has a word for the line feed alone).
    pub(super) has_unicode_escapes: bool,
}

impl fmt::Write for Quoted<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            match letter {
                '"' => self.out.text("\\\""),
                '\\' => self.out.text("\\\\"),
                '\n' => self.out.text("\\n"),
                letter if letter < ' ' && self.has_unicode_escapes => {
                    self.out.show(format_args!("\\u{:04x}", u32::from(letter)));
                }
                letter if letter.is_control() && !self.has_unicode_escapes => self.out.text(" "),
                letter => self.out.text(letter.encode_utf8(&mut [0; 4])),
            }
        }
        Ok(())
    }
}
