//! Text without a heap: the checks own the only one.

use core::fmt;

const BYTES: usize = 512;

/// What was written, as far as there is room.
pub(crate) struct Text {
    bytes: [u8; BYTES],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; BYTES],
            length: 0,
        }
    }
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = &mut self.bytes[self.length..];
        let place = rest.get_mut(..text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}
