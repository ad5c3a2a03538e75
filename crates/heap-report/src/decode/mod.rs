//! An event stream as it arrives, byte by byte: what a program says now, and the text that it
//! prints in between.
//!
//! ```text
//!   bytes ──► splitter ──► frames ──► assembler ──► History: events to be taken, names that stay
//!                 │                     └────► gaps: dropped, missed, broken
//!                 └──────► text: lines of a log
//! ```

mod assembler;
mod splitter;

use crate::history::{History, TimedEvent};
use assembler::Assembler;
use splitter::{FrameSink, Splitter};

/// Listens to one program. O(1) a byte, O(frame) at the end of a frame; memory for names, and for
/// events until they are taken.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    splitter: Splitter,
    assembler: Assembler,
}

impl StreamDecoder {
    /// At the beginning of a stream, or anywhere else in it.
    #[must_use]
    pub fn new() -> StreamDecoder {
        StreamDecoder::default()
    }

    /// Takes bytes: binary frames, lines `events<tab>hexadecimal digits`, text. Lines of text are
    /// passed on.
    pub fn push(&mut self, bytes: &[u8], text: &mut impl FnMut(&str)) {
        let mut receiver = Receiver {
            assembler: &mut self.assembler,
            text,
        };
        bytes
            .iter()
            .for_each(|&byte| self.splitter.push(byte, &mut receiver));
    }

    /// Nothing came for a while: what was held back, because it could have been the beginning of a
    /// frame, is text.
    pub fn pause(&mut self, text: &mut impl FnMut(&str)) {
        self.splitter.pause(&mut Receiver {
            assembler: &mut self.assembler,
            text,
        });
    }

    /// Nothing comes any more.
    pub fn end(&mut self, text: &mut impl FnMut(&str)) {
        self.splitter.end(&mut Receiver {
            assembler: &mut self.assembler,
            text,
        });
    }

    /// Returns what is known so far: names, gaps, and the events that were not taken.
    #[must_use]
    pub fn history(&self) -> &History {
        self.assembler.history()
    }

    /// Takes the events that came since the last time.
    pub fn take_events(&mut self) -> Vec<TimedEvent> {
        self.assembler.take_events()
    }

    /// Returns all that came, as far as its events were not taken.
    #[must_use]
    pub fn into_history(self) -> History {
        self.assembler.into_history()
    }
}

struct Receiver<'a, T> {
    assembler: &'a mut Assembler,
    text: &'a mut T,
}

impl<T: FnMut(&str)> FrameSink for Receiver<'_, T> {
    fn frame(&mut self, bytes: &[u8]) -> bool {
        self.assembler.frame(bytes)
    }

    fn text(&mut self, line: &str) {
        (self.text)(line);
    }

    fn broken(&mut self, bytes: usize) {
        self.assembler.broken(bytes);
    }
}

#[cfg(test)]
mod tests;
