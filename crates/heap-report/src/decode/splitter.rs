//! Splitter of an input into frames and text.
//!
//! ```text
//!   I (312) wifi: up⏎ 07 01 30 …  00 │ 0B 10 … 00 │ events⇥0701 30 … 00⏎
//!   └ text           └ frame         └ frame       └ a frame in hexadecimal digits
//! ```
//!
//! A frame ends with a zero and has no other. Text has none, so lines of text in front of a frame
//! arrive in one piece with it: each line end tries to separate them. A line of text is held back
//! until no frame can begin with it: 128 more bytes, a zero, or a pause. A line with bytes that are
//! no text (a boot message at another speed, Latin-1) is reported all the same, as well as it can
//! be read, once no frame can begin with it.

use crate::terminal::without_escapes;

/// A frame without its zero is not longer.
const LONGEST_FRAME: usize = 128;
/// What goes on for so long without a zero and a line end is neither.
const LONGEST_LINE: usize = 4096;
/// What stands in front of hexadecimal digits; what a terminal put before it, the time say, is left
/// out.
const HEXADECIMAL: &str = "events\t";

/// Receives what was split.
pub(super) trait FrameSink {
    /// Whether it is a frame.
    fn frame(&mut self, bytes: &[u8]) -> bool;
    /// A line, without its end.
    fn text(&mut self, line: &str);
    /// So many bytes are neither.
    fn broken(&mut self, bytes: usize);
}

/// Bytes of which is not known yet what they are.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// None of them is zero.
    pending: Vec<u8>,
    /// How many line ends are among them.
    lines: usize,
    /// Bytes of a frame that came as digits.
    digits: Vec<u8>,
}

impl Splitter {
    pub(super) fn push(&mut self, byte: u8, sink: &mut impl FrameSink) {
        match byte {
            0 => self.end_of_frame(sink),
            b'\n' => {
                self.pending.push(byte);
                self.lines += 1;
                self.end_of_line(sink);
            }
            _ => self.pending.push(byte),
        }
        let has_more = self.pending.len() > LONGEST_FRAME && self.lines > 0;
        if has_more || self.pending.len() > LONGEST_LINE {
            self.release_pending(sink);
        }
    }

    pub(super) fn pause(&mut self, sink: &mut impl FrameSink) {
        while let Some(line) = self.first_line() {
            emit(&line, sink);
        }
    }

    pub(super) fn end(&mut self, sink: &mut impl FrameSink) {
        self.pause(sink);
        let rest = self.take_pending();
        let digits = std::mem::take(&mut self.digits);
        if is_text(&rest) {
            emit(&rest, sink);
        } else {
            broken(rest.len(), sink);
        }
        broken(digits.len(), sink);
    }

    fn end_of_frame(&mut self, sink: &mut impl FrameSink) {
        let bytes = self.take_pending();
        if bytes.is_empty() {
            return;
        }
        let starts = std::iter::once(0).chain(line_ends(&bytes));
        let mut starts =
            starts.take_while(|&start| is_text(bytes.get(..start).unwrap_or_default()));
        let frame = starts.find(|&start| sink.frame(bytes.get(start..).unwrap_or_default()));
        let text = frame.unwrap_or_else(|| end_of_text(&bytes));
        let (text, rest) = bytes.split_at(text);
        emit(text, sink);
        if frame.is_none() {
            broken(rest.len(), sink);
        }
    }

    /// A line of digits is reported at once: no frame looks like it.
    fn end_of_line(&mut self, sink: &mut impl FrameSink) {
        let start = line_ends(&self.pending).rev().nth(1).unwrap_or(0);
        let line = String::from_utf8_lossy(self.pending.get(start..).unwrap_or_default());
        let line = without_escapes(&line);
        let Some((_, digits)) = line.trim_end().split_once(HEXADECIMAL) else {
            return;
        };
        let Some(bytes) = from_hexadecimal(digits) else {
            broken(digits.len().div_ceil(2), sink);
            return;
        };
        self.pending.truncate(start);
        self.lines -= 1;
        self.pause(sink);
        for byte in bytes {
            match byte {
                0 => self.end_of_digits(sink),
                _ => self.digits.push(byte),
            }
        }
    }

    fn end_of_digits(&mut self, sink: &mut impl FrameSink) {
        let bytes = std::mem::take(&mut self.digits);
        if !bytes.is_empty() && !sink.frame(&bytes) {
            broken(bytes.len(), sink);
        }
    }

    /// What can't be of a frame any more.
    fn release_pending(&mut self, sink: &mut impl FrameSink) {
        while self.pending.len() > LONGEST_FRAME {
            let Some(end) = line_ends(&self.pending).next() else {
                break;
            };
            let line = self.take_line(end);
            if is_text(&line) {
                emit(&line, sink);
            } else {
                emit_noise(&line, sink);
            }
        }
        if self.pending.len() > LONGEST_LINE {
            broken(self.take_pending().len(), sink);
        }
    }

