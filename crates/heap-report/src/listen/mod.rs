//! An event stream as it arrives, byte by byte: what a program says now, and the text that it
//! prints in between.
//!
//! ```text
//!   bytes ──► splitter ──► frames ──► ears ──► History: events to be taken, names that stay
//!                 │                     └────► gaps: dropped, missed, broken
//!                 └──────► text: lines of a log
//! ```

mod ears;
mod splitter;

use crate::history::{History, Moment};
use ears::Ears;
use splitter::{Hear, Splitter};

/// Listens to one program. O(1) a byte, O(frame) at the end of a frame; memory for names, and for
/// events until they are taken.
#[derive(Debug, Default)]
pub struct Listener {
    splitter: Splitter,
    ears: Ears,
}

impl Listener {
    /// At the beginning of a stream, or anywhere else in it.
    #[must_use]
    pub fn new() -> Listener {
        Listener::default()
    }

    /// Takes bytes: binary frames, lines `events<tab>hexadecimal digits`, text. Lines of text are
    /// passed on.
    pub fn push(&mut self, bytes: &[u8], text: &mut impl FnMut(&str)) {
        let mut hearing = Hearing {
            ears: &mut self.ears,
            text,
        };
        bytes
            .iter()
            .for_each(|&byte| self.splitter.push(byte, &mut hearing));
    }

    /// Nothing came for a while: what was held back, because it could have been the beginning of a
    /// frame, is text.
    pub fn pause(&mut self, text: &mut impl FnMut(&str)) {
        self.splitter.pause(&mut Hearing {
            ears: &mut self.ears,
            text,
        });
    }

    /// Nothing comes any more.
    pub fn end(&mut self, text: &mut impl FnMut(&str)) {
        self.splitter.end(&mut Hearing {
            ears: &mut self.ears,
            text,
        });
    }

    /// What is known so far: names, gaps, and the events that were not taken.
    #[must_use]
    pub fn history(&self) -> &History {
        self.ears.history()
    }

    /// Takes the events that came since the last time.
    pub fn take_events(&mut self) -> Vec<Moment> {
        self.ears.take_events()
    }

    /// All that came, as far as its events were not taken.
    #[must_use]
    pub fn into_history(self) -> History {
        self.ears.into_history()
    }
}

struct Hearing<'a, T> {
    ears: &'a mut Ears,
    text: &'a mut T,
}

impl<T: FnMut(&str)> Hear for Hearing<'_, T> {
    fn frame(&mut self, bytes: &[u8]) -> bool {
        self.ears.frame(bytes)
    }

    fn text(&mut self, line: &str) {
        (self.text)(line);
    }

    fn broken(&mut self, bytes: usize) {
        self.ears.broken(bytes);
    }
}

#[cfg(test)]
mod tests;
