//! Output of a board, split into text for the terminal and events of its heap for a file.
//!
//! ```text
//!   board ─> espflash, miniterm ─┬─ any other line ─────────────────> terminal
//!                                └─ `events<tab>` and hexadecimal ──> a file for `cargo esp-heap report`, or nowhere
//! ```

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::tool_command::ToolCommand;
use crate::error::Error;

/// How a line of the event stream begins, see docs/event-stream.md.
const MARK: &[u8] = b"events\t";

/// Where what a board says goes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BoardOutput {
    /// Keep the heap's events (lines that begin with `events`) in this file, for `cargo esp-heap
    /// report`
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

impl BoardOutput {
    /// Runs `command`, whose output is what a board says, to its end; whether it ended well.
    pub(crate) fn listen(&self, command: &ToolCommand) -> Result<bool, Error> {
        let mut events = self.events.as_deref().map(create).transpose()?;
        let events = events.as_mut().map(|file| file as &mut dyn Write);
        let mut child = command.spawn(Stdio::piped())?;
        let mut filter = Filter::new(io::stdout().lock(), events);
        let mut bytes = [0; 1024];
        while let Some(output) = &mut child.stdout {
            let count = output.read(&mut bytes).unwrap_or(0);
            let received = bytes.get(..count).unwrap_or_default();
            // A terminal or file that takes no more ends the listening, as the board's silence
            // does.
            if received.is_empty() || filter.feed(received).is_err() {
                break;
            }
        }
        drop(child.stdout.take());
        let status = child.wait();
        Ok(status.is_ok_and(|status| status.success()))
    }
}

fn create(file: &Path) -> Result<File, Error> {
    File::create(file).map_err(|cause| Error::file(file, cause))
}

/// Tells lines of events from others, however they are cut. What can't become the mark any more is
/// shown at once: half a line is news too.
struct Filter<'a, W> {
    text: W,
    events: Option<&'a mut dyn Write>,
    line: Line,
}

/// State of the line that is being received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// This many bytes of the mark.
    Open(usize),
    Text,
    Event,
}

impl<'a, W: Write> Filter<'a, W> {
    const fn new(text: W, events: Option<&'a mut dyn Write>) -> Self {
        Filter {
            text,
            events,
            line: Line::Open(0),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.iter().try_for_each(|&byte| self.feed_byte(byte))?;
        self.text.flush()
    }

    fn feed_byte(&mut self, byte: u8) -> io::Result<()> {
        match self.line {
            Line::Open(known) if MARK.get(known) == Some(&byte) => {
                self.line = Line::Open(known + 1); // up to the mark's length
                if known + 1 == MARK.len() {
                    self.line = Line::Event;
                    self.event(MARK)?;
                }
                return Ok(());
            }
            Line::Open(known) => {
                self.line = Line::Text;
                self.text.write_all(MARK.get(..known).unwrap_or_default())?;
                self.text.write_all(&[byte])?;
            }
            Line::Text => self.text.write_all(&[byte])?,
            Line::Event => self.event(&[byte])?,
        }
        if byte == b'\n' {
            self.line = Line::Open(0);
        }
        Ok(())
    }

    fn event(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.events {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text and events of what is received in pieces.
    fn fed(pieces: &[&str]) -> (String, String) {
        let (mut text, mut events) = (Vec::new(), Vec::new());
        let mut filter = Filter::new(&mut text, Some(&mut events));
        for piece in pieces {
            filter.feed(piece.as_bytes()).unwrap();
        }
        let string = |bytes| String::from_utf8(bytes).unwrap();
        (string(text), string(events))
    }

    #[test]
    fn events_are_distinguished_from_text_however_lines_are_cut() {
        let (text, events) = fed(&["even", "ts\t00", "12\r\nevents are few\r\neve"]);
        assert_eq!(events, "events\t0012\r\n");
        assert_eq!(text, "events are few\r\n");
    }

    #[test]
    fn half_a_line_is_shown_at_once() {
        assert_eq!(fed(&["\r\npassword: "]).0, "\r\npassword: ");
        assert_eq!(fed(&["x events\t12"]).0, "x events\t12");
    }

    #[test]
    fn what_the_sender_says_is_heard_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.log");
        let output = BoardOutput {
            events: Some(file.clone()),
        };
        let command = ToolCommand::new("printf").arg("hello\\nevents\\t00\\n");
        assert!(output.listen(&command).unwrap());
        assert_eq!(std::fs::read_to_string(file).unwrap(), "events\t00\n");
        let nowhere = BoardOutput {
            events: Some("/no/such/folder/file".into()),
        };
        assert!(nowhere.listen(&command).is_err());
    }
}