    fn take_pending(&mut self) -> Vec<u8> {
        self.lines = 0;
        std::mem::take(&mut self.pending)
    }

    fn take_line(&mut self, end: usize) -> Vec<u8> {
        self.lines -= 1;
        self.pending.drain(..end).collect()
    }

    /// Takes out the first line, if it is text.
    fn first_line(&mut self) -> Option<Vec<u8>> {
        let end = line_ends(&self.pending).next()?;
        let is_line = is_text(self.pending.get(..end)?);
        is_line.then(|| self.take_line(end))
    }
}

/// SiteIndices behind line ends.
fn line_ends(bytes: &[u8]) -> impl DoubleEndedIterator<Item = usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(place, _)| place + 1)
}

/// Behind the last line of the text with which `bytes` begin.
fn end_of_text(bytes: &[u8]) -> usize {
    let lines = line_ends(bytes).take_while(|&end| is_text(bytes.get(..end).unwrap_or_default()));
    lines.last().unwrap_or(0)
}

fn is_text(bytes: &[u8]) -> bool {
    let of_a_terminal =
        |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t' | '\x1B');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(of_a_terminal))
}

fn emit(text: &[u8], sink: &mut impl FrameSink) {
    String::from_utf8_lossy(text)
        .lines()
        .for_each(|line| sink.text(line));
}

/// A line that is no text from end to end: its readable part, if that is most of it.
fn emit_noise(line: &[u8], sink: &mut impl FrameSink) {
    let text = String::from_utf8_lossy(line);
    let is_noise = |letter: &char| {
        letter.is_control() && !letter.is_whitespace() || *letter == char::REPLACEMENT_CHARACTER
    };
    let noise = text.chars().filter(is_noise).count();
    if noise * 2 < text.chars().count() {
        emit(line, sink);
    } else {
        broken(line.len(), sink);
    }
}

fn broken(bytes: usize, sink: &mut impl FrameSink) {
    if bytes > 0 {
        sink.broken(bytes);
    }
}

fn from_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame begins with `[` and ends with `]`.
    #[derive(Default)]
    struct Received(Vec<String>);

    impl FrameSink for Received {
        fn frame(&mut self, bytes: &[u8]) -> bool {
            let is_frame = bytes.starts_with(b"[") && bytes.ends_with(b"]");
            if is_frame {
                self.0
                    .push(format!("frame {}", String::from_utf8_lossy(bytes)));
            }
            is_frame
        }

        fn text(&mut self, line: &str) {
            self.0.push(line.to_owned());
        }

        fn broken(&mut self, bytes: usize) {
            self.0.push(format!("{bytes} broken"));
        }
    }

    fn received(bytes: &[u8]) -> Vec<String> {
        let (mut splitter, mut received) = (Splitter::default(), Received::default());
        bytes
            .iter()
            .for_each(|&byte| splitter.push(byte, &mut received));
        splitter.end(&mut received);
        received.0
    }

    #[test]
    fn lines_before_a_frame_are_text() {
        assert_eq!(
            received(b"one\r\ntwo\n[a]\0[b\n]\0"),
            ["frame [a]", "one", "two", "frame [b\n]"]
        );
    }

    #[test]
    fn what_is_neither_is_broken() {
        assert_eq!(
            received(b"one\n[a\0[b]\0\x01\x02"),
            ["one", "2 broken", "frame [b]", "2 broken"]
        );
        assert_eq!(
            received(b"no frame behind it\n\0\0"),
            ["no frame behind it"]
        );
    }

    #[test]
    fn digits_are_frames_too_and_may_end_in_the_middle_of_one() {
        assert_eq!(
            received(b"boot\nevents\t5b61\nmore\nevents\t5d00\n"),
            ["boot", "more", "frame [a]"]
        );
        assert_eq!(received(b"12:30:05 > events\t5b615d00\n"), ["frame [a]"]);
        assert_eq!(
            received(b"events\t5b6x00\n"),
            ["3 broken", "events\t5b6x00"]
        );
        assert_eq!(
            received(b"events\t5b6100\nevents\t5b"),
            ["2 broken", "events\t5b"]
        );
    }

    #[test]
    fn a_line_is_held_back_until_no_frame_can_begin_with_it() {
        let (mut splitter, mut received) = (Splitter::default(), Received::default());
        b"one\n"
            .iter()
            .for_each(|&byte| splitter.push(byte, &mut received));
        assert_eq!(received.0.len(), 0);
        [b'x'; LONGEST_FRAME - 3]
            .iter()
            .for_each(|&byte| splitter.push(byte, &mut received));
        assert_eq!(received.0, ["one"]);
        splitter.push(b'\n', &mut received);
        splitter.pause(&mut received);
        assert_eq!(received.0.len(), 2);
    }

    #[test]
    fn noise_without_end_is_not_kept() {
        let noise = vec![0xFF; 3 * LONGEST_LINE];
        let told = received(&noise);
        assert_eq!((told.len(), told[0].as_str()), (3, "4097 broken"));
    }
}
