//! Console of C's functions: dumps, summaries, faults.
//!
//! On a host to `putchar`, so that they stand between the lines of `printf`. On a chip to
//! `heap_caps_set_console`; before that, in a library whose faults end the program
//! (`faults-abort`), to the C library's `putchar`, and in others nowhere: nobody knows what there
//! is.

use core::ffi::CStr;
use core::fmt;

use super::ffi::{self, FunctionSlot};
use super::signatures::ConsoleHook;

pub(super) static CONSOLE: FunctionSlot<ConsoleHook> = FunctionSlot::empty();

/// The console, whatever it is.
pub(super) struct Console;

impl Console {
    /// Writes a line and ends it.
    pub(super) fn line(&self, line: &Line) {
        self.text(line.as_str());
        self.text("\n");
    }

    /// Writes what one would format.
    pub(super) fn print(&self, what: fmt::Arguments<'_>) {
        // The console never refuses.
        let _ = fmt::write(&mut Self, what);
    }

    fn text(&self, text: &str) {
        match CONSOLE.get() {
            Some(write) => ffi::write_text(write, text),
            None => crate::c_library::write(text),
        }
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// An open stream of a host. Having one says that whoever handed it over answers for it.
#[cfg(feature = "heap-task-tracking")]
pub(super) struct Stream(pub(super) *mut core::ffi::c_void);

#[cfg(feature = "heap-task-tracking")]
impl fmt::Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        #[cfg(not(target_os = "none"))]
        ffi::write_to_stream(self.0, text);
        #[cfg(target_os = "none")]
        {
            let _ = self.0; // a chip has no stream but the console
            Console.text(text);
        }
        Ok(())
    }
}

/// Room for one line, for those who want it whole. **Invariant:** the byte behind the text is 0.
pub(super) struct Line {
    bytes: [u8; Line::ROOM + 1],
    length: usize,
}

impl Line {
    const ROOM: usize = 191;

    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; Self::ROOM + 1],
            length: 0,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }

    /// Returns the text for C.
    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.floor_char_boundary(Self::ROOM - self.length);
        let (fits, rest) = text.split_at(end);
        let places = self.bytes.iter_mut().skip(self.length);
        places
            .zip(fits.bytes())
            .for_each(|(place, byte)| *place = byte);
        self.length += fits.len();
        rest.is_empty().then_some(()).ok_or(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;
    use std::string::String;

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        let mut line = Line::new();
        let long: String = core::iter::repeat_n('é', 200).collect();
        assert_eq!(line.write_str("x"), Ok(()));
        assert_eq!(line.write_str(&long), Err(fmt::Error));
        assert_eq!(line.as_str().chars().count(), 1 + 95);
        assert_eq!(line.as_c_str().to_bytes().len(), 191);
    }
}
